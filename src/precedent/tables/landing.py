"""Makes one Parquet file of what a source gives, compares it with what was published, and describes it.

Runs in the child process. The published files are read and never touched.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precedent.errors import TooLarge

from . import sql
from .model import Column, ColumnProfile, Landed, Mode, Order, Part
from .reading import Place, SourceFault, SourceReader

if TYPE_CHECKING:
    import duckdb

MAX_COLUMNS = 2_000
MAX_SHOWN = 200
"""Characters of a smallest or largest value."""

MOST_PARTS = 32
"""With so many files a table that grows is written anew as one."""

_CHUNK = 4 << 20


def land(place: Place, reader: SourceReader) -> Landed:
    """Read a table.

    Raises:
        SourceFault: see `SourceReader`; also columns that do not fit the mode.
        SourceAway: see `SourceReader`.
        TooLarge: there are more rows or bytes than are wanted.
    """
    order, base = place.order, place.base
    fingerprint = reader.fingerprint(place)
    if fingerprint and fingerprint == order.fingerprint:
        return Landed(unchanged=True, fingerprint=fingerprint)
    fresh = place.folder / "fresh.parquet"
    _copy(base, f"SELECT * FROM ({reader.select(place)}) LIMIT {order.max_rows + 1}", fresh)
    _check_rows(_count(base, fresh), order)
    columns = _columns(base, [str(fresh)])
    _check_columns(columns, order)
    if order.mode is Mode.FULL or not order.parts:
        if order.mode is Mode.MERGE:
            _check_keys(base, fresh, order)
        return _landed(base, order, file=fresh, parts=[], fingerprint=fingerprint)
    if not _count(base, fresh):
        return Landed(unchanged=True, fingerprint=fingerprint)
    _check_types(columns, order)
    combine = _merged if order.mode is Mode.MERGE else _appended
    return combine(place, fresh, fingerprint)


def _appended(place: Place, fresh: Path, fingerprint: str) -> Landed:
    """Add the rows that are new: those of the last cursor value may be there already."""
    order, base = place.order, place.base
    added, cursor = place.folder / "added.parquet", sql.name(order.cursor_column)
    columns = [sql.name(each.name) for each in _columns(base, [str(fresh)])]
    names, known = ", ".join(columns), {sql.name(each.name) for each in order.columns}
    there = ", ".join(each if each in known else f"NULL AS {each}" for each in columns)
    before = f"SELECT {there} FROM {sql.files(order.parts)} WHERE {cursor} >= {sql.text(order.cursor_value)}"
    question = f"SELECT {names} FROM {sql.files([str(fresh)])} EXCEPT ALL {before} ORDER BY {cursor}"
    _copy(base, question, added)
    if not _count(base, added):
        return Landed(unchanged=True, fingerprint=fingerprint)
    if len(order.parts) < MOST_PARTS:
        return _landed(base, order, file=added, parts=order.parts, fingerprint=fingerprint)
    whole = place.folder / "whole.parquet"
    _copy(base, f"SELECT * FROM {sql.files([*order.parts, str(added)])}", whole)
    return _landed(base, order, file=whole, parts=[], fingerprint=fingerprint)


def _merged(place: Place, fresh: Path, fingerprint: str) -> Landed:
    """Let each row replace the one of its key; of several the one with the largest cursor value."""
    order, base = place.order, place.base
    _check_keys(base, fresh, order, unique=False)
    keys, cursor = ", ".join(map(sql.name, order.key_columns)), sql.name(order.cursor_column)
    newest, whole = place.folder / "newest.parquet", place.folder / "whole.parquet"
    picked = f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {cursor} DESC) = 1"
    _copy(base, f"SELECT * FROM {sql.files([str(fresh)])} {picked}", newest)
    old, new = sql.files(order.parts), sql.files([str(newest)])
    kept = f"SELECT * FROM {old} AS old ANTI JOIN (SELECT {keys} FROM {new}) AS new USING ({keys})"
    _copy(base, f"{kept} UNION ALL BY NAME SELECT * FROM {new}", whole)
    found = _landed(base, order, file=whole, parts=[], fingerprint=fingerprint)
    return Landed(unchanged=True, fingerprint=fingerprint) if found.content == order.content else found


def _landed(
    base: "duckdb.DuckDBPyConnection", order: Order, *, file: Path, parts: list[str], fingerprint: str
) -> Landed:
    paths = [*parts, str(file)]
    rows, content = _content(base, paths)
    _check_rows(rows, order)
    if sum(Path(path).stat().st_size for path in paths) > order.max_bytes:
        raise _too_many_bytes(order)
    columns = _columns(base, paths)
    if content == order.content and columns == order.columns and order.parts:
        return Landed(unchanged=True, fingerprint=fingerprint)
    cursor = order.cursor_column
    largest = _one(base, f"SELECT max({sql.name(cursor)})::VARCHAR FROM {sql.files(paths)}") if cursor else ""
    return Landed(
        fingerprint=fingerprint,
        file=str(file),
        part=Part(sha256=_digest(file), rows=_count(base, file), size_bytes=file.stat().st_size),
        keeps=bool(parts),
        cursor_value=largest or "",
        content=content,
        columns=columns,
        profile=_profile(base, paths, columns, rows),
        rows=rows,
    )


def _copy(base: "duckdb.DuckDBPyConnection", question: str, path: Path) -> None:
    base.execute(f"COPY ({question}) TO {sql.text(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _count(base: "duckdb.DuckDBPyConnection", path: Path) -> int:
    return int(_one(base, f"SELECT count(*) FROM {sql.files([str(path)])}"))


def _one(base: "duckdb.DuckDBPyConnection", question: str) -> Any:
    row = base.execute(question).fetchone()
    return row[0] if row else None


def _columns(base: "duckdb.DuckDBPyConnection", paths: list[str]) -> list[Column]:
    found = base.execute(f"DESCRIBE SELECT * FROM {sql.files(paths)}").fetchall()
    return [Column(name=row[0], type=row[1]) for row in found]


def _content(base: "duckdb.DuckDBPyConnection", paths: list[str]) -> tuple[int, str]:
    """Return how many rows there are, and what tells them from others in any order."""
    hashes = f"SELECT hash(rows) AS h FROM {sql.files(paths)} AS rows"
    question = f"SELECT count(*), bit_xor(h), sum(h::HUGEINT) FROM ({hashes})"
    count, mixed, added = base.execute(question).fetchall()[0]
    return int(count), f"{count}-{mixed or 0:x}-{added or 0:x}"


def _profile(
    base: "duckdb.DuckDBPyConnection", paths: list[str], columns: list[Column], rows: int
) -> list[ColumnProfile]:
    """Describe every column in one reading; what has no order has no range."""
    asked = []
    for each in columns:
        column = sql.name(each.name)
        ordered = not each.type.endswith("]") and each.type.split("(")[0] not in _UNORDERED
        asked += [f"count({column})", f"approx_count_distinct({column})"]
        asked += [f"left({end}({column})::VARCHAR, {MAX_SHOWN})" if ordered else "NULL" for end in ("min", "max")]
    found = base.execute(f"SELECT {', '.join(asked)} FROM {sql.files(paths)}").fetchall()[0] if asked else ()
    profile = []
    for number, each in enumerate(columns):
        filled, distinct, low, high = found[4 * number : 4 * number + 4]
        profile.append(
            ColumnProfile(name=each.name, nulls=rows - filled, distinct=min(distinct, filled), min=low, max=high)
        )
    return profile


_UNORDERED = frozenset({"STRUCT", "MAP", "BLOB", "JSON", "UNION", "GEOMETRY"})


def _digest(path: Path) -> str:
    """Have a file on the disk and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
        os.fsync(file.fileno())
    return digest.hexdigest()


