"""Brings the state of another installation into ours: what its processors have done already.

Source of the two layouts: `session_processor_state` (processor_name, session_file, username, processed_at,
items_extracted, file_hash) and, before it, `session_extraction_state` (the same without processor_name), in a DuckDB
file. Only `session_file` and `processor_name` are needed; other columns may be missing or of another type.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive.folder import MAX_PART_BYTES, plain
from precedent.archive.naming import session_file, user_key
from precedent.archive.unpacking import plain_name
from precedent.errors import BadInput, Transient
from precedent.faults import reach
from precedent.store import Store, bulk
from precedent.store.schema import processor, state, tombstone, transcript, user
from precedent.transcripts.contract import Identity
from precedent.transcripts.times import micros

from .state import IMPORTED, IMPORTED_ANEW

if TYPE_CHECKING:
    import duckdb

OLD_TABLE = "session_extraction_state"
TABLE = "session_processor_state"
OLD_PROCESSOR = "verification"
MAX_DETAILS = 50
MAX_NAME_CHARS = 200
FETCH_ROWS = 10_000
MAX_EPOCH = {1: 253_402_300_800, 1_000: 253_402_300_800_000, 1_000_000: 253_402_300_800_000_000}
"""By units a second: the year 10000, where the standard library's calendar ends."""

_COLUMNS = ("processor_name", "session_file", "username", "processed_at", "items_extracted", "file_hash")
_CLOSED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "256MB",
    "threads": "1",
}
"""The file is somebody else's: nothing in it may open another one or fetch anything."""


class ImportStats(msgspec.Struct, kw_only=True):
    """Counts of one import.

    Attributes:
        tables: which of the two tables the file holds.
        rows: rows read.
        imported: rows brought in.
        present: rows left alone because ours say something already, or because the file has the session twice.
        waiting: of the imported, those whose session is not in the archive yet.
        deleted: rows left out because their session was deleted here on purpose.
        unusable: rows left out because they name no session or no processor.
        dry_run: nothing was written.
        details: the first unusable rows, each with table and reason.
    """

    tables: list[str] = []
    rows: int = 0
    imported: int = 0
    present: int = 0
    waiting: int = 0
    deleted: int = 0
    unusable: int = 0
    dry_run: bool = False
    details: list[dict[str, str]] = []


class Row(NamedTuple):
    """What another installation says of one session and one processor.

    Attributes:
        processed_at: UTC microseconds; None when it says none.
    """

    processor_name: str
    session_file: str
    username: str
    processed_at: int | None
    items_extracted: int
    file_hash: str


def import_state(
    store: Store,
    path: Path,
    *,
    derived_here: Collection[str],
    now: int,
    dry_run: bool = False,
    also: Callable[[sa.Connection, ImportStats], None] = lambda *_: None,
) -> ImportStats:
    """Bring in the rows of a DuckDB file that ours do not say already; the file is only read.

    Args:
        store: the database.
        path: the file.
        derived_here: processors whose results must be derived here: their rows count as processed for nobody.
        now: UTC microseconds.
        dry_run: count, and write nothing.
        also: done in the transaction that brings the rows in.

    Raises:
        BadInput: it is no DuckDB file, one of a newer DuckDB, or its tables lack what names a session.
        Transient: another program has it open for writing.
    """
    stats = ImportStats(dry_run=dry_run)
    rows = _distinct(path, stats)
    reach("import.read")
    if not rows:
        return stats
    try:
        with store.write() as tx:
            _write(tx, rows, stats, derived_here=derived_here, now=now)
            also(tx, stats)
            reach("import.written")
            if dry_run:
                raise _DryRun
    except _DryRun:
        return stats
    reach("import.committed")
    return stats


class _DryRun(Exception):
    """Takes everything back."""


def _distinct(path: Path, stats: ImportStats) -> dict[tuple[str, str], Row]:
    """Rows by processor and session; of several the first wins, and the newer table comes first."""
    found: dict[tuple[str, str], Row] = {}
    for row in read_rows(path, stats):
        if found.setdefault((row.processor_name, row.session_file), row) is not row:
            stats.present += 1
    return found


