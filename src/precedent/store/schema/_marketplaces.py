"""Plugin marketplaces: where plugins come from, which plugins there are, and what of them is trusted."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

marketplace = sa.Table(
    "marketplace",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False, server_default=""),
    sa.Column("pin", sa.Text, nullable=False, server_default=""),
    sa.Column("secret", sa.Text, nullable=False, server_default=""),
    sa.Column("login", sa.Text, nullable=False, server_default=""),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    sa.Column("commit_id", sa.Text, nullable=False, server_default=""),
    sa.Column("checked_at", Big),
    sa.Column("synced_at", Big),
    count("failures"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("error_kind", sa.Text, nullable=False, server_default=""),
    sa.Column("defects", sa.Text, nullable=False, server_default="[]"),
)
"""A git repository with plugins. `commit_id` is what was last read, `defects` a JSON list of what was wrong with it."""

marketplace_team = sa.Table(
    "marketplace_team",
    metadata,
    sa.Column("marketplace_id", sa.ForeignKey("marketplace.id"), primary_key=True, autoincrement=False),
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True, autoincrement=False),
    sa.Index(None, "team_id"),
)
"""The teams that a marketplace is for; one without any is for everybody."""

marketplace_plugin = sa.Table(
    "marketplace_plugin",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("marketplace_id", sa.ForeignKey("marketplace.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("trusted_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("trusted_about", sa.Text, nullable=False, server_default=""),
    sa.Column("trusted_by", sa.Text, nullable=False, server_default=""),
    sa.Column("trusted_at", Big),
    sa.Column("blocked", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("seen_at", Big, nullable=False),
    sa.UniqueConstraint("marketplace_id", "name"),
)
"""A plugin of a marketplace: what it is now, and what of it an admin trusted. `about` is JSON."""
