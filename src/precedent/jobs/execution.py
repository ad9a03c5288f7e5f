"""The one wrapper around the work of a run: heartbeat, outcome, counts, duration, error class, audit."""

import time
from collections.abc import Callable

import msgspec

from precedent.clock import Clock
from precedent.errors import Fenced, PrecedentError
from precedent.faults import reach
from precedent.store import why

from .records import Job
from .runs import AWAY, DATABASE_AWAY, MAX_ATTEMPTS, Claimed, Ending, OpenRun, Runs

Work = Callable[[OpenRun, Callable[[], bool]], Ending]
"""The work of a job: given the run and a function that tells whether to stop, does it and says how it ended."""

AGAIN_S = 5.0
"""A run that failed as the database was away waits so long, times the attempts."""

FIRST_REST_S, LONGEST_REST_S = 0.1, 2.0
"""Between tries to write down how a run ended while the database is away."""

GIVE_UP_S = 120.0
"""Of these tries: what holds for so long is no database that comes back."""


def execute(
    runs: Runs, record: Job, claimed: Claimed, work: Work, *, stopping: Callable[[], bool], clock: Clock
) -> Ending:
    """Do a claimed run and write down how it ended, whatever happens.

    A run that ended because we are to stop goes back to the queue, and so does one that the database left alone, up to
    `MAX_ATTEMPTS`. While the database is away the result is kept here, as long as the run is ours.

    Returns:
        How it ended.

    Raises:
        Fenced: the run was declared lost meanwhile; what it had stored stays, its row is somebody else's.
        Exception: what the work raised, after it was written down.
    """
    since = clock.now()
    raised: BaseException | None = None
    again_s: float | None = None
    with runs.alive(claimed.id, fence=claimed.fence) as lost:
        try:
            told = msgspec.json.decode(claimed.request or "{}")
            ending = work(OpenRun(claimed.id, claimed.fence, lost.is_set, told), stopping)
        except BaseException as error:  # whatever ends a run is written down before it goes on
            raised = error
            if isinstance(error, DATABASE_AWAY) and claimed.attempt < MAX_ATTEMPTS:
                again_s = AGAIN_S * claimed.attempt
            ending = Ending("failed", error_class=type(error).__name__, error=_told(error))
        reach("run.closing")

        def write_down() -> bool:
            if ending.outcome == "stopped" or again_s is not None:
                return runs.put_back(claimed.id, fence=claimed.fence, counts=ending.counts, after_s=again_s)
            return runs.close(
                claimed.id, fence=claimed.fence, record=record, ending=ending, by=claimed.requested_by, since=since
            )

        ours = _surely(write_down, until=lost.is_set)
    if raised is not None:
        raise raised
    if not ours:
        raise Fenced(f"run {claimed.id} was declared lost; what it had stored stays")
    return ending


def _told(error: BaseException) -> str:
    """Say in one line what failed; of a statement that the database refused, only why."""
    if isinstance(error, PrecedentError):
        return str(error)
    return f"{type(error).__name__}: {why(error)}"


def _surely(act: Callable[[], bool], *, until: Callable[[], bool]) -> bool:
    """Do it as soon as the database is there; false when the run was lost before.

    Raises:
        Exception: what the database said, when it is not there for `GIVE_UP_S`; the run is found lost then.
    """
    rest, ends = FIRST_REST_S, time.monotonic() + GIVE_UP_S
    while True:
        try:
            return act()
        except AWAY:
            if until():
                return False
            if time.monotonic() > ends:
                raise
            time.sleep(rest)
            rest = min(LONGEST_REST_S, rest * 2)
