"""Deletes what nobody has a use for in the archive's folder: objects that no row names, unfinished files.

Somebody died before deleting or cataloguing them. What is young is left alone: it may be about to be catalogued.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.store import Store
from precedent.store.schema import transcript

from .folder import CUT, FolderArchive, StoredFile

YOUNG_US = 3600 * SECOND
"""A collection catalogues what it has written within minutes."""

BACKUP_US = 24 * YOUNG_US


class Swept(msgspec.Struct, kw_only=True):
    """What a sweep did.

    Attributes:
        objects: of the archive that no row names.
        unfinished: files that somebody left half written.
        doubles: transcripts that stood there plain and compressed.
    """

    objects: int = 0
    unfinished: int = 0
    doubles: int = 0


def sweep(
    store: Store, archive: FolderArchive, *, stopping: Callable[[], bool] = lambda: False, clock: Clock = Clock()
) -> Swept:
    """Delete what is left over.

    Args:
        store: the database.
        archive: where transcripts are.
        stopping: asked before each file.
        clock: time.
    """
    stats = Swept()
    before = clock.now() - YOUNG_US
    files = [each for each in archive.files() if each.modified_at < before]
    # After the files: what was catalogued meanwhile is known.
    with store.read() as tx:
        columns = (transcript.c.object_key, transcript.c.length)
        lengths = {key: length for key, length in tx.execute(sa.select(*columns))}
    forms: dict[str, int] = {}
    for each in files:
        if stopping():
            return stats
        if not each.key:
            each.path.unlink(missing_ok=True)
            stats.unfinished += 1
        elif each.key not in lengths:
            stats.objects += _delete(archive, each)
        else:
            forms[each.key] = forms.get(each.key, 0) + 1
    for key, count in forms.items():
        if count > 1:
            archive.tidy(key, length=lengths[key])
            stats.doubles += 1
    _remove_empty(archive.root, before)
    _remove_cuts(archive.root, clock.now() - BACKUP_US)
    return stats


def _delete(archive: FolderArchive, found: StoredFile) -> int:
    if not found.path.exists():
        return 0  # it went with its other form
    archive.delete(found.key)
    return 1


def _remove_cuts(root: Path, before: int) -> None:
    """Remove what a backup held that died; a living one is younger."""
    for each in root.glob(f"{CUT}*"):
        if each.stat().st_mtime_ns // 1000 < before:
            shutil.rmtree(each, ignore_errors=True)


def _remove_empty(root: Path, before: int) -> None:
    """A folder is named after a person: the last thing that is left of one who was erased."""
    for each in root.iterdir():
        if each.is_dir() and not each.name.startswith(".") and each.stat().st_mtime_ns // 1000 < before:
            try:
                each.rmdir()
            except OSError:
                continue
