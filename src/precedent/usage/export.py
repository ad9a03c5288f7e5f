"""Writes every request to a file: CSV for spreadsheets, NDJSON and Parquet for programs; one row a request.

Rows are read of one moment and pass through in batches, so the memory does not grow with their number. Fields are
those of `requests.TracedRequest`.
"""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple, get_type_hints

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.errors import BadInput

from .report import Filter
from .requests import TracedRequest, traced

COLUMNS = TracedRequest.__struct_fields__
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula."""
PARQUET_MEMORY_MB = 256


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class Exported(NamedTuple):
    """A written file: how many rows, and bytes."""

    rows: int
    size_bytes: int


Rows = Iterable[list[tuple[object, ...]]]


def format_of(path: Path) -> Format:
    """Return the format that a file's name says.

    Raises:
        BadInput: it says none of ours.
    """
    try:
        return Format(path.suffix.lower().removeprefix("."))
    except ValueError as error:
        raise BadInput(f"{path.name} must end with .csv, .ndjson or .parquet, or name the format") from error


def export(tx: sa.Connection, where: Filter, *, to: Path, form: Format) -> Exported:
    """Write requests to a file, oldest first.

    Args:
        tx: the view to read.
        where: which requests.
        to: file that is made or replaced; it is readable for its owner only.
        form: CSV has a header, times as ISO 8601 in UTC, and a `'` before text that would be a formula. NDJSON has
            times as integer UTC microseconds. Parquet has typed columns, times as timestamps with time zone.

    Raises:
        OSError: the file cannot be written.
    """
    descriptor = os.open(to, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=1 << 20) as file:
        rows = traced(tx, where)
        if form is Format.PARQUET:
            with tempfile.TemporaryDirectory(dir=to.parent, prefix=".precedent-") as folder:
                lines = Path(folder, "rows.ndjson")
                with lines.open("wb", buffering=1 << 20) as between:
                    count = _ndjson(rows, between)
                _parquet(lines, to)
                to.chmod(0o600)  # the library makes a new file
        else:
            count = _WRITERS[form](rows, file)
    return Exported(count, to.stat().st_size)


def cell(value: object) -> object:
    """Return a value as CSV holds it: a text that a spreadsheet would take for a formula is quoted as text."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _csv(rows: Rows, file: BinaryIO) -> int:
    count = 0
    file.write((",".join(COLUMNS) + "\n").encode())
    for batch in rows:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([[_iso(at), *map(cell, rest)] for at, *rest in batch])
        file.write(text.getvalue().encode("utf-8", "replace"))
        count += len(batch)
    return count


def _iso(at: object) -> str:
    if not isinstance(at, int):
        raise TypeError("the first column is a time")
    moment = datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND)
    return moment.isoformat().replace("+00:00", "Z")


def _ndjson(rows: Rows, file: BinaryIO) -> int:
    encoder, count = msgspec.json.Encoder(), 0
    for batch in rows:
        file.write(encoder.encode_lines([dict(zip(COLUMNS, row, strict=True)) for row in batch]))
        count += len(batch)
    return count


_WRITERS: dict[Format, Callable[[Rows, BinaryIO], int]] = {Format.CSV: _csv, Format.NDJSON: _ndjson}


def _parquet(lines: Path, to: Path) -> None:
    """Turn NDJSON into Parquet."""
    # Only this format needs the library, which takes a tenth of a second to load.
    import duckdb  # noqa: PLC0415

    kinds = get_type_hints(TracedRequest)
    columns = {name: "VARCHAR" if kinds[name] is str else "BIGINT" for name in COLUMNS}
    shown = ", ".join(f'make_timestamptz("{name}") AS "{name}"' if name == "at" else f'"{name}"' for name in COLUMNS)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{PARQUET_MEMORY_MB}MB",
        "threads": 1,
        "temp_directory": str(lines.parent),
        "autoinstall_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as base:
        base.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
        base.execute(
            f"COPY (SELECT {shown} FROM read_json($lines, format = 'newline_delimited', columns = $columns)) "
            "TO $to (FORMAT parquet, COMPRESSION zstd)",
            {"lines": str(lines), "columns": columns, "to": str(to)},
        )
