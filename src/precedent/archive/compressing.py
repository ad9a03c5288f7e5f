"""Compresses the transcripts that nothing was added to for a long time; nobody who reads one notices.

What is compressed is unpacked and compared with the catalogue's digests before the plain file goes, so this is also
where a damaged one is found.
"""

from collections.abc import Callable, Iterable

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import BadInput
from precedent.store import Store
from precedent.store.schema import transcript

from .blocks import digests_of
from .folder import FolderArchive

DAY = 86_400 * SECOND
MIN_BYTES = 4096
"""A smaller file takes one block of a disk whatever is done to it."""

AT_ONCE = 500
MAX_DETAILS = 50


class Compressed(msgspec.Struct, kw_only=True):
    """What compressing did.

    Attributes:
        transcripts: that were compressed.
        saved_bytes: of the archive.
        errors_detail: transcripts that are missing or not what the catalogue says, each with file and error.
    """

    transcripts: int = 0
    saved_bytes: int = 0
    errors_detail: list[dict[str, str]] = []


def compress_old(
    store: Store,
    archive: FolderArchive,
    *,
    days: int,
    stopping: Callable[[], bool] = lambda: False,
    clock: Clock = Clock(),
) -> Compressed:
    """Compress what has not changed for some days.

    Args:
        store: the database.
        archive: where transcripts are.
        days: 0 compresses nothing.
        stopping: asked before each transcript.
        clock: time.
    """
    stats = Compressed()
    if not days:
        return stats
    before, last = clock.now() - days * DAY, 0
    columns = [transcript.c[name] for name in ("id", "object_key", "length", "revision", "archive_blocks")]
    while True:
        query = (
            sa.select(*columns)
            .where(
                transcript.c.id > last,
                transcript.c.changed_at < before,
                transcript.c.length >= MIN_BYTES,
                transcript.c.stored_bytes >= transcript.c.length,
                transcript.c.object_key != "",
            )
            .order_by(transcript.c.id)
            .limit(AT_ONCE)
        )
        with store.read() as tx:
            found = tx.execute(query).all()
        if not found:
            return stats
        for row in found:
            if stopping():
                return stats
            last = row.id
            try:
                size = archive.compress(row.object_key, length=row.length, is_whole=_same(row.archive_blocks))
            except (OSError, BadInput) as error:
                if len(stats.errors_detail) < MAX_DETAILS:
                    stats.errors_detail.append({"file": row.object_key, "error": str(error)})
                continue
            if size is None:
                continue
            where = transcript.c.id == row.id, transcript.c.revision == row.revision
            with store.write() as tx:
                tx.execute(transcript.update().where(*where).values(stored_bytes=size))
            stats.transcripts += 1
            stats.saved_bytes += row.length - size


def _same(digests: bytes) -> Callable[[Iterable[bytes]], bool]:
    return lambda pieces: digests_of(pieces) == digests
