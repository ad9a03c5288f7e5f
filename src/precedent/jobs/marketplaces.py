"""The job that syncs marketplaces: what of it becomes of the run in the ledger."""

from collections.abc import Callable

from precedent.marketplaces.syncing import Syncing

from .runs import Ending, OpenRun

NAMES = "marketplaces"
"""In a run's request: the names of marketplaces that are to be synced; without it all that are enabled."""


def work(syncing: Syncing, run: OpenRun, *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run."""
    stats = syncing.sync(run.told.get(NAMES), stopping=lambda: run.is_lost() or stopping())
    if stopping():
        return Ending("stopped", stats)
    return Ending("partial" if stats.failed else "done", stats)
