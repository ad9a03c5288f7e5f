"""Data refresh: where tables come from, what is read, what became of it, and the files that are published."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

data_source = sa.Table(
    "data_source",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False, server_default=""),
    sa.Column("options", sa.Text, nullable=False, server_default="{}"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
)
"""Where tables are read from. `place` is a URL or a folder, `secret` the name of a secret, `options` a JSON object."""

data_table = sa.Table(
    "data_table",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("source_id", sa.ForeignKey("data_source.id"), nullable=False),
    sa.Column("selection", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("cursor_column", sa.Text, nullable=False, server_default=""),
    sa.Column("key_columns", sa.Text, nullable=False, server_default="[]"),
    sa.Column("schedule", sa.Text, nullable=False),
    count("max_rows"),
    count("max_bytes"),
    count("timeout_s"),
    sa.Column("paused_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.Column("last_due_at", Big),
    sa.Column("next_attempt_at", Big),
    count("failures"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("error_kind", sa.Text, nullable=False, server_default=""),
    sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    sa.Column("cursor_value", sa.Text, nullable=False, server_default=""),
    sa.Column("content", sa.Text, nullable=False, server_default=""),
    sa.Column("columns", sa.Text, nullable=False, server_default="[]"),
    sa.Column("profile", sa.Text, nullable=False, server_default="[]"),
    count("version"),
    count("rows"),
    count("size_bytes"),
    sa.Column("checked_at", Big),
    sa.Column("published_at", Big),
    sa.Index(None, "source_id"),
)
"""A table that is kept fresh: what is read and how, then what became of it.

`selection`, `key_columns`, `columns` and `profile` are JSON. `version` counts what was published or changed; who
publishes names the one they began from.
"""

data_table_team = sa.Table(
    "data_table_team",
    metadata,
    sa.Column("table_id", sa.ForeignKey("data_table.id"), primary_key=True, autoincrement=False),
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True, autoincrement=False),
    sa.Index(None, "team_id"),
)
"""The teams that a table is for; one without any is for everybody."""

data_file = sa.Table(
    "data_file",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("table_id", sa.ForeignKey("data_table.id"), nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    count("rows"),
    count("size_bytes"),
    sa.Column("created_at", Big, nullable=False),
    sa.UniqueConstraint("table_id", "sha256"),
)
"""The Parquet files that a table consists of now, in the order of their ids."""

data_refresh = sa.Table(
    "data_refresh",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("table_id", sa.ForeignKey("data_table.id"), nullable=False),
    sa.Column("run_id", Big),
    sa.Column("started_at", Big, nullable=False),
    sa.Column("finished_at", Big, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    count("rows"),
    count("size_bytes"),
    sa.Column("changes", sa.Text, nullable=False, server_default="[]"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("error_kind", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "table_id", "id"),
    sa.Index(None, "finished_at"),
)
"""What became of each look at a table's source; `changes` says in JSON what is new about its columns."""
