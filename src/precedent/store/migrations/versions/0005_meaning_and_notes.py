"""Embeddings of items and turns, in tables of their own that go with their rows; answers of models about notes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply; the table that was there before was never filled."""
    op.drop_table("knowledge_vector")
    for name in ("knowledge_item", "knowledge_turn"):
        table = f"{name}_vector"
        op.create_table(
            table,
            sa.Column("id", ID, nullable=False),
            sa.Column("of_id", ID, nullable=False),
            sa.Column("words", sa.Text(), nullable=False),
            sa.Column("model", sa.Text(), nullable=False),
            sa.Column("vector", sa.LargeBinary(), nullable=False),
            sa.ForeignKeyConstraint(["of_id"], [f"{name}.id"], ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("of_id", name=op.f(f"uq_{table}_of_id")),
            sqlite_autoincrement=True,
        )
    with op.batch_alter_table("knowledge_call") as call:
        call.alter_column("transcript_id", existing_type=ID, nullable=True)
        call.add_column(sa.Column("note_id", ID))
        call.create_foreign_key("fk_knowledge_call_note_id", "knowledge_note", ["note_id"], ["id"], ondelete="CASCADE")
        call.create_index(op.f("ix_knowledge_call_note_id"), ["note_id"])
    for name in ("asked_hash", "asked_by"):
        op.add_column("knowledge_note", sa.Column(name, sa.Text(), server_default="", nullable=False))
