"""The files of plugins, each plugin's in one file that is named by a digest of all of them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from precedent.errors import NotFound


class Entry(NamedTuple):
    """A file of a plugin: its path below the plugin's folder, whether it may be run, and its bytes."""

    path: str
    executable: bool
    data: bytes


def digest(entries: Sequence[Entry]) -> str:
    """Return the SHA-256 over the paths, kinds and bytes of files, whatever their order."""
    found = hashlib.sha256()
    for path, executable, data in sorted(entries):
        name = path.encode("utf-8", "surrogateescape")
        found.update(b"%d %d %d\n" % (len(name), executable, len(data)) + name + hashlib.sha256(data).digest())
    return found.hexdigest()


def text(data: bytes, *, most: int) -> str | None:
    """Return a file's text; None of one that is none, or of more than `most` bytes."""
    if len(data) > most or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write files into one."""
    with path.open("wb") as file:
        file.write(msgspec.msgpack.encode(sorted(entries)))
        file.flush()
        os.fsync(file.fileno())


def path_of(folder: Path, content_hash: str) -> Path:
    """Return the path of a plugin's content."""
    return folder / f"{content_hash}.content"


def read(folder: Path, content_hash: str) -> list[Entry]:
    """Return the files of a plugin, by path.

    Raises:
        NotFound: they are not here.
    """
    try:
        found = msgspec.msgpack.decode(path_of(folder, content_hash).read_bytes(), type=list[Entry])
    except FileNotFoundError as error:
        raise NotFound(f"the files of the plugin {content_hash[:12]} are not here; sync its marketplace") from error
    if digest(found) != content_hash:
        raise NotFound(f"the files of the plugin {content_hash[:12]} are broken; sync its marketplace again")
    return found
