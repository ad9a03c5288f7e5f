"""Sessions that an agent keeps in a store: found without reading them, offered to the collector as if they were files.

A session's path is that of its store, `#` and its id, whichever form the store has. Its content is what its reader
renders, line by line, into a temporary file without a name.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import msgspec

from precedent.errors import BadInput
from precedent.transcripts.contract import AgentStore, StoredSession, StoreFile, StoreReader, Value
from precedent.transcripts.lines import MAX_WHOLE_BYTES

from .databases import ReadOnlyDatabase
from .naming import storable
from .sources import Candidate, Failed, Refused, fingerprint, open_root

HELD = "~held"
"""Ends the fingerprint of a session of which something was held back; it is taken when it did not change since."""
MAX_SESSION_BYTES = 1 << 30
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class HomeStore:
    """See `transcripts.contract.AgentStore`; close it.

    Args:
        home: a person's home.
        root: the store's folder below it.

    Raises:
        OSError: there is no such folder, or none that is safe to enter.
    """

    def __init__(self, home: Path, root: str) -> None:
        self._path = home / root
        self._owner = home.stat().st_uid
        self._folder = open_root(home, PurePosixPath(root))
        self._open = ExitStack()
        self._databases: dict[str, ReadOnlyDatabase] = {}

    def files(self, folder: str) -> list[StoreFile]:
        """Return the plain files of a folder by name."""
        found = []
        for name, status in self._entries(folder):
            if stat.S_ISREG(status.st_mode):
                found.append(StoreFile(name, fingerprint(status), status.st_mtime_ns // 1000))
        return found

    def folders(self, folder: str) -> list[str]:
        """Return the names of a folder's folders in order."""
        return [name for name, status in self._entries(folder) if stat.S_ISDIR(status.st_mode)]

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        descriptor = self._file(path)
        with open(descriptor, "rb") as file:
            data = file.read(MAX_WHOLE_BYTES + 1)
        if len(data) > MAX_WHOLE_BYTES:
            raise BadInput(f"{self._path / path} is larger than {MAX_WHOLE_BYTES >> 20} MiB")
        return data

    def query(
        self, database: str, statement: str, parameters: Sequence[Value] = (), *, tables: frozenset[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Yield the rows that a statement finds in a SQLite database."""
        if database not in self._databases:
            path = PurePosixPath(database)
            folder = self._enter(str(path.parent))
            self._open.callback(os.close, folder)
            # It is closed after the connection: closing any descriptor of a file gives up the locks on it.
            descriptor = self._file(database)
            self._open.callback(os.close, descriptor)
            opened = ReadOnlyDatabase(
                descriptor, folder=folder, path=str(self._path / path), shared=os.geteuid() != self._owner
            )
            self._open.callback(opened.close)
            self._databases[database] = opened
        return self._databases[database].rows(statement, parameters, tables=tables)

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()
        os.close(self._folder)

    def _entries(self, folder: str) -> list[tuple[str, os.stat_result]]:
        try:
            place = self._enter(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            with os.scandir(place) as entries:
                return sorted((each.name, each.stat(follow_symlinks=False)) for each in entries if _is_text(each.name))
        finally:
            os.close(place)

    def _enter(self, folder: str) -> int:
        place = os.dup(self._folder)
        for part in PurePosixPath(folder).parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=place)
            finally:
                os.close(place)
            place = inner
        return place

    def _file(self, path: str) -> int:
        relative = PurePosixPath(path)
        folder = self._enter(str(relative.parent))
        try:
            return Candidate(str(self._path / path), relative, "", 0, folder).open(owner=self._owner)
        finally:
            os.close(folder)


class Stored:
    """A session of a store, as the collector takes a file; usable until the next one is asked for.

    Args:
        store: it is in.
        reader: of its agent.
        session: what the store tells of it.
        path: absolute, as shown and catalogued.
        rested: it did not change since something of it was held back, so nothing is held back again.
    """

    def __init__(
        self, store: AgentStore, reader: StoreReader, session: StoredSession, *, path: str, rested: bool
    ) -> None:
        self._store, self._reader, self._rested = store, reader, rested
        self.session, self.path = session, path
        self.relative = PurePosixPath(f"{session.identity.agent_id or session.identity.native_id}.jsonl")
        self.fingerprint, self.modified_at = session.fingerprint, session.modified_at

    def open(self, *, owner: int) -> int:
        """Return a descriptor of the rendered session; its fingerprint then says whether something was held back."""
        size = 0
        with tempfile.TemporaryFile(buffering=1 << 20) as file:
            for record in self._reader.records(self._store, self.session):
                if not record.final and not self._rested:
                    self.fingerprint = self.session.fingerprint + HELD
                    break
                size += file.write(record.line + b"\n")
                if size > MAX_SESSION_BYTES:
                    raise BadInput(f"{self.path} is larger than {MAX_SESSION_BYTES >> 30} GiB; it was not read")
            file.flush()
            return os.dup(file.fileno())

    @property
    def plain(self) -> PurePosixPath:
        """The place of the session, as of a file that is not compressed."""
        return self.relative

    def sibling(self, name: str, *, owner: int, max_bytes: int) -> bytes:
        """Nothing stands beside a session of a store."""
        return b""


def _is_text(name: str) -> bool:
    """Tell whether a file's name is text: what is not can stand in no record and in no catalogue."""
    return name.isprintable() and not any("\ud800" <= each <= "\udfff" for each in name)


def stored(home: Path, reader: StoreReader, *, known: Callable[[str], str]) -> Iterator[Stored | Refused | Failed]:
    """Yield the sessions of an agent's stores in a home, and what cannot be read.

    Args:
        home: a person's home.
        reader: of the agent.
        known: returns the catalogued fingerprint of a path; empty for an unknown one.
    """
    for root in reader.stores:
        path = str(home / root)
        try:
            store = HomeStore(home, root)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Refused(path, error.strerror or "cannot be opened")
            continue
        try:
            for session in reader.sessions(store):
                name = storable(f"{path}#{session.identity.agent_id or session.identity.native_id}")
                rested = known(name) == session.fingerprint + HELD
                yield Stored(store, reader, session, path=name, rested=rested)
        except (OSError, BadInput) as error:
            yield Failed(path, str(error))
        finally:
            store.close()


class _Meta(msgspec.Struct):
    """What Claude Code writes beside a sub-agent's transcript."""

    agentType: str | None = None


def agent_type_of(found: Candidate | Stored, *, owner: int) -> str:
    """Return the type of a sub-agent as a file beside its transcript names it; empty when there is none."""
    name = found.plain.name.removesuffix(".jsonl") + ".meta.json"
    try:
        meta = msgspec.json.decode(found.sibling(name, owner=owner, max_bytes=64 << 10), type=_Meta)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return storable(meta.agentType or "")[:200]
