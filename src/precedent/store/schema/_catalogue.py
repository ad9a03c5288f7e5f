"""Whose transcripts there are."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

user = sa.Table(
    "user_account",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("email", sa.Text, nullable=False, server_default=""),
    sa.Column("merged_into", Big, nullable=False, server_default="0"),
    sa.Column("provisional", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("created_at", Big, nullable=False),
)

transcript = sa.Table(
    "transcript",
    metadata,
    sa.Column("id", Id, primary_key=True),
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
    count("source_offset"),
    sa.Column("source_blocks", sa.LargeBinary, nullable=False),
    # What the archive holds.
    sa.Column("object_key", sa.Text, nullable=False),
    count("length"),
    count("generation"),
    count("revision"),
    sa.Column("content_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("archive_blocks", sa.LargeBinary, nullable=False),
    count("redactions"),
    sa.Column("folders", sa.Text, nullable=False, server_default=""),
    sa.Column("observed_at", Big, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("changed_at", Big, nullable=False),
    count("stored_bytes"),
    sa.Index(None, "user_id", "source_path"),
    sa.Index(None, "native_id", "agent_id"),
    sa.Index(None, "agent_id"),
)

tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True),
    sa.Column("native_id", sa.Text, primary_key=True),
    sa.Column("deleted_at", Big, nullable=False),
)
"""Sessions that were deleted on purpose: their sources are not collected again."""
