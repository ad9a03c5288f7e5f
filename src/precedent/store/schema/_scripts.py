"""Scheduled scripts: what is deployed, every version of it, and every run with what it printed."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

script = sa.Table(
    "script",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("schedule", sa.Text, nullable=False, server_default=""),
    sa.Column("parameters", sa.Text, nullable=False, server_default="{}"),
    sa.Column("secrets", sa.Text, nullable=False, server_default="{}"),
    count("timeout_s"),
    sa.Column("network", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("paused_reason", sa.Text, nullable=False, server_default=""),
    count("version"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.Column("last_due_at", Big),
)
"""A script as it is now; `version` is the newest of its versions, parameters and secrets are JSON objects."""

script_version = sa.Table(
    "script_version",
    metadata,
    sa.Column("script_id", sa.ForeignKey("script.id"), primary_key=True, autoincrement=False),
    sa.Column("number", Big, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("deployed_by", sa.Text, nullable=False),
    sa.Column("deployed_at", Big, nullable=False),
)
"""The texts that were deployed."""

script_run = sa.Table(
    "script_run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("script_id", sa.ForeignKey("script.id"), nullable=False),
    sa.Column("version", Big, nullable=False),
    sa.Column("due_at", Big),
    sa.Column("run_id", Big),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("open_id", Big, unique=True),
    sa.Column("requested_at", Big, nullable=False),
    sa.Column("started_at", Big),
    sa.Column("heartbeat_at", Big, nullable=False),
    sa.Column("finished_at", Big),
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
    sa.Column("exit_code", Big),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("isolation", sa.Text, nullable=False, server_default=""),
    sa.Column("head", sa.Text, nullable=False, server_default=""),
    sa.Column("tail", sa.Text, nullable=False, server_default=""),
    count("output_bytes"),
    count("dropped_bytes"),
    sa.UniqueConstraint("script_id", "due_at"),
    sa.Index(None, "script_id", "id"),
    sa.Index(None, "finished_at"),
)
"""A run of a script; it waits until `started_at` is set. While it is open `open_id` is the script's id, so that no
script runs twice at a time; `run_id` is the run of the job that does it."""
