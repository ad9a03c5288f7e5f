"""Tables as lines of JSON, the same from both databases: the first line names the columns, each other one is a row.

Bytes are written in base64. Only our own tables; what plugins keep in theirs can be derived again.
"""

import base64
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import BadInput

from .schema import metadata, worker

ROWS_AT_ONCE = 1000


def tables() -> list[sa.Table]:
    """Return what belongs into a backup, in an order in which it can be written: who lives now does not."""
    return [table for table in metadata.sorted_tables if table is not worker]


def lines_of(tx: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    """Yield a table as lines, in the order of its primary key."""
    yield msgspec.json.encode([str(column.name) for column in table.c]) + b"\n"
    query = sa.select(table).order_by(*table.primary_key.columns)
    for row in tx.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield msgspec.json.encode(list(row)) + b"\n"


def rows_of(lines: Iterable[bytes], table: sa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows that lines hold, by column.

    Raises:
        BadInput: they are not those of this table.
    """
    given = iter(lines)
    try:
        names = msgspec.json.decode(next(given, b""), type=list[str])
        if set(names) != {column.name for column in table.c}:
            raise BadInput(f"table {table.name} of the backup has other columns than ours")
        packed = [place for place, name in enumerate(names) if isinstance(table.c[name].type, sa.LargeBinary)]
        for line in given:
            values = msgspec.json.decode(line, type=list[Any])
            for place in packed:
                if values[place] is not None:
                    values[place] = base64.b64decode(values[place], validate=True)
            yield dict(zip(names, values, strict=True))
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInput(f"table {table.name} of the backup is damaged: {error}") from error


def load(tx: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows into an empty table and return how many."""
    count, given = 0, iter(rows)
    while batch := list(islice(given, ROWS_AT_ONCE)):
        tx.execute(table.insert(), batch)
        count += len(batch)
    if tx.dialect.name == "postgresql" and count:
        for column in table.primary_key.columns:
            if column.autoincrement is not False and isinstance(column.type, sa.Integer):
                statement = (
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "
                    f"(SELECT max({column.name}) FROM {table.name})) "
                    f"WHERE pg_get_serial_sequence('{table.name}', '{column.name}') IS NOT NULL"
                )
                tx.exec_driver_sql(statement)
    return count


def has_rows(tx: sa.Connection) -> str:
    """Return the name of a table that is not empty; empty when all are."""
    return next((table.name for table in tables() if tx.execute(sa.select(table).limit(1)).first() is not None), "")
