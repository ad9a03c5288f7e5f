"""What processors found: usage, secrets, friction."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

usage_name = sa.Table(
    "usage_name",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "name"),
)


def _observation_columns() -> list[sa.Column[int]]:
    """What one transcript shows of one request; the order is that of `usage.observation.RequestSeen`."""
    return [
        sa.Column("at", Big, nullable=False),
        sa.Column("line", Big, nullable=False),
        sa.Column("byte_offset", Big, nullable=False),
        sa.Column("project_id", Big, nullable=False),
        sa.Column("model_id", Big, nullable=False),
        sa.Column("modifiers_id", Big, nullable=False),
        sa.Column("input_tokens", Big, nullable=False),
        sa.Column("output_tokens", Big, nullable=False),
        sa.Column("cache_write_5m_tokens", Big, nullable=False),
        sa.Column("cache_write_1h_tokens", Big, nullable=False),
        sa.Column("cache_read_tokens", Big, nullable=False),
        sa.Column("web_searches", Big, nullable=False),
        sa.Column("result_searches", Big, nullable=False),
        sa.Column("content_chars", Big, nullable=False),
        sa.Column("recorded_cost_usd_micros", Big),
        sa.Column("flags", Big, nullable=False),
        sa.Column("generation", Big, nullable=False),
    ]


usage_request = sa.Table(
    "usage_request",
    metadata,
    sa.Column("key", Id, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", Big, nullable=False),
    *_observation_columns(),
    sa.Column("cost_usd_micros", Big),
    sa.Column("price_version_id", Big, nullable=False),
    sa.Index(None, "transcript_id", "cost_usd_micros"),
    sa.Index(None, "at", "line"),
)
"""One row per billed response of the whole team: its owner's time and place, its best counters."""

