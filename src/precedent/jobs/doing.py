"""Doing runs: taking them from the queue, showing that they live, ending them, and finding those whose worker died."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.errors import Busy
from precedent.faults import reach
from precedent.pipeline import state
from precedent.security import audit
from precedent.store.schema import run
from precedent.telemetry import totals

from .asking import Asking
from .records import Job
from .rows import (
    AWAY,
    HEARTBEAT_S,
    HOST,
    IN_TURN,
    LEASE_S,
    MAX_ATTEMPTS,
    MAX_ERROR,
    Claimed,
    Ending,
    added,
    encoded,
    held,
    holder,
    is_gone,
    lock_job,
    remember_result,
)

AGAIN_S = 1.0
"""A heartbeat that the database did not take is tried again after this time."""

LATENESS_S = 1.0

CLAIM_PAGE = 8
"""Queued runs looked at together."""


class _UnderWay(NamedTuple):
    """A run under way, as a watcher sees it."""

    id: int
    name: str
    fence: int
    attempt: int
    host: str
    pid: int
    heartbeat_at: int
    requested_by: str


class Watch:
    """Remembers since when each run's heartbeat stands still.

    Measured by our own monotonic clock: neither a clock that is set nor one that differs from ours makes a run look
    dead.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[int, tuple[tuple[int, int], float]] = {}

    def still_s(self, found: Sequence[_UnderWay]) -> dict[int, float]:
        """Return for each run under way how many seconds its heartbeat has stood still."""
        now = self._monotonic()
        before, self._seen = self._seen, {}
        for each in found:
            beat = (each.fence, each.heartbeat_at)
            known, since = before.get(each.id, (beat, now))
            self._seen[each.id] = (beat, since if known == beat else now)
        return {number: now - since for number, (_, since) in self._seen.items()}


def _has_turn() -> sa.ColumnElement[bool]:
    """Of runs that are done in turn, no older one is open; an older one never comes up later."""
    older = run.alias("older")
    before = sa.select(older.c.id).where(
        older.c.name == run.c.name, older.c.id < run.c.id, older.c.slot.in_(IN_TURN), older.c.finished_at.is_(None)
    )
    return sa.or_(run.c.slot.not_in(IN_TURN), ~before.exists())


