"""The job that asks a language model: the settings become a model, what came of it becomes of the run in the ledger."""

from collections.abc import Callable

from precedent.clock import Clock
from precedent.errors import Exhausted, Misconfigured
from precedent.llm.asking import Asker
from precedent.llm.contract import Connection
from precedent.processors.verification.asking.answering import Budget
from precedent.processors.verification.asking.running import Detection
from precedent.settings import Settings
from precedent.store import Store

from .runs import Ending, OpenRun


def connection_of(settings: Settings) -> Connection:
    """Return the model that is configured.

    Raises:
        Misconfigured: none is.
    """
    if not settings.model_name:
        raise Misconfigured('detection = "llm" needs model_name, the model as its vendor names it')
    return Connection(
        provider=settings.model_provider,
        model=settings.model_name,
        base_url=settings.model_base_url,
        api_key=settings.model_api_key,
        timeout_s=settings.model_timeout_s,
    )


def work(store: Store, settings: Settings, run: OpenRun, *, stopping: Callable[[], bool], clock: Clock) -> Ending:
    """Do the work of an open run."""
    budget = Budget(settings.model_tokens_per_run, settings.model_tokens_per_day)
    with Asker(connection_of(settings)) as asker:
        detection = Detection(store, asker, budget=budget, clock=clock)
        stats = detection.run(stopping=lambda: run.is_lost() or stopping())
    if stopping():
        return Ending("stopped", stats)
    if stats.reason:
        return Ending("partial", stats, Exhausted.__name__, stats.reason)
    return Ending("done", stats)