usage_copy = sa.Table(
    "usage_copy",
    metadata,
    sa.Column("key", Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    *_observation_columns(),
    sa.Index(None, "transcript_id"),
    sqlite_with_rowid=False,
)
"""Every observation of those requests that more than one transcript shows, the owner's included.

Lineage follows from it: a transcript is related to the owners of the requests that it shows too.
"""


def _event_columns() -> list[sa.Column[int]]:
    """What one transcript shows of one event; the order is that of `usage.observation.EventSeen`."""
    names = (
        "at", "line", "byte_offset", "project_id", "model_id", "name_id", "outcome", "flags", "generation",
    )  # fmt: skip
    return [sa.Column(name, Big, nullable=False) for name in names]


usage_event = sa.Table(
    "usage_event",
    metadata,
    sa.Column("key", Id, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", Big, nullable=False),
    *_event_columns(),
    sa.Index(None, "transcript_id"),
)
"""One row per tool call, prompt, slash command, error or interruption; `name_id` carries the kind."""

usage_event_copy = sa.Table(
    "usage_event_copy",
    metadata,
    sa.Column("key", Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    *_event_columns(),
    sa.Index(None, "transcript_id"),
    sqlite_with_rowid=False,
)

usage_price_table = sa.Table(
    "usage_price_table",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("installed_at", Big, nullable=False),
)
"""The price table that replaces the shipped one; no row, or one."""

usage_standin = sa.Table(
    "usage_standin",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("key", Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Requests that are void while the transcript `agent:<id>` or `session:<id>` is there, and who shows them."""

usage_subagent = sa.Table(
    "usage_subagent",
    metadata,
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, primary_key=True),
    sa.Column("agent_type", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Types of sub-agents as their parents name them, for those whose own transcript does not."""

usage_rollup = sa.Table(
    "usage_rollup",
    metadata,
    sa.Column("span", Big, primary_key=True, autoincrement=False),
    sa.Column("bucket", Big, primary_key=True, autoincrement=False),
    sa.Column("user_id", Big, primary_key=True, autoincrement=False),
    sa.Column("agent_id", Big, primary_key=True, autoincrement=False),
    sa.Column("model_id", Big, primary_key=True, autoincrement=False),
    sa.Column("project_id", Big, primary_key=True, autoincrement=False),
    count("requests"),
    count("input_tokens"),
    count("output_tokens"),
    count("cache_write_5m_tokens"),
    count("cache_write_1h_tokens"),
    count("cache_read_tokens"),
    count("web_searches"),
    count("cost_usd_micros"),
    count("priced_requests"),
    count("recorded_cost_usd_micros"),
    count("recorded_requests"),
    count("auto_cost_usd_micros"),
    count("auto_requests"),
    count("partial_requests"),
    sqlite_with_rowid=False,
)
"""Requests by time, person, agent, model and project, each in a row of every span: a quarter of an hour (1), a UTC day
(96) and 32 days (3072). `bucket` is the first quarter of an hour of it, microseconds divided by 900 s."""

usage_event_rollup = sa.Table(
    "usage_event_rollup",
    metadata,
    sa.Column("span", Big, primary_key=True, autoincrement=False),
    sa.Column("bucket", Big, primary_key=True, autoincrement=False),
    sa.Column("user_id", Big, primary_key=True, autoincrement=False),
    sa.Column("agent_id", Big, primary_key=True, autoincrement=False),
    sa.Column("model_id", Big, primary_key=True, autoincrement=False),
    sa.Column("project_id", Big, primary_key=True, autoincrement=False),
    sa.Column("name_id", Big, primary_key=True, autoincrement=False),
    count("events"),
    count("errors"),
    count("rejected"),
    count("interrupted"),
    sqlite_with_rowid=False,
)

FAULTY = "defects > 0"
"""Condition of the partial index of `usage_transcript`; a statement must have it word for word."""

usage_transcript = sa.Table(
    "usage_transcript",
    metadata,
    sa.Column("transcript_id", Id, primary_key=True, autoincrement=False),
    sa.Column("first_at", Big),
    sa.Column("last_at", Big),
    count("active_us"),
    sa.Column("project_id", Big, nullable=False),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.Text, nullable=False, server_default=""),
    count("lines"),
    count("blank_lines"),
    count("event_lines"),
    count("ignored_lines"),
    count("unknown_lines"),
    count("broken_lines"),
    count("defects"),
    sa.Index(None, "last_at"),
    sa.Index(
        "ix_usage_transcript_faulty",
        "transcript_id",
        sqlite_where=sa.text(FAULTY),
        postgresql_where=sa.text(FAULTY),
    ),
)

usage_activity = sa.Table(
    "usage_activity",
    metadata,
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    sa.Column("start_at", Big, primary_key=True, autoincrement=False),
    sa.Column("end_at", Big, nullable=False),
    sqlite_with_rowid=False,
)
"""The intervals in which a transcript was active; disjoint and in order."""

usage_defect = sa.Table(
    "usage_defect",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("transcript_id", Big, nullable=False),
    sa.Column("byte_offset", Big, nullable=False),
    sa.Column("line", Big, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index(None, "transcript_id"),
)

secret_mark = sa.Table(
    "secret_mark",
    metadata,
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    sa.Column("key", Big, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("speaker", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("at", Big),
    sa.Column("line", Big, nullable=False),
    sa.Column("byte_offset", Big, nullable=False),
    sa.Column("marks", Big, nullable=False),
    sa.Index(None, "key"),
    sqlite_with_rowid=False,
)
"""One row for each thing said or done in which redaction left marks of one rule; never what stood there."""

friction_moment = sa.Table(
    "friction_moment",
    metadata,
    sa.Column("transcript_id", Big, primary_key=True, autoincrement=False),
    sa.Column("key", Big, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("at", Big),
    sa.Column("line", Big, nullable=False),
    sa.Column("byte_offset", Big, nullable=False),
    sa.Column("times", Big, nullable=False),
    sa.Index(None, "key"),
    sqlite_with_rowid=False,
)
"""One row for each moment of friction that a transcript shows; no text of the transcript."""
