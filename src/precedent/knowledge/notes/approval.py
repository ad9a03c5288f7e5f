"""The items that reading notes made, and the approval of those that nothing speaks against, where it is wanted."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent.knowledge import rows, versions
from precedent.knowledge.model import Item, Kind, Origin, Status
from precedent.knowledge.pairing import OPEN
from precedent.knowledge.statuses import Action, moved
from precedent.security import audit
from precedent.store import bulk
from precedent.store.schema import knowledge_evidence, knowledge_item, knowledge_pair

BY = "corporate-memory"


def new_items(tx: sa.Connection, user_id: int, before: int) -> list[Item]:
    """Return the items that this reading made."""
    said = knowledge_evidence.c
    theirs = sa.select(said.item_id).where(said.user_id == user_id, said.kind == Kind.NOTE.value, said.item_id > before)
    item = knowledge_item.c
    return rows.items(tx, item.id > before, item.id.in_(theirs), item.origin == Origin.NOTE.value)


def approve(tx: sa.Connection, found: Sequence[Item], *, now: int) -> int:
    """Approve new items that nothing speaks against; return how many."""
    pair = knowledge_pair.c
    ids = [item.id for item in found]
    doubted = {
        int(number)
        for column in ("item_a", "item_b")
        for number, status in bulk.select_in(tx, knowledge_pair, [column, pair.status.name], column, ids)
        if status == OPEN
    }
    approved = 0
    for item in found:
        if item.flags or item.id in doubted or item.status is not Status.PENDING:
            continue
        good = moved(item, Action.APPROVE, by=BY, now=now)
        versions.write(tx, good, Action.APPROVE, by=BY, now=now, reason="the setting for notes says so")
        details = {"content_hash": good.content_hash}
        audit.record(tx, audit.Act(BY, "knowledge_approve", f"knowledge:{item.id}", "ok", details=details), now=now)
        approved += 1
    return approved
