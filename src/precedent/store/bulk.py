"""Writes many rows in one statement, as fast as the driver goes.

Rows are tuples in the order of `columns`; SQLAlchemy's row-by-row parameter handling is skipped.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

Row = Sequence[Any]


def execute(tx: sa.Connection, statement: str, rows: Iterable[Row]) -> int:
    """Run a statement once per row of values for its `?` marks; return how many rows of the table it touched."""
    return _run(tx, statement if tx.dialect.name == "sqlite" else statement.replace("?", "%s"), rows)


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


def update(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Set columns of existing rows; the first of `columns` is the key."""
    mark = _mark(tx)
    key, *others = columns
    changes = ", ".join(f"{name} = {mark}" for name in others)
    _run(tx, f"UPDATE {table.name} SET {changes} WHERE {key} = {mark}", [(*row[1:], row[0]) for row in rows])


def add_up(tx: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows; where the key is there already, add the other columns to it."""
    keys = [column.name for column in table.primary_key]
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in columns if name not in keys)
    _run(tx, f"{_insert(tx, table, columns)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}", rows)


def _insert(tx: sa.Connection, table: sa.Table, columns: Sequence[str]) -> str:
    mark = _mark(tx)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"


def _mark(tx: sa.Connection) -> str:
    return "?" if tx.dialect.name == "sqlite" else "%s"


def _run(tx: sa.Connection, statement: str, rows: Iterable[Row]) -> int:
    batch = [tuple(row) for row in rows]
    return tx.exec_driver_sql(statement, batch).rowcount if batch else 0


def select_in(
    tx: sa.Connection, table: sa.Table, columns: Sequence[str], column: str, values: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Return the rows whose column has one of many integer values."""
    if not values:
        return []
    select = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {column}"
    if tx.dialect.name == "sqlite":
        # One parameter for any number of values: SQLite bounds the number of parameters.
        rows = tx.exec_driver_sql(f"{select} IN (SELECT value FROM json_each(?))", (json.dumps(list(values)),))
    else:
        rows = tx.exec_driver_sql(f"{select} = ANY(%s)", (list(values),))
    return [tuple(row) for row in rows]


def delete_in(tx: sa.Connection, table: sa.Table, column: str, values: Sequence[int]) -> None:
    """Delete the rows whose column has one of many integer values."""
    if not values:
        return
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql(
            f"DELETE FROM {table.name} WHERE {column} IN (SELECT value FROM json_each(?))",
            (json.dumps(list(values)),),
        )
    else:
        tx.exec_driver_sql(f"DELETE FROM {table.name} WHERE {column} = ANY(%s)", (list(values),))


def several(name: str) -> sa.BindParameter[Any]:
    """Return the place of a sequence of values in a statement that is kept, for `IN`; an empty one is in nothing."""
    return sa.bindparam(name, expanding=True)
