"""Finds people's notes in a home and reads them without being led elsewhere; see `archive.sources`."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from precedent.archive.naming import storable
from precedent.archive.privacy import Privacy
from precedent.archive.sources import Candidate, open_root
from precedent.errors import BadInput, TooLarge

from .model import MAX_NOTE_BYTES, MAX_NOTES, MAX_PATH_BYTES, Note, plain_note

PERSONAL = (
    ".claude/CLAUDE.md",
    ".claude/CLAUDE.local.md",
    ".codex/AGENTS.md",
    ".gemini/GEMINI.md",
    ".config/opencode/AGENTS.md",
    ".copilot/copilot-instructions.md",
    ".pi/agent/AGENTS.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "GEMINI.md",
)
"""Notes about everything, by their place in a home."""

PROJECT = ("CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/CLAUDE.local.md", "AGENTS.md", "GEMINI.md")
"""Notes about a working folder, by their place in it or in a folder above it."""

MEMORIES = ".claude/projects/{slug}/memory"
"""Where Claude Code keeps what it noted of a working folder: one file for each matter."""

GENERAL_MEMORIES = (".codex/memories",)
"""Where agents keep what they noted of everything."""

_NOT_PLAIN = re.compile("[^A-Za-z0-9]")


class Unread(NamedTuple):
    """A note that is there, or may be there, and could not be read this time; what is known of it stays.

    Attributes:
        path: as of a note.
        refused: it is not safe to read, or too large; else reading it failed.
    """

    path: str
    reason: str
    refused: bool


class Read(NamedTuple):
    """A note and how many secrets were scrubbed from it."""

    note: Note
    redactions: int


class Kept(NamedTuple):
    """A place that its person keeps private."""

    path: str


class Place(NamedTuple):
    """Where a note may be.

    Attributes:
        relative: to the home.
        folder: as of a note.
    """

    relative: PurePosixPath
    folder: str


class Looked(NamedTuple):
    """What a look at all of a home's notes found.

    Attributes:
        notes: those that were read.
        unread: those that were not.
        private: how many their person keeps private.
        redactions: secrets that were scrubbed.
    """

    notes: list[Note]
    unread: list[Unread]
    private: int
    redactions: int


def look(home: Path, *, privacy: Privacy, folders: Iterable[str], known: Iterable[Place] = ()) -> Looked:
    """Read all notes of a home; for the arguments and errors see `notes`."""
    found = list(notes(home, privacy=privacy, folders=folders, known=known))
    read = [each for each in found if isinstance(each, Read)]
    return Looked(
        notes=[each.note for each in read],
        unread=[each for each in found if isinstance(each, Unread)],
        private=sum(isinstance(each, Kept) for each in found),
        redactions=sum(each.redactions for each in read),
    )


def notes(
    home: Path, *, privacy: Privacy, folders: Iterable[str], known: Iterable[Place] = ()
) -> Iterator[Read | Unread | Kept]:
    """Yield every note of a home, and what is not read; a note that is not there is not told.

    Args:
        home: a person's home.
        privacy: what the person wants to be left alone.
        folders: working folders of their sessions, absolute; those outside the home are left alone.
        known: further places, where notes were before.

    Raises:
        OSError: there is no such home.
    """
    owner, count = home.stat().st_uid, 0
    for place in _places(home, owner, folders, known):
        path = shown(place.relative)
        if any(privacy.covers_folder(each) for each in (place.folder, str(home / place.relative.parent)) if each):
            yield Kept(path)
            continue
        try:
            text, redactions = _text(home, place.relative, owner)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except BadInput as error:
            yield Unread(path, storable(str(error)), refused=True)
            continue
        except PermissionError as error:
            yield Unread(path, error.strerror or "cannot be opened", refused=True)
            continue
        except OSError as error:
            link = os.path.islink(home / place.relative)
            yield Unread(path, "is a symbolic link" if link else error.strerror or str(error), refused=link)
            continue
        count += 1
        note = Note(path=path, folder=storable(place.folder), text=text)
        if count > MAX_NOTES:
            yield Unread(path, f"is one of more than {MAX_NOTES} notes", refused=True)
        elif max(len(note.path.encode()), len(note.folder.encode())) > MAX_PATH_BYTES:
            yield Unread(path[:MAX_PATH_BYTES], f"has a path of more than {MAX_PATH_BYTES} bytes", refused=True)
        elif text.strip():
            yield Read(note, redactions)


def shown(relative: PurePosixPath) -> str:
    """Return the path of a note as its person knows it."""
    return storable(f"~/{relative}")


def place_of(path: str, folder: str) -> Place:
    """Return where a note was that is shown by a path."""
    return Place(PurePosixPath(path.removeprefix("~/")), folder)


def _places(home: Path, owner: int, folders: Iterable[str], known: Iterable[Place]) -> list[Place]:
    found: dict[PurePosixPath, str] = {PurePosixPath(name): "" for name in PERSONAL}
    for root in GENERAL_MEMORIES:
        found |= dict.fromkeys(_texts(home, PurePosixPath(root)), "")
    for folder in sorted(_below(home, folders)):
        place = PurePosixPath(folder).relative_to(home)
        for name in PROJECT:
            found.setdefault(place / name, folder)
        memories = PurePosixPath(MEMORIES.format(slug=_NOT_PLAIN.sub("-", folder)))
        for each in _texts(home, memories):
            found.setdefault(each, folder)
    for each_known in known:
        if ".." not in each_known.relative.parts and not each_known.relative.is_absolute():
            found.setdefault(each_known.relative, each_known.folder)
    return [Place(relative, folder) for relative, folder in found.items()]


def _below(home: Path, folders: Iterable[str]) -> set[str]:
    """Return the working folders that are below a home, with the folders between: agents read notes of these too."""
    found: set[str] = set()
    for folder in folders:
        path = PurePosixPath(os.path.normpath(folder)) if folder.startswith("/") else None
        if path is None or not path.is_relative_to(home):
            continue
        while path != PurePosixPath(home):
            found.add(str(path))
            path = path.parent
    return found


def _texts(home: Path, folder: PurePosixPath) -> list[PurePosixPath]:
    """Return the Markdown files of a folder by name."""
    try:
        descriptor = open_root(home, folder)
    except OSError:
        return []
    try:
        names = sorted(os.listdir(descriptor))
    finally:
        os.close(descriptor)
    return [folder / name for name in names if name.endswith(".md") and name.isprintable()][: MAX_NOTES + 1]


def _text(home: Path, relative: PurePosixPath, owner: int) -> tuple[str, int]:
    folder = open_root(home, relative.parent)
    try:
        descriptor = Candidate(str(home / relative), relative, "", 0, folder).open(owner=owner)
    finally:
        os.close(folder)
    with open(descriptor, "rb") as file:
        data = file.read(MAX_NOTE_BYTES + 1)
    text, redactions = plain_note(data) if len(data) <= MAX_NOTE_BYTES else ("", 0)
    # What stands for bytes that are no text, and for secrets, may be longer than they are.
    if max(len(data), len(text.encode())) > MAX_NOTE_BYTES:
        raise TooLarge(f"{home / relative} is larger than {MAX_NOTE_BYTES >> 10} KiB; it was not read")
    return text, redactions
