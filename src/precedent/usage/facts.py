"""What reports add up: rows with `bucket`, the dimensions and the sums.

Sums have a `span` as well, see `rollups.SPANS`; of these a report reads the longest that fit.
"""

from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa

from precedent.store.schema import (
    FAULTY,
    transcript,
    usage_event,
    usage_event_rollup,
    usage_name,
    usage_request,
    usage_rollup,
    usage_transcript,
)

from .observation import CHARS_PER_TOKEN, COMPLETE, PARTIAL_MAX_OUTPUT
from .rollups import BUCKET, EVENT_SUMS, REQUEST_SUMS


class EventKind(StrEnum):
    """What an event that is counted by name is."""

    TOOL = "tool"
    MCP = "mcp"
    SKILL = "skill"
    SUBAGENT = "subagent"
    COMMAND = "command"
    PROMPT = "prompt"
    ERROR = "error"
    INTERRUPTION = "interruption"


EVENT_KINDS = tuple(kind.value for kind in EventKind)
TOOL_KINDS = EVENT_KINDS[:4]


def _of_sums(table: sa.ColumnCollection[str, sa.Column[Any]]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return when, and the dimensions, of a table of sums."""
    named = [table[f"{name}_id"].label(name) for name in ("agent", "model", "project")]
    return (table.span, table.bucket, table.user_id, *named)


def _of_ledger(row: sa.ColumnCollection[str, sa.Column[Any]]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return when, and the dimensions, of a table of the ledger, joined with its transcripts."""
    named = [row[f"{name}_id"].label(name) for name in ("model", "project")]
    session = transcript.c.native_id.label("session")
    return ((row.at // BUCKET).label("bucket"), transcript.c.user_id, transcript.c.agent, *named, session)


@cache
def request_facts(sessions: bool) -> sa.Subquery:
    """Return requests with a column for each of `REQUEST_SUMS`; with `sessions` each by itself, else as sums."""
    if not sessions:
        table = usage_rollup.c
        return sa.select(
            *_of_sums(table),
            *[table[name] for name in REQUEST_SUMS],
        ).subquery("facts")
    row = usage_request.c
    recorded, cost = row.recorded_cost_usd_micros, row.cost_usd_micros
    partial = sa.and_(
        row.flags.op("&")(COMPLETE) == 0,
        row.output_tokens <= PARTIAL_MAX_OUTPUT,
        row.content_chars > row.output_tokens * CHARS_PER_TOKEN,
    )
    return (
        sa.select(
            *_of_ledger(row),
            sa.literal(1).label("requests"),
            row.input_tokens,
            row.output_tokens,
            row.cache_write_5m_tokens,
            row.cache_write_1h_tokens,
            row.cache_read_tokens,
            sa.case((row.web_searches > 0, row.web_searches), else_=row.result_searches).label("web_searches"),
            sa.func.coalesce(cost, 0).label("cost_usd_micros"),
            sa.case((cost.is_not(None), 1), else_=0).label("priced_requests"),
            sa.func.coalesce(recorded, 0).label("recorded_cost_usd_micros"),
            sa.case((recorded.is_not(None), 1), else_=0).label("recorded_requests"),
            sa.func.coalesce(recorded, cost, 0).label("auto_cost_usd_micros"),
            sa.case((sa.func.coalesce(recorded, cost).is_not(None), 1), else_=0).label("auto_requests"),
            sa.case((partial, 1), else_=0).label("partial_requests"),
        )
        .join(transcript, transcript.c.id == row.transcript_id)
        .subquery("facts")
    )


@lru_cache(maxsize=256)
def event_facts(sessions: bool, *, kinds: tuple[str, ...] = TOOL_KINDS) -> sa.Subquery:
    """Return events of some kinds, likewise with `EVENT_SUMS`, and their number as tool calls as well."""
    if sessions:
        row = usage_event.c
        return (
            sa.select(
                *_of_ledger(row),
                usage_name.c.kind,
                usage_name.c.name,
                sa.literal(1).label("tool_calls"),
                sa.literal(1).label("events"),
                sa.case((row.outcome == 2, 1), else_=0).label("errors"),
                sa.case((row.outcome == 3, 1), else_=0).label("rejected"),
                sa.case((row.outcome == 4, 1), else_=0).label("interrupted"),
            )
            .join(transcript, transcript.c.id == row.transcript_id)
            .join(usage_name, usage_name.c.id == row.name_id)
            .where(usage_name.c.kind.in_(kinds))
            .subquery("facts")
        )
    table = usage_event_rollup.c
    return (
        sa.select(
            *_of_sums(table),
            usage_name.c.kind,
            usage_name.c.name,
            table.events.label("tool_calls"),
            *[table[name] for name in EVENT_SUMS],
        )
        .join(usage_name, usage_name.c.id == table.name_id)
        .where(usage_name.c.kind.in_(kinds))
        .subquery("facts")
    )


@cache
def defect_facts() -> sa.Subquery:
    """Return the defects of transcripts, each with when it began."""
    row = usage_transcript.c
    return (
        sa.select(
            (sa.func.coalesce(row.first_at, transcript.c.observed_at) // BUCKET).label("bucket"),
            transcript.c.user_id,
            transcript.c.agent,
            row.project_id.label("project"),
            transcript.c.native_id.label("session"),
            row.defects,
        )
        .join(transcript, transcript.c.id == row.transcript_id)
        .where(sa.text(FAULTY))
        .subquery("facts")
    )


def sums_table(facts: sa.Subquery) -> sa.Table | None:
    """Return the table of sums of several spans that facts are read from; None for those of the ledger."""
    if "span" not in facts.c:
        return None
    return usage_event_rollup if "events" in facts.c else usage_rollup
