"""An archive in a local folder.

An object is a plain file, or a compressed one: `<key>` or `<key>.zst`. Where both stand, the plain one counts as long
as it is not too short. Who writes an object, compresses or removes it holds the file's lock; who reads needs none.
"""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from precedent.errors import BadInput, Transient
from precedent.faults import reach
from precedent.transcripts.packed import SUFFIX, PackedFile, pack, packed_path

MAX_PART_BYTES = 240
FLUSHES = 8
"""Files that are flushed to disk at a time."""
READ_BYTES = 1 << 20
TRIES = 10
LOCKS = ".locks"
"""Folder beside the transcripts; no key begins with a dot."""
_PLAIN = re.compile(rf"(?!\.)[A-Za-z0-9_.@+~-]{{1,{MAX_PART_BYTES}}}")
CUT = ".backup-"
"""Begins the name of a folder that holds what a backup under way needs."""
_UNFINISHED = ".part"


Check = Callable[[Iterable[bytes]], bool]
"""Tells of content in pieces whether it is what it should be."""


class StoredFile(NamedTuple):
    """A file of the archive's folder, whatever it is.

    Attributes:
        key: of its object; empty for a file that was left unfinished.
        path: the file.
        modified_at: UTC microseconds.
    """

    key: str
    path: Path
    modified_at: int


class FolderArchive:
    """See `archive.contract.Archive`; keys are `<user key>/<file>`.

    Args:
        root: the folder; made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, key: str, *, at: int, data: Iterable[bytes]) -> int:
        """Write data at a length; see the contract. A compressed object is unpacked first."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _writing(path, at=at) as descriptor:
            size = os.fstat(descriptor).st_size
            if size < at:
                raise BadInput(f"archived transcript {key} has {size} bytes where the catalogue says {at}")
            if size > at:
                os.ftruncate(descriptor, at)
            os.lseek(descriptor, at, os.SEEK_SET)
            length = at
            for piece in data:
                view = memoryview(piece)
                while view:
                    written = os.write(descriptor, view)
                    length += written
                    view = view[written:]
        return length

    def sync(self, keys: Iterable[str]) -> None:
        """Flush objects and the folders that name them."""
        paths = [self.path(key) for key in keys]
        if not paths:
            return
        # A file system writes what several wait for in one go: 64 files in 33 ms, on a busy machine in 40 and not 330.
        with ThreadPoolExecutor(min(FLUSHES, len(paths)), "flush") as threads:
            list(threads.map(_fsync, paths))
        for folder in {path.parent for path in paths}:
            _fsync(folder)

    def read(self, key: str, *, start: int, end: int) -> bytes:
        """Return a part of an object."""
        return b"".join(self.pieces(key, start=start, end=end))

    def pieces(self, key: str, *, start: int, end: int) -> Iterator[bytes]:
        """Yield a part of an object in pieces.

        Raises:
            OSError: there is no such object, or it cannot be read.
            BadInput: its compressed form is damaged.
        """
        path = self.path(key)
        for _ in range(TRIES):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                try:
                    packed = PackedFile(packed_path(path))
                except FileNotFoundError:
                    continue
            else:
                if os.fstat(descriptor).st_size >= end or not packed_path(path).exists():
                    yield from _pieces(descriptor, start, end)
                    return
                os.close(descriptor)
                try:
                    packed = PackedFile(packed_path(path))
                except FileNotFoundError:
                    continue
            try:
                yield from packed.pieces(start, end)
            finally:
                packed.close()
            return
        raise FileNotFoundError(f"there is no archived transcript {key}")

    def exists(self, key: str) -> bool:
        """Tell whether there is such an object, in any form."""
        path = self.path(key)
        return path.exists() or packed_path(path).exists()

    def delete(self, key: str) -> None:
        """Remove an object."""
        path = self.path(key)
        if path.is_symlink():
            path.unlink()
        with _locked(path):
            path.unlink(missing_ok=True)
            packed_path(path).unlink(missing_ok=True)

    def delete_owner(self, owner: str) -> None:
        """Remove everything of one owner.

        Raises:
            BadInput: the name is no plain one.
        """
        if not plain(owner):
            raise BadInput(f"not an archive key: {owner!r}")
        shutil.rmtree(self.root / owner, ignore_errors=True)

    def path(self, key: str) -> Path:
        """Return the object's file; it may stand there in its compressed form only.

        Raises:
            BadInput: the key is no plain relative name of two parts.
        """
        parts = key.split("/")
        if len(parts) != 2 or not (plain(parts[0]) and plain(parts[1])):
            raise BadInput(f"not an archive key: {key!r}")
        return self.root.joinpath(*parts)

    @contextmanager
    def alone(self, name: str, *, wait_s: float = float("inf")) -> Iterator[None]:
        """Hold a lock by name; see the contract.

        Raises:
            BadInput: the name is not plain.
            Transient: another one held it for too long.
        """
        if not plain(name):
            raise BadInput(f"not a plain name: {name!r}")
        folder = self.root / LOCKS
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, ends=time.monotonic() + wait_s)
            yield
        finally:
            os.close(descriptor)

    # Compressing ----------------------------------------------------------------------------------------------------

    def compress(self, key: str, *, length: int, is_whole: Check) -> int | None:
        """Replace an object by its compressed form; return the bytes that it takes then.

        Args:
            key: of the object.
            length: bytes of it that are catalogued; one that has more is being written.
            is_whole: tells of the content in pieces whether it is what it should be.

        Returns:
            None when it was left alone: it is being written, it changed, or compressing saves nothing.

        Raises:
            BadInput: what it holds is not what it should be.
            OSError: there is no such object, or it cannot be read or written.
        """
        path, packed = self.path(key), packed_path(self.path(key))
        with _locked(path, wait=False) as descriptor:
            if descriptor is None:
                return None if path.exists() else packed.stat().st_size
            if os.fstat(descriptor).st_size != length:
                return None
            unfinished = _unfinished(path)
            try:
                with unfinished.open("xb") as file:
                    pack(_pieces(os.dup(descriptor), 0, length), file)
                    file.flush()
                    os.fsync(file.fileno())
                reach("compress.written")
                size = unfinished.stat().st_size
                if not self._holds(unfinished, length, is_whole):
                    raise BadInput(f"archived transcript {key} does not hold what the catalogue says")
                if size >= length:
                    return None
                unfinished.replace(packed)
            finally:
                unfinished.unlink(missing_ok=True)
            _fsync(path.parent)
            reach("compress.renamed")
            path.unlink()
            reach("compress.removed")
            return size

    def tidy(self, key: str, *, length: int) -> None:
        """Where both forms of an object stand, keep the plain one unless it is too short."""
        path = self.path(key)
        with _locked(path, wait=False) as descriptor:
            if descriptor is None or not packed_path(path).exists():
                return
            if os.fstat(descriptor).st_size >= length:
                packed_path(path).unlink()
                return
            packed = PackedFile(packed_path(path))
            try:
                longer = packed.length >= length
            finally:
                packed.close()
            if longer:
                path.unlink()

    def _holds(self, path: Path, length: int, is_whole: Check) -> bool:
        packed = PackedFile(path)
        try:
            return packed.length == length and is_whole(packed.pieces(0, length))
        finally:
            packed.close()

    # Everything that is there ---------------------------------------------------------------------------------------

    def files(self) -> Iterator[StoredFile]:
        """Yield every file of every owner, those that were left unfinished included."""
        for owner in sorted(self.root.iterdir()):
            if not plain(owner.name) or owner.is_symlink() or not owner.is_dir():
                continue
            with os.scandir(owner) as entries:
                for each in entries:
                    if not each.is_file(follow_symlinks=False):
                        continue
                    key = f"{owner.name}/{each.name.removesuffix(SUFFIX)}" if plain(each.name) else ""
                    modified_at = each.stat(follow_symlinks=False).st_mtime_ns // 1000
                    if key or each.name.endswith(_UNFINISHED):
                        yield StoredFile(key, Path(each.path), modified_at)


