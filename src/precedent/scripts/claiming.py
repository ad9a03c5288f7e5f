"""Runs of scripts in the database: one is claimed before its script starts, and each due instant is one run at most."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.schedules import latest, parse
from precedent.store import Store
from precedent.store.schema import run as run_table
from precedent.store.schema import script, script_run

from .model import Ended, Outcome, Printed

LEASE_S = 30
"""A run whose heartbeat is older is lost."""

AT_A_TIME = 2
"""Scripts that run on the whole server; the others wait for the next look, so that jobs are not kept waiting."""

KEPT_DAYS = 90


class Claimed(NamedTuple):
    """A run that is ours.

    Attributes:
        id: of the row.
        script: the script's row.
    """

    id: int
    script: "sa.Row[Any]"


class Claims:
    """Claims runs and writes down what becomes of them.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def due(self) -> list[tuple[str, int]]:
        """Return the scripts that are due, each with the instant, the longest waiting first."""
        now = self._clock.now()
        with self._store.read() as tx:
            rows = tx.execute(sa.select(script).where(script.c.schedule != "")).all()
        found = []
        for row in rows:
            schedule = parse(row.schedule, name=row.name)
            # A wall-clock script begins with its next time: what was due before it was deployed is not made up.
            last = row.updated_at if row.last_due_at is None and not schedule.starts_at_once else row.last_due_at
            due_at = latest(schedule, last=last, now=now)
            if due_at is not None:
                found.append((row.name, due_at))
        return sorted(found, key=lambda each: each[1])

    def claim(self, name: str, *, run_id: int, by: str, due_at: int | None) -> Claimed | None:
        """Take a run of a script; None when somebody else has this instant, this run had it, or it runs already.

        A due instant at which it cannot run becomes a skipped row with the reason.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            row = tx.execute(sa.select(script).where(script.c.name == name)).first()
            if row is None or _had(tx, row.id, due_at=due_at, run_id=run_id):
                return None
            busy = tx.scalar(sa.select(script_run.c.id).where(script_run.c.open_id == row.id)) is not None
            why = f"paused: {row.paused_reason}" if due_at is not None and row.paused_reason else ""
            why = why or ("it ran already" if busy else "")
            if not why and due_at is not None and _open(tx) >= AT_A_TIME:
                return None  # it stays due
            values: dict[str, Any] = {
                "script_id": row.id, "version": row.version, "due_at": due_at, "run_id": None if why else run_id,
                "requested_by": by, "started_at": now, "heartbeat_at": now,
            }  # fmt: skip
            if why:
                values |= {"finished_at": now, "outcome": Outcome.SKIPPED.value, "reason": why}
            else:
                values["open_id"] = row.id
            number = tx.execute(script_run.insert().values(**values).returning(script_run.c.id)).scalar_one()
            if due_at is not None:
                tx.execute(script.update().where(script.c.id == row.id).values(last_due_at=due_at))
        return None if why else Claimed(int(number), row)

    def tell(self, number: int, printed: Printed | None) -> bool:
        """Show that a run lives, and what it has printed; false when it was declared lost."""
        values: dict[str, Any] = {"heartbeat_at": self._clock.now()}
        if printed is not None:
            values |= {"head": printed.head, "tail": printed.tail, "output_bytes": printed.output_bytes}
        with self._store.write() as tx:
            return self._set(tx, number, values)

    def close(self, number: int, ended: Ended) -> bool:
        """Write down how a run ended; false when it was declared lost."""
        values = {
            "open_id": None, "finished_at": self._clock.now(), "outcome": ended.outcome.value,
            "exit_code": ended.exit_code, "reason": ended.reason, "isolation": ended.isolation,
        }  # fmt: skip
        with self._store.write() as tx:
            return self._set(tx, number, values)

    def lose(self) -> int:
        """Declare runs lost whose worker is gone, so that their scripts can run again; return how many."""
        now = self._clock.now()
        ended = sa.select(run_table.c.id).where(run_table.c.finished_at.is_not(None))
        gone = sa.or_(
            script_run.c.heartbeat_at < now - LEASE_S * SECOND,
            script_run.c.heartbeat_at > now + LEASE_S * SECOND,
            script_run.c.run_id.in_(ended),
        )
        lost = {"outcome": Outcome.LOST.value, "reason": "the worker that ran it is gone"}
        with self._store.write() as tx:
            update = script_run.update().where(script_run.c.open_id.is_not(None), gone)
            return tx.execute(update.values(**lost, open_id=None, finished_at=now)).rowcount

    def prune(self) -> int:
        """Remove finished runs older than `KEPT_DAYS`; return how many."""
        limit = self._clock.now() - KEPT_DAYS * 86_400 * SECOND
        with self._store.write() as tx:
            return tx.execute(script_run.delete().where(script_run.c.finished_at < limit)).rowcount

    @staticmethod
    def _set(tx: sa.Connection, number: int, values: dict[str, Any]) -> bool:
        this = sa.and_(script_run.c.id == number, script_run.c.finished_at.is_(None))
        return tx.execute(script_run.update().where(this).values(**values)).rowcount > 0


def _had(tx: sa.Connection, script_id: int, *, due_at: int | None, run_id: int) -> bool:
    """Tell whether this instant has its run, or this run of the job has run the script: it died then, and so did we."""
    same = script_run.c.run_id == run_id
    if due_at is not None:
        same = sa.or_(same, script_run.c.due_at == due_at)
    return tx.scalar(sa.select(script_run.c.id).where(script_run.c.script_id == script_id, same)) is not None


def _open(tx: sa.Connection) -> int:
    return int(tx.scalar(sa.select(sa.func.count()).where(script_run.c.open_id.is_not(None))) or 0)