def _check_rows(rows: int, order: Order) -> None:
    if rows > order.max_rows:
        raise TooLarge(f"there are more than {order.max_rows:,} rows; raise max_rows of the table, or select fewer")


def _too_many_bytes(order: Order) -> TooLarge:
    return TooLarge(f"the table takes more than {order.max_bytes:,} bytes; raise its max_bytes, or select less")


def _check_columns(columns: list[Column], order: Order) -> None:
    names = {each.name for each in columns}
    if len(columns) > MAX_COLUMNS:
        raise SourceFault(f"there are {len(columns)} columns; {MAX_COLUMNS} are taken at most")
    for each in [*order.key_columns, order.cursor_column]:
        if each and each not in names:
            raise SourceFault(f"there is no column {each!r}; there are: {', '.join(sorted(names)[:50])}")


def _check_types(columns: list[Column], order: Order) -> None:
    """A table that grows keeps its types: old rows cannot be read as something else."""
    before = {each.name: each.type for each in order.columns}
    changed = [each for each in columns if each.name in before and before[each.name] != each.type]
    if changed:
        told = ", ".join(f"{each.name} was {before[each.name]} and is {each.type}" for each in changed)
        raise SourceFault(f"columns have changed their type: {told}. Change the table to read it whole again")


def _check_keys(base: "duckdb.DuckDBPyConnection", fresh: Path, order: Order, *, unique: bool = True) -> None:
    """Keys tell rows apart, so none is missing and, when all rows are read, none stands twice."""
    keys = ", ".join(map(sql.name, order.key_columns))
    missing = " OR ".join(f"{sql.name(each)} IS NULL" for each in order.key_columns)
    rows = sql.files([str(fresh)])
    if _one(base, f"SELECT count(*) FROM {rows} WHERE {missing}"):
        raise SourceFault(f"rows without a value in {', '.join(order.key_columns)} cannot be told apart")
    if unique and _one(base, f"SELECT count(*) FROM (SELECT 1 FROM {rows} GROUP BY {keys} HAVING count(*) > 1)"):
        raise SourceFault(f"{', '.join(order.key_columns)} is no key: several rows have the same value")
