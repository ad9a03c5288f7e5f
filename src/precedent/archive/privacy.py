"""What a person keeps to themselves: sessions and folders that are never archived.

A person writes into `~/.precedent/private`, one per line: a folder (absolute, or with `~`), or a session id. A file
named `.precedent-private` in a folder opts that folder and everything below it out, for everybody who works there.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath

from .sources import read_small

LIST = ".precedent/private"
MARKER = ".precedent-private"
MAX_LIST_BYTES = 1 << 20


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
        self._marked = cache(_is_marked)
        for line in _lines(read_small(home, LIST, max_bytes=MAX_LIST_BYTES)):
            if line.startswith("/"):
                self._folders.add(PurePosixPath(line))
            elif line == "~" or line.startswith("~/"):
                self._folders.add(PurePosixPath(str(home) + line[1:]))
            else:
                self._sessions.add(line)

    def covers_session(self, *ids: str) -> bool:
        """Tell whether a session, or the one it belongs to, is marked private."""
        return any(each in self._sessions for each in ids if each)

    def covers_folder(self, folder: str) -> bool:
        """Tell whether a session that works in a folder is to be left alone."""
        path = PurePosixPath(folder)
        if not path.is_absolute():
            return False
        return any(each in self._folders or self._marked(each) for each in (path, *path.parents))


def _is_marked(folder: PurePosixPath) -> bool:
    try:
        Path(folder, MARKER).lstat()
    except (OSError, ValueError):
        return False
    return True


def _lines(data: bytes) -> list[str]:
    stripped = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
    return [line.rstrip("/") or "/" for line in stripped if line and not line.startswith("#")]
