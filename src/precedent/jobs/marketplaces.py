"""The job that syncs marketplaces: what of it becomes of the run in the ledger."""

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from precedent.marketplaces.syncing import Syncing
from precedent.store import Store
from precedent.store.schema import run as run_table

from .runs import Ending, OpenRun

NAMES = "marketplaces"
"""In a run's request: the names of marketplaces that are to be synced; without it all that are enabled."""


def work(store: Store, syncing: Syncing, run: OpenRun, *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run."""
    with store.read() as tx:
        request = tx.scalar(sa.select(run_table.c.request).where(run_table.c.id == run.id))
    names = msgspec.json.decode(request or "{}").get(NAMES)
    stats = syncing.sync(names, stopping=lambda: run.is_lost() or stopping())
    if stopping():
        return Ending("stopped", stats)
    return Ending("partial" if stats.failed else "done", stats)
