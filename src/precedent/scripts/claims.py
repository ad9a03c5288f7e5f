"""Runs of scripts as rows: each due instant is one row that exists before the script begins, and one runs at a time.

A row waits, is under way, is finished. Whoever does the job is alone with it, as the ledger of runs sees to; a row that
an earlier one left under way is lost. Whoever changes more than one row takes them in this order: script, run, audit.
"""

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import DAY
from precedent.errors import Busy
from precedent.schedules import latest, parse
from precedent.security import audit
from precedent.security.acting import By
from precedent.store import Store
from precedent.store.schema import script, script_run

from .model import SCHEDULE, Ended, Outcome, Printed, Value
from .registry import named, skip, version_of

KEPT_DAYS = 90
KEPT_OUTPUTS = 100
"""Of each script's runs so many keep what they printed."""


class Claim(NamedTuple):
    """A run that is ours to do.

    Attributes:
        id: of the run.
        name: of the script.
        source: of the version that runs.
        secrets: names of secrets, by variable.
    """

    id: int
    name: str
    source: str
    parameters: dict[str, Value]
    secrets: dict[str, str]
    timeout_s: int
    network: bool


def ask(store: Store, name: str, *, by: By, now: int) -> int:
    """Write down that somebody wants a run now, and return its number.

    Raises:
        NotFound: there is no such script.
        Busy: it is running already, or waits to.
    """
    with store.write() as tx:
        row = named(tx, name)
        holder = _open(tx, int(row.id))
        if holder is not None:
            raise Busy(f"the script {name} is already running as run {holder}", holder=holder)
        number = _queue(tx, row, due_at=None, by=by.principal.name, now=now)
        act = by.act("script.run", f"script:{name}", run=number, version=int(row.version))
        audit.record(tx, act, now=now)
    return number


def take_due(store: Store, *, now: int) -> int:
    """Make a row for every script that is due, and return how many are to be run."""
    with store.read() as tx:
        query = sa.select(script).where(script.c.schedule != "", script.c.paused_reason == "")
        names = [row.name for row in tx.execute(query) if _due(row, now) is not None]
    return sum(_take_due(store, name, now) for name in names)


def _take_due(store: Store, name: str, now: int) -> bool:
    with store.write() as tx:
        row = tx.execute(sa.select(script).where(script.c.name == name).with_for_update()).first()
        # Somebody else may have taken it, paused or removed it meanwhile.
        if row is None or row.paused_reason or (due_at := _due(row, now)) is None:
            return False
        tx.execute(script.update().where(script.c.id == row.id).values(last_due_at=due_at))
        if (holder := _open(tx, int(row.id))) is not None:
            skip(tx, row, due_at, now=now, reason=f"run {holder} was still under way")
            return False
        known = sa.select(script_run.c.id).where(script_run.c.script_id == row.id, script_run.c.due_at == due_at)
        if tx.execute(known).first() is not None:  # the schedule was changed and changed back
            return False
        _queue(tx, row, due_at=due_at, by=SCHEDULE, now=now)
    return True


def _due(row: "sa.Row[Any]", now: int) -> int | None:
    return latest(parse(row.schedule, name=row.name), last=row.last_due_at, now=now) if row.schedule else None


def _open(tx: sa.Connection, number: int) -> int | None:
    return tx.scalar(sa.select(script_run.c.id).where(script_run.c.open_id == number))


def _queue(tx: sa.Connection, row: "sa.Row[Any]", *, due_at: int | None, by: str, now: int) -> int:
    values = {
        "script_id": row.id, "version": row.version, "due_at": due_at, "requested_by": by, "requested_at": now,
        "open_id": row.id, "heartbeat_at": now,
    }  # fmt: skip
    return int(tx.execute(script_run.insert().values(**values).returning(script_run.c.id)).scalar_one())


def take(store: Store, *, run_id: int | None, now: int) -> Claim | None:
    """Begin the run that has waited longest; None when none waits."""
    waiting = sa.and_(script_run.c.started_at.is_(None), script_run.c.finished_at.is_(None))
    oldest = sa.select(script_run.c.id).where(waiting).order_by(script_run.c.id).limit(1)
    with store.read() as tx:
        if tx.execute(oldest).first() is None:
            return None
    with store.write() as tx:
        found = tx.execute(
            script_run.update()
            .where(script_run.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery(), waiting)
            .values(started_at=now, heartbeat_at=now, run_id=run_id)
            .returning(script_run.c.id, script_run.c.script_id, script_run.c.version)
        ).first()
        if found is None:
            return None
        row = tx.execute(sa.select(script).where(script.c.id == found.script_id)).one()
        source = version_of(tx, found.script_id, found.version).source
    return Claim(
        id=found.id, name=row.name, source=source, parameters=msgspec.json.decode(row.parameters),
        secrets=msgspec.json.decode(row.secrets), timeout_s=row.timeout_s, network=row.network,
    )  # fmt: skip


def is_ours(store: Store, number: int, *, printed: Printed | None, now: int) -> bool:
    """Show that a run lives, with what it printed; false when it is not ours any more: removed, or found lost."""
    values: dict[str, Any] = {"heartbeat_at": now}
    if printed is not None:
        values |= msgspec.structs.asdict(printed)
    with store.write() as tx:
        return bool(tx.execute(script_run.update().where(_under_way(number)).values(**values)).rowcount)


def finish(store: Store, number: int, ended: Ended, *, printed: Printed | None, now: int) -> bool:
    """Write down how a run ended; false when it was not ours any more."""
    values: dict[str, Any] = msgspec.structs.asdict(ended) | {"finished_at": now, "heartbeat_at": now, "open_id": None}
    values["outcome"] = ended.outcome.value
    if printed is not None:
        values |= msgspec.structs.asdict(printed)
    with store.write() as tx:
        return bool(tx.execute(script_run.update().where(_under_way(number)).values(**values)).rowcount)


def lose(store: Store, *, now: int) -> int:
    """Give up the runs that an earlier doer of the job left under way; their scripts are idle again."""
    values = {
        "outcome": Outcome.LOST.value, "reason": "the worker that ran it is gone", "finished_at": now, "open_id": None,
    }  # fmt: skip
    left = sa.and_(script_run.c.started_at.is_not(None), script_run.c.finished_at.is_(None))
    with store.write() as tx:
        return int(tx.execute(script_run.update().where(left).values(**values)).rowcount)


def tidy(store: Store, *, now: int) -> None:
    """Remove runs that are too old, and what others than the last ones of a script printed."""
    with store.write() as tx:
        tx.execute(script_run.delete().where(script_run.c.finished_at < now - KEPT_DAYS * DAY))
        for number in tx.scalars(sa.select(script.c.id)).all():
            mine = script_run.c.script_id == number
            last = sa.select(script_run.c.id).where(mine).order_by(script_run.c.id.desc())
            first_kept = tx.scalar(last.offset(KEPT_OUTPUTS - 1).limit(1))
            if first_kept is not None:
                old = sa.and_(mine, script_run.c.id < first_kept, script_run.c.head != "")
                tx.execute(script_run.update().where(old).values(head="", tail=""))


def _under_way(number: int) -> "sa.ColumnElement[bool]":
    return sa.and_(script_run.c.id == number, script_run.c.started_at.is_not(None), script_run.c.finished_at.is_(None))
