"""What all tables share."""

import sqlalchemy as sa

REVISION = "0004"
"""Newest schema revision; equal to the newest migration's."""

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Big = sa.BigInteger()


def count(name: str) -> sa.Column[int]:
    """Return a column of a count, 0 at first."""
    return sa.Column(name, Big, nullable=False, server_default="0")
