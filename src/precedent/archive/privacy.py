"""What a person keeps to themselves: sessions and folders that are never archived.

A person writes into `~/.precedent/private`, one per line: a folder (absolute, or with `~`), or a session id. A file
named `.precedent-private` in a folder opts that folder and everything below it out, for everybody who works there.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from functools import cache, cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from precedent.transcripts.contract import FolderNaming, Reader
from precedent.transcripts.folders import HASHED

from .sources import read_small

LIST = ".precedent/private"
MARKER = ".precedent-private"
MAX_LIST_BYTES = 1 << 20
MAX_FOLDER_BYTES = 4096  # of a file that names one
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Privacy:
    """The wishes of one person.

    Args:
        home: the person's home.
        folders: further opted-out folders, from the server's settings.
    """

    def __init__(self, home: Path, *, folders: Iterable[str] = ()) -> None:
        self._home = home
        self._sessions: set[str] = set()
        self._folders = {PurePosixPath(folder) for folder in folders}
        self._marked, self._covers = cache(_is_marked), cache(self._covers_folder)
        for line in _lines(read_small(home, LIST, max_bytes=MAX_LIST_BYTES)):
            if line.startswith("/"):
                self._folders.add(PurePosixPath(line))
            elif line == "~" or line.startswith("~/"):
                self._folders.add(PurePosixPath(str(home) + line[1:]))
            else:
                self._sessions.add(line)

    @cached_property
    def _hashes(self) -> set[str]:
        return {hashlib.sha256(str(folder).encode()).hexdigest() for folder in self._folders}

    def covers_session(self, *ids: str) -> bool:
        """Tell whether a session, or the one it belongs to, is marked private."""
        return any(each in self._sessions for each in ids if each)

    def covers_folder(self, folder: str) -> bool:
        """Tell whether a session that works in a folder is to be left alone.

        Of a folder that only its hash tells, it can be seen whether it is one of those named, not what is above it.
        """
        return self._covers(folder)

    def _covers_folder(self, folder: str) -> bool:
        if folder.startswith(HASHED):
            return folder.removeprefix(HASHED) in self._hashes
        path = PurePosixPath(folder)
        if not path.is_absolute():
            return False
        return any(each in self._folders or self._marked(each) for each in (path, *path.parents))


def folder_beside(home: Path, reader: Reader, *, path: str, relative: PurePosixPath) -> set[str]:
    """Return the working folder that a file near a transcript names, where the transcript itself cannot.

    Args:
        home: the person's home.
        reader: of the transcript's agent.
        path: of the transcript, absolute.
        relative: the same, relative to its root.
    """
    place = reader.folder_file(relative) if isinstance(reader, FolderNaming) else None
    if place is None:
        return set()
    root = PurePosixPath(path.removesuffix(str(relative))).relative_to(home)
    text = read_small(home, str(root / place), max_bytes=MAX_FOLDER_BYTES).decode("utf-8", "replace")
    return {text.strip()} - {""}


def covers(folders: Collection[str], folder: str) -> bool:
    """Tell whether a folder of another machine is one of some folders, or below one; nothing is looked at on disk.

    Args:
        folders: as an administrator wrote them.
        folder: as a transcript names it, by its path in any system's form or by its hash.
    """
    if folder.startswith(HASHED):
        return folder.removeprefix(HASHED) in {hashlib.sha256(each.encode()).hexdigest() for each in folders}
    kind = PureWindowsPath if _WINDOWS.match(folder) else PurePosixPath
    path = kind(folder)
    return path.is_absolute() and any(each == kind(one) for each in (path, *path.parents) for one in folders)


def _is_marked(folder: PurePosixPath) -> bool:
    try:
        Path(folder, MARKER).lstat()
    except (OSError, ValueError):
        return False
    return True


def _lines(data: bytes) -> list[str]:
    stripped = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
    return [line.rstrip("/") or "/" for line in stripped if line and not line.startswith("#")]
