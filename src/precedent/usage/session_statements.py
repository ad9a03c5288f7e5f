"""The statements that ask for sessions.

To build a statement takes as long as to answer it, so each is built once, with its values left open.
"""

from functools import cache
from typing import Any

import sqlalchemy as sa

from precedent.archive.catalogue import named
from precedent.store.bulk import several
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


@cache
def newest(given: frozenset[str], *, timed: bool, after: bool) -> sa.Select[Any]:
    """Return the statement of sessions by their newest transcript: its time, session id, person, agent.

    Args:
        given: names of `sessions.Where.values` that there are.
        timed: those with a time, the last active first; else those without any.
        after: only what follows `after_last_at` and the other three.
    """
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
    at = sa.func.coalesce(facts.last_at, 0) if given & {"visible", "persons"} else facts.last_at
    query = (
        sa.select(facts.last_at, *names)
        .select_from(usage_transcript)
        .join(transcript, row.id == facts.transcript_id)
        .join(user, user.c.id == row.user_id)
        .order_by(*([at.desc()] if timed else []), *names)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if after:
        last = [sa.bindparam(f"after_{name}", type_=sa.Text) for name in ("native_id", "person", "agent")]
        beyond = sa.tuple_(*names) > sa.tuple_(*last)
        if timed:
            last_at = sa.bindparam("after_last_at", type_=sa.BigInteger)
            conditions += [at <= last_at, sa.or_(at < last_at, beyond)]
        else:
            conditions.append(beyond)
    if "start" in given:
        conditions.append(facts.last_at >= sa.bindparam("start"))
    if "end" in given:
        conditions.append(facts.last_at < sa.bindparam("end"))
    if "visible" in given:
        conditions.append(row.user_id.in_(several("visible")))
    if "persons" in given:
        conditions.append(row.user_id.in_(sa.select(user.c.id).where(user.c.key.in_(several("persons")))))
    if "agents" in given:
        conditions.append(row.agent.in_(several("agents")))
    if "projects" in given:
        of_project = of_other.join(usage_name, usage_name.c.id == others.c.project_id)
        conditions.append(of_project.where(other.c.agent_id == "", usage_name.c.name.in_(several("projects"))).exists())
    return query.where(*conditions)


@cache
def summaries() -> sa.Select[Any]:
    """Return the statement of the sums of sessions, `native_ids`, in the order of `sessions.SessionSummary`."""
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
        .where(transcript.c.native_id.in_(several("native_ids")))
        .subquery()
    )
    row, total, most = each.c, sa.func.sum, sa.func.max
    return sa.select(
        row.native_id, row.key, row.agent, most(row.project), most(row.title), sa.func.min(row.first_at),
        most(row.last_at), total(row.active_us), sa.func.count(), total(row.requests), total(row.cost),
        total(row.lines), total(row.defects),
    ).group_by(row.native_id, row.key, row.agent)  # fmt: skip


@cache
def owned(*, limited: bool) -> sa.Select[Any]:
    """Return the statement of the transcripts of the sessions of a name, as `sessions.Owned`; see `catalogue.named`.

    Args:
        limited: only those of the persons `visible`.
    """
    row, chosen = transcript.c, named()
    query = (
        sa.select(row.id, row.user_id, user.c.key, row.native_id, row.session_file)
        .join(chosen, sa.and_(chosen.c.user_id == row.user_id, chosen.c.native_id == row.native_id))
        .join(user, user.c.id == row.user_id)
        .order_by(user.c.key, row.agent_id, row.session_file)
    )
    return query.where(row.user_id.in_(several("visible"))) if limited else query


@cache
def session_of() -> sa.Select[Any]:
    """Return the statement of the session of some `transcripts`: as `newest`."""
    return (
        sa.select(usage_transcript.c.last_at, transcript.c.native_id, user.c.key, transcript.c.agent)
        .join(transcript, transcript.c.id == usage_transcript.c.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .where(transcript.c.id.in_(several("transcripts")))
        .order_by(transcript.c.agent_id, transcript.c.id)
        .limit(1)
    )


@cache
def details() -> sa.Select[Any]:
    """Return the statement of `transcripts` with what was counted in them and `parent_says`, the sub-agent's type."""
    of_agent = usage_subagent.c
    same = sa.and_(of_agent.native_id == transcript.c.native_id, of_agent.agent_id == transcript.c.agent_id)
    return (
        sa.select(transcript, usage_transcript, of_agent.agent_type.label("parent_says"))
        .outerjoin(usage_transcript, usage_transcript.c.transcript_id == transcript.c.id)
        .outerjoin(usage_subagent, same)
        .where(transcript.c.id.in_(several("transcripts")))
        .order_by(transcript.c.agent_id, transcript.c.session_file)
    )


@cache
def requests() -> sa.Select[Any]:
    """Return the statement of how many requests a `transcript` has."""
    return sa.select(sa.func.count()).where(usage_request.c.transcript_id == sa.bindparam("transcript"))


@cache
def relatives(*, limited: bool) -> sa.Select[Any]:
    """Return the statement of whose requests a `transcript` shows too: session file and how many.

    Args:
        limited: only of the persons `visible`.
    """
    query = (
        sa.select(transcript.c.session_file, sa.func.count())
        .select_from(usage_copy)
        .join(usage_request, usage_request.c.key == usage_copy.c.key)
        .join(transcript, transcript.c.id == usage_request.c.transcript_id)
        .where(
            usage_copy.c.transcript_id == sa.bindparam("transcript"),
            usage_request.c.transcript_id != sa.bindparam("transcript"),
        )
        .group_by(transcript.c.session_file)
        .order_by(transcript.c.session_file)
    )
    return query.where(transcript.c.user_id.in_(several("visible"))) if limited else query


@cache
def faults() -> sa.Select[Any]:
    """Return the statement of the lines of a `transcript` that could not be read, as `sessions.FaultyLine`."""
    return (
        sa.select(usage_defect.c.line, usage_defect.c.byte_offset, usage_defect.c.reason)
        .where(usage_defect.c.transcript_id == sa.bindparam("transcript"))
        .order_by(usage_defect.c.byte_offset, usage_defect.c.id)
    )
