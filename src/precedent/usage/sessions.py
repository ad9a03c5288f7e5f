"""Sessions: a main transcript with those of its sub-agents, and what they used."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive import catalogue
from precedent.errors import Conflict, NotFound
from precedent.store.schema import transcript, usage_transcript

from . import session_statements as statements
from .paging import Integer, Page, page, position


class SessionSummary(msgspec.Struct, kw_only=True):
    """One session.

    Attributes:
        first_at: first event, UTC microseconds; None when the transcript has no times.
        active_us: active time of all its transcripts, summed, in microseconds.
        transcripts: the main one and its sub-agents'.
        cost_usd_micros: of the priced requests; None when none is priced.
    """

    session: str
    person: str
    agent: str
    project: str
    title: str
    first_at: int | None
    last_at: int | None
    active_us: int
    transcripts: int
    requests: int
    cost_usd_micros: int | None
    lines: int
    defects: int


class TranscriptDetail(msgspec.Struct, kw_only=True):
    """One transcript of a session."""

    session_file: str
    agent_id: str
    agent_type: str
    version: str
    archived_bytes: int
    redactions: int
    lines: int
    event_lines: int
    ignored_lines: int
    blank_lines: int
    unknown_lines: int
    broken_lines: int
    requests: int
    shares_with: list[str]
    defects: list[str]


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions; an empty tuple or None means all.

    Attributes:
        visible: ids of the persons who may be told of; None for everybody, while an empty tuple is nobody.
        start: sessions that were last active at this instant or later, UTC microseconds.
        end: sessions that were last active before this instant.
    """

    visible: tuple[int, ...] | None = None
    persons: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None

    def values(self) -> dict[str, Any]:
        """Return what is asked for, by the names that statements have for it."""
        given = {name: value for name in ("persons", "agents", "projects") if (value := getattr(self, name))}
        bounds = {name: value for name in ("visible", "start", "end") if (value := getattr(self, name)) is not None}
        return given | bounds


class _Found(NamedTuple):
    """What sessions are ordered by; the last active first, those without times at the end."""

    last_at: Integer | None
    native_id: str
    person: str
    agent: str


def sessions(tx: sa.Connection, *, where: Where, limit: int = 50, after: str | None = None) -> Page[SessionSummary]:
    """Return sessions, the last active first.

    Args:
        tx: the view to read.
        where: which sessions.
        limit: how many at most.
        after: cursor of the page before; None for the first page.

    Raises:
        BadInput: the cursor is none of this list.
    """
    last = position(after, _Found) if after is not None else None
    keys: list[_Found] = []
    if last is None or last.last_at is not None:
        keys += _newest(tx, where, last, limit=limit + 1, timed=True)
    if len(keys) <= limit and where.start is None and where.end is None:
        untimed = last if last and last.last_at is None else None
        keys += _newest(tx, where, untimed, limit=limit + 1 - len(keys), timed=False)
    found = page(keys, limit=limit, key=tuple)
    return Page(rows=_summaries(tx, found.rows), next=found.next)


def _newest(tx: sa.Connection, where: Where, after: _Found | None, *, limit: int, timed: bool) -> list[_Found]:
    """Return the next sessions by their newest transcript; those without any time when not `timed`."""
    values = where.values()
    query = statements.newest(frozenset(values), timed=timed, after=after is not None)
    if after is not None:
        values |= {f"after_{name}": value for name, value in after._asdict().items()}
    return [_Found(*each) for each in tx.execute(query, {**values, "limit": limit})]


def _summaries(tx: sa.Connection, keys: Sequence[_Found]) -> list[SessionSummary]:
    """Return the sessions of these keys, in their order."""
    fields = SessionSummary.__struct_fields__
    found = {}
    for values in tx.execute(statements.summaries(), {"native_ids": [key.native_id for key in keys]}):
        plain = {name: _plain(value) for name, value in zip(fields, values, strict=True)}
        found[tuple(values[:3])] = msgspec.convert(plain, SessionSummary)
    return [found[key[1:]] for key in keys if key[1:] in found]


class FaultyLine(NamedTuple):
    """A line that could not be read, and why."""

    line: int
    byte_offset: int
    reason: str


