"""Asking for runs: the row is made first, and once for each instant at which a job was due."""

from collections.abc import Container, Sequence
from uuid import uuid4

import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import Busy
from precedent.faults import reach
from precedent.security import audit
from precedent.store import Store, survive_power_loss
from precedent.store.schema import job, run
from precedent.telemetry import totals

from .records import Job, Overlap
from .rows import FIRST, IN_TURN, MAX_ERROR, Requested, encoded, lock_job


class Asking:
    """The side of the ledger that takes requests; see `runs.Runs`."""

    def __init__(self, store: Store, clock: Clock = Clock()) -> None:
        self._store, self._clock = store, clock

    def request(
        self,
        record: Job,
        *,
        by: str,
        due_at: int | None = None,
        request: object = None,
        tx: sa.Connection | None = None,
    ) -> Requested:
        """Queue a run.

        Args:
            record: of the job.
            by: who asks.
            due_at: the instant at which it was due, UTC microseconds; None when somebody asks outside the schedule.
            request: what the work is told, ready for JSON.
            tx: the transaction to do it in.

        Raises:
            Busy: a run of this job is open, and its overlap rule takes no other. A due instant that is refused leaves a
                skipped row with the reason.
        """
        if tx is None:
            with self._store.write() as own:
                found = self._request(own, record, by=by, due_at=due_at, request=request)
        else:
            found = self._request(tx, record, by=by, due_at=due_at, request=request)
        if isinstance(found, Busy):
            raise found  # after the commit: the skipped row stays
        return found

    def _request(
        self, tx: sa.Connection, record: Job, *, by: str, due_at: int | None, request: object
    ) -> Requested | Busy:
        now, name = self._clock.now(), record.name
        # Who asks for runs of one job asks one after the other: what is looked up here stays true until the commit.
        kept = lock_job(tx, name)
        if due_at is not None:
            if (known := _of(tx, name, due_at)) is not None:
                return Requested(known, new=False)
            _remember_due(tx, name, due_at, now=now)
            if kept.paused_reason or kept.backoff_until > now:
                why = f"paused: {kept.paused_reason}" if kept.paused_reason else f"rests after {kept.failures} failures"
                return Requested(self._note(tx, record, due_at, "skipped", why, by=by), new=True)
        query = sa.select(run.c.id, run.c.slot).where(run.c.name == name, run.c.finished_at.is_(None))
        slots = {row.slot: int(row.id) for row in tx.execute(query)}
        slot = _slot(record.overlap, slots)
        if slot is None:
            first, *waiting = sorted(slots.values())
            behind = f", and run {waiting[0]} waits for its end" if waiting else ""
            busy = Busy(f"{name} is already running as run {first}{behind}", holder=first)
            if due_at is not None:
                self._note(tx, record, due_at, "skipped", str(busy), by=by)
            return busy
        values = {
            "name": name, "slot": slot, "due_at": due_at, "requested_by": by, "requested_at": now,
            "request": encoded(request),
        }  # fmt: skip
        number = tx.execute(run.insert().values(**values).returning(run.c.id)).scalar_one()
        survive_power_loss(tx)
        reach("run.requested")
        return Requested(int(number), new=True)

    def missed(self, record: Job, instants: Sequence[int], *, by: str, reason: str) -> int:
        """Note due instants at which nothing ran, each once; return how many were new."""
        count, now = 0, self._clock.now()
        with self._store.write() as tx:
            lock_job(tx, record.name)
            for due_at in instants:
                if _of(tx, record.name, due_at) is None:
                    _remember_due(tx, record.name, due_at, now=now)
                    self._note(tx, record, due_at, "missed", reason, by=by)
                    count += 1
        return count

    def _note(self, tx: sa.Connection, record: Job, due_at: int, outcome: str, error: str, *, by: str) -> int:
        """Write the row of a due instant at which nothing is done, and its audit row."""
        now = self._clock.now()
        values = {
            "name": record.name, "due_at": due_at, "requested_by": by, "requested_at": now, "finished_at": now,
            "outcome": outcome, "error": error[:MAX_ERROR],
        }  # fmt: skip
        number = int(tx.execute(run.insert().values(**values).returning(run.c.id)).scalar_one())
        totals.count(tx, job=record.name, outcome=outcome, duration_us=0, now=now)
        details = {"run": number, "due_at": due_at, "error": error[:MAX_ERROR]}
        audit.record(tx, audit.Act(by, record.action, record.resource, outcome, details=details), now=now)
        return number

    def pause(self, record: Job, *, reason: str, by: str) -> None:
        """Keep the clock from starting a job; an empty reason lets it start again."""
        now = self._clock.now()
        with self._store.write() as tx:
            lock_job(tx, record.name)
            values = {"paused_reason": reason, "paused_at": now if reason else None, "paused_by": by if reason else ""}
            tx.execute(job.update().where(job.c.name == record.name).values(**values))
            action = "pause_job" if reason else "resume_job"
            audit.record(tx, audit.Act(by, action, record.resource, "ok", details={"reason": reason}), now=now)


def _slot(overlap: Overlap, taken: Container[str]) -> str | None:
    """Return the slot of a new run, given those of the open ones; None when the job takes no other run now."""
    match overlap:
        case Overlap.ALLOW:
            return uuid4().hex
        case Overlap.QUEUE_ONE:
            return next((each for each in IN_TURN if each not in taken), None)
        case Overlap.SKIP:
            return None if FIRST in taken else FIRST


def _of(tx: sa.Connection, name: str, due_at: int) -> int | None:
    return tx.scalar(sa.select(run.c.id).where(run.c.name == name, run.c.due_at == due_at))


def _remember_due(tx: sa.Connection, name: str, due_at: int, *, now: int) -> None:
    """Remember the newest due instant; one in the future counts as now, for some clock is wrong."""
    at = min(due_at, now)
    newer = sa.or_(job.c.last_due_at.is_(None), job.c.last_due_at < at)
    tx.execute(job.update().where(job.c.name == name, newer).values(last_due_at=at))
