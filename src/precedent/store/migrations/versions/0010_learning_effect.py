"""When sessions began that were read for knowledge, and the words that evidence was found in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply; what is known already is filled in."""
    op.create_index(op.f("ix_knowledge_item_superseded_by"), "knowledge_item", ["superseded_by"], unique=False)
    op.add_column("knowledge_evidence", sa.Column("words_hash", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_knowledge_evidence_words_hash"), "knowledge_evidence", ["words_hash"], unique=False)
    op.add_column("knowledge_reading", sa.Column("user_id", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("knowledge_reading", sa.Column("started_at", sa.BigInteger(), nullable=True))
    op.create_index(
        op.f("ix_knowledge_reading_user_id_started_at"), "knowledge_reading", ["user_id", "started_at"], unique=False
    )
    # Of items that were edited the words of before are not to be had without reading all versions.
    op.execute(
        "UPDATE knowledge_evidence SET words_hash = "
        "(SELECT words_hash FROM knowledge_item WHERE knowledge_item.id = knowledge_evidence.item_id)"
    )
    op.execute(
        "UPDATE knowledge_reading SET "
        "user_id = (SELECT user_id FROM transcript WHERE transcript.id = knowledge_reading.transcript_id), "
        "started_at = (SELECT MIN(said_at) FROM knowledge_turn "
        "WHERE knowledge_turn.transcript_id = knowledge_reading.transcript_id)"
    )
