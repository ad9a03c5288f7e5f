"""What all tables share."""

import sqlalchemy as sa

REVISION = "0010"
"""Newest schema revision; equal to the newest migration's."""

SEARCH_PREFIX = "search_"
"""Begins the names of what migrations make for full text: tables and triggers in SQLite, a column and an index in
PostgreSQL. The database keeps them by itself, so they are not described here."""


def is_described(name: str | None, kind: str, _: object) -> bool:
    """Tell whether something that a database has is one of the tables described here; for Alembic's `include_name`."""
    return name is None or not name.removeprefix("ix_").startswith(SEARCH_PREFIX)


metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Big = sa.BigInteger()


def count(name: str) -> sa.Column[int]:
    """Return a column of a count, 0 at first."""
    return sa.Column(name, Big, nullable=False, server_default="0")
