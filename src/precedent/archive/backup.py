"""Backups: every table and every archived transcript in one file, as they were at one instant; and back.

The file is a tar: `tables/<name>.ndjson.zst`, `objects/<key>.zst`, and at its end `manifest.json` with the SHA-256 of
every other member, and `manifest.sha256` with that of the manifest. A file without both, or of which anything does not
fit, is no backup. A database of either kind can be restored into one of the other.
"""

import hashlib
import os
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, Transient
from precedent.faults import reach
from precedent.security import audit
from precedent.store import Store, dump
from precedent.store.schema import REVISION, state, transcript
from precedent.transcripts.packed import SUFFIX, PackedFile, pack, packed_path

from .blocks import digests_of
from .folder import CUT, FolderArchive

FORMAT = 1
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
TABLES, OBJECTS = "tables/", "objects/"
TRIES = 5
COPY_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 1 << 30
SPOOL_BYTES = 16 << 20


class Member(msgspec.Struct, frozen=True):
    """A member of the file as the manifest has it.

    Attributes:
        bytes: its length.
        sha256: of it, in hexadecimal.
        count: rows of a table; bytes of content of a transcript.
        packed: of a transcript: it was archived in its compressed form.
    """

    bytes: int
    sha256: str
    count: int
    packed: bool = False


class Manifest(msgspec.Struct, kw_only=True):
    """What a backup holds.

    Attributes:
        format: of the file.
        revision: of the database's schema.
        made_at: instant of the cut, UTC microseconds.
        members: by name.
    """

    format: int
    revision: str
    made_at: int
    members: dict[str, Member] = {}


class BackupStats(msgspec.Struct, kw_only=True):
    """What a backup holds, or what was restored.

    Attributes:
        path: the file.
        made_at: instant of the cut, UTC microseconds.
        tables: how many.
        rows: in all tables.
        transcripts: archived ones.
        transcript_bytes: of their content.
        file_bytes: of the file.
        audit_rows: rows of the audit log, whose chain is whole; in a backup that was not read back, 0.
        read_back: every transcript was read again and compared with what the catalogue says.
    """

    path: str
    made_at: int
    tables: int
    rows: int
    transcripts: int
    transcript_bytes: int
    file_bytes: int
    audit_rows: int = 0
    read_back: bool = False


class _Object(msgspec.Struct, frozen=True):
    key: str
    length: int


def back_up(store: Store, archive: FolderArchive, path: Path, *, clock: Clock = Clock()) -> BackupStats:
    """Write a backup while everything goes on.

    Args:
        store: the database.
        archive: where transcripts are.
        path: the file to write; its folder must be there.
        clock: time.

    Raises:
        BadInput: there is such a file already, or the archive lacks a transcript that the catalogue names.
        OSError: it cannot be written.
    """
    if path.exists():
        raise BadInput(f"{path} is there already; a backup never overwrites anything")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    manifest = Manifest(format=FORMAT, revision=REVISION, made_at=clock.now())
    try:
        with _cut(store, archive) as (tx, cut, objects), _private(unfinished) as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for table in dump.tables():
                    _add_table(tar, manifest, tx, table)
                for each in objects:
                    _add_object(tar, manifest, cut, each)
                encoded = msgspec.json.encode(manifest)
                _add(tar, MANIFEST, BytesIO(encoded), len(encoded))
                seal = hashlib.sha256(encoded).hexdigest().encode() + b"\n"
                _add(tar, SEAL, BytesIO(seal), len(seal))
            file.flush()
            os.fsync(file.fileno())
        reach("backup.written")
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return _stats(path, manifest)


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


@contextmanager
def _cut(store: Store, archive: FolderArchive) -> Iterator[tuple[sa.Connection, FolderArchive, list[_Object]]]:
    """Hold database and archive as they are at one instant.

    The archive is written before the catalogue and deleted from after it, so what the catalogue names is there unless
    it was removed after our look: then we look again. Links keep it from then on, whatever is removed.
    """
    for attempt in range(TRIES):
        with tempfile.TemporaryDirectory(prefix=CUT, dir=archive.root) as folder, store.snapshot() as tx:
            query = sa.select(transcript.c.object_key, transcript.c.length).where(transcript.c.object_key != "")
            objects = [_Object(key, length) for key, length in tx.execute(query.order_by(transcript.c.object_key))]
            cut = FolderArchive(Path(folder))
            missing = [each.key for each in objects if not _keep(archive, cut, each)]
            if not missing:
                yield tx, cut, objects
                return
        if attempt + 1 == TRIES:
            raise BadInput(
                f"the archive lacks {len(missing)} catalogued transcripts, {missing[0]} for one; "
                f"`precedent erase session` removes what is lost from the catalogue too"
            )


