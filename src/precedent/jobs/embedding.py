"""The job that embeds what is new: what came of it becomes of the run in the ledger."""

from collections.abc import Callable

from precedent.embedding.encoder import Encoder
from precedent.knowledge.vectors import embed
from precedent.store import Store

from .runs import Ending, OpenRun


def work(store: Store, encoder: Encoder, run: OpenRun, *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run."""
    stats = embed(store, encoder, stopping=lambda: run.is_lost() or stopping())
    return Ending("stopped" if stopping() else "done", stats)
