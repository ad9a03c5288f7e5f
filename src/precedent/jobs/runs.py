"""The ledger of runs: a row is made before the work begins, and the row itself is the queue.

A run is queued, then under way, then finished. One run of a job is open at a time, and one row exists for each instant
at which a job was due, whoever asks and however often. A run under way proves by its heartbeat that it lives. One that
does not goes back to the queue with a higher fence; whoever held it before can no longer write. A run that was skipped
or missed is a finished row with its reason.
"""

from .doing import Watch
from .looking import Looking
from .rows import (
    AWAY,
    DATABASE_AWAY,
    HEARTBEAT_S,
    KEPT_DAYS,
    LEASE_S,
    MAX_ATTEMPTS,
    Claimed,
    Ending,
    JobMemory,
    OpenRun,
    Requested,
    RunRecord,
)


class Runs(Looking):
    """The ledger of runs.

    Args:
        store: the database.
        clock: time and chance.
    """


__all__ = [
    "AWAY",
    "DATABASE_AWAY",
    "HEARTBEAT_S",
    "KEPT_DAYS",
    "LEASE_S",
    "MAX_ATTEMPTS",
    "Claimed",
    "Ending",
    "JobMemory",
    "OpenRun",
    "Requested",
    "RunRecord",
    "Runs",
    "Watch",
]