def read_rows(path: Path, stats: ImportStats) -> Iterator[Row]:
    """Yield the usable rows of both tables, the newest first in each; the others are counted."""
    connection = _open(path)
    import duckdb  # noqa: PLC0415  # 60 MB of library, for this command alone

    try:
        for table in (TABLE, OLD_TABLE):
            source = _source(connection, table)
            if source is None:
                continue
            stats.tables.append(table)
            cursor = connection.execute(source)
            while batch := cursor.fetchmany(FETCH_ROWS):
                for values in batch:
                    stats.rows += 1
                    row = _row(values)
                    if isinstance(row, Row):
                        yield row
                        continue
                    stats.unusable += 1
                    if len(stats.details) < MAX_DETAILS:
                        stats.details.append({"table": table, "error": row})
    except duckdb.Error as error:
        raise BadInput(f"{path} is damaged: {_first_line(error)}") from error
    finally:
        connection.close()


def _open(path: Path) -> "duckdb.DuckDBPyConnection":
    import duckdb  # noqa: PLC0415  # see `read_rows`

    if not path.is_file():
        raise BadInput(f"{path} is no file; import-state takes the DuckDB file of the other installation")
    try:
        connection = duckdb.connect(str(path), read_only=True, config=dict(_CLOSED))
    except duckdb.Error as error:
        reason = _first_line(error)
        if "Could not set lock" in reason:
            raise Transient(f"{path} is in use by another program; stop it, or import a copy of the file") from error
        if "version number" in reason:
            raise BadInput(
                f"{path} was written by another DuckDB than {duckdb.__version__} reads: {reason} "
                "Export it there with EXPORT DATABASE and load that with this version."
            ) from error
        raise BadInput(f"{path} cannot be read as a DuckDB file: {reason}") from error
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _source(connection: "duckdb.DuckDBPyConnection", table: str) -> str | None:
    """Return a query for the columns that we know, as text, absent ones as NULL; None when there is no such table."""
    query = (
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE lower(table_name) = ? ORDER BY table_schema <> 'main', table_schema, table_name"
    )
    found = connection.execute(query, [table]).fetchall()
    if not found:
        return None
    schema, name, _ = found[0]
    columns = {column.lower(): column for where, named, column in found if (where, named) == (schema, name)}
    needed = ("session_file",) if table == OLD_TABLE else ("session_file", "processor_name")
    for each in needed:
        if each not in columns:
            raise BadInput(f"table {table} has no column {each}; nothing was imported")
    if table == OLD_TABLE:
        columns.pop("processor_name", None)
    chosen = [
        f"CAST({_quoted(columns[each])} AS VARCHAR)"
        if each in columns
        else f"'{OLD_PROCESSOR}'"
        if each == "processor_name"
        else "NULL"
        for each in _COLUMNS
    ]
    newest = f" ORDER BY {_quoted(columns['processed_at'])} DESC NULLS LAST" if "processed_at" in columns else ""
    return f"SELECT {', '.join(chosen)} FROM {_quoted(schema)}.{_quoted(name)}{newest}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _row(values: Sequence[str | None]) -> Row | str:
    """Return a row, or why it cannot be used."""
    name, file, username, at, items, file_hash = (_clean(each) for each in values)
    if not name or len(name) > MAX_NAME_CHARS:
        return "no processor name"
    parts = file.replace("\\", "/").split("/")
    last = parts[-1]
    if last in {"", ".", "..", ".jsonl"}:
        return f"no session file: {file[:MAX_NAME_CHARS]!r}"
    key = user_key(parts[-2] if len(parts) > 1 else username, max_bytes=MAX_PART_BYTES)
    if not (last.endswith(".jsonl") and plain(last)):
        last = session_file(key, Identity(native_id=last.removesuffix(".jsonl")), max_bytes=MAX_PART_BYTES)
        last = last.rpartition("/")[2]
    return Row(name, f"{key}/{last}", username or key, _time(at), _count(items), file_hash)


