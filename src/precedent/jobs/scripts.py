"""The job that runs scripts: what of it becomes of the run in the ledger."""

from collections.abc import Callable

from precedent.scripts.running import Running

from .runs import Ending, OpenRun


def work(running: Running, run: OpenRun, *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run; scripts that we end as we are to stop are not begun again."""
    stats = running.run(run_id=run.id, stopping=lambda: run.is_lost() or stopping())
    return Ending("partial" if stats.failed else "done", stats)
