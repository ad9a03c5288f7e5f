"""Files that pages load: styles, scripts, pictures. Each is kept in memory, compressed once.

Their address holds a digest of all of them together, so that a script may name another by its relative path and what a
browser keeps for ever is never old.
"""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from precedent.errors import NotFound

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Content types by the end of a name; other files are not served."""


class Asset(NamedTuple):
    """One file.

    Attributes:
        kind: content type.
        plain: as it is.
        packed: compressed with gzip.
    """

    kind: str
    plain: bytes
    packed: bytes


class Assets:
    """All files below a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            str(path.relative_to(folder)): Asset(KINDS[path.suffix], data, gzip.compress(data, 9, mtime=0))
            for path, data in _files(folder)
        }
        sums = "".join(hashlib.sha256(each.plain).hexdigest() for _, each in sorted(self._files.items()))
        self.digest = hashlib.sha256(sums.encode()).hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: there is none of this name.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"{PREFIX}/{self.digest}/{name}"

    def get(self, name: str) -> Asset:
        """Return a file.

        Raises:
            NotFound: there is none of this name.
        """
        found = self._files.get(name)
        if found is None:
            raise NotFound("there is no such file")
        return found

    def names(self) -> list[str]:
        """Return the names of all files, in alphabetical order."""
        return sorted(self._files)


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in KINDS and path.is_file():
            yield path, path.read_bytes()
