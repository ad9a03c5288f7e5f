"""Writes marks and adds them up; see table `secret_mark`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive.redact import RULES
from precedent.errors import BadInput
from precedent.pipeline.contract import Extracted
from precedent.processors import places
from precedent.store import bulk
from precedent.store.schema import secret_mark, transcript
from precedent.usage.paging import Integer, Page, page, position

from .extract import Found, Mark

KNOWN = frozenset(rule.name for rule in RULES)
COLUMNS = Mark.__struct_fields__
DIMENSIONS = ("rule", "person", "agent", "session", "project", "speaker", "tool")


class MarkedPlace(msgspec.Struct, kw_only=True):
    """Marks of one rule at one place.

    Attributes:
        at: UTC microseconds; None when the transcript has no times.
        line: of the archived transcript, from 1.
        marks: how many stand there.
    """

    session: str
    session_file: str
    line: int
    byte_offset: int
    at: int | None
    person: str
    agent: str
    project: str
    rule: str
    speaker: str
    tool: str
    marks: int


class MarkTotals(msgspec.Struct, kw_only=True):
    """A sum of marks.

    Attributes:
        group: values of the dimensions that were asked for.
        places: things said that hold any of the marks.
        sessions: sessions that hold any.
        last_at: the newest, in UTC microseconds.
    """

    group: tuple[str, ...]
    marks: int
    places: int
    sessions: int
    last_at: int | None


def store(batch: Sequence[Extracted], tx: sa.Connection) -> list[int]:
    """Write the marks of known rules; return how many rows those are for each transcript."""
    found = []
    for each in batch:
        content = msgspec.msgpack.decode(each.payload, type=Found)
        rows = [msgspec.structs.astuple(mark) for mark in content.marks if mark.rule in KNOWN]
        found.append((each.ref.id, content.anew, rows))
    return places.write(tx, secret_mark, COLUMNS, found, put=bulk.insert_new)


def remove(transcript_ids: Sequence[int], tx: sa.Connection) -> None:
    """Remove the marks of transcripts."""
    bulk.delete_in(tx, secret_mark, "transcript_id", transcript_ids)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which marks; an empty tuple leaves all of a kind.

    Attributes:
        visible: ids of the persons who may be told of; None for everybody, while an empty tuple is nobody.
    """

    visible: tuple[int, ...] | None = None
    persons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()


class _Key(NamedTuple):
    """What places are ordered by: those without a time last, the newest first."""

    timeless: bool
    before: Integer
    session_file: str
    line: Integer
    rule: str
    key: Integer


def marked(tx: sa.Connection, *, where: Filter, limit: int, after: str | None = None) -> Page[MarkedPlace]:
    """Return the places of marks, the newest first.

    Raises:
        BadInput: `after` is no cursor of this list.
    """
    rows = _rows(where)
    timeless = sa.case((rows.c.at.is_(None), 1), else_=0)
    order = (timeless, -sa.func.coalesce(rows.c.at, 0), rows.c.session_file, rows.c.line, rows.c.rule, rows.c.key)
    columns = [_column(rows, name) for name in MarkedPlace.__struct_fields__]
    query = sa.select(rows.c.key.label("identity"), *columns).order_by(*order).limit(limit + 1)
    if after is not None:
        last = position(after, _Key)
        query = query.where(sa.tuple_(*order) > sa.tuple_(*[sa.literal(each) for each in (int(last[0]), *last[1:])]))
    found = page(
        tx.execute(query).all(),
        limit=limit,
        key=lambda row: (row.at is None, -(row.at or 0), row.session_file, row.line, row.rule, row.identity),
    )
    return Page(rows=[MarkedPlace(**_fields(row)) for row in found.rows], next=found.next)


def _fields(row: sa.Row[Any]) -> dict[str, Any]:
    return dict(zip(MarkedPlace.__struct_fields__, row[1:], strict=True))


def totals(tx: sa.Connection, dimensions: Sequence[str], *, where: Filter) -> list[MarkTotals]:
    """Add marks up by dimensions, the most marks first.

    Raises:
        BadInput: a dimension that there is not.
    """
    unknown = [name for name in dimensions if name not in DIMENSIONS]
    if unknown or not dimensions:
        raise BadInput(f"no dimension {', '.join(unknown)!r}; there are: {', '.join(DIMENSIONS)}")
    rows = _rows(where)
    by = [_column(rows, name) for name in dimensions]
    marks = sa.func.sum(rows.c.marks)
    sessions = sa.func.count(sa.distinct(rows.c.person + "/" + rows.c.session))
    query = sa.select(*by, marks, sa.func.count(), sessions, sa.func.max(rows.c.at))
    query = query.group_by(*by).order_by(marks.desc(), *by)
    size = len(by)
    return [
        MarkTotals(
            group=tuple(row[:size]),
            marks=int(row[size]),
            places=int(row[size + 1]),
            sessions=int(row[size + 2]),
            last_at=row[size + 3],
        )
        for row in tx.execute(query)
    ]


def _rows(where: Filter) -> sa.Subquery:
    # Where ingest replaced nothing, a mark is somebody's own words about redaction.
    rows = places.once(secret_mark, where=[transcript.c.redactions > 0])
    chosen: list[sa.ColumnElement[bool]] = []
    if where.visible is not None:
        chosen.append(rows.c.user_id.in_(where.visible))
    for name, values in (("person", where.persons), ("rule", where.rules), ("session", where.sessions)):
        if values:
            chosen.append(rows.c[name].in_(values))
    return sa.select(rows).where(*chosen).subquery()


def _column(rows: sa.Subquery, name: str) -> sa.ColumnElement[Any]:
    return rows.c["folder"] if name == "project" else rows.c[name]