class Doing(Asking):
    """The side of the ledger that workers use; see `runs.Runs`."""

    def claim(self, names: Collection[str]) -> Claimed | None:
        """Take the oldest queued run of these jobs; None when there is none."""
        queued = sa.and_(
            run.c.started_at.is_(None), run.c.finished_at.is_(None), run.c.not_before <= self._clock.now(), _has_turn()
        )
        known, last = frozenset(names), 0
        while True:
            # Compared here: a thousand names in the statement cost more than all the rest of it.
            with self._store.read() as tx:
                page = sa.select(run.c.id, run.c.name).where(queued, run.c.id > last).order_by(run.c.id)
                found = tx.execute(page.limit(CLAIM_PAGE)).all()
            for row in found:
                if row.name in known and (claimed := self._take(row.id)) is not None:
                    return claimed
            if len(found) < CLAIM_PAGE:
                return None
            last = found[-1].id

    def open(self, record: Job, *, by: str) -> Claimed:
        """Begin a run in this process, past the queue; one that waits there, or whose worker died, is taken over.

        Raises:
            Busy: a run of this job is under way.
        """
        for _ in range(2):  # the first may turn out to be lost for good
            try:
                with self._store.write() as tx:  # at once, or an idle worker would take it from us
                    number = self.request(record, by=by, tx=tx).id
                    claimed = self._taken(tx, number)
            except Busy as busy:
                number = busy.holder
                self._revive_old(number, {record.name: record})
                claimed = self._take(number)
            else:
                reach("run.opened")
            if claimed is not None:
                return claimed
        raise Busy(f"{record.name} is already running as run {number}", holder=number)

    def _take(self, run_id: int) -> Claimed | None:
        with self._store.write() as tx:
            claimed = self._taken(tx, run_id)
        if claimed is not None:
            reach("run.opened")
        return claimed

    def _taken(self, tx: sa.Connection, run_id: int) -> Claimed | None:
        now = self._clock.now()
        row = tx.execute(
            run.update()
            .where(run.c.id == run_id, run.c.started_at.is_(None), run.c.finished_at.is_(None), _has_turn())
            .values(**holder(now), started_at=now, fence=run.c.fence + 1, attempt=run.c.attempt + 1)
            .returning(*[run.c[each] for each in Claimed._fields])
        ).first()
        return None if row is None else Claimed(*row)

    def beat(self, run_id: int, *, fence: int) -> bool:
        """Show that a run lives; false when it was declared lost."""
        with self._store.write() as tx:
            result = tx.execute(run.update().where(held(run_id, fence)).values(**holder(self._clock.now())))
        return bool(result.rowcount)

    @contextmanager
    def alive(self, run_id: int, *, fence: int) -> Iterator[threading.Event]:
        """Keep a run's heartbeat going in the block.

        The event is set when the run was declared lost, or must have been: after `LEASE_S` without a database.
        """
        ended, lost = threading.Event(), threading.Event()

        def keep() -> None:
            rest, shown = float(HEARTBEAT_S), time.monotonic()
            while not ended.wait(rest):
                try:
                    if not self.beat(run_id, fence=fence):
                        break
                except AWAY:
                    if time.monotonic() - shown > LEASE_S:
                        break
                    rest = AGAIN_S
                else:
                    rest, shown = float(HEARTBEAT_S), time.monotonic()
            else:
                return
            lost.set()

        thread = threading.Thread(target=keep, name=f"heartbeat-{run_id}", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            ended.set()
            thread.join(LATENESS_S)

    def close(self, run_id: int, *, fence: int, record: Job, ending: Ending, by: str, since: int) -> bool:
        """End a run and write the audit row, in one transaction; false when it was taken over: nothing is written.

        The counts are added to those of the parts that others did.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            lock_job(tx, record.name)
            before = tx.scalar(sa.select(run.c.counts).where(held(run_id, fence)).with_for_update())
            if before is None:
                return False
            counts = added(before, encoded(ending.counts))
            outcome, plain = ending.outcome, msgspec.json.decode(counts)
            if outcome == "done" and plain.get("errors"):
                outcome = "partial"
            tx.execute(
                run.update()
                .where(run.c.id == run_id)
                .values(
                    finished_at=now, outcome=outcome, counts=counts, error_class=ending.error_class,
                    error=ending.error[:MAX_ERROR],
                )
            )  # fmt: skip
            remember_result(tx, record.name, record, failed=outcome == "failed", clock=self._clock)
            totals.count(tx, job=record.name, outcome=outcome, duration_us=max(0, now - since), now=now)
            # The log is kept for ever: it names no session that may have to be erased.
            kept = {name: each for name, each in plain.items() if not isinstance(each, list)}
            details = {"run": run_id, "counts": kept}
            details |= {"error": ending.error[:MAX_ERROR]} if ending.error else {}
            act = audit.Act(by, record.action, record.resource, outcome, max(0, now - since), details)
            audit.record(tx, act, now=now)
            reach("run.closed")
        return True

    def put_back(self, run_id: int, *, fence: int, counts: object = None, after_s: float | None = None) -> bool:
        """Give a run of ours back to the queue; false when it is not ours any more.

        Args:
            run_id: which.
            fence: that we hold.
            counts: of what was done so far.
            after_s: seconds for which it waits, as something failed: the next worker is another attempt. None as we
                are to stop: it is not.
        """
        with self._store.write() as tx:
            before = tx.scalar(sa.select(run.c.counts).where(held(run_id, fence)).with_for_update())
            if before is None:
                return False
            values: dict[str, object] = {
                "started_at": None,
                "fence": fence + 1,
                "counts": added(before, encoded(counts)),
            }
            if after_s is None:
                values["attempt"] = run.c.attempt - 1
            else:
                values["not_before"] = self._clock.now() + round(after_s * SECOND)
            tx.execute(run.update().where(run.c.id == run_id).values(**values))
            state.release_run(tx, run_id)
        reach("run.put_back")
        return True

    def add(self, run_id: int, *, fence: int, counts: object) -> bool:
        """Add what a helper did to the counts of a run; false when the run is not under way any more."""
        with self._store.write() as tx:
            before = tx.scalar(sa.select(run.c.counts).where(held(run_id, fence)).with_for_update())
            if before is None:
                return False
            tx.execute(run.update().where(run.c.id == run_id).values(counts=added(before, encoded(counts))))
        return True

    # Runs whose worker died -----------------------------------------------------------------------------------------

    def revive(self, records: Mapping[str, Job], *, watch: Watch) -> int:
        """Put the runs of workers that died back into the queue; return how many.

        A worker has died when its process is gone from this machine, or after `LEASE_S` in which `watch` saw no
        heartbeat.
        """
        found = self._under_way()
        still = watch.still_s(found)
        dead = [each for each in found if is_gone(each.host, each.pid) or still[each.id] > LEASE_S]
        return sum(self._revive(each, records) for each in dead)

    def disown(self, records: Mapping[str, Job]) -> int:
        """Put back what a process that had our number before us held; call it before anything is claimed."""
        mine = [each for each in self._under_way() if (each.host, each.pid) == (HOST, os.getpid())]
        return sum(self._revive(each, records) for each in mine)

    def _revive_old(self, run_id: int, records: Mapping[str, Job]) -> None:
        """The same for one run, for who has no time to watch: by the clock on the wall."""
        limit = LEASE_S * SECOND
        for each in self._under_way():
            if each.id == run_id and (
                is_gone(each.host, each.pid) or abs(self._clock.now() - each.heartbeat_at) > limit
            ):
                self._revive(each, records)

    def _under_way(self) -> list[_UnderWay]:
        columns = [run.c[each] for each in _UnderWay._fields]
        query = sa.select(*columns).where(run.c.finished_at.is_(None), run.c.started_at.is_not(None))
        with self._store.read() as tx:
            return [_UnderWay(*row) for row in tx.execute(query)]

    def _revive(self, seen: _UnderWay, records: Mapping[str, Job]) -> bool:
        """Put a run back into the queue unless it moved since we looked; after `MAX_ATTEMPTS` it is lost."""
        given_up = seen.attempt >= MAX_ATTEMPTS
        now = self._clock.now()
        values: dict[str, object] = {"started_at": None, "fence": seen.fence + 1}
        if given_up:
            values = {"finished_at": now, "outcome": "lost", "error": "every worker that took it died"}
        with self._store.write() as tx:
            lock_job(tx, seen.name)
            unmoved = sa.and_(held(seen.id, seen.fence), run.c.heartbeat_at == seen.heartbeat_at)
            if not tx.execute(run.update().where(unmoved).values(**values)).rowcount:
                return False
            state.release_run(tx, seen.id)
            if given_up:
                totals.count(tx, job=seen.name, outcome="lost", duration_us=0, now=now)
                record = records.get(seen.name)
                remember_result(tx, seen.name, record, failed=True, clock=self._clock)
                action, resource = (record.action, record.resource) if record else (seen.name, f"job:{seen.name}")
                details = {"run": seen.id, "error": values["error"]}
                audit.record(tx, audit.Act(seen.requested_by, action, resource, "lost", details=details), now=now)
        return True
