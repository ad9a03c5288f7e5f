"""One push: everything that is new in a home goes to the server, or is left as it is for the next one.

Nothing is taken off a list before the server has it: what is new is found by looking at the sources. So a push may be
killed at any moment, and a laptop may be offline for any time.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from precedent.archive.sources import Candidate, Failed, Refused
from precedent.archive.stores import Stored
from precedent.errors import BadInput, Busy, Exhausted, Gone, Private, Transient
from precedent.transcripts.contract import Reader

from . import config, hook, noting
from .memory import FOLDER, Memory, Pushed
from .remote import Remote, Server
from .sending import Source, send
from .sources import Finder, Kept

PUSHING, LINGERING = "lock", "lingering.lock"
MAX_SPOOL_BYTES = 4 << 20
MAX_DETAILS = 50
FIRST_REST_S, LONGEST_REST_S = 5.0, 300.0
LINGER_S = 1800.0
"""How long a push in the background tries to reach a server; the next session's end starts a new one."""


class PushStats(msgspec.Struct, kw_only=True):
    """Counts of one push.

    Attributes:
        transcripts_sent: of which something was sent.
        bytes_sent: after scrubbing, before compression.
        transcripts_unchanged: the server has all of them.
        transcripts_private: left alone because their person wants it.
        transcripts_withdrawn: removed from the server because they are private now.
        transcripts_refused: the server does not take them, or they are unsafe to read.
        transcripts_failed: could not be read.
        notes_sent: new and changed notes for agents.
        notes_removed: gone, or private now.
        notes_private: left alone because their person wants it.
        notes_refused: unsafe to read, too large, or not taken by the server.
        redactions: secrets that were scrubbed before anything left.
        errors_detail: the first refusals and failures, each with file and error.
    """

    transcripts_sent: int = 0
    bytes_sent: int = 0
    transcripts_unchanged: int = 0
    transcripts_private: int = 0
    transcripts_withdrawn: int = 0
    transcripts_refused: int = 0
    transcripts_failed: int = 0
    notes_sent: int = 0
    notes_removed: int = 0
    notes_private: int = 0
    notes_refused: int = 0
    redactions: int = 0
    errors_detail: list[dict[str, str]] = []

    def error(self, path: str, reason: str) -> None:
        """Keep the first refusals and failures."""
        if len(self.errors_detail) < MAX_DETAILS:
            self.errors_detail.append({"file": path, "error": reason})


class Named(NamedTuple):
    """A file that a person or a hook named."""

    path: Path
    agent: str


def push(
    home: Path,
    *,
    readers: Mapping[str, Reader],
    only: Named | None = None,
    progress: Callable[[PushStats], None] = lambda _: None,
) -> PushStats:
    """Send everything that is new, or one file; one push at a time.

    Raises:
        Busy: another one is under way.
        Misconfigured: there is no connection, or it does not work.
        BadInput: the named file cannot be used.
        Transient: the server cannot be reached or is busy; what is left is sent by the next push.
    """
    connection = config.load(home)
    with _locked(home, PUSHING), Memory(home, server=connection.server) as memory, Server(connection) as server:
        done = _Push(home, readers, memory, server, progress)
        stats = done.run(only)
        if only is None:
            _send_notes(home, server, connection, memory, stats)
        return stats


def _send_notes(home: Path, server: Server, connection: config.Connection, memory: Memory, stats: PushStats) -> None:
    folders = {folder for pushed in memory.all().values() for folder in pushed.folders.split("\n") if folder}
    try:
        done = noting.send_notes(home, server, connection, folders=folders)
    except (Private, BadInput) as error:
        stats.notes_refused += 1
        stats.error("notes", str(error))
        return
    if done.taken is not None:
        stats.notes_sent = done.taken.new + done.taken.changed
        stats.notes_removed = done.taken.removed
        stats.redactions += done.redactions
        done = done._replace(private=done.private + done.taken.private)
    stats.notes_private, stats.notes_refused = done.private, len(done.errors)
    for path, reason in done.errors:
        stats.error(path, reason)


def push_until_done(
    home: Path,
    *,
    readers: Mapping[str, Reader],
    rest: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
    linger_s: float = LINGER_S,
) -> PushStats:
    """Push, and again while hooks have asked for it or the server cannot be reached; see `push` for what it raises.

    Args:
        home: the person's home.
        readers: by agent.
        rest: waits so many seconds.
        chance: uniform in [0, 1).
        linger_s: seconds of waiting after which it is given up.
    """
    while True:
        with _locked(home, LINGERING):
            found = _linger(home, readers, rest, chance, linger_s)
        # A hook's process that came while we held the lock has left its line to us.
        if not _spooled(home).exists():
            return found


def _linger(
    home: Path,
    readers: Mapping[str, Reader],
    rest: Callable[[float], None],
    chance: Callable[[], float],
    linger_s: float,
) -> PushStats:
    waited, pause = 0.0, FIRST_REST_S
    while True:
        try:
            return push(home, readers=readers)
        except Transient as error:
            if waited >= linger_s:
                raise
            # Not all laptops of a team at once when their server is back.
            wanted = max(pause, error.retry_after_s) if isinstance(error, Exhausted) else pause
            seconds = min(wanted, linger_s) * (0.5 + chance())
            rest(seconds)
            waited, pause = waited + seconds, min(LONGEST_REST_S, pause * 2)


