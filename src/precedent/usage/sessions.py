"""Sessions: a main transcript with those of its sub-agents, and what they used."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive.catalogue import named
from precedent.errors import Conflict, NotFound
from precedent.store.schema import (
    transcript,
    usage_copy,
    usage_defect,
    usage_name,
    usage_request,
    usage_subagent,
    usage_transcript,
    user,
)

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
    facts, row = usage_transcript.c, transcript.c
    other, others = transcript.alias("other"), usage_transcript.alias("others")
    # An id names one session or few; the sum keeps SQLite from looking at all sessions of the person instead.
    same = sa.and_(other.c.native_id == row.native_id, other.c.user_id + 0 == row.user_id, other.c.agent == row.agent)
    of_other = sa.select(1).join(others, others.c.transcript_id == other.c.id).where(same)
    if timed:
        newer = of_other.where(
            sa.or_(others.c.last_at > facts.last_at, sa.and_(others.c.last_at == facts.last_at, other.c.id < row.id))
        )
        conditions = [facts.last_at.is_not(None), ~newer.exists()]
    else:
        newer = of_other.where(sa.or_(others.c.last_at.is_not(None), other.c.id < row.id))
        conditions = [facts.last_at.is_(None), ~newer.exists()]
    names = (row.native_id, user.c.key, row.agent)
    # Of few persons all sessions are looked at; of everybody the newest, by an index that this expression would hide.
    at = facts.last_at if where.visible is None and not where.persons else sa.func.coalesce(facts.last_at, 0)
    query = (
        sa.select(facts.last_at, *names)
        .select_from(usage_transcript)
        .join(transcript, row.id == facts.transcript_id)
        .join(user, user.c.id == row.user_id)
        .order_by(*([at.desc()] if timed else []), *names)
        .limit(limit)
    )
    if after is not None:
        beyond = sa.tuple_(*names) > sa.tuple_(*[sa.literal(each) for each in after[1:]])
        if after.last_at is None:
            conditions.append(beyond)
        else:
            conditions += [at <= after.last_at, sa.or_(at < after.last_at, beyond)]
    if where.start is not None:
        conditions.append(facts.last_at >= where.start)
    if where.end is not None:
        conditions.append(facts.last_at < where.end)
    if where.visible is not None:
        conditions.append(row.user_id.in_(where.visible))
    if where.persons:
        conditions.append(row.user_id.in_(sa.select(user.c.id).where(user.c.key.in_(where.persons))))
    if where.agents:
        conditions.append(row.agent.in_(where.agents))
    if where.projects:
        of_project = of_other.join(usage_name, usage_name.c.id == others.c.project_id)
        conditions.append(of_project.where(other.c.agent_id == "", usage_name.c.name.in_(where.projects)).exists())
    return [_Found(*each) for each in tx.execute(query.where(*conditions))]


def _summaries(tx: sa.Connection, keys: Sequence[_Found]) -> list[SessionSummary]:
    """Return the sessions of these keys, in their order."""
    facts, main = usage_transcript.c, transcript.c.agent_id == ""
    used = sa.select(sa.func.count()).where(usage_request.c.transcript_id == transcript.c.id)
    each = (
        sa.select(
            transcript.c.native_id,
            user.c.key,
            transcript.c.agent,
            sa.case((main, usage_name.c.name), else_="").label("project"),
            sa.case((main, facts.title), else_="").label("title"),
            facts.first_at,
            facts.last_at,
            facts.active_us,
            used.scalar_subquery().label("requests"),
            used.with_only_columns(sa.func.sum(usage_request.c.cost_usd_micros)).scalar_subquery().label("cost"),
            facts.lines,
            facts.defects,
        )
        .select_from(transcript)
        .join(user, user.c.id == transcript.c.user_id)
        .join(usage_transcript, facts.transcript_id == transcript.c.id)
        .join(usage_name, usage_name.c.id == facts.project_id)
        .where(transcript.c.native_id.in_([key.native_id for key in keys]))
        .subquery()
    )
    row, total, most = each.c, sa.func.sum, sa.func.max
    query = sa.select(
        row.native_id, row.key, row.agent, most(row.project), most(row.title), sa.func.min(row.first_at),
        most(row.last_at), total(row.active_us), sa.func.count(), total(row.requests), total(row.cost),
        total(row.lines), total(row.defects),
    ).group_by(row.native_id, row.key, row.agent)  # fmt: skip
    fields = SessionSummary.__struct_fields__
    found = {}
    for values in tx.execute(query):
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
    row, chosen = transcript.c, named(name)
    query = (
        sa.select(row.id, row.user_id, user.c.key, row.native_id, row.session_file)
        .join(chosen, sa.and_(chosen.c.user_id == row.user_id, chosen.c.native_id == row.native_id))
        .join(user, user.c.id == row.user_id)
        .order_by(user.c.key, row.agent_id, row.session_file)
    )
    if visible is not None:
        query = query.where(row.user_id.in_(visible))
    return [Owned(*each) for each in tx.execute(query)]


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
    query = (
        sa.select(usage_transcript.c.last_at, transcript.c.native_id, user.c.key, transcript.c.agent)
        .join(transcript, transcript.c.id == usage_transcript.c.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .where(transcript.c.id.in_(transcripts))
        .order_by(transcript.c.agent_id, transcript.c.id)
        .limit(1)
    )
    found = _summaries(tx, [_Found(*row) for row in tx.execute(query)])
    return found[0] if found else None


def details(
    tx: sa.Connection, transcripts: Collection[int], *, visible: Collection[int] | None = None
) -> list[TranscriptDetail]:
    """Return transcripts by id, the main one first; of relatives only those of visible persons are named."""
    facts = usage_transcript.c
    query = (
        sa.select(transcript, usage_transcript, usage_subagent.c.agent_type.label("parent_says"))
        .outerjoin(usage_transcript, facts.transcript_id == transcript.c.id)
        .outerjoin(
            usage_subagent,
            sa.and_(
                usage_subagent.c.native_id == transcript.c.native_id, usage_subagent.c.agent_id == transcript.c.agent_id
            ),
        )
        .where(transcript.c.id.in_(transcripts))
        .order_by(transcript.c.agent_id, transcript.c.session_file)
    )
    found = []
    for row in tx.execute(query):
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
    return tx.scalar(sa.select(sa.func.count()).where(usage_request.c.transcript_id == number)) or 0


def _relatives(tx: sa.Connection, number: int, visible: Collection[int] | None) -> list[str]:
    """Whose requests a transcript shows too: it was forked from them, resumed or uploaded twice."""
    shared = sa.func.count()
    query = (
        sa.select(transcript.c.session_file, shared)
        .select_from(usage_copy)
        .join(usage_request, usage_request.c.key == usage_copy.c.key)
        .join(transcript, transcript.c.id == usage_request.c.transcript_id)
        .where(usage_copy.c.transcript_id == number, usage_request.c.transcript_id != number)
        .group_by(transcript.c.session_file)
        .order_by(transcript.c.session_file)
    )
    if visible is not None:
        query = query.where(transcript.c.user_id.in_(visible))
    return [f"{name} ({count} requests)" for name, count in tx.execute(query)]


def _defects(tx: sa.Connection, number: int) -> list[str]:
    return [f"line {each.line}, byte {each.byte_offset}: {each.reason}" for each in faulty(tx, number)]


def faulty(tx: sa.Connection, number: int) -> list[FaultyLine]:
    """Return the lines of a transcript that could not be read, in their order."""
    query = (
        sa.select(usage_defect.c.line, usage_defect.c.byte_offset, usage_defect.c.reason)
        .where(usage_defect.c.transcript_id == number)
        .order_by(usage_defect.c.byte_offset, usage_defect.c.id)
    )
    return [FaultyLine(*row) for row in tx.execute(query)]


def _plain(value: object) -> object:
    """PostgreSQL sums integers into decimals."""
    return value if value is None or isinstance(value, str) else int(str(value))