def _keep(archive: FolderArchive, cut: FolderArchive, found: _Object) -> bool:
    """Link an object into the cut; false when it is not there, or shorter than it must be."""
    source, target = archive.path(found.key), cut.path(found.key)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    for _ in range(TRIES):
        for here, there in ((source, target), (packed_path(source), packed_path(target))):
            try:
                _link(here, there)
            except FileNotFoundError:
                continue
        if _length(cut, found.key) >= found.length:
            return True
    return False


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target, follow_symlinks=False)


def _length(cut: FolderArchive, key: str) -> int:
    path = cut.path(key)
    lengths = [path.stat().st_size if path.exists() else -1]
    if packed_path(path).exists():
        packed = PackedFile(packed_path(path))
        lengths.append(packed.length)
        packed.close()
    return max(lengths)


def _add_table(tar: tarfile.TarFile, manifest: Manifest, tx: sa.Connection, table: sa.Table) -> None:
    count = -1  # the first line names the columns

    def lines() -> Iterator[bytes]:
        nonlocal count
        for line in dump.lines_of(tx, table):
            count += 1
            yield line

    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
        size = pack(lines(), file)
        digest = _rewound(file)
        name = f"{TABLES}{table.name}.ndjson{SUFFIX}"
        _add(tar, name, file, size)
    manifest.members[name] = Member(size, digest, count)


def _add_object(tar: tarfile.TarFile, manifest: Manifest, cut: FolderArchive, found: _Object) -> None:
    path = cut.path(found.key)
    was_packed = not path.exists() or path.stat().st_size < found.length
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
        size = pack(cut.pieces(found.key, start=0, end=found.length), file)
        digest = _rewound(file)
        name = f"{OBJECTS}{found.key}{SUFFIX}"
        _add(tar, name, file, size)
    manifest.members[name] = Member(size, digest, found.length, was_packed)


def _rewound(file: IO[bytes]) -> str:
    """Return the digest of a file's content, and go back to its beginning."""
    file.seek(0)
    digest = hashlib.sha256()
    while data := file.read(COPY_BYTES):
        digest.update(data)
    file.seek(0)
    return digest.hexdigest()


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    tar.addfile(info, file)


# Reading ------------------------------------------------------------------------------------------------------------


def check(path: Path) -> BackupStats:
    """Read a backup whole and see that nothing is missing, cut or changed.

    Raises:
        BadInput: it is not whole, or no backup, or one of another version of the program.
        OSError: it cannot be read.
    """
    manifest = _checked(path)
    return _stats(path, manifest)


