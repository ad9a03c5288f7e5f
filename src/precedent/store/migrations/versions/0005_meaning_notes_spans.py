"""Embeddings of items and turns, answers of models about notes, and sums of usage by longer spans."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


KEYS = ("user_id", "agent_id", "model_id", "project_id")
ROLLUPS = (
    (
        "usage_rollup", KEYS,
        (
            "requests", "input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
            "cache_read_tokens", "web_searches", "cost_usd_micros", "priced_requests", "recorded_cost_usd_micros",
            "recorded_requests", "auto_cost_usd_micros", "auto_requests", "partial_requests",
        ),
    ),
    ("usage_event_rollup", (*KEYS, "name_id"), ("events", "errors", "rejected", "interrupted")),
)  # fmt: skip


def _by_span(table: str, keys: tuple[str, ...], sums: tuple[str, ...]) -> None:
    """Make a table of sums anew, with rows for each UTC day and each 32 days beside those of quarter hours."""
    old = f"{table}_before"
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {table}_pkey TO {old}_pkey")
    op.rename_table(table, old)
    op.create_table(
        table,
        *[sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("span", "bucket", *keys)],
        *[sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in sums],
        sa.PrimaryKeyConstraint("span", "bucket", *keys),
        sqlite_with_rowid=False,
    )
    to, by, added = ", ".join((*keys, *sums)), ", ".join(keys), ", ".join(f"SUM({name})" for name in sums)
    for span in (1, 96, 3072):
        op.execute(
            f"INSERT INTO {table} (span, bucket, {to}) "
            f"SELECT {span}, bucket / {span} * {span}, {by}, {added} FROM {old} GROUP BY bucket / {span} * {span}, {by}"
        )
    op.drop_table(old)


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
    for table, keys, sums in ROLLUPS:
        _by_span(table, keys, sums)
    for name in ("asked_hash", "asked_by"):
        op.add_column("knowledge_note", sa.Column(name, sa.Text(), server_default="", nullable=False))
