"""What is told of scripts and their runs; for admins."""

from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.schedules import parse, upcoming
from precedent.store.schema import script, script_run, script_version

from .model import Value

NEXT = 5


class ScriptRunShown(msgspec.Struct, kw_only=True):
    """One run of a script; times are UTC microseconds.

    Attributes:
        script: its name.
        version: of the script, that ran.
        sha256: of that version's text.
        state: `queued`, `running`, or how it ended: `done`, `failed`, `timeout`, `killed`, `lost`, `skipped`.
        due_at: the instant at which it was due; null when somebody asked for it.
        exit_code: of the script; null when it did not end by itself.
        reason: why it did not end well.
        isolation: what it was kept apart by, of `processes`, `files`, `network`, `user`.
        duration_us: from its beginning to its end.
        output_bytes: that it printed.
        run_id: the run of the job that did it.
    """

    id: int
    script: str
    version: int
    sha256: str
    state: str
    requested_by: str
    due_at: int | None
    started_at: int | None
    finished_at: int | None
    duration_us: int | None
    exit_code: int | None
    reason: str
    isolation: str
    output_bytes: int
    run_id: int | None


class ScriptShown(msgspec.Struct, kw_only=True):
    """A script; times are UTC microseconds.

    Attributes:
        schedule: empty when it only runs by hand.
        parameters: by name.
        secrets: names of secrets, by environment variable.
        network: it may use the network.
        paused: why it is paused; empty when it is not.
        version: the newest, which runs next.
        sha256: of its text.
        next: the next due instants.
        last: the newest run.
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
    last: ScriptRunShown | None


class VersionShown(msgspec.Struct, kw_only=True):
    """A text that was deployed; times are UTC microseconds."""

    number: int
    sha256: str
    size_bytes: int
    deployed_by: str
    deployed_at: int


class SourceShown(msgspec.Struct, kw_only=True):
    """The text of a version."""

    name: str
    number: int
    sha256: str
    source: str


class Output(msgspec.Struct, kw_only=True):
    """What a run has printed up to now.

    Attributes:
        state: of the run; while it is `running` there may be more.
        head: the beginning, at most 64 KiB.
        tail: the end of what came after it, at most 192 KiB.
        output_bytes: that were printed.
        dropped_bytes: between head and tail.
    """

    run: int
    state: str
    head: str
    tail: str
    output_bytes: int
    dropped_bytes: int


def scripts(tx: sa.Connection, *, now: int, name: str | None = None) -> list[ScriptShown]:
    """Return all scripts, or the one of a name, by name."""
    query = (
        sa.select(script, script_version.c.sha256)
        .join(script_version, sa.and_(script_version.c.script_id == script.c.id,
                                      script_version.c.number == script.c.version))
        .order_by(script.c.name)
    )  # fmt: skip
    if name is not None:
        query = query.where(script.c.name == name)
    newest = sa.select(sa.func.max(script_run.c.id)).group_by(script_run.c.script_id)
    last = {each.script: each for each in _runs(tx, script_run.c.id.in_(newest))}
    return [_shown(row, last.get(row.name), now) for row in tx.execute(query)]


def one(tx: sa.Connection, name: str, *, now: int) -> ScriptShown:
    """Return one script.

    Raises:
        NotFound: there is no such script.
    """
    found = scripts(tx, now=now, name=name) if name.isprintable() else []
    if not found:
        raise NotFound(f"no script {name!r}; `precedent scripts list` names them")
    return found[0]


def versions(tx: sa.Connection, name: str) -> list[VersionShown]:
    """Return the versions of a script, newest first.

    Raises:
        NotFound: there is no such script.
    """
    query = sa.select(script_version).where(script_version.c.script_id == _number(tx, name))
    return [
        VersionShown(
            number=row.number, sha256=row.sha256, size_bytes=len(row.source.encode()), deployed_by=row.deployed_by,
            deployed_at=row.deployed_at,
        )
        for row in tx.execute(query.order_by(script_version.c.number.desc()))
    ]  # fmt: skip


def source(tx: sa.Connection, name: str, number: int) -> SourceShown:
    """Return the text of a version.

    Raises:
        NotFound: there is no such script or version.
    """
    mine = script_version.c.script_id == _number(tx, name)
    row = tx.execute(sa.select(script_version).where(mine, script_version.c.number == number)).first()
    if row is None:
        raise NotFound(f"the script {name} has no version {number}")
    return SourceShown(name=name, number=number, sha256=row.sha256, source=row.source)


def runs(tx: sa.Connection, name: str, *, limit: int, before: int | None = None) -> list[ScriptRunShown]:
    """Return runs of a script, newest first.

    Raises:
        NotFound: there is no such script.
    """
    mine = script_run.c.script_id == _number(tx, name)
    return _runs(tx, mine if before is None else sa.and_(mine, script_run.c.id < before), limit=limit)


def run(tx: sa.Connection, number: int) -> ScriptRunShown:
    """Return one run.

    Raises:
        NotFound: there is no such run.
    """
    for each in _runs(tx, script_run.c.id == number):
        return each
    raise NotFound(f"no run {number} of a script; `precedent scripts history NAME` names them")


def output(tx: sa.Connection, number: int) -> Output:
    """Return what a run has printed.

    Raises:
        NotFound: there is no such run.
    """
    found = run(tx, number)
    columns = script_run.c.head, script_run.c.tail, script_run.c.dropped_bytes
    row = tx.execute(sa.select(*columns).where(script_run.c.id == number)).one()
    return Output(
        run=number, state=found.state, head=row.head, tail=row.tail, output_bytes=found.output_bytes,
        dropped_bytes=row.dropped_bytes,
    )  # fmt: skip


def _number(tx: sa.Connection, name: str) -> int:
    found = tx.scalar(sa.select(script.c.id).where(script.c.name == name)) if name.isprintable() else None
    if found is None:
        raise NotFound(f"no script {name!r}; `precedent scripts list` names them")
    return int(found)


def _runs(tx: sa.Connection, which: "sa.ColumnElement[bool]", *, limit: int | None = None) -> list[ScriptRunShown]:
    # What was printed is large, and only `output` tells it.
    columns = [each for each in script_run.c if each.name not in {"head", "tail"}]
    query = (
        sa.select(*columns, script.c.name, script_version.c.sha256)
        .join(script, script.c.id == script_run.c.script_id)
        .join(script_version, sa.and_(script_version.c.script_id == script_run.c.script_id,
                                      script_version.c.number == script_run.c.version))
        .where(which)
        .order_by(script_run.c.id.desc())
    )  # fmt: skip
    return [_run(row) for row in tx.execute(query.limit(limit))]


def _run(row: Any) -> ScriptRunShown:
    took = None
    if row.started_at is not None and row.finished_at is not None:
        took = max(0, row.finished_at - row.started_at)
    return ScriptRunShown(
        id=row.id, script=row.name, version=row.version, sha256=row.sha256,
        state=row.outcome or ("queued" if row.started_at is None else "running"), requested_by=row.requested_by,
        due_at=row.due_at, started_at=row.started_at, finished_at=row.finished_at, duration_us=took,
        exit_code=row.exit_code, reason=row.reason, isolation=row.isolation, output_bytes=row.output_bytes,
        run_id=row.run_id,
    )  # fmt: skip


def _shown(row: "sa.Row[Any]", last: ScriptRunShown | None, now: int) -> ScriptShown:
    return ScriptShown(
        name=row.name, schedule=row.schedule, parameters=msgspec.json.decode(row.parameters),
        secrets=msgspec.json.decode(row.secrets), timeout_s=row.timeout_s, network=row.network,
        paused=row.paused_reason, version=row.version, sha256=row.sha256, created_at=row.created_at,
        updated_at=row.updated_at, next=_next(row, now), last=last,
    )  # fmt: skip


def _next(row: "sa.Row[Any]", now: int) -> list[int]:
    """Return the next due instants, the first as it follows from the last one."""
    if not row.schedule:
        return []
    schedule = parse(row.schedule, name=row.name)
    first = schedule.following(row.last_due_at) if row.last_due_at is not None else now
    if first <= now:
        return upcoming(schedule, after=now, count=NEXT)
    return [first, *upcoming(schedule, after=first, count=NEXT - 1)]
