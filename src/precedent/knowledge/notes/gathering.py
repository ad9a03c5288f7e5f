"""Goes through people's notes: looks for them in homes, stores them, and reads those of each person by themselves.

Whatever is done is done again to the same end, and the failure of one home or person stops no other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from precedent.archive import people
from precedent.archive.erasing import was_erased
from precedent.archive.naming import storable
from precedent.archive.privacy import Privacy, covers
from precedent.archive.sources import Home
from precedent.clock import SECOND, Clock
from precedent.errors import BadInput, PrecedentError
from precedent.faults import reach
from precedent.store import Store
from precedent.store.schema import transcript

from . import keeping, places, reading
from .model import MAX_NOTE_BYTES, MAX_NOTES, MAX_PATH_BYTES, MemoryStats, Note, NotesSent, NotesTaken, plain_note

REST_US = 600 * SECOND
"""After a first failure; each further one doubles it."""

PIECE = 100
"""Takes one to two seconds, of the thirty that others wait for the database."""

MAX_DEVICE = 100
_ONE_PERSONS = (
    ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
    msgspec.MsgspecError, PrecedentError, sa.exc.DBAPIError,
)  # fmt: skip
"""What one person's text or rows may lead to, faults of ours included: it would stop all after them, every time."""


class Memory:
    """Gathers and reads notes.

    Args:
        store: the database.
        private_folders: opted out for everybody.
        approves: new items that nothing speaks against are approved at once.
        piece: statements that are written in one transaction.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        *,
        private_folders: Sequence[str] = (),
        approves: bool = False,
        piece: int = PIECE,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._piece, self._clock = store, piece, clock
        self._private_folders, self._approves = private_folders, approves

    def run(self, homes: Iterable[Home], *, stopping: Callable[[], bool] = lambda: False) -> MemoryStats:
        """Look through homes, then read every person's notes that were not read as they are.

        Args:
            homes: where to look.
            stopping: asked between homes, persons and pieces; what is left is done the next time.
        """
        stats, seen = MemoryStats(), set[int]()
        for home in homes:
            if stopping():
                break
            with _told(stats, str(home.path)):
                self._gather(home, stats, seen)
        with self._store.read() as tx:
            due = reading.due(tx, now=self._clock.now())
        for user_id in due:
            if stopping():
                break
            seen.add(user_id)
            self._read(user_id, stats, stopping)
        stats.users_processed = len(seen)
        return stats

    def take(self, user_id: int, sent: NotesSent) -> NotesTaken:
        """Take all the notes that one of a person's devices has; what it had before and has no longer is gone.

        Raises:
            BadInput: there are too many, or one is named wrongly or is too long.
        """
        if max(len(sent.notes), len(sent.unread)) > MAX_NOTES:
            raise BadInput(f"these are {len(sent.notes)} notes; at most {MAX_NOTES} are taken")
        if not 0 < len(sent.device) <= MAX_DEVICE:
            raise BadInput(f"a device has a name of at most {MAX_DEVICE} characters")
        private, redactions, found = 0, 0, []
        for note in sent.notes:
            data = _checked(note)
            if note.folder and covers(self._private_folders, note.folder):
                private += 1
                continue
            text, scrubbed = plain_note(data)
            redactions += scrubbed
            if text.strip():
                found.append(Note(path=storable(note.path), folder=storable(note.folder), text=text))
        source, unread = keeping.UPLOADED + storable(sent.device), set(map(storable, sent.unread))
        with self._store.write() as tx:
            done = keeping.keep(tx, user_id, found, source=source, unread=unread, now=self._clock.now())
        return NotesTaken(
            new=done.new, changed=done.changed, unchanged=done.skipped, removed=done.removed, private=private,
            redactions=redactions,
        )  # fmt: skip

    def _gather(self, home: Home, stats: MemoryStats, seen: set[int]) -> None:
        """Store the notes of one home.

        Raises:
            OSError: there is no such home.
            BadInput: its path is too long.
        """
        now, source = self._clock.now(), storable(str(home.path))
        if len(source.encode()) > MAX_PATH_BYTES:
            raise BadInput(f"the path of the home is longer than {MAX_PATH_BYTES} bytes")
        with self._store.write() as tx:
            if was_erased(tx, home.user):
                stats.users_erased += 1
                return
            user_id = people.ensure(tx, home.user, now=now)
            folders, known = _folders(tx, user_id), keeping.known(tx, user_id, source=source)
        seen.add(user_id)
        privacy = Privacy(home.path, folders=self._private_folders)
        looked = places.look(home.path, privacy=privacy, folders=folders, known=known)
        stats.redactions += looked.redactions
        stats.notes_private += looked.private
        for each in looked.unread:
            stats.notes_refused += each.refused
            stats.failures += not each.refused
            stats.error(each.path, each.reason)
        unread = {each.path for each in looked.unread}
        with self._store.write() as tx:
            if was_erased(tx, home.user):
                return
            _count(stats, keeping.keep(tx, user_id, looked.notes, source=source, unread=unread, now=now))
        reach("memory.stored")

    def _read(self, user_id: int, stats: MemoryStats, stopping: Callable[[], bool]) -> None:
        now, failures = self._clock.now(), stats.failures
        with self._store.read() as tx:
            name = reading.name_of(tx, user_id)
        with _told(stats, name):
            with self._store.read() as tx:
                missing = reading.missing(tx, user_id)
            # The database is nobody else's while it is written to, so much is written in pieces. `read` has the last
            # of them, and is the only one that takes anything back.
            while len(missing) > self._piece:
                some, missing = missing[: self._piece], missing[self._piece :]
                with self._store.write() as tx:
                    found = reading.add(tx, user_id, some, approves=self._approves, now=now)
                _sum(stats, found)
                if stopping():
                    return
            with self._store.write() as tx:
                found = reading.read(tx, user_id, approves=self._approves, now=now)
                reach("memory.read")
            _sum(stats, found)
        if stats.failures > failures:
            with self._store.write() as tx:
                reading.failed(tx, user_id, error=stats.errors_detail[-1]["error"], now=now, rest_us=REST_US)


def _checked(note: Note) -> bytes:
    """Return the bytes of a note that was sent.

    Raises:
        BadInput: it is named wrongly, or too long.
    """
    if not note.path or max(len(storable(each).encode()) for each in (note.path, note.folder)) > MAX_PATH_BYTES:
        raise BadInput(f"a note is named by its path, of at most {MAX_PATH_BYTES} bytes")
    data = note.text.encode("utf-8", "replace")
    if len(data) > MAX_NOTE_BYTES:
        raise BadInput(f"{note.path} is larger than {MAX_NOTE_BYTES >> 10} KiB")
    return data


@contextmanager
def _told(stats: MemoryStats, place: str) -> Iterator[None]:
    """Count what fails in the block and go on after it; a database that is away is everybody's failure."""
    try:
        yield
    except sa.exc.OperationalError:
        raise
    except _ONE_PERSONS as error:
        stats.failures += 1
        stats.error(place, storable(str(error).partition("\n")[0][:500]))


def _count(stats: MemoryStats, stored: keeping.Stored) -> None:
    stats.notes_new += stored.new
    stats.notes_changed += stored.changed
    stats.notes_skipped += stored.skipped
    stats.notes_removed += stored.removed


def _sum(stats: MemoryStats, found: reading.Outcome) -> None:
    stats.items_new += found.items_new
    stats.items_approved += found.items_approved
    stats.items_withdrawn += found.items_withdrawn


def _folders(tx: sa.Connection, user_id: int) -> set[str]:
    """Return the working folders of a person's sessions."""
    found = tx.scalars(sa.select(transcript.c.folders).where(transcript.c.user_id == user_id).distinct())
    return {folder for folders in found for folder in folders.split("\n") if folder.startswith("/")}