def plain(name: str) -> bool:
    """Tell whether a name is safe as one part of a path on any file system."""
    return _PLAIN.fullmatch(name) is not None


@contextmanager
def _writing(path: Path, *, at: int) -> Iterator[int]:
    """Open an object's plain file with its lock, unpacked or made if need be."""
    for _ in range(TRIES):
        with _locked(path) as descriptor:
            if descriptor is not None:
                short = os.fstat(descriptor).st_size < at and packed_path(path).exists()
                if not short:
                    if not at:
                        packed_path(path).unlink(missing_ok=True)  # of an object that was removed halfway
                    yield descriptor
                    return
                path.unlink()  # somebody died who had begun it; the compressed form has it all
        if at and packed_path(path).exists():
            _unpack(path)
            continue
        packed_path(path).unlink(missing_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    raise OSError(f"{path.name} is being replaced all the time")


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Hold the lock of a plain file in the block; None when there is no such file, or we would have to wait."""
    descriptor = None
    try:
        for _ in range(TRIES):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                break
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), path.lstat()):
                        break
            except BlockingIOError:
                pass
            os.close(descriptor)  # it was compressed or replaced while we waited
            descriptor = None
            if not wait:
                break
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _unpack(path: Path) -> None:
    """Put the plain file beside its compressed form, then remove that; whoever dies in between leaves both."""
    unfinished = _unfinished(path)
    try:
        packed = PackedFile(packed_path(path))
    except FileNotFoundError:
        return  # somebody else was faster
    try:
        with unfinished.open("xb") as file:
            for piece in packed.pieces(0, packed.length):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        reach("unpack.written")
        # Never over a file that is there: somebody may have unpacked it before us and begun to append.
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            unfinished.rename(path)
    finally:
        packed.close()
        unfinished.unlink(missing_ok=True)
    _fsync(path.parent)
    reach("unpack.renamed")
    packed_path(path).unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{secrets.token_hex(8)}{_UNFINISHED}")


def _pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of an opened file and close it."""
    try:
        while start < end and (data := os.pread(descriptor, min(READ_BYTES, end - start), start)):
            start += len(data)
            yield data
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, ends: float) -> None:
    pause = 0.002
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Transient("another collection or upload of this person is under way; try again") from None
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
        else:
            return


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
