"""Removes the text of transcripts that nothing was added to for too long; what was derived from them stays.

The catalogue's row stays too, without an object. A source that is continued is taken anew from its beginning.
"""

from collections.abc import Callable

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.faults import reach
from precedent.store import Store, bulk
from precedent.store.schema import state, transcript

from .folder import FolderArchive

DAY = 86_400 * SECOND
AT_ONCE = 200


def expire(
    store: Store,
    archive: FolderArchive,
    *,
    days: int,
    stopping: Callable[[], bool] = lambda: False,
    clock: Clock = Clock(),
) -> int:
    """Remove the text of transcripts whose source has not changed for some days; return how many.

    Args:
        store: the database.
        archive: where transcripts are.
        days: 0 removes nothing.
        stopping: asked before each batch.
        clock: time.
    """
    if not days:
        return 0
    now, count = clock.now(), 0
    old = sa.and_(
        transcript.c.observed_at < now - days * DAY,
        transcript.c.changed_at < now - DAY,  # what came in today is processed first
        transcript.c.object_key != "",
    )
    query = sa.select(transcript.c.id, transcript.c.object_key).where(old).order_by(transcript.c.id).limit(AT_ONCE)
    while not stopping():
        with store.write() as tx:
            found = tx.execute(query).all()
            if not found:
                return count
            ids = [(row.id,) for row in found]
            bulk.execute(tx, "UPDATE transcript SET object_key = '', stored_bytes = 0 WHERE id = ?", ids)
            bulk.execute(
                tx,
                f"UPDATE {state.name} SET status = 'expired', claim = claim + 1, claim_run = 0, claims_open = 0, "
                "cursor = NULL WHERE transcript_id = ?",
                ids,
            )
        reach("expire.committed")
        for row in found:
            archive.delete(row.object_key)
        count += len(found)
    return count
