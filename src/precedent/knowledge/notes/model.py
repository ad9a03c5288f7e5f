"""What notes are, and what is counted of them; imports no database library, for laptops send notes too."""

import hashlib

import msgspec

from precedent.archive.redact import redact
from precedent.knowledge.marker import hidden

MAX_NOTE_BYTES = 256 << 10
"""What is longer is no note that a person keeps."""

MAX_NOTES = 2_000
"""Of one home or device."""

MAX_BODY_BYTES = 8 << 20
"""Of all notes of a device, as JSON."""

MAX_PATH_BYTES = 1_000
"""Of a note's path and of its folder: path and source together must fit into PostgreSQL's indexes, 2,704 bytes."""

MAX_DETAILS = 50


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note as it was found.

    Attributes:
        path: as the person knows it, with `~` for their home.
        folder: the working folder that it is about, absolute; empty for a note about everything.
        text: scrubbed and without what we delivered, see `plain_note`.
    """

    path: str
    folder: str = ""
    text: str


class NotesSent(msgspec.Struct, frozen=True, kw_only=True):
    """All notes of a device, as it sends them.

    Attributes:
        device: tells the person's devices apart.
        notes: every note that there is.
        unread: paths of notes that may be there and could not be read: what is known of them stays.
    """

    device: str
    notes: list[Note]
    unread: list[str] = []


class NotesTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the notes of a device.

    Attributes:
        new: notes that were not known.
        changed: notes with another text than before.
        unchanged: notes that were left as they are.
        removed: notes that are gone.
        private: left out because the server keeps their folder private.
        redactions: secrets that were found in them here.
    """

    new: int
    changed: int
    unchanged: int
    removed: int
    private: int
    redactions: int


class MemoryStats(msgspec.Struct, kw_only=True):
    """Counts of one run over people's notes.

    Attributes:
        users_processed: persons whose notes were looked for or read.
        users_erased: homes whose person was erased: nothing of them was read.
        notes_new: notes that were not known.
        notes_changed: notes with another text than before.
        notes_skipped: unchanged notes.
        notes_removed: notes that are gone, or that their person keeps private now.
        notes_private: left alone because their person wants it.
        notes_refused: unsafe to read, too large, or too many.
        redactions: secrets that were scrubbed from new and changed notes.
        items_new: items that were made.
        items_approved: of them, those approved at once because a setting says so.
        items_withdrawn: items of which no evidence is left.
        failures: homes, files and persons that failed.
        errors_detail: the first refusals and failures, each with place and error.
    """

    users_processed: int = 0
    users_erased: int = 0
    notes_new: int = 0
    notes_changed: int = 0
    notes_skipped: int = 0
    notes_removed: int = 0
    notes_private: int = 0
    notes_refused: int = 0
    redactions: int = 0
    items_new: int = 0
    items_approved: int = 0
    items_withdrawn: int = 0
    failures: int = 0
    errors_detail: list[dict[str, str]] = []

    def error(self, place: str, reason: str) -> None:
        """Keep the first refusals and failures."""
        if len(self.errors_detail) < MAX_DETAILS:
            self.errors_detail.append({"place": place, "error": reason})


def plain_note(data: bytes) -> tuple[str, int]:
    """Return the text of a note without secrets and without what we delivered, and how many secrets there were.

    Args:
        data: the file's bytes; what is no UTF-8 is replaced.
    """
    found = redact(data)
    text = found.data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "\ufffd")
    lines = hidden(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n"), sum(found.counts.values())


def fingerprint(text: str) -> str:
    """Return what tells two texts of notes apart."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
