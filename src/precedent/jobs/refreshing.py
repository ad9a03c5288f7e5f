"""The job that refreshes tables: what of it becomes of the run in the ledger."""

from collections.abc import Callable

from precedent.store import Store
from precedent.tables import usage_snapshots
from precedent.tables.refreshing import Refreshing

from .runs import Ending, OpenRun

TABLES = "tables"
"""In a run's request: the names of tables that are to be read whether they are due or not."""


def work(store: Store, refreshing: Refreshing, run: OpenRun, *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run."""
    stats = refreshing.refresh(run.told.get(TABLES), run_id=run.id, stopping=lambda: run.is_lost() or stopping())
    usage_snapshots.write(store, refreshing.root)
    if stopping():
        return Ending("stopped", stats)
    return Ending("partial" if stats.failed else "done", stats)
