"""Sessions: a main transcript with those of its sub-agents, and what they used."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

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


def sessions(tx: sa.Connection, *, persons: Sequence[str] = (), limit: int = 50) -> list[SessionSummary]:
    """Return sessions, the last active first."""
    used = (
        sa.select(
            usage_request.c.transcript_id,
            sa.func.count().label("requests"),
            sa.func.sum(usage_request.c.cost_usd_micros).label("cost"),
        )
        .group_by(usage_request.c.transcript_id)
        .subquery()
    )
    facts, main = usage_transcript.c, transcript.c.agent_id == ""
    last = sa.func.max(facts.last_at)
    query = (
        sa.select(
            transcript.c.native_id,
            user.c.key,
            transcript.c.agent,
            sa.func.max(sa.case((main, usage_name.c.name), else_="")),
            sa.func.max(sa.case((main, facts.title), else_="")),
            sa.func.min(facts.first_at),
            last,
            sa.func.coalesce(sa.func.sum(facts.active_us), 0),
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(used.c.requests), 0),
            sa.func.sum(used.c.cost),
            sa.func.coalesce(sa.func.sum(facts.lines), 0),
            sa.func.coalesce(sa.func.sum(facts.defects), 0),
        )
        .select_from(transcript)
        .join(user, user.c.id == transcript.c.user_id)
        .join(usage_transcript, facts.transcript_id == transcript.c.id)
        .join(usage_name, usage_name.c.id == facts.project_id)
        .outerjoin(used, used.c.transcript_id == transcript.c.id)
        .group_by(transcript.c.native_id, user.c.key, transcript.c.agent)
        .order_by(last.desc().nulls_last(), transcript.c.native_id)
        .limit(limit)
    )
    if persons:
        query = query.where(user.c.key.in_(persons))
    fields = SessionSummary.__struct_fields__
    rows = [{name: _plain(value) for name, value in zip(fields, row, strict=True)} for row in tx.execute(query)]
    return msgspec.convert(rows, list[SessionSummary])


def details(tx: sa.Connection, session: str) -> list[TranscriptDetail]:
    """Return the transcripts of a session, the main one first."""
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
        .where(sa.or_(transcript.c.native_id == session, transcript.c.session_file == session))
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
                shares_with=_relatives(tx, number),
                defects=_defects(tx, number),
            )
        )
    return found


def _count(tx: sa.Connection, number: int) -> int:
    return tx.scalar(sa.select(sa.func.count()).where(usage_request.c.transcript_id == number)) or 0


def _relatives(tx: sa.Connection, number: int) -> list[str]:
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
    return [f"{name} ({count} requests)" for name, count in tx.execute(query)]


def _defects(tx: sa.Connection, number: int) -> list[str]:
    query = (
        sa.select(usage_defect.c.line, usage_defect.c.byte_offset, usage_defect.c.reason)
        .where(usage_defect.c.transcript_id == number)
        .order_by(usage_defect.c.byte_offset, usage_defect.c.id)
    )
    return [f"line {row.line}, byte {row.byte_offset}: {row.reason}" for row in tx.execute(query)]


def _plain(value: object) -> object:
    """PostgreSQL sums integers into decimals."""
    return value if value is None or isinstance(value, str) else int(str(value))
