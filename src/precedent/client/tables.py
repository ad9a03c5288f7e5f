"""Brings tables from a server: a folder for each with its Parquet files, of which only what is new is loaded."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from precedent.errors import BadInput, Transient

from . import config
from .remote import Server

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class _File(msgspec.Struct):
    sha256: str
    size_bytes: int


class _Table(msgspec.Struct):
    name: str
    files: list[_File]


class _Manifest(msgspec.Struct):
    tables: list[_Table]


class PullStats(msgspec.Struct, kw_only=True):
    """What was brought.

    Attributes:
        tables: that are there now.
        files_loaded: that were new.
        bytes_loaded: of these.
        files_kept: that were there already.
        files_removed: that belong to no table of the server any more.
    """

    tables: int = 0
    files_loaded: int = 0
    bytes_loaded: int = 0
    files_kept: int = 0
    files_removed: int = 0


def pull(home: Path, into: Path, *, only: Sequence[str] = ()) -> PullStats:
    """Bring tables; of each its new files come before its old ones go.

    Args:
        home: whose connection is used.
        into: folder, which is made; nothing but folders of tables with files of ours is touched in it.
        only: names of tables; empty for all that are for this person.

    Raises:
        Misconfigured: this machine is not connected.
        BadInput: a named table is not for this person, or the server sends something else.
        Transient: the server cannot be reached, or a file came broken.
    """
    stats = PullStats()
    with Server(config.load(home)) as server:
        tables = {each.name: each for each in server.read("/api/data/manifest", _Manifest).tables}
        if missing := [name for name in only if name not in tables]:
            raise BadInput(f"no table {missing[0]!r} is for you; there are: {', '.join(tables) or 'none'}")
        for table in tables.values():
            if not _NAME.fullmatch(table.name) or not all(_DIGEST.fullmatch(each.sha256) for each in table.files):
                raise BadInput("the server names a table or a file as no server of ours does")
            if only and table.name not in only:
                continue
            _pull(server, table, into / table.name, stats)
            stats.tables += 1
    if not only:
        for folder in sorted(into.glob("*/")) if into.exists() else []:
            if folder.name not in tables and _NAME.fullmatch(folder.name):
                stats.files_removed += _remove(folder, keep=set())
    return stats


def _pull(server: Server, table: _Table, folder: Path, stats: PullStats) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for each in table.files:
        path = folder / f"{each.sha256}.parquet"
        wanted.add(path.name)
        if path.exists() and path.stat().st_size == each.size_bytes:
            stats.files_kept += 1
            continue
        _load(server, table.name, each, path)
        stats.files_loaded += 1
        stats.bytes_loaded += each.size_bytes
    stats.files_removed += _remove(folder, keep=wanted)


def _load(server: Server, name: str, file: _File, path: Path) -> None:
    """Load a file under another name, and give it its own when it is whole."""
    part, digest = path.with_name(f".{path.name}.part"), hashlib.sha256()
    with part.open("wb") as target:
        for piece in server.download(f"/api/data/tables/{quote(name)}/files/{file.sha256}"):
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != file.sha256:
        part.unlink()
        raise Transient(f"a file of {name} came broken; nothing of it was kept, pull again")
    os.replace(part, path)


def _remove(folder: Path, *, keep: set[str]) -> int:
    """Remove files of ours that are not to be kept, and the folder when it is empty then."""
    removed = 0
    for path in folder.iterdir():
        stem = path.name.removeprefix(".").partition(".")[0]
        if path.name not in keep and _DIGEST.fullmatch(stem):
            path.unlink()
            removed += 1
    if not keep and not any(folder.iterdir()):
        folder.rmdir()
    return removed
