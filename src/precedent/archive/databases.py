"""Opens an agent's SQLite database for reading, without writing a byte beside it and without being led elsewhere.

The agent may be writing meanwhile. A database with a write-ahead log is read through the log's index, which is opened
read-only too; one without a log is read as it is. Nobody's lock is broken, no file is made, no table is read but those
that are named.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

from precedent.errors import BadInput
from precedent.transcripts.contract import Value
from precedent.transcripts.lines import MAX_WHOLE_BYTES

QUERY_S = 120.0
_HEADER_BYTES, _JOURNAL_AT, _WRITE_AHEAD = 100, 18, 2
_FUNCTIONS = frozenset({"count", "max", "min", "sum", "coalesce", "length"})
_STEPS = 50_000  # of the database's machine between two looks at the clock


class ReadOnlyDatabase:
    """One database file, open for reading; close it.

    Args:
        descriptor: the file, opened and checked; it stays the caller's.
        folder: descriptor of the folder it is in.
        path: its absolute path.
        shared: it belongs to somebody else than us, who may exchange files while we open them.

    Raises:
        BadInput: it is no database, or cannot be read without writing beside it.
    """

    def __init__(self, descriptor: int, *, folder: int, path: str, shared: bool) -> None:
        self._descriptor, self._folder, self._path = descriptor, folder, path
        self._tables: frozenset[str] = frozenset()
        self._until = 0.0
        name = os.path.basename(path)
        header = os.pread(descriptor, _HEADER_BYTES, 0)
        log, index = _there(folder, f"{name}-wal"), _there(folder, f"{name}-shm")
        self._before: os.stat_result | None = None
        if header[_JOURNAL_AT : _JOURNAL_AT + 1] != bytes([_WRITE_AHEAD]):
            how = "mode=ro"  # locks while it reads, and makes no file
        elif log is None:
            how, self._before = "mode=ro&immutable=1", os.fstat(descriptor)
        elif index is None:
            raise BadInput(f"{path} has a log without an index; it is read when its agent has opened it again")
        else:
            how = "mode=ro&readonly_shm=1"
        before = _opened_as(descriptor)
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(path)}?{how}", uri=True, isolation_level=None, timeout=2.0, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise BadInput(f"{path} cannot be opened: {error}") from error
        if shared and _opened_as(descriptor) <= before:
            self._connection.close()
            raise BadInput(f"{path} was exchanged while it was opened; it was not read")
        self._connection.text_factory = bytes
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_WHOLE_BYTES)
        with suppress(sqlite3.Error):  # an older library does not know it
            self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)

    def rows(
        self, statement: str, parameters: Sequence[Value], *, tables: frozenset[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Yield what a statement finds.

        Raises:
            BadInput: the database is damaged, in use, of another shape, or took too long.
        """
        self._tables, self._until = tables, time.monotonic() + QUERY_S
        try:
            cursor = self._connection.execute(statement, parameters)
            while found := cursor.fetchmany(256):
                self._tables, self._until = tables, time.monotonic() + QUERY_S
                yield from found
        except (sqlite3.Error, OverflowError) as error:
            raise BadInput(f"{self._path} cannot be read: {error}") from error
        if self._before is not None and not self._is_unchanged(self._before):
            raise BadInput(f"{self._path} changed while it was read; it is read at the next collection")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _is_unchanged(self, before: os.stat_result) -> bool:
        now = os.fstat(self._descriptor)
        same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        return same and _there(self._folder, f"{os.path.basename(self._path)}-wal") is None

    def _authorize(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and first in self._tables:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


def _there(folder: int, name: str) -> os.stat_result | None:
    """Return what is known of a file beside the database; None when there is none.

    Raises:
        BadInput: it is something that no database makes.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise BadInput(f"{name} is no plain file of its own; the database was not read")
    return status


def _opened_as(descriptor: int) -> int:
    """Count our descriptors of the file that a descriptor is of."""
    wanted = os.fstat(descriptor)
    count = 0
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                count += os.path.samestat(os.stat(f"/proc/self/fd/{name}"), wanted)
    return count
