"""What is told of scripts and their runs."""

from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.schedules import parse, upcoming
from precedent.store.schema import script, script_run, script_version

from .model import Value
from .registry import one


class ScriptRunShown(msgspec.Struct, kw_only=True):
    """A run of a script; times are UTC microseconds.

    Attributes:
        version: of the script that ran.
        due_at: the instant at which it was due; null when somebody asked.
        run_id: the run of the job; null of one that was skipped.
        state: `running`, or how it ended.
        isolation: what it was kept apart by.
        output_bytes: that it printed.
    """

    id: int
    script: str
    version: int
    due_at: int | None
    run_id: int | None
    requested_by: str
    state: str
    started_at: int
    finished_at: int | None
    exit_code: int | None
    reason: str
    isolation: str
    output_bytes: int


class ScriptShown(msgspec.Struct, kw_only=True):
    """A script; times are UTC microseconds.

    Attributes:
        sha256: of the newest version's text.
        next: the next due instants.
        last_run: null when it never ran.
    """

    name: str
    schedule: str
    parameters: dict[str, Value]
    secrets: dict[str, str]
    timeout_s: int
    network: bool
    paused: str
    version: int
    sha256: str
    created_at: int
    updated_at: int
    next: list[int]
    last_run: ScriptRunShown | None


class ScriptText(msgspec.Struct, kw_only=True):
    """A version of a script."""

    name: str
    version: int
    sha256: str
    deployed_by: str
    deployed_at: int
    source: str


class ScriptOutput(msgspec.Struct, kw_only=True):
    """What a run has printed up to now.

    Attributes:
        head: its beginning.
        tail: its end.
        dropped_bytes: between the two, that were not kept.
    """

    run: ScriptRunShown
    head: str
    tail: str
    dropped_bytes: int


def scripts(tx: sa.Connection, *, now: int, name: str | None = None) -> list[ScriptShown]:
    """Return all scripts, or the one of a name, by name."""
    query = sa.select(script, script_version.c.sha256).join(
        script_version,
        sa.and_(script_version.c.script_id == script.c.id, script_version.c.number == script.c.version),
    )
    if name is not None:
        query = query.where(script.c.name == name)
    newest = sa.select(sa.func.max(script_run.c.id)).group_by(script_run.c.script_id)
    last = {each.script: each for each in _runs(tx, script_run.c.id.in_(newest))}
    return [_shown(row, last.get(row.name), now) for row in tx.execute(query.order_by(script.c.name))]


def shown(tx: sa.Connection, name: str, *, now: int) -> ScriptShown:
    """Return one script.

    Raises:
        NotFound: there is no such script.
    """
    one(tx, name)
    return scripts(tx, now=now, name=name)[0]


def text(tx: sa.Connection, name: str, *, version: int | None = None) -> ScriptText:
    """Return a version of a script, the newest unless another is named.

    Raises:
        NotFound: there is no such script or version.
    """
    row = one(tx, name)
    number = row.version if version is None else version
    theirs = sa.and_(script_version.c.script_id == row.id, script_version.c.number == number)
    found = tx.execute(sa.select(script_version).where(theirs)).first()
    if found is None:
        raise NotFound(f"no version {number} of {name}")
    return ScriptText(
        name=name, version=found.number, sha256=found.sha256, deployed_by=found.deployed_by,
        deployed_at=found.deployed_at, source=found.source,
    )  # fmt: skip


def runs(tx: sa.Connection, name: str, *, limit: int, before: int | None = None) -> list[ScriptRunShown]:
    """Return runs of a script, newest first.

    Raises:
        NotFound: there is no such script.
    """
    where = script_run.c.script_id == one(tx, name).id
    if before is not None:
        where = sa.and_(where, script_run.c.id < before)
    return _runs(tx, where, limit=limit)


def output(tx: sa.Connection, number: int) -> ScriptOutput:
    """Return what a run has printed up to now.

    Raises:
        NotFound: there is no such run.
    """
    found = _runs(tx, script_run.c.id == number)
    if not found:
        raise NotFound(f"no run {number} of a script; `precedent scripts history NAME` lists them")
    row = tx.execute(sa.select(script_run.c.head, script_run.c.tail).where(script_run.c.id == number)).one()
    kept = len(row.head.encode()) + len(row.tail.encode())
    dropped = max(0, found[0].output_bytes - kept) if row.tail else 0
    return ScriptOutput(run=found[0], head=row.head, tail=row.tail, dropped_bytes=dropped)


def _runs(tx: sa.Connection, where: "sa.ColumnElement[bool]", *, limit: int | None = None) -> list[ScriptRunShown]:
    columns = [each for each in script_run.columns if each.name not in {"head", "tail"}]
    query = sa.select(*columns, script.c.name.label("script")).join(script, script.c.id == script_run.c.script_id)
    found = tx.execute(query.where(where).order_by(script_run.c.id.desc()).limit(limit))
    return [
        ScriptRunShown(
            id=row.id, script=row.script, version=row.version, due_at=row.due_at, run_id=row.run_id,
            requested_by=row.requested_by, state=row.outcome or "running", started_at=row.started_at,
            finished_at=row.finished_at, exit_code=row.exit_code, reason=row.reason, isolation=row.isolation,
            output_bytes=row.output_bytes,
        )
        for row in found
    ]  # fmt: skip


def _shown(row: "sa.Row[Any]", last: ScriptRunShown | None, now: int) -> ScriptShown:
    coming = upcoming(parse(row.schedule, name=row.name), after=now) if row.schedule else []
    return ScriptShown(
        name=row.name, schedule=row.schedule, parameters=msgspec.json.decode(row.parameters),
        secrets=msgspec.json.decode(row.secrets), timeout_s=row.timeout_s, network=row.network,
        paused=row.paused_reason, version=row.version, sha256=row.sha256, created_at=row.created_at,
        updated_at=row.updated_at, next=coming, last_run=last,
    )  # fmt: skip
