"""Finds transcript files in a home and opens them without being led elsewhere.

A collector may run as root over homes whose owners it must not trust: no symbolic link is followed below the home, a
file is checked after it was opened and not before, and a hard link to somebody else's file is refused.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from precedent.errors import BadInput

from .naming import storable
from .unpacking import form_of, plain_name

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Candidate(NamedTuple):
    """A file found below a root; usable until the walk goes on.

    Attributes:
        path: absolute, as shown and catalogued.
        relative: to the root.
        fingerprint: device, inode, size and the times of both kinds of change; compared for equality only.
        modified_at: UTC microseconds.
    """

    path: str
    relative: PurePosixPath
    fingerprint: str
    modified_at: int
    folder: int

    @property
    def form(self) -> str:
        """How the file is compressed; empty when it is not."""
        return form_of(self.relative.name)

    @property
    def plain(self) -> PurePosixPath:
        """The place, relative to the root, that the file has when it is not compressed."""
        return self.relative.with_name(plain_name(self.relative.name))

    def has_sibling(self, name: str) -> bool:
        """Tell whether a plain file of this name stands beside this one."""
        try:
            return stat.S_ISREG(os.stat(name, dir_fd=self.folder, follow_symlinks=False).st_mode)
        except OSError:
            return False

    def open(self, *, owner: int) -> int:
        """Return a descriptor of the file.

        Args:
            owner: user id of the home's owner.

        Raises:
            BadInput: it is no plain file, or a hard link to somebody else's.
            OSError: it cannot be opened, or became a symbolic link.
        """
        descriptor = os.open(self.relative.name, _FILE, dir_fd=self.folder)
        status = os.fstat(descriptor)
        reason = ""
        if not stat.S_ISREG(status.st_mode):
            reason = "is no plain file"
        elif status.st_nlink > 1 and status.st_uid != owner:
            reason = "is a hard link to somebody else's file"
        if reason:
            os.close(descriptor)
            raise BadInput(f"{self.path} {reason}; it was not read")
        return descriptor

    def sibling(self, name: str, *, owner: int, max_bytes: int) -> bytes:
        """Return the content of a small file beside this one; empty if it cannot be had."""
        try:
            descriptor = self._replace(relative=self.relative.with_name(name)).open(owner=owner)
        except (OSError, BadInput):
            return b""
        try:
            return os.read(descriptor, max_bytes)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


class Refused(NamedTuple):
    """A file that looks like a transcript by name and is not safe to read."""

    path: str
    reason: str


class Failed(NamedTuple):
    """Something that could not be read this time."""

    path: str
    reason: str


def read_small(home: Path, path: str, *, max_bytes: int) -> bytes:
    """Return the beginning of a plain file below a home; empty if there is none, or none that is safe to read."""
    relative = PurePosixPath(path)
    try:
        folder = open_root(home, relative.parent)
    except OSError:
        return b""
    try:
        found = Candidate(str(home / path), relative, "", 0, folder)
        descriptor = found.open(owner=home.stat().st_uid)
    except (OSError, BadInput):
        return b""
    finally:
        os.close(folder)
    try:
        return os.read(descriptor, max_bytes)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def fingerprint(status: os.stat_result) -> str:
    """Return what changes whenever a file may have changed."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def walk(home: Path, root: str) -> Iterator[Candidate | Refused]:
    """Yield the `.jsonl` files below a root of a home, and what was refused.

    The home itself may be reached by a link, and so may the first folder of the root if it belongs to the home's
    owner; nothing below that.
    """
    try:
        descriptor = open_root(home, PurePosixPath(root))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield Refused(str(home / root), error.strerror or "cannot be opened")
        return
    refused: list[Refused] = []

    def on_error(error: OSError) -> None:
        refused.append(Refused(str(error.filename), error.strerror or "cannot be listed"))

    try:
        for folder, inner, names, place in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False, onerror=on_error):
            for name in inner:
                if _is_link(name, place):
                    refused.append(Refused(str(home / root / PurePosixPath(folder, name)), "is a link to a folder"))
            for name in sorted(names):
                if not name.endswith((".jsonl", ".json", ".jsonl.zst", ".jsonl.gz")):
                    continue
                relative = PurePosixPath(folder, name)
                path = storable(str(home / root / relative))
                try:
                    status = os.stat(name, dir_fd=place, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(status.st_mode):
                    yield Refused(path, "is no plain file")
                    continue
                yield Candidate(path, relative, fingerprint(status), status.st_mtime_ns // 1000, place)
            yield from refused
            refused.clear()
    finally:
        os.close(descriptor)


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def open_root(home: Path, root: PurePosixPath) -> int:
    """Return a descriptor of a folder below a home; only its first part may be a link, of the owner to the owner's.

    Raises:
        OSError: there is none, or none that is safe to enter.
    """
    place = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    owner = os.fstat(place).st_uid
    for depth, part in enumerate(root.parts):
        try:
            inner = os.open(part, _FOLDER, dir_fd=place)
        except OSError:
            if depth:
                linked = _is_link(part, place)
                os.close(place)
                if linked:  # the system says no more than that it is no folder
                    raise PermissionError(1, "is a link to a folder") from None
                raise
            # Dotfile managers link `~/.claude` elsewhere; that is the owner's right for the owner's own folder.
            try:
                inner = os.open(part, _FOLDER & ~os.O_NOFOLLOW, dir_fd=place)
            finally:
                os.close(place)
            if os.fstat(inner).st_uid != owner:
                os.close(inner)
                raise PermissionError(1, f"{part} leads to a folder of somebody else") from None
            place = inner
            continue
        os.close(place)
        place = inner
    return place


class Home(NamedTuple):
    """A home to collect from.

    Attributes:
        path: its folder.
        user: key of the person it belongs to.
    """

    path: Path
    user: str