class Owned(NamedTuple):
    """A transcript of a session and whose it is."""

    transcript_id: int
    user_id: int
    person: str
    session: str
    session_file: str


def owned(tx: sa.Connection, name: str, *, visible: Collection[int] | None = None) -> list[Owned]:
    """Return the transcripts of a session, the main one first; sessions of several persons may have the same id.

    Args:
        tx: the view to read.
        name: as `archive.catalogue.named` takes it.
        visible: ids of the persons who may be told of; None for everybody.
    """
    query = statements.owned(limited=visible is not None)
    return [Owned(*each) for each in tx.execute(query, {catalogue.NAME: name, "visible": tuple(visible or ())})]


def of_one(tx: sa.Connection, name: str, *, person: str | None, visible: Collection[int] | None) -> list[Owned]:
    """Return the transcripts of one person's session.

    Args:
        tx: the view to read.
        name: as a caller gave it.
        person: whose; None when one person alone has a session of this name.
        visible: ids of the persons who may be told of; None for everybody.

    Raises:
        NotFound: there is none, or it is of somebody else.
        Conflict: several persons have one.
    """
    found = owned(tx, name, visible=visible)
    if person is not None:
        found = [each for each in found if each.person == person]
    if not found:
        raise NotFound("there is no such session")
    persons = sorted({each.person for each in found})
    if len(persons) > 1:
        raise Conflict(f"several persons have a session of this id; name one as `person`: {', '.join(persons)}")
    return found


def summary(tx: sa.Connection, transcripts: Collection[int]) -> SessionSummary | None:
    """Return the session of some transcripts; None when it was not counted yet."""
    newest = tx.execute(statements.session_of(), {"transcripts": tuple(transcripts)})
    found = _summaries(tx, [_Found(*row) for row in newest])
    return found[0] if found else None


def details(
    tx: sa.Connection, transcripts: Collection[int], *, visible: Collection[int] | None = None
) -> list[TranscriptDetail]:
    """Return transcripts by id, the main one first; of relatives only those of visible persons are named."""
    facts = usage_transcript.c
    found = []
    for row in tx.execute(statements.details(), {"transcripts": tuple(transcripts)}):
        values = row._mapping
        number = values[transcript.c.id]
        found.append(
            TranscriptDetail(
                session_file=values[transcript.c.session_file],
                agent_id=values[transcript.c.agent_id],
                agent_type=values[transcript.c.agent_type] or values["parent_says"] or "",
                version=values[facts.version] or "",
                archived_bytes=values[transcript.c.length],
                redactions=values[transcript.c.redactions],
                lines=values[facts.lines] or 0,
                event_lines=values[facts.event_lines] or 0,
                ignored_lines=values[facts.ignored_lines] or 0,
                blank_lines=values[facts.blank_lines] or 0,
                unknown_lines=values[facts.unknown_lines] or 0,
                broken_lines=values[facts.broken_lines] or 0,
                requests=_count(tx, number),
                shares_with=_relatives(tx, number, visible),
                defects=_defects(tx, number),
            )
        )
    return found


def _count(tx: sa.Connection, number: int) -> int:
    return tx.scalar(statements.requests(), {"transcript": number}) or 0


def _relatives(tx: sa.Connection, number: int, visible: Collection[int] | None) -> list[str]:
    """Whose requests a transcript shows too: it was forked from them, resumed or uploaded twice."""
    query = statements.relatives(limited=visible is not None)
    found = tx.execute(query, {"transcript": number, "visible": tuple(visible or ())})
    return [f"{name} ({count} requests)" for name, count in found]


def _defects(tx: sa.Connection, number: int) -> list[str]:
    return [f"line {each.line}, byte {each.byte_offset}: {each.reason}" for each in faulty(tx, number)]


def faulty(tx: sa.Connection, number: int) -> list[FaultyLine]:
    """Return the lines of a transcript that could not be read, in their order."""
    return [FaultyLine(*row) for row in tx.execute(statements.faults(), {"transcript": number})]


def _plain(value: object) -> object:
    """PostgreSQL sums integers into decimals."""
    return value if value is None or isinstance(value, str) else int(str(value))
