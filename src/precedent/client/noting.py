"""Sends people's notes for their agents: all of a device at once, when any changed or the last time was a day ago."""

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from precedent.archive.privacy import Privacy
from precedent.knowledge.notes import places
from precedent.knowledge.notes.model import MAX_BODY_BYTES, MAX_NOTES, NotesSent, NotesTaken

from . import config
from .memory import FOLDER
from .remote import Server

FILE = "notes.json"
PATH = "/api/notes"
ANEW_S = 86_400
"""After which unchanged notes are sent again: a server that was restored may have lost them."""

MAX_NOTES_BYTES = MAX_BODY_BYTES * 3 // 4
ROOM_BYTES = 4096
"""For what stands around notes."""

_T = TypeVar("_T")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a server has of this device's notes.

    Attributes:
        server: URL.
        digest: of all that was sent.
        at: UNIX time of it, seconds.
        places: path and folder of each note, where it is looked for the next time even without a session there.
    """

    server: str = ""
    digest: str = ""
    at: int = 0
    places: list[tuple[str, str]] = []


class Outcome(NamedTuple):
    """What came of looking for notes; `taken` is None when there was nothing to send."""

    taken: NotesTaken | None
    notes: int
    private: int
    redactions: int
    errors: list[tuple[str, str]]


def send_notes(
    home: Path,
    server: Server,
    connection: config.Connection,
    *,
    folders: Iterable[str],
    now: Callable[[], float] = time.time,
) -> Outcome:
    """Send the notes of a home.

    Args:
        home: the person's home.
        server: where to; see its methods for what they raise.
        connection: to it.
        folders: working folders of sessions, absolute.
        now: UNIX time in seconds.
    """
    before = _remembered(home)
    known = before.places if before.server == connection.server else []
    known_places = [places.place_of(path, folder) for path, folder in known]
    found, left_out, private, redactions = places.look(home, privacy=Privacy(home), folders=folders, known=known_places)
    errors = [(each.path, each.reason) for each in left_out]
    too_much = f"is left out: all notes together are larger than {MAX_NOTES_BYTES >> 20} MiB"
    errors += [(note.path, too_much) for note in _fit(found, MAX_NOTES_BYTES)]
    # Of the others the server has nothing that it could take for gone.
    sent_before = {path for path, _ in known}
    unread = sorted((path for path, _ in errors), key=lambda path: path not in sent_before)[:MAX_NOTES]
    _fit(unread, MAX_BODY_BYTES - MAX_NOTES_BYTES - ROOM_BYTES)
    body = msgspec.json.encode(NotesSent(device=connection.device, notes=found, unread=unread))
    digest, at = hashlib.sha256(body).hexdigest(), int(now())
    nothing = not found and not known
    if nothing or ((before.server, before.digest) == (connection.server, digest) and 0 <= at - before.at < ANEW_S):
        return Outcome(None, len(found), private, 0, errors)
    taken = server.send(PATH, NotesTaken, msgspec.Raw(body))
    kept = [(note.path, note.folder) for note in found]
    kept += [place for place in known if place[0] in unread]
    _remember(home, Sent(server=connection.server, digest=digest, at=at, places=kept))
    return Outcome(taken, len(found), private, redactions, errors)


def _fit(things: list[_T], room_bytes: int) -> list[_T]:
    """Take out of a list what has no room in it as JSON, from the first such thing on; return it."""
    for number, each in enumerate(things):
        room_bytes -= len(msgspec.json.encode(each)) + 1
        if room_bytes < 0:
            left = things[number:]
            del things[number:]
            return left
    return []


def _remembered(home: Path) -> Sent:
    """Return what was sent; without the file, or with one that is no use, everything is sent anew."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((home / FOLDER / FILE).read_bytes(), type=Sent)
    return Sent()


def _remember(home: Path, sent: Sent) -> None:
    config.write(home / FOLDER / FILE, msgspec.json.encode(sent), mode=0o600)
