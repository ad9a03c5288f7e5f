"""An archive in a local folder."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from precedent.errors import BadInput

MAX_PART_BYTES = 240


class FolderArchive:
    """See `archive.contract.Archive`; keys are `<user key>/<file>`.

    Args:
        root: the folder; made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, key: str, *, at: int, data: Iterable[bytes]) -> int:
        """Write data at a length; see the contract."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = os.fstat(descriptor).st_size
            if size < at:
                raise BadInput(f"archived transcript {key} has {size} bytes where the catalogue says {at}")
            if size > at:
                os.ftruncate(descriptor, at)
            file.seek(at)
            length = at
            for piece in data:
                view = memoryview(piece)
                while view:
                    written = file.write(view)
                    length += written
                    view = view[written:]
        return length

    def sync(self, keys: Iterable[str]) -> None:
        """Flush objects and the folders that name them."""
        folders = set()
        for key in keys:
            path = self.path(key)
            folders.add(path.parent)
            _fsync(path, os.O_RDONLY)
        for folder in folders:
            _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)

    def read(self, key: str, *, start: int, end: int) -> bytes:
        """Return a part of an object."""
        descriptor = os.open(self.path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.path(key).unlink(missing_ok=True)

    def path(self, key: str) -> Path:
        """Return the object's file.

        Raises:
            BadInput: the key is no plain relative name of two parts.
        """
        parts = PurePosixPath(key).parts
        if len(parts) != 2 or any(not plain(part) for part in parts):
            raise BadInput(f"not an archive key: {key!r}")
        return self.root.joinpath(*parts)


def plain(name: str) -> bool:
    """Tell whether a name is safe as one part of a path on any file system."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= MAX_PART_BYTES
        and not name.startswith(".")
        and all(character.isalnum() or character in "-_.@+~" for character in name)
        and name.isascii()
    )


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