def _spooled(home: Path) -> Path:
    return home / hook.SPOOL


class _Push:
    def __init__(
        self,
        home: Path,
        readers: Mapping[str, Reader],
        memory: Memory,
        server: Server,
        progress: Callable[[PushStats], None],
    ) -> None:
        self._home, self._memory, self._server, self._progress = home, memory, server, progress
        self._finder = Finder(home, readers=readers)
        self._readers = readers
        self._known = memory.all()
        self._stats = PushStats()

    def run(self, only: Named | None) -> PushStats:
        if only is not None:
            self._named(only)
            return self._stats
        named = _take_spool(self._home)
        self._withdraw_private()
        for each in named:
            if each.agent in self._readers:
                try:
                    self._named(each)
                except BadInput:
                    continue  # it moved or is gone; the search finds it if it is there
        for found, reader in self._finder.all(fingerprint_of=self._fingerprint):
            if isinstance(found, Refused | Failed):
                self._stats.transcripts_refused += isinstance(found, Refused)
                self._stats.transcripts_failed += isinstance(found, Failed)
                self._stats.error(found.path, found.reason)
                continue
            self._consider(found, reader)
        _taken(self._home).unlink(missing_ok=True)
        return self._stats

    def _named(self, named: Named) -> None:
        with self._finder.one(named.path, named.agent) as (found, reader):
            self._consider(found, reader)

    def _fingerprint(self, path: str) -> str:
        known = self._known.get(path)
        return known.fingerprint if known else ""

    def _consider(self, found: Candidate | Stored, reader: Reader) -> None:
        before = self._known.get(found.path)
        if before is not None and before.fingerprint == found.fingerprint:
            self._stats.transcripts_unchanged += 1
            return
        try:
            with self._finder.opened(found, reader, before=before) as source:
                self._handle(found.path, source, before)
        except FileNotFoundError:
            return
        except BadInput as error:
            self._stats.transcripts_refused += 1
            self._stats.error(found.path, str(error))
        except OSError as error:
            self._stats.transcripts_failed += 1
            self._stats.error(found.path, error.strerror or str(error))

    def _handle(self, path: str, source: Source | Kept | None, before: Pushed | None) -> None:
        if source is None:
            return
        if isinstance(source, Kept):
            self._stats.transcripts_private += 1
            if before is not None:
                self._withdraw(before)
            return
        try:
            sent = send(source, before, self._server, keep=self._keep)
        except (Gone, Private, BadInput) as error:
            self._stats.transcripts_refused += 1
            self._stats.error(path, str(error))
            transcript = source.transcript
            ids = (transcript.agent, transcript.native_id, transcript.agent_id)
            self._keep(Pushed(path, *ids, fingerprint=source.fingerprint, refused=str(error)))
            return
        self._keep(sent.pushed)
        self._stats.transcripts_sent += bool(sent.sent_bytes)
        self._stats.transcripts_unchanged += not sent.sent_bytes
        self._stats.bytes_sent += sent.sent_bytes
        self._stats.redactions += sent.redactions
        self._progress(self._stats)

    def _keep(self, pushed: Pushed) -> None:
        self._memory.keep(pushed)
        self._known[pushed.path] = pushed

    def _withdraw_private(self) -> None:
        """Withdraw what was sent before its person made it private; the sources need not be there any more."""
        for pushed in list(self._known.values()):
            if self._finder.is_private(pushed):
                self._withdraw(pushed)

    def _withdraw(self, pushed: Pushed) -> None:
        if pushed.state:
            self._server.withdraw(Remote(pushed.agent, pushed.native_id, pushed.agent_id))
            self._stats.transcripts_withdrawn += 1
        self._memory.forget(pushed.path)
        self._known.pop(pushed.path, None)


# Spool and lock -----------------------------------------------------------------------------------------------------


class _Told(msgspec.Struct):
    transcript_path: str | None = None
    transcriptPath: str | None = None


class _Line(msgspec.Struct):
    agent: str = ""
    told: msgspec.Raw = msgspec.Raw(b"null")


def _taken(home: Path) -> Path:
    return home / FOLDER / "spool.taken"


def _take_spool(home: Path) -> list[Named]:
    """Return what hooks named; what was taken by a push that died is taken again."""
    spool, taken = _spooled(home), _taken(home)
    if not taken.exists():
        with suppress(FileNotFoundError):
            spool.rename(taken)
    elif spool.exists():
        spool.unlink()  # a full search is due anyway
    try:
        data = taken.read_bytes()[-MAX_SPOOL_BYTES:]
    except FileNotFoundError:
        return []
    found: dict[Named, None] = {}
    for line in data.splitlines():
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            noted = msgspec.json.decode(line, type=_Line)
            told = msgspec.json.decode(noted.told, type=_Told | None)
            path = told and (told.transcript_path or told.transcriptPath)
            if path and "\0" not in path:
                found[Named(Path(path).expanduser(), noted.agent)] = None
    return list(found)


@contextmanager
def _locked(home: Path, name: str) -> Iterator[None]:
    """Hold the lock of pushes; it ends with the process.

    Raises:
        Busy: another process holds it.
    """
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if not _lock(descriptor):
            raise Busy("another push is under way; it sends this too", holder=0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            # Each of the two modules is there on its own system only.
            import msvcrt  # noqa: PLC0415

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
