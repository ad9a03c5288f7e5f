"""What is to be done, what was done, who does it."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

processor = sa.Table(
    "processor",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", Big, nullable=False),
    sa.Column("paused_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("registered_at", Big, nullable=False),
)

PENDING = "status = 'pending'"
ASIDE = "status NOT IN ('done', 'pending')"
"""Pending, and set aside: dead, dropped or withheld. These are the conditions of the partial indexes of `state`; a
statement must have them word for word, a bound value does not do."""

state = sa.Table(
    "session_processor_state",
    metadata,
    sa.Column("processor_name", sa.Text, primary_key=True),
    sa.Column("session_file", sa.Text, primary_key=True),
    sa.Column("transcript_id", Big, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("processed_at", Big),
    count("items_extracted"),
    sa.Column("file_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False),
    count("revision"),
    count("generation"),
    count("processor_version"),
    count("attempts"),
    sa.Column("next_attempt_at", Big, nullable=False, server_default="0"),
    sa.Column("error_class", sa.Text, nullable=False, server_default=""),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    count("claim"),
    count("claim_run"),
    count("claims_open"),
    sa.Column("pending_since", Big, nullable=False, server_default="0"),
    sa.Column("cursor", sa.LargeBinary),
    sa.Index(
        "ix_session_processor_state_pending",
        "processor_name",
        "next_attempt_at",
        sqlite_where=sa.text(PENDING),
        postgresql_where=sa.text(PENDING),
    ),
    sa.Index(
        "ix_session_processor_state_aside",
        "processor_name",
        "status",
        "processor_version",
        sqlite_where=sa.text(ASIDE),
        postgresql_where=sa.text(ASIDE),
    ),
    sa.Index("ix_session_processor_state_version", "processor_name", "processor_version"),
    sa.Index(None, "transcript_id"),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("paused_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("paused_at", Big),
    sa.Column("paused_by", sa.Text, nullable=False, server_default=""),
    sa.Column("last_due_at", Big),
    count("failures"),
    count("backoff_until"),
)
"""What is remembered of a job beside its record: whether it is paused, the newest due instant it was asked for, how
many runs in a row have failed and until when it therefore rests."""

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slot", sa.Text, nullable=False, server_default=""),
    sa.Column("due_at", Big),
    sa.Column("requested_by", sa.Text, nullable=False, server_default=""),
    sa.Column("requested_at", Big, nullable=False),
    sa.Column("request", sa.Text, nullable=False, server_default="{}"),
    sa.Column("not_before", Big, nullable=False, server_default="0"),
    count("attempt"),
    count("fence"),
    sa.Column("host", sa.Text, nullable=False, server_default=""),
    sa.Column("pid", Big, nullable=False, server_default="0"),
    sa.Column("started_at", Big),
    sa.Column("heartbeat_at", Big, nullable=False, server_default="0"),
    sa.Column("finished_at", Big),
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("error_class", sa.Text, nullable=False, server_default=""),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("name", "due_at"),
    sa.Index(
        "uq_run_open",
        "name",
        "slot",
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
    ),
    sa.Index("ix_run_queued", "not_before", sqlite_where=sa.text("finished_at IS NULL AND started_at IS NULL")),
    sa.Index(None, "name", "requested_at"),
    sa.Index(None, "finished_at"),
)
"""One row for each run, made before its work begins, and for each that was skipped or missed; see `jobs.runs`."""

run_total = sa.Table(
    "run_total",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, primary_key=True),
    count("runs"),
    count("duration_us"),
    count("le_100ms"),
    count("le_1s"),
    count("le_10s"),
    count("le_1m"),
    count("le_5m"),
    count("le_15m"),
    count("le_1h"),
    sa.Column("last_at", Big, nullable=False),
)
"""How many runs of a job ended how, and how many took at most how long; it outlives the rows of `run`."""

contact = sa.Table(
    "contact",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("first_at", Big, nullable=False),
    sa.Column("last_at", Big, nullable=False),
)
"""Who outside showed that it lives by calling: one row for each scheduler."""

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", Big, nullable=False),
    sa.Column("started_at", Big, nullable=False),
    sa.Column("heartbeat_at", Big, nullable=False),
    count("helps"),
)
