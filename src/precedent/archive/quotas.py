"""How much a person may upload on a day."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import Exhausted
from precedent.store import bulk
from precedent.store.schema import upload_day

DAY_S = 86_400


class UploadLimits(NamedTuple):
    """Limits of one person and UTC day; 0 for none.

    Attributes:
        size_bytes: of all uploads together, as they are after unpacking.
        uploads: how many.
    """

    size_bytes: int = 0
    uploads: int = 0


class Quota:
    """Counts what persons upload on a day.

    Args:
        limits: how much one may.
        clock: time.
    """

    def __init__(self, limits: UploadLimits, *, clock: Clock) -> None:
        self._limits, self._clock = limits, clock

    def check(self, tx: sa.Connection, user_id: int, *, size_bytes: int) -> None:
        """See whether a person may upload so much more today.

        Raises:
            Exhausted: not before tomorrow.
        """
        day, left_s = self._today()
        query = sa.select(upload_day.c.bytes, upload_day.c.uploads)
        row = tx.execute(query.where(upload_day.c.user_id == user_id, upload_day.c.day == day)).first()
        size, uploads = (row.bytes, row.uploads) if row else (0, 0)
        limits = self._limits
        if limits.size_bytes and size + size_bytes > limits.size_bytes:
            raise Exhausted(f"this person may upload {limits.size_bytes >> 20} MiB a day", retry_after_s=left_s)
        if limits.uploads and uploads + 1 > limits.uploads:
            raise Exhausted(f"this person may upload {limits.uploads} times a day", retry_after_s=left_s)

    def charge(self, tx: sa.Connection, user_id: int, *, size_bytes: int) -> None:
        """Count an upload."""
        columns = ["user_id", "day", "bytes", "uploads"]
        bulk.add_up(tx, upload_day, columns, [(user_id, self._today()[0], size_bytes, 1)])

    def _today(self) -> tuple[int, float]:
        """Return the day since the epoch, and the seconds that it still has."""
        seconds = self._clock.now() / SECOND
        day = int(seconds // DAY_S)
        return day, (day + 1) * DAY_S - seconds
