"""Whether the server is well: the one definition of its checks, for the API, for alerts and for `precedent doctor`."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec

from precedent.clock import SECOND, Clock
from precedent.store import Store
from precedent.store.schema import REVISION

from .figures import Figures, JobFigures, ProcessorFigures, read

KEPT_S = 5
"""Seconds that an answer is good for: however often somebody asks, the database is asked no more often."""
MOST_SHARE = 0.05
"""Of a processor core, for looks: one at a very long backlog is good for longer, so that asking costs no more."""
SILENT_WORKER_S = 60
"""A worker shows every five seconds that it lives."""
WAIT_S = 120
"""A run that waits longer has no worker that takes it."""
PREFIX = "session-processor:"


class Watched(Protocol):
    """What health needs to know of a job; `jobs.records.Job` is one."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def grace_s(self) -> int:
        """Seconds after which it should have succeeded again: twice its cadence."""
        ...

    @property
    def runs(self) -> bool:
        """Whether it leaves rows in the ledger of runs."""
        ...

    @property
    def stays(self) -> bool:
        """Whether a run of it may go on for longer than its cadence."""
        ...


class Check(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        name: what was checked, for example `job session-collector`.
        result: `ok`, `warning` or `fault`.
        detail: what was found, and what to do where it is not well.
    """

    name: str
    result: str
    detail: str


def disk(folder: Path, *, low_bytes: int, shown: str = "") -> Check:
    """Check that the data folder can be written and has space; `shown` stands for its path."""
    name, said = "data folder", shown or str(folder.absolute())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            return Check(name, "fault", f"{said} cannot be written; change its owner, or use --data-dir")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, "fault", f"{said} cannot be made: {error.strerror}")
    if free < low_bytes:
        return Check(name, "warning", f"{said} has only {free / 1e6:,.0f} MB free")
    return Check(name, "ok", f"{said}, {free / 1e9:,.0f} GB free")


def checks(found: Figures, *, records: Iterable[Watched], serving: bool) -> list[Check]:
    """Check what the database says.

    Args:
        found: the state of the server.
        records: every job.
        serving: whether a server should be running; without one nobody misses worker and clock.
    """
    said = [_schema(found), _audit(found)]
    known = list(records)
    if serving:
        said += [_worker(found), _scheduler(found, known)]
        said += [_job(found, each) for each in known if each.runs]
    said += [_processor(found, each, known) for each in found.processors.values()]
    return said


def _schema(found: Figures) -> Check:
    if found.revision == REVISION:
        return Check("schema", "ok", f"revision {found.revision}")
    return Check("schema", "fault", f"revision {found.revision} instead of {REVISION}; start this version again")


def _audit(found: Figures) -> Check:
    if found.audit_fits:
        return Check("audit log", "ok", f"{found.audit_rows:,} rows")
    said = "the log's end is not the one it was written with; `precedent audit verify` says more"
    return Check("audit log", "fault", said)


def _worker(found: Figures) -> Check:
    if found.worker_at is None:
        return Check("worker", "warning", "none has shown that it lives; start `precedent worker`")
    age = _age(found, found.worker_at)
    if age > SILENT_WORKER_S:
        return Check("worker", "warning", f"silent for {_time(age)}; start `precedent worker`")
    return Check("worker", "ok", f"{found.workers} at work")


def _scheduler(found: Figures, records: list[Watched]) -> Check:
    grace = max((each.grace_s for each in records if not each.runs), default=600)
    if found.scheduler_at is None:
        young = found.since is None or _age(found, found.since) <= grace
        said = "none has called yet"
        if young:
            return Check("scheduler", "ok", said)
        return Check("scheduler", "warning", f"{said}; start `precedent scheduler` with the same SCHEDULER_API_TOKEN")
    age = _age(found, found.scheduler_at)
    if age > grace:
        return Check("scheduler", "warning", f"silent for {_time(age)}; see the scheduler's log")
    return Check("scheduler", "ok", f"called {_time(age)} ago")


def _job(found: Figures, record: Watched) -> Check:
    name = f"job {record.name}"
    known = found.jobs.get(record.name)
    if known is not None and known.paused_reason:
        return Check(name, "warning", f"paused: {known.paused_reason}")
    if known is not None and (stuck := _stuck(found, known)):
        return Check(name, "warning", stuck)
    last = known.last_success_at if known else None
    since = last if last is not None else found.since
    failing = f"; the last {known.failures} runs failed" if known is not None and known.failures else ""
    if record.stays and known is not None and known.running_at is not None:
        return Check(name, "ok", f"under way since {_stamp(known.running_at)}{failing}")
    if since is not None and _age(found, since) > record.grace_s:
        ago = "has never succeeded" if last is None else f"succeeded last {_time(_age(found, last))} ago"
        return Check(name, "warning", f"{ago}, more than {_time(record.grace_s)}{failing}")
    if last is None:
        return Check(name, "ok", f"has not run yet{failing}")
    return Check(name, "ok", f"succeeded {_time(_age(found, last))} ago{failing}")


def _stuck(found: Figures, known: JobFigures) -> str:
    if known.queued_at is not None and _age(found, known.queued_at) > WAIT_S:
        return f"a run waits for a worker since {_stamp(known.queued_at)}"
    if known.beat_at is not None and known.running_at is not None and _age(found, known.beat_at) > WAIT_S:
        return f"the run since {_stamp(known.running_at)} shows no life"
    return ""


def _processor(found: Figures, each: ProcessorFigures, records: list[Watched]) -> Check:
    name = f"processor {each.name}"
    if each.paused_reason:
        return Check(name, "fault", f"paused: {each.paused_reason}; `precedent resume {each.name}` lets it run")
    counts = (
        f"{each.due:,} due ({each.grown:,} of them grown since), {each.waiting:,} waiting, {each.dead:,} given up on"
    )
    grace = next((record.grace_s for record in records if record.name == PREFIX + each.name), 1800)
    if each.oldest_at and _age(found, each.oldest_at) > grace:
        since = f"the oldest since {_stamp(each.oldest_at)}"
        return Check(name, "warning", f"stuck: {counts}; {since}")
    if each.dead:
        return Check(name, "warning", f"{counts}; `precedent dead list` gives the reasons")
    return Check(name, "ok", counts)


def worst(found: Iterable[Check]) -> str:
    """Return `ok` when every check is, else `degraded`."""
    return "ok" if all(each.result == "ok" for each in found) else "degraded"


class Health:
    """Answers whether the server is well, from a look that is at most `KEPT_S` old.

    Args:
        store: the database.
        records: every job.
        folder: the data folder.
        low_bytes: free space below which the disk is low.
        clock: time.
    """

    def __init__(
        self, store: Store, *, records: Callable[[], Iterable[Watched]], folder: Path, low_bytes: int, clock: Clock
    ) -> None:
        self._store, self._records, self._clock = store, records, clock
        self._folder, self._low_bytes = folder, low_bytes
        self._lock = Lock()
        self._kept: tuple[int, Figures] | None = None
        self._good_us = 0

    def figures(self) -> Figures:
        """Return the state of the server.

        Raises:
            Misconfigured: the database cannot be opened.
            sqlalchemy.exc.OperationalError: it went away.
        """
        with self._lock:  # one look for all who ask at once
            now = self._clock.now()
            if self._kept is not None and 0 <= now - self._kept[0] < self._good_us:
                return self._kept[1]
            began = time.thread_time()
            revision = self._store.revision()
            with self._store.read() as tx:
                found = read(tx, revision=revision, now=now)
            took = time.thread_time() - began
            self._kept, self._good_us = (now, found), round(max(KEPT_S, took / MOST_SHARE) * SECOND)
            return found

    def checks(self, *, serving: bool = True) -> list[Check]:
        """Run every check; raises what `figures` raises."""
        found = self.figures()
        return [self.disk(), *checks(found, records=self._records(), serving=serving)]

    def disk(self) -> Check:
        """Check the data folder."""
        return disk(self._folder, low_bytes=self._low_bytes, shown="the data folder")


def _age(found: Figures, at: int) -> int:
    """Seconds since; never negative, for clocks differ."""
    return max(0, found.at - at) // SECOND


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds")


def _time(seconds: int) -> str:
    return " ".join(_parts(seconds)) or "0 s"


def _parts(seconds: int) -> Iterator[str]:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= length:
            yield f"{seconds // length} {unit}"
            if seconds % length and length > 60:
                rest, smaller = (3600, "h") if length == 86_400 else (60, "min")
                if (left := seconds % length // rest) > 0:
                    yield f"{left} {smaller}"
            return
