"""What was pushed already, in `~/.precedent/push`: one row for each source, changed in one step whatever dies."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from precedent.errors import Misconfigured

FOLDER = ".precedent/push"
FILE = "pushed.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS pushed (
    server TEXT NOT NULL, path TEXT NOT NULL, agent TEXT NOT NULL, native_id TEXT NOT NULL, agent_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL, source_offset INTEGER NOT NULL, source_digest TEXT NOT NULL,
    sent_offset INTEGER NOT NULL, state TEXT NOT NULL, folders TEXT NOT NULL, refused TEXT NOT NULL,
    PRIMARY KEY (server, path)
) WITHOUT ROWID
"""


class Pushed(NamedTuple):
    """What a server has of one source.

    Attributes:
        path: of the source, as its kind of source names it.
        agent: of the transcript.
        native_id: of the session.
        agent_id: of the sub-agent.
        fingerprint: of the source when it was last looked at to its end; empty while it is being sent.
        source_offset: bytes of the source that are sent.
        source_digest: of the last block before that place, hexadecimal.
        sent_offset: the same place in what was sent, which has no secrets.
        state: as the server named it.
        folders: working folders that it named, a line each.
        refused: why the server does not take it; empty when it does.
    """

    path: str
    agent: str
    native_id: str
    agent_id: str
    fingerprint: str = ""
    source_offset: int = 0
    source_digest: str = ""
    sent_offset: int = 0
    state: str = ""
    folders: str = ""
    refused: str = ""


class Memory:
    """Remembers what one server has; a context that closes its file.

    Args:
        home: the person's home.
        server: URL.

    Raises:
        Misconfigured: it cannot be read or written.
    """

    def __init__(self, home: Path, *, server: str) -> None:
        self._server = server
        self._path = home / FOLDER / FILE
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._told():
            self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_TABLE)
            self._path.chmod(0o600)

    def all(self) -> dict[str, Pushed]:
        """Return every source by its path."""
        columns = ", ".join(Pushed._fields)
        with self._told():
            found = self._connection.execute(f"SELECT {columns} FROM pushed WHERE server = ?", (self._server,))
            return {row[0]: Pushed(*row) for row in found}

    def keep(self, pushed: Pushed) -> None:
        """Remember a source, on disk when this returns."""
        marks = ", ".join("?" * (len(pushed) + 1))
        with self._told():
            self._connection.execute(
                f"INSERT OR REPLACE INTO pushed (server, {', '.join(Pushed._fields)}) VALUES ({marks})",
                (self._server, *pushed),
            )

    def forget(self, path: str) -> None:
        """Forget a source."""
        with self._told():
            self._connection.execute("DELETE FROM pushed WHERE server = ? AND path = ?", (self._server, path))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Misconfigured(
                f"{self._path} cannot be used: {error}; without that file everything is compared with the server anew"
            ) from error

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
