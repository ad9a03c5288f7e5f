"""Embeddings of items and of what people typed, each in a table of its own that goes with its row."""

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
