"""Count transcripts that are set aside by an index, whatever their status."""

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
