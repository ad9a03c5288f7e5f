"""Turns rows of Python values into typed Parquet: the way of every source that DuckDB cannot read by itself.

Rows pass through a file of JSON lines, so the memory does not grow with their number. Which type a column has is known
when all have been seen.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from . import sql

BATCH = 5_000
MAX_ROW_BYTES = 16 << 20
INT64, INT128 = 1 << 63, 1 << 127

_SCALARS: dict[type, str] = {
    bool: "BOOLEAN", float: "DOUBLE", str: "VARCHAR", date: "DATE", time: "TIME", bytes: "BLOB", memoryview: "BLOB",
    bytearray: "BLOB", UUID: "UUID", dict: "JSON", list: "JSON", tuple: "JSON",
}  # fmt: skip

_JOINED = {
    frozenset({"BIGINT", "HUGEINT"}): "HUGEINT",
    frozenset({"BIGINT", "DOUBLE"}): "DOUBLE",
    frozenset({"BIGINT", "DECIMAL"}): "DECIMAL",
    frozenset({"DATE", "TIMESTAMP"}): "TIMESTAMP",
}
"""What two kinds of values in one column become; any other mixture becomes text."""


class RowFile:
    """A file of rows, of which the columns and types are known in the end.

    Args:
        path: of the file, which is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[str, set[str]] = {}
        self._scales: dict[str, tuple[int, int]] = {}
        self._encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=str)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Write rows and return how many there were; the columns may differ from row to row."""
        count = 0
        with self._path.open("ab", buffering=1 << 20) as file:
            batch: list[dict[str, Any]] = []
            for row in rows:
                batch.append({str(column): self._plain(str(column), value) for column, value in row.items()})
                if len(batch) == BATCH:
                    file.write(self._encoder.encode_lines(batch))
                    count += len(batch)
                    batch = []
            file.write(self._encoder.encode_lines(batch))
        return count + len(batch)

    def _plain(self, column: str, value: Any) -> Any:
        """Note what kind of value stands in a column and return it as JSON keeps it."""
        if value is None:
            self._kinds.setdefault(column, set())
            return None
        kind = self._kind(column, value)
        self._kinds.setdefault(column, set()).add(kind)
        match kind:
            case "DOUBLE" if not math.isfinite(value):
                return str(value)
            case "BLOB":
                return "".join(f"\\x{each:02X}" for each in bytes(value))
            case "TIMESTAMP" | "TIMESTAMPTZ" | "DATE" | "TIME":
                return value.isoformat()
            case "DECIMAL":
                return format(value, "f")
            case "JSON":
                return msgspec.json.encode(value, enc_hook=str).decode()
            case "VARCHAR" if isinstance(value, str):
                return value.encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
            case "HUGEINT" | "VARCHAR":
                return str(value)
        return value

    def _kind(self, column: str, value: Any) -> str:
        if isinstance(value, datetime):
            return "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
        if isinstance(value, int) and not isinstance(value, bool):
            return "BIGINT" if -INT64 <= value < INT64 else "HUGEINT" if -INT128 < value < INT128 else "VARCHAR"
        if isinstance(value, Decimal):
            return self._decimal(column, value)
        return _SCALARS.get(type(value), "VARCHAR")

    def _decimal(self, column: str, value: Decimal) -> str:
        """Note how many digits stand before and after the point."""
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int):
            return "VARCHAR"  # NaN and infinity, which DuckDB's decimals have not
        before, after = self._scales.get(column, (1, 0))
        self._scales[column] = max(before, value.adjusted() + 1), max(after, -exponent)
        return "DECIMAL"

    def select(self) -> str:
        """Return SQL that gives the rows with their types.

        A column of which all values are missing is text.
        """
        if not self._kinds:
            return "SELECT NULL::VARCHAR AS nothing WHERE false"
        read = ", ".join(f"{sql.text(column)}: 'VARCHAR'" for column in self._kinds)
        shown = ", ".join(
            f"CAST({sql.name(column)} AS {self._type(column)}) AS {sql.name(column)}" for column in self._kinds
        )
        lines = sql.text(str(self._path))
        return (
            f"SELECT {shown} FROM read_json({lines}, format = 'newline_delimited', columns = {{{read}}}, "
            f"maximum_object_size = {MAX_ROW_BYTES})"
        )

    def _type(self, column: str) -> str:
        kinds = frozenset(self._kinds[column])
        kind = next(iter(kinds)) if len(kinds) == 1 else _JOINED.get(kinds, "VARCHAR") if kinds else "VARCHAR"
        if kind != "DECIMAL":
            return kind
        before, after = self._scales[column]
        if kinds != {"DECIMAL"}:
            before = max(before, 19)  # the digits of a BIGINT
        return f"DECIMAL({before + after}, {after})" if before + after <= 38 else "VARCHAR"
