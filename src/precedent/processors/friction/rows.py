"""Writes moments of friction and adds them up; see table `friction_moment`."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.pipeline.contract import Extracted
from precedent.processors import places
from precedent.store import bulk
from precedent.store.schema import friction_moment
from precedent.usage.paging import Integer, Page, page, position

from .extract import Found, Moment

COLUMNS = Moment.__struct_fields__


class SessionFriction(msgspec.Struct, kw_only=True):
    """The moments of one session, its sub-agents included.

    Attributes:
        last_at: the newest moment, in UTC microseconds; None when the transcripts have no times.
        failing_tools: tools that failed, the most failures first.
    """

    session: str
    person: str
    agent: str
    project: str
    last_at: int | None
    tool_errors: int
    loops: int
    dead_ends: int
    interruptions: int
    rejections: int
    corrections: int
    failing_tools: list[str]


class ToolFriction(msgspec.Struct, kw_only=True):
    """The moments of one tool.

    Attributes:
        sessions: in which there were any.
    """

    tool: str
    tool_errors: int
    loops: int
    dead_ends: int
    rejections: int
    sessions: int


class MomentShown(msgspec.Struct, kw_only=True):
    """One moment and where it stands; see `extract.Moment`."""

    session_file: str
    line: int
    byte_offset: int
    at: int | None
    kind: str
    name: str
    times: int


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which moments; an empty tuple leaves all of a kind.

    Attributes:
        visible: ids of the persons who may be told of; None for everybody, while an empty tuple is nobody.
    """

    visible: tuple[int, ...] | None = None
    persons: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()


def store(batch: Sequence[Extracted], tx: sa.Connection) -> list[int]:
    """Write moments; return how many rows those are for each transcript."""
    found = []
    for each in batch:
        content = msgspec.msgpack.decode(each.payload, type=Found)
        found.append((each.ref.id, content.anew, [msgspec.structs.astuple(moment) for moment in content.moments]))
    # A loop that goes on replaces what was known of it.
    return places.write(tx, friction_moment, COLUMNS, found, put=bulk.replace)


def remove(transcript_ids: Sequence[int], tx: sa.Connection) -> None:
    """Remove the moments of transcripts."""
    bulk.delete_in(tx, friction_moment, "transcript_id", transcript_ids)


class _Key(NamedTuple):
    """What sessions are ordered by: those without a time last, the newest first."""

    timeless: bool
    before: Integer
    session: str
    person: str


def by_session(tx: sa.Connection, *, where: Filter, limit: int, after: str | None = None) -> Page[SessionFriction]:
    """Return the sessions that have any, the newest first.

    Raises:
        BadInput: `after` is no cursor of this list.
    """
    rows = _rows(where)
    group = (rows.c.session, rows.c.person)
    newest = sa.func.max(rows.c.at)
    order = (sa.case((newest.is_(None), 1), else_=0), -sa.func.coalesce(newest, 0), *group)
    query = (
        sa.select(
            *group,
            sa.func.min(rows.c.agent).label("agent"),
            sa.func.min(rows.c.folder).label("project"),
            newest.label("last_at"),
            *[
                _number(rows, kind).label(f"{kind}s")
                for kind in ("tool_error", "loop", "dead_end", "interruption", "rejection", "correction")
            ],
        )
        .group_by(*group)
        .order_by(*order)
        .limit(limit + 1)
    )
    if after is not None:
        last = position(after, _Key)
        query = query.having(sa.tuple_(*order) > sa.tuple_(*[sa.literal(each) for each in (int(last[0]), *last[1:])]))
    found = page(
        tx.execute(query).all(),
        limit=limit,
        key=lambda row: (row.last_at is None, -(row.last_at or 0), row.session, row.person),
    )
    tools = _failing_tools(tx, rows, [row.session for row in found.rows])
    shown = [
        _plain(dict(row._mapping)) | {"failing_tools": tools.get((row.session, row.person), [])} for row in found.rows
    ]
    return Page(rows=msgspec.convert(shown, list[SessionFriction]), next=found.next)


def by_tool(tx: sa.Connection, *, where: Filter) -> list[ToolFriction]:
    """Return the tools that have any, the most failures first."""
    rows = _rows(where)
    errors = _number(rows, "tool_error")
    query = (
        sa.select(
            rows.c.name.label("tool"),
            errors.label("tool_errors"),
            _number(rows, "loop").label("loops"),
            _number(rows, "dead_end").label("dead_ends"),
            _number(rows, "rejection").label("rejections"),
            sa.func.count(sa.distinct(rows.c.person + "/" + rows.c.session)).label("sessions"),
        )
        .where(rows.c.kind.in_(("tool_error", "loop", "dead_end", "rejection")))
        .group_by(rows.c.name)
        .order_by(errors.desc(), rows.c.name)
    )
    return [msgspec.convert(_plain(dict(row._mapping)), ToolFriction) for row in tx.execute(query)]


def moments(tx: sa.Connection, session: str) -> list[MomentShown]:
    """Return the moments of a session, named by its id or by the session file of any of its transcripts."""
    rows = places.once(friction_moment)
    named = sa.select(rows.c.session, rows.c.person).where(
        sa.or_(rows.c.session == session, rows.c.session_file == session)
    )
    query = (
        sa.select(*[rows.c[name] for name in MomentShown.__struct_fields__])
        .where(sa.tuple_(rows.c.session, rows.c.person).in_(named))
        .order_by(rows.c.session_file, rows.c.line, rows.c.kind, rows.c.key)
    )
    return [MomentShown(**row._mapping) for row in tx.execute(query)]


def _rows(where: Filter) -> sa.Subquery:
    rows = places.once(friction_moment)
    chosen: list[sa.ColumnElement[bool]] = []
    if where.visible is not None:
        chosen.append(rows.c.user_id.in_(where.visible))
    for name, values in (("person", where.persons), ("session", where.sessions)):
        if values:
            chosen.append(rows.c[name].in_(values))
    return sa.select(rows).where(*chosen).subquery()


def _number(rows: sa.Subquery, kind: str) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((rows.c.kind == kind, 1), else_=0))


def _failing_tools(tx: sa.Connection, rows: sa.Subquery, sessions: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    query = (
        sa.select(rows.c.session, rows.c.person, rows.c.name)
        .where(rows.c.kind == "tool_error", rows.c.session.in_(sessions))
        .group_by(rows.c.session, rows.c.person, rows.c.name)
        .order_by(sa.func.count().desc(), rows.c.name)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for session, person, name in tx.execute(query):
        found.setdefault((session, person), []).append(name)
    return found


def _plain(row: dict[str, object]) -> dict[str, object]:
    """Names as plain strings; PostgreSQL sums integers into decimals."""
    return {str(name): each if each is None or isinstance(each, str) else int(str(each)) for name, each in row.items()}
