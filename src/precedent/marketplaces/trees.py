"""Reads the files of a git commit that somebody else made: no link, no way out of the folder, all of it bounded."""

import re
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from precedent.errors import BadInput, TooLarge

from .model import MAX_DEFECTS, MAX_ENTRIES, MAX_FILE_BYTES
from .running import OVERLOOKED, same

DEEPEST = 32
LONGEST_NAME = 255
LONGEST_PATH = 1_000
_GIT = re.compile(r"\.?git(?:~[0-9]+)?[. ]*", re.IGNORECASE)
"""Names that some system takes for git's own folder."""

_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)
_FOR_GIT = frozenset({".gitattributes", ".gitmodules"})
"""Files that tell git to check out something else than what was looked at."""


class Blob(NamedTuple):
    """A file of a commit: whether it may be run, and the id of its bytes."""

    executable: bool
    id: bytes


class Tree:
    """The files of a commit.

    Args:
        store: dulwich's objects.
        root: id of the commit's tree.

    Raises:
        TooLarge: there are more files than are read.
        BadInput: an object is missing or broken.
    """

    def __init__(self, store: Any, root: bytes) -> None:
        self._store = store
        self.defects: list[str] = []
        self.blobs: dict[str, Blob] = {}
        self._seen = 0
        for path, blob in self._walk(root, "", 0):
            self.blobs[path] = blob

    def read(self, path: str, *, most: int = MAX_FILE_BYTES) -> bytes | None:
        """Return the bytes of a file; None when there is none, or it is larger than is read."""
        blob = self.blobs.get(path)
        if blob is None:
            return None
        data = self._object(blob.id, b"blob")
        if len(data) > most:
            self.told(f"{path} is larger than {most >> 20} MiB and was left out")
            return None
        return data

    def below(self, folder: str) -> dict[str, str]:
        """Return the files below a folder: their paths there, and in the repository."""
        prefix = f"{folder}/" if folder else ""
        return {path.removeprefix(prefix): path for path in self.blobs if path.startswith(prefix)}

    def told(self, defect: str) -> None:
        """Note what is wrong, as long as it is read by anybody."""
        if len(self.defects) < MAX_DEFECTS:
            self.defects.append(defect)

    def _walk(self, tree: bytes, prefix: str, depth: int) -> Iterator[tuple[str, Blob]]:
        if depth > DEEPEST:
            self.told(f"{prefix} is deeper than {DEEPEST} folders and was left out")
            return
        names = set[str]()
        for raw, mode, number in self._entries(tree):
            # Folders count too: a few that hold each other many times are more than anybody can walk.
            self._seen += 1
            if self._seen > MAX_ENTRIES:
                raise TooLarge(f"the repository has more than {MAX_ENTRIES:,} files and folders")
            name = raw.decode("utf-8", "replace")
            path = f"{prefix}{name}"
            if why := unfit(raw, path) or ("some system takes its name for another's" if same(name) in names else ""):
                self.told(f"{path[:200]!r} was left out: {why}")
                continue
            names.add(same(name))
            if stat.S_ISDIR(mode):
                yield from self._walk(number, f"{path}/", depth + 1)
            elif stat.S_ISREG(mode):
                yield path, Blob(bool(mode & 0o100), number)
            elif stat.S_ISLNK(mode):
                self.told(f"{path} is a link and was left out")
            else:
                self.told(f"{path} is a repository of its own and was left out")

    def _entries(self, tree: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield name, mode and id of what is in a folder."""
        data, place = self._object(tree, b"tree"), 0
        while place < len(data):
            space = data.find(b" ", place)
            end = data.find(b"\0", space)
            if space < 0 or end < 0 or len(data) < end + 21:
                raise BadInput("the repository is broken: a folder ends within an entry")
            try:
                mode = int(data[place:space], 8)
            except ValueError as error:
                raise BadInput("the repository is broken: an entry of a folder has no kind") from error
            yield data[space + 1 : end], mode, data[end + 1 : end + 21].hex().encode()
            place = end + 21

    def _object(self, number: bytes, kind: bytes) -> bytes:
        names = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
        try:
            found, data = self._store.get_raw(number)
        except (KeyError, ValueError, AssertionError, OSError) as error:
            raise BadInput(
                f"the repository is broken: {kind.decode()} {number.decode()[:12]} cannot be read"
            ) from error
        if names.get(found) != kind:
            raise BadInput(f"the repository is broken: {number.decode()[:12]} is no {kind.decode()}")
        return bytes(data)


def unfit(raw: bytes, path: str) -> str:
    """Say why a name cannot be used; empty when it can."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return "its name is no UTF-8"
    if name in {"", ".", ".."} or "/" in name or _WINDOWS.search(name) or _DEVICE.fullmatch(name):
        return "its name leads elsewhere, or is none on some system"
    plain = OVERLOOKED.sub("", name).lower()
    if (_GIT.fullmatch(plain) and name.lower() != "git") or plain in _FOR_GIT:
        return "it is called like what git keeps for itself"
    if len(raw) > LONGEST_NAME or len(path) > LONGEST_PATH:
        return "its name is too long"
    return ""
