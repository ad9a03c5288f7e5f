"""Removes usage that is too old, ledger and sums alike, and names that nothing points to any more."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.store import Store, bulk
from precedent.store.schema import (
    usage_activity,
    usage_copy,
    usage_defect,
    usage_event,
    usage_event_copy,
    usage_event_rollup,
    usage_name,
    usage_request,
    usage_rollup,
    usage_standin,
    usage_transcript,
)

from . import rollups
from .rollups import BUCKET

DAY = 86_400 * SECOND
AT_ONCE = 20_000

_POINTERS = (
    (usage_request, ("project_id", "model_id", "modifiers_id", "price_version_id")),
    (usage_copy, ("project_id", "model_id", "modifiers_id")),
    (usage_event, ("project_id", "model_id", "name_id")),
    (usage_event_copy, ("project_id", "model_id", "name_id")),
    (usage_rollup, ("agent_id", "project_id", "model_id")),
    (usage_event_rollup, ("agent_id", "project_id", "model_id", "name_id")),
    (usage_transcript, ("project_id",)),
)
"""Where names are pointed to."""


def prune(store: Store, *, before: int, stopping: Callable[[], bool] = lambda: False) -> int:
    """Remove what was used before a UTC day; return how many rows of ledger and sums.

    Args:
        store: the database.
        before: UTC microseconds; the day that it is in stays.
        stopping: asked between batches.
    """
    before -= before % DAY
    removed = 0
    for table, copies in ((usage_request, (usage_copy, usage_standin)), (usage_event, (usage_event_copy,))):
        while not stopping():
            with store.write() as tx:
                keys = list(tx.scalars(sa.select(table.c.key).where(table.c.at < before).limit(AT_ONCE)))
                for each in (table, *copies):
                    bulk.delete_in(tx, each, "key", keys)
            removed += len(keys)
            if len(keys) < AT_ONCE:
                break
    with store.write() as tx:
        removed += rollups.prune(tx, before=before // BUCKET)
        removed += tx.execute(usage_activity.delete().where(usage_activity.c.end_at < before)).rowcount
        quiet = sa.select(usage_transcript.c.transcript_id).where(usage_transcript.c.last_at < before)
        removed += tx.execute(usage_defect.delete().where(usage_defect.c.transcript_id.in_(quiet))).rowcount
        removed += tx.execute(usage_transcript.delete().where(usage_transcript.c.last_at < before)).rowcount
    return removed


def forget_names(store: Store) -> int:
    """Remove names of projects, models and tools that nothing points to; return how many."""
    with store.read() as tx:
        unused = _unused(tx)
    if not unused:
        return 0
    with store.write() as tx:
        if tx.dialect.name == "postgresql":
            # Whoever has looked a name up has committed what points to it, or looks it up after us.
            tx.exec_driver_sql(f"LOCK TABLE {usage_name.name} IN ACCESS EXCLUSIVE MODE")
        unused = _unused(tx)
        bulk.delete_in(tx, usage_name, "id", unused)
    return len(unused)


def _unused(tx: sa.Connection) -> Sequence[int]:
    used: set[int] = set()
    for table, names in _POINTERS:
        for name in names:
            used.update(tx.scalars(sa.select(table.c[name]).distinct()))
    # The names of price tables are small and say nothing of anybody.
    known = tx.scalars(sa.select(usage_name.c.id).where(usage_name.c.kind != "prices"))
    return sorted(set(known) - used)
