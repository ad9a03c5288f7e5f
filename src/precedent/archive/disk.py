"""Room on the disk: what may be used, and when collecting and uploading stop.

Processing goes on: its results are small, and it is what makes room by being done.
"""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from precedent.errors import Exhausted
from precedent.store import Store
from precedent.store.schema import transcript

LOOK_S = 5.0
"""What was seen holds this long, so that an upload costs no sum over all transcripts."""

RETRY_AFTER_S = 600.0


class Usage(NamedTuple):
    """Room on the disk.

    Attributes:
        used_bytes: by archive and database; without the latter when it is PostgreSQL.
        free_bytes: on the archive's disk.
        reason: why nothing more is taken in; empty when there is room.
    """

    used_bytes: int
    free_bytes: int
    reason: str


class Disk:
    """Looks at the room there is.

    Args:
        store: the database.
        data_dir: the data folder.
        archive_dir: the archive's folder.
        max_bytes: that archive and database may take; 0 for any number.
        min_free_bytes: that are to stay free.
    """

    def __init__(self, store: Store, *, data_dir: Path, archive_dir: Path, max_bytes: int, min_free_bytes: int) -> None:
        self._store, self._data_dir, self._archive_dir = store, data_dir, archive_dir
        self._max_bytes, self._min_free_bytes = max_bytes, min_free_bytes
        self._seen: tuple[float, Usage] | None = None

    def usage(self) -> Usage:
        """Look, at most every `LOOK_S`."""
        if self._seen is None or time.monotonic() - self._seen[0] > LOOK_S:
            self._seen = time.monotonic(), self._look()
        return self._seen[1]

    def require_room(self) -> None:
        """Refuse when nothing more is to be taken in.

        Raises:
            Exhausted: with the reason.
        """
        if reason := self.usage().reason:
            raise Exhausted(reason, retry_after_s=RETRY_AFTER_S)

    def is_full(self) -> bool:
        """Tell whether nothing more is to be taken in."""
        return bool(self.usage().reason)

    def _look(self) -> Usage:
        free = shutil.disk_usage(self._archive_dir if self._archive_dir.exists() else self._data_dir).free
        used = 0
        if self._max_bytes:
            with self._store.read() as tx:
                used = int(tx.scalar(sa.select(sa.func.coalesce(sa.func.sum(transcript.c.stored_bytes), 0))) or 0)
            used += sum(each.stat().st_size for each in self._data_dir.glob("precedent.db*") if each.is_file())
        reason = ""
        if free < self._min_free_bytes:
            reason = (
                f"the disk has {free / 1e6:,.0f} MB free and PRECEDENT_DISK_MIN_FREE_MB keeps "
                f"{self._min_free_bytes / 1e6:,.0f} MB; make room"
            )
        elif self._max_bytes and used > self._max_bytes:
            reason = (
                f"archive and database take {used / 1e6:,.0f} MB and PRECEDENT_DISK_MAX_MB allows "
                f"{self._max_bytes / 1e6:,.0f} MB; raise it, or delete sessions"
            )
        return Usage(used, free, reason)