def _checked(path: Path) -> Manifest:
    with _reading(path):
        found, encoded, seal = _contents(path)
    if not encoded or seal.decode("ascii", "replace").strip() != hashlib.sha256(encoded).hexdigest():
        raise _damaged(path, "its manifest is missing or was changed")
    try:
        manifest = msgspec.json.decode(encoded, type=Manifest)
    except msgspec.DecodeError as error:
        raise _damaged(path, str(error)) from error
    if manifest.format != FORMAT or manifest.revision != REVISION:
        raise BadInput(
            f"{path} was written with schema {manifest.revision} and this version has {REVISION}; "
            f"restore it with the version that wrote it, then upgrade"
        )
    wanted = {name: (each.bytes, each.sha256) for name, each in manifest.members.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise _damaged(path, f"{name} is missing, was added or was changed")
    missing = {f"{TABLES}{table.name}.ndjson{SUFFIX}" for table in dump.tables()} - wanted.keys()
    if missing:
        raise _damaged(path, f"it lacks {min(missing)}")
    return manifest


def _contents(path: Path) -> tuple[dict[str, tuple[int, str]], bytes, bytes]:
    """Return size and digest of every member, the manifest and its seal."""
    found: dict[str, tuple[int, str]] = {}
    encoded = seal = b""
    for name, file, size in _members(path):
        if name in found:
            raise _damaged(path, f"it holds {name} twice")
        if name in (MANIFEST, SEAL):
            if size > MAX_MANIFEST_BYTES:
                raise _damaged(path, "its manifest is too large")
            data = file.read(size)
            encoded, seal = (data, seal) if name == MANIFEST else (encoded, data)
            continue
        digest = hashlib.sha256()
        for data in _copied(file, size):
            digest.update(data)
        found[name] = size, digest.hexdigest()
    return found, encoded, seal


def _damaged(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is no whole backup: {why}. Nothing was restored")


def _members(path: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Yield the name, content and size of every member."""
    with tarfile.open(path, "r:") as tar:
        for each in tar:
            content = tar.extractfile(each) if each.isreg() else None
            if content is None:
                raise _damaged(path, f"{each.name} is no file")
            yield each.name, content, each.size


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell as damage what goes wrong in the block with the file's form."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _copied(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        data = file.read(min(COPY_BYTES, size))
        if not data:
            raise EOFError("it ends in the middle")
        size -= len(data)
        yield data


def restore(
    store: Store,
    archive: FolderArchive,
    path: Path,
    *,
    derived_here: Iterable[str],
    read_back: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> BackupStats:
    """Bring a backup into an empty database and an empty archive.

    Args:
        store: the database, with the newest schema.
        archive: where transcripts go.
        path: the backup.
        derived_here: processors whose tables are in the backup; what others derived is derived again.
        read_back: read every transcript again afterwards and compare it with what the catalogue says.
        progress: told how many members of how many are done.

    Raises:
        BadInput: the backup is not whole; nothing was written.
        Conflict: database or archive are not empty; nothing was written.
        Transient: what was restored is not what the backup says: the disk lies, or somebody wrote meanwhile.
    """
    manifest = _checked(path)
    with store.read() as tx:
        if full := dump.has_rows(tx):
            raise Conflict(f"the database is not empty: table {full} has rows. Restore into a new one")
    if next(archive.files(), None) is not None:
        raise Conflict(f"the archive {archive.root} is not empty. Restore into a new folder")
    with tempfile.TemporaryDirectory(prefix=CUT, dir=archive.root) as folder:
        staged: dict[str, Path] = {}
        with _reading(path):
            for number, (name, file, size) in enumerate(_members(path)):
                progress(number, len(manifest.members))
                if name.startswith(TABLES):
                    staged[name] = _stage(Path(folder), file, size)
                elif name.startswith(OBJECTS):
                    key = name.removeprefix(OBJECTS).removesuffix(SUFFIX)
                    _put(archive, key, _stage(Path(folder), file, size), manifest.members[name])
        os.sync()
        reach("restore.objects")
        with store.write() as tx:
            for table in dump.tables():
                name = f"{TABLES}{table.name}.ndjson{SUFFIX}"
                count = dump.load(tx, table, dump.rows_of(_lines(staged[name]), table))
                if count != manifest.members[name].count:
                    raise Transient(f"table {table.name} has {count} rows where the backup says otherwise")
            _derive_again(tx, set(derived_here))
            reach("restore.loaded")
    stats = _stats(path, manifest)
    stats.audit_rows = _verified(store, archive, manifest, read_back=read_back)
    stats.read_back = read_back
    return stats


def _stage(folder: Path, file: IO[bytes], size: int) -> Path:
    path = folder / secrets.token_hex(8)
    with _private(path) as target:
        for data in _copied(file, size):
            target.write(data)
    return path


def _put(archive: FolderArchive, key: str, staged: Path, member: Member) -> None:
    """Bring an object to its place in the form in which it was archived."""
    path = archive.path(key)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    if member.packed:
        staged.rename(packed_path(path))
        return
    packed = PackedFile(staged)
    try:
        archive.append(key, at=0, data=packed.pieces(0, packed.length))
    finally:
        packed.close()
        staged.unlink()


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a compressed file; the last piece may end in the middle of one."""
    packed = PackedFile(path)
    rest = b""
    try:
        for piece in packed.pieces(0, packed.length):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
    finally:
        packed.close()
    if rest:
        yield rest


def _derive_again(tx: sa.Connection, derived_here: set[str]) -> None:
    """Have other people's processors do everything anew: their tables are not in the backup."""
    values = {"status": "pending", "file_hash": "", "cursor": None, "processed_at": None, "items_extracted": 0}
    others = state.c.processor_name.not_in(derived_here), state.c.status == "done", state.c.processor_version >= 0
    tx.execute(state.update().where(*others).values(**values))


def _verified(store: Store, archive: FolderArchive, manifest: Manifest, *, read_back: bool) -> int:
    """Compare what was restored with the backup; return the rows of the audit log."""
    with store.read() as tx:
        for table in dump.tables():
            count = tx.scalar(sa.select(sa.func.count()).select_from(table))
            if count != manifest.members[f"{TABLES}{table.name}.ndjson{SUFFIX}"].count:
                raise Transient(f"table {table.name} has {count} rows after the restore; the backup has others")
        log = audit.verify(tx)
        if log.fault:
            raise BadInput(f"everything was restored, but the audit log was changed before the backup: {log.fault}")
        columns = (transcript.c.object_key, transcript.c.length, transcript.c.archive_blocks)
        catalogued = tx.execute(sa.select(*columns).where(transcript.c.object_key != "")).all()
    for key, length, digests in catalogued:
        if not archive.exists(key):
            raise Transient(f"archived transcript {key} is missing after the restore")
        if read_back and digests_of(archive.pieces(key, start=0, end=length)) != digests:
            raise Transient(f"archived transcript {key} is not what the catalogue says after the restore")
    return log.rows


def _stats(path: Path, manifest: Manifest) -> BackupStats:
    tables = [each for name, each in manifest.members.items() if name.startswith(TABLES)]
    objects = [each for name, each in manifest.members.items() if name.startswith(OBJECTS)]
    return BackupStats(
        path=str(path),
        made_at=manifest.made_at,
        tables=len(tables),
        rows=sum(each.count for each in tables),
        transcripts=len(objects),
        transcript_bytes=sum(each.count for each in objects),
        file_bytes=path.stat().st_size,
    )


__all__ = ["BackupStats", "Manifest", "Member", "back_up", "check", "restore"]
