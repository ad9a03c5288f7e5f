"""The job that reads people's notes: what of a run over them becomes of the run in the ledger."""

from collections.abc import Callable, Sequence

from precedent.archive.sources import Home
from precedent.knowledge.notes.gathering import Memory

from .runs import Ending, OpenRun


def work(memory: Memory, run: OpenRun, homes: Sequence[Home], *, stopping: Callable[[], bool]) -> Ending:
    """Do the work of an open run."""
    stats = memory.run(homes, stopping=lambda: run.is_lost() or stopping())
    if stopping():
        return Ending("stopped", stats)
    return Ending("partial" if stats.failures else "done", stats)
