"""Writes many rows in one statement, as fast as the driver goes.

Rows are tuples in the order of `columns`; SQLAlchemy's row-by-row parameter handling is skipped.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

Row = Sequence[Any]


def insert(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows; a duplicate key is an error."""
    _run(tx, _insert(tx, table, columns), rows)


def insert_new(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Insert the rows whose key is not there yet and return how many those were."""
    return _run(tx, f"{_insert(tx, table, columns)} ON CONFLICT DO NOTHING", rows)


def replace(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows; where the key is there already, overwrite the other columns."""
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    _run(tx, f"{_insert(tx, table, columns)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}", rows)


def add_up(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows; where the key is there already, add the other columns to it."""
    keys = [column.name for column in table.primary_key]
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in columns if name not in keys)
    _run(tx, f"{_insert(tx, table, columns)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}", rows)


def _insert(tx: sa.Connection, table: sa.Table, columns: Sequence[str]) -> str:
    mark = "?" if tx.dialect.name == "sqlite" else "%s"
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"


def _run(tx: sa.Connection, statement: str, rows: Iterable[Row]) -> int:
    batch = [tuple(row) for row in rows]
    return tx.exec_driver_sql(statement, batch).rowcount if batch else 0