def _clean(text: str | None) -> str:
    return "" if text is None else text.replace("\x00", "\ufffd").strip()


def _time(text: str) -> int | None:
    """Return UTC microseconds: of a time with or without a zone, else of a number of (milli-, micro-)seconds."""
    try:
        return micros(datetime.fromisoformat(text), otherwise=None, note=lambda _: None)
    except (ValueError, OverflowError):
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    for units, most in MAX_EPOCH.items():
        if 0 < number < most:
            return round(number * (1_000_000 // units))
    return None


def _count(text: str) -> int:
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return 0
    return number if 0 <= number < 1 << 53 else 0


def _write(
    tx: sa.Connection,
    rows: dict[tuple[str, str], Row],
    stats: ImportStats,
    *,
    derived_here: Collection[str],
    now: int,
) -> None:
    if tx.dialect.name == "postgresql":
        # A processor that is registered meanwhile would not see our rows and leave them waiting for ever.
        tx.exec_driver_sql("LOCK TABLE processor IN SHARE MODE")
    known, by_place = _catalogue(tx)
    registered = set(tx.scalars(sa.select(processor.c.name)))
    deleted = {
        f"{row.key}/{row.native_id}"
        for row in tx.execute(sa.select(user.c.key, tombstone.c.native_id).join(user, user.c.id == tombstone.c.user_id))
    }
    values = []
    for row in rows.values():
        name = row.session_file if row.session_file in known else by_place.get(row.session_file, row.session_file)
        owner, _, last = name.partition("/")
        if f"{owner}/{last.partition('.')[0]}" in deleted:
            stats.deleted += 1
            continue
        transcript_id, revision = known.get(name, (0, 0))
        ready = bool(transcript_id) and row.processor_name in registered
        values.append(
            (
                row.processor_name, name, transcript_id, row.username, row.processed_at, row.items_extracted,
                row.file_hash, "pending" if ready else "imported", revision,
                IMPORTED_ANEW if row.processor_name in derived_here else IMPORTED, now if ready else 0,
            )
        )  # fmt: skip
    before = _imported_waiting(tx)
    written = bulk.execute(tx, _INSERT, values) if values else 0
    stats.imported = written
    stats.present += len(values) - written
    stats.waiting = _imported_waiting(tx) - before


def _imported_waiting(tx: sa.Connection) -> int:
    where = sa.and_(state.c.status == "imported", state.c.transcript_id == 0)
    return tx.scalar(sa.select(sa.func.count()).where(where)) or 0


def _catalogue(tx: sa.Connection) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Return id and revision by session file, and session files by owner and the name of their source."""
    known: dict[str, tuple[int, int]] = {}
    by_place: dict[str, str] = {}
    columns = (transcript.c.session_file, transcript.c.id, transcript.c.revision, transcript.c.source_path)
    for name, transcript_id, revision, source in tx.execute(sa.select(*columns)):
        known[name] = (transcript_id, revision)
        by_place.setdefault(f"{name.partition('/')[0]}/{plain_name(PurePosixPath(source).name)}", name)
    return known, by_place


_INSERT = (
    "INSERT INTO session_processor_state (processor_name, session_file, transcript_id, username, processed_at, "
    "items_extracted, file_hash, status, revision, processor_version, pending_since) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (processor_name, session_file) DO UPDATE SET "
    "username = excluded.username, processed_at = excluded.processed_at, "
    "items_extracted = excluded.items_extracted, file_hash = excluded.file_hash, "
    "processor_version = excluded.processor_version "
    # A mere note that something is to be done says nothing that an import could contradict.
    "WHERE session_processor_state.status = 'pending' AND session_processor_state.processed_at IS NULL "
    "AND session_processor_state.processor_version = 0 AND session_processor_state.attempts = 0 "
    "AND session_processor_state.claim = 0"
)
