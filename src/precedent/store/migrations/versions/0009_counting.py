"""Indexes by which transcripts are counted that are set aside, whatever their status, and those with faults."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_session_processor_state_dead", table_name="session_processor_state")
    aside = sa.text("status NOT IN ('done', 'pending')")
    op.create_index(
        "ix_session_processor_state_aside",
        "session_processor_state",
        ["processor_name", "status", "processor_version"],
        sqlite_where=aside,
        postgresql_where=aside,
    )
    faulty = sa.text("defects > 0")
    op.create_index(
        "ix_usage_transcript_faulty",
        "usage_transcript",
        ["transcript_id"],
        sqlite_where=faulty,
        postgresql_where=faulty,
    )
