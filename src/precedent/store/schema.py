"""The tables, in one text for SQLite and PostgreSQL.

Times are integer UTC microseconds since the epoch and money is integer micro-dollars. A change here needs a migration
in `store/migrations/versions`; a test compares the two.
"""

import sqlalchemy as sa

REVISION = "0001"
"""Newest schema revision; equal to the newest migration's."""

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Big = sa.BigInteger()


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, _Big, nullable=False, server_default="0")


# Who and what -------------------------------------------------------------------------------------------------------

user = sa.Table(
    "user_account",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("email", sa.Text, nullable=False, server_default=""),
    sa.Column("merged_into", _Big, nullable=False, server_default="0"),
    sa.Column("provisional", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("created_at", _Big, nullable=False),
)

transcript = sa.Table(
    "transcript",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("session_file", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("native_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False, server_default=""),
    sa.Column("agent_type", sa.Text, nullable=False, server_default=""),
    sa.Column("parent_id", sa.Text, nullable=False, server_default=""),
    # Where it came from, and how much of it we have.
    sa.Column("source_path", sa.Text, nullable=False),
    sa.Column("source_fingerprint", sa.Text, nullable=False, server_default=""),
    _count("source_offset"),
    sa.Column("source_blocks", sa.LargeBinary, nullable=False),
    # What the archive holds.
    sa.Column("object_key", sa.Text, nullable=False),
    _count("length"),
    _count("generation"),
    _count("revision"),
    sa.Column("content_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("archive_blocks", sa.LargeBinary, nullable=False),
    _count("redactions"),
    sa.Column("folders", sa.Text, nullable=False, server_default=""),
    sa.Column("observed_at", _Big, nullable=False),
    sa.Column("created_at", _Big, nullable=False),
    sa.Column("changed_at", _Big, nullable=False),
    sa.Index(None, "user_id", "source_path"),
    sa.Index(None, "native_id", "agent_id"),
    sa.Index(None, "agent_id"),
)

tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("deleted_at", _Big, nullable=False),
)
"""Sessions that were deleted on purpose: their sources are not collected again."""

# Pipeline -----------------------------------------------------------------------------------------------------------

processor = sa.Table(
    "processor",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", _Big, nullable=False),
    sa.Column("paused_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("registered_at", _Big, nullable=False),
)

state = sa.Table(
    "session_processor_state",
    metadata,
    sa.Column("processor_name", sa.Text, primary_key=True),
    sa.Column("session_file", sa.Text, primary_key=True),
    sa.Column("transcript_id", _Big, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("processed_at", _Big),
    _count("items_extracted"),
    sa.Column("file_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False),
    _count("revision"),
    _count("generation"),
    _count("processor_version"),
    _count("attempts"),
    sa.Column("next_attempt_at", _Big, nullable=False, server_default="0"),
    sa.Column("error_class", sa.Text, nullable=False, server_default=""),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    _count("claim"),
    _count("claim_run"),
    _count("claims_open"),
    sa.Column("pending_since", _Big, nullable=False, server_default="0"),
    sa.Column("cursor", sa.LargeBinary),
    sa.Index(
        "ix_session_processor_state_pending",
        "processor_name",
        "next_attempt_at",
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    ),
    sa.Index(
        "ix_session_processor_state_dead",
        "processor_name",
        sqlite_where=sa.text("status = 'dead'"),
        postgresql_where=sa.text("status = 'dead'"),
    ),
    sa.Index("ix_session_processor_state_version", "processor_name", "processor_version"),
    sa.Index(None, "transcript_id"),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", _Big, nullable=False),
    sa.Column("started_at", _Big, nullable=False),
    sa.Column("heartbeat_at", _Big, nullable=False),
    sa.Column("finished_at", _Big),
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Index(
        "uq_run_open",
        "name",
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    ),
    sa.Index(None, "name", "started_at"),
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", _Big, nullable=False),
    sa.Column("started_at", _Big, nullable=False),
    sa.Column("heartbeat_at", _Big, nullable=False),
)

# Usage --------------------------------------------------------------------------------------------------------------

usage_name = sa.Table(
    "usage_name",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "name"),
)


def _observation_columns() -> list[sa.Column[int]]:
    """What one transcript shows of one request; the order is that of `usage.observation.RequestSeen`."""
    return [
        sa.Column("at", _Big, nullable=False),
        sa.Column("line", _Big, nullable=False),
        sa.Column("byte_offset", _Big, nullable=False),
        sa.Column("project_id", _Big, nullable=False),
        sa.Column("model_id", _Big, nullable=False),
        sa.Column("modifiers_id", _Big, nullable=False),
        sa.Column("input_tokens", _Big, nullable=False),
        sa.Column("output_tokens", _Big, nullable=False),
        sa.Column("cache_write_5m_tokens", _Big, nullable=False),
        sa.Column("cache_write_1h_tokens", _Big, nullable=False),
        sa.Column("cache_read_tokens", _Big, nullable=False),
        sa.Column("web_searches", _Big, nullable=False),
        sa.Column("result_searches", _Big, nullable=False),
        sa.Column("content_chars", _Big, nullable=False),
        sa.Column("recorded_cost_usd_micros", _Big),
        sa.Column("flags", _Big, nullable=False),
        sa.Column("generation", _Big, nullable=False),
    ]


usage_request = sa.Table(
    "usage_request",
    metadata,
    sa.Column("key", _Id, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", _Big, nullable=False),
    *_observation_columns(),
    sa.Column("cost_usd_micros", _Big),
    sa.Column("price_version_id", _Big, nullable=False),
    sa.Index(None, "transcript_id"),
)
"""One row per billed response of the whole team: its owner's time and place, its best counters."""

usage_copy = sa.Table(
    "usage_copy",
    metadata,
    sa.Column("key", _Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", _Big, primary_key=True, autoincrement=False),
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
    return [sa.Column(name, _Big, nullable=False) for name in names]


usage_event = sa.Table(
    "usage_event",
    metadata,
    sa.Column("key", _Id, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", _Big, nullable=False),
    *_event_columns(),
    sa.Index(None, "transcript_id"),
)
"""One row per tool call, prompt, slash command, error or interruption; `name_id` carries the kind."""

usage_event_copy = sa.Table(
    "usage_event_copy",
    metadata,
    sa.Column("key", _Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", _Big, primary_key=True, autoincrement=False),
    *_event_columns(),
    sa.Index(None, "transcript_id"),
    sqlite_with_rowid=False,
)

usage_price_table = sa.Table(
    "usage_price_table",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("installed_at", _Big, nullable=False),
)
"""The price table that replaces the shipped one; no row, or one."""

usage_standin = sa.Table(
    "usage_standin",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("key", _Big, primary_key=True, autoincrement=False),
    sa.Column("transcript_id", _Big, primary_key=True, autoincrement=False),
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
    sa.Column("bucket", _Big, primary_key=True, autoincrement=False),
    sa.Column("user_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("agent_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("model_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("project_id", _Big, primary_key=True, autoincrement=False),
    _count("requests"),
    _count("input_tokens"),
    _count("output_tokens"),
    _count("cache_write_5m_tokens"),
    _count("cache_write_1h_tokens"),
    _count("cache_read_tokens"),
    _count("web_searches"),
    _count("cost_usd_micros"),
    _count("priced_requests"),
    _count("recorded_cost_usd_micros"),
    _count("recorded_requests"),
    _count("auto_cost_usd_micros"),
    _count("auto_requests"),
    _count("partial_requests"),
    sqlite_with_rowid=False,
)
"""Requests by quarter of an hour (`bucket` is microseconds divided by 900 s), person, agent, model and project."""

usage_event_rollup = sa.Table(
    "usage_event_rollup",
    metadata,
    sa.Column("bucket", _Big, primary_key=True, autoincrement=False),
    sa.Column("user_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("agent_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("model_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("project_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("name_id", _Big, primary_key=True, autoincrement=False),
    _count("events"),
    _count("errors"),
    _count("rejected"),
    _count("interrupted"),
    sqlite_with_rowid=False,
)

usage_transcript = sa.Table(
    "usage_transcript",
    metadata,
    sa.Column("transcript_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("first_at", _Big),
    sa.Column("last_at", _Big),
    _count("active_us"),
    sa.Column("project_id", _Big, nullable=False),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.Text, nullable=False, server_default=""),
    _count("lines"),
    _count("blank_lines"),
    _count("event_lines"),
    _count("ignored_lines"),
    _count("unknown_lines"),
    _count("broken_lines"),
    _count("defects"),
)

usage_activity = sa.Table(
    "usage_activity",
    metadata,
    sa.Column("transcript_id", _Big, primary_key=True, autoincrement=False),
    sa.Column("start_at", _Big, primary_key=True, autoincrement=False),
    sa.Column("end_at", _Big, nullable=False),
    sqlite_with_rowid=False,
)
"""The intervals in which a transcript was active; disjoint and in order."""

usage_defect = sa.Table(
    "usage_defect",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("transcript_id", _Big, nullable=False),
    sa.Column("byte_offset", _Big, nullable=False),
    sa.Column("line", _Big, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index(None, "transcript_id"),
)
