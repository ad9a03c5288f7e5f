"""What stands in the rows of runs and jobs, and the small changes of them that several parts make.

Whoever changes more than one row takes them in this order: job, run, state of transcripts, audit. So no two wait for
each other.
"""

import os
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import Transient
from precedent.security import audit
from precedent.store.schema import job, run

from .records import Job

LEASE_S = 30
"""A run without a heartbeat for so long has lost its worker."""

HEARTBEAT_S = 10
MAX_ATTEMPTS = 3
"""A run whose worker died this often is given up as lost; the next due instant begins a new one."""

KEPT_DAYS = 90
BACKOFF_BASE_S = 60
MAX_BACKOFF_S = 6 * 3600
MAX_LISTED = 50
MAX_ERROR = 500

FIRST, NEXT = "", "next"
IN_TURN = FIRST, NEXT
"""Slots of runs that are done one after the other, the older first."""

DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
"""What is raised while the database is locked, full, restarting or out of reach."""

AWAY = (*DATABASE_AWAY, Transient)
"""The same, and what we raise ourselves then: worth trying again."""


class RunRecord(NamedTuple):
    """One run; columns of the same names."""

    id: int
    name: str
    due_at: int | None
    requested_by: str
    requested_at: int
    attempt: int
    host: str
    pid: int
    started_at: int | None
    heartbeat_at: int
    finished_at: int | None
    outcome: str
    counts: str
    error_class: str
    error: str

    @property
    def state(self) -> str:
        """`queued`, `running`, or how it ended."""
        if self.finished_at is not None:
            return self.outcome
        return "queued" if self.started_at is None else "running"


class JobMemory(NamedTuple):
    """What is remembered of a job; columns of the same names."""

    name: str
    paused_reason: str
    paused_at: int | None
    paused_by: str
    last_due_at: int | None
    failures: int
    backoff_until: int

    def rests(self, *, now: int) -> bool:
        """Tell whether the clock is not to start it."""
        return bool(self.paused_reason) or self.backoff_until > now


class Requested(NamedTuple):
    """The answer to a request.

    Attributes:
        id: of the run.
        new: false when this due instant had its run already.
    """

    id: int
    new: bool


class OpenRun(NamedTuple):
    """A run under way.

    Attributes:
        id: its number.
        fence: what its holder must show to write.
        is_lost: true when it was declared lost and somebody else may have begun.
        told: what whoever asked for it said, see `Runs.request`.
    """

    id: int
    fence: int
    is_lost: Callable[[], bool]
    told: Mapping[str, Any] = MappingProxyType({})


class Claimed(NamedTuple):
    """A run that a worker took from the queue; columns of the same names."""

    id: int
    name: str
    fence: int
    requested_by: str
    requested_at: int
    request: str
    attempt: int


class Ending(NamedTuple):
    """How a run ended.

    Attributes:
        outcome: `done`, `partial`, `failed`, `lost`, `skipped` or `missed`; or `stopped`: we were told to stop, and
            the rest is to be done by whoever takes the run next.
        counts: a struct or mapping, ready for JSON.
        error_class: name of the error's type.
        error: what it said.
    """

    outcome: str
    counts: object = None
    error_class: str = ""
    error: str = ""


def _host() -> str:
    """This machine's name; in a container also which space of process numbers its numbers belong to."""
    name = socket.gethostname()
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return name
    return name if space == _FIRST_SPACE else f"{name}/{space}"


_FIRST_SPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO in include/linux/proc_ns.h
HOST = _host()


def holder(now: int) -> dict[str, object]:
    """Return the columns that say who holds a run."""
    return {"host": HOST, "pid": os.getpid(), "heartbeat_at": now}


def held(run_id: int, fence: int) -> sa.ColumnElement[bool]:
    """Return the condition that a run is under way and ours."""
    return sa.and_(run.c.id == run_id, run.c.fence == fence, run.c.finished_at.is_(None), run.c.started_at.is_not(None))


def is_gone(host: str, pid: int) -> bool:
    """Tell whether a process is known to have ended; of another machine nothing is known."""
    if host != HOST:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


def lock_job(tx: sa.Connection, name: str) -> sa.Row[tuple[object, ...]]:
    """Make a job's row if need be, let nobody else change it in this transaction, and return it."""
    query = sa.select(*[job.c[each] for each in JobMemory._fields]).where(job.c.name == name).with_for_update()
    row = tx.execute(query).first()
    if row is None:
        try:
            with tx.begin_nested():
                tx.execute(job.insert().values(name=name))
        except sa.exc.IntegrityError:
            pass  # somebody else was faster
        row = tx.execute(query).one()
    return row


def remember_result(tx: sa.Connection, name: str, record: Job | None, *, failed: bool, clock: Clock) -> None:
    """Count a job's failures in a row: it rests after the second, and pauses after as many as its record says.

    Args:
        tx: the transaction, which has the job's row locked.
        name: of the job.
        record: of the job, if it is still there.
        failed: how the run ended.
        clock: time and chance.
    """
    now, failures = clock.now(), lock_job(tx, name).failures
    if not failed:
        tx.execute(job.update().where(job.c.name == name).values(failures=0, backoff_until=0))
        return
    longest = min(MAX_BACKOFF_S, BACKOFF_BASE_S * 2 ** min(failures, 20))
    rest = round(longest * clock.random() * SECOND) if failures else 0
    values: dict[str, object] = {"failures": failures + 1, "backoff_until": now + rest}
    if record is not None and 0 < record.pause_after <= failures + 1:
        reason = f"failed {failures + 1} times in a row"
        values |= {"paused_reason": reason, "paused_at": now, "paused_by": record.resource}
        act = audit.Act(record.resource, "pause_job", record.resource, "ok", details={"reason": reason})
        audit.record(tx, act, now=now)
    tx.execute(job.update().where(job.c.name == name).values(**values))


def encoded(counts: object) -> str:
    """Return counts as the column holds them."""
    return msgspec.json.encode({} if counts is None else counts).decode()


def added(before: str, more: str) -> str:
    """Return the counts of two parts of a run as those of one.

    Numbers are added, lists joined up to `MAX_LISTED`; of anything else, and of what is left over, the later part
    tells.
    """
    first, second = (msgspec.json.decode(each, type=dict[str, object]) for each in (before, more))
    return encoded(_sum(first, second)) if first else more


def _sum(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, object]:
    found = {**first, **second}
    for name in (first.keys() & second.keys()) - {"capped"}:
        match first[name], second[name]:
            case bool(), _:
                pass
            case int() | float() as one, int() | float() as other:
                found[name] = one + other
            case list() as one, list() as other:
                found[name] = [*one, *other][:MAX_LISTED]
            case dict() as one, dict() as other:
                found[name] = _sum(one, other)
    return found
