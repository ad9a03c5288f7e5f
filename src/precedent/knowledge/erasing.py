"""What becomes of items when what they rest on goes: transcripts, notes, people."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import (
    knowledge_audience,
    knowledge_call,
    knowledge_evidence,
    knowledge_item,
    knowledge_pair,
    knowledge_term,
    knowledge_version,
    knowledge_vote,
)

from . import rows, versions
from .intake import MODEL_DETECTOR
from .model import Item, Origin, Status
from .statuses import TRANSITIONS, Action, moved

BY = "withdrawal"
GONE = "nobody says so any more"


def evidenced(tx: sa.Connection, column: str, ids: Sequence[int]) -> set[int]:
    """Return the items that have evidence of transcripts or notes; `column` is `transcript_id` or `note_id`."""
    return {int(row[0]) for row in bulk.select_in(tx, knowledge_evidence, ["item_id"], column, ids)}


def withdraw(tx: sa.Connection, column: str, ids: Sequence[int], *, now: int) -> None:
    """Remove the evidence of transcripts or notes, and settle the items that rested on it."""
    found = evidenced(tx, column, ids)
    bulk.delete_in(tx, knowledge_evidence, column, ids)
    settle(tx, found, now=now)


def withdraw_from_models(tx: sa.Connection, column: str, ids: Sequence[int], *, now: int) -> None:
    """Remove what a model found in transcripts or notes, and what it answered about them; see `withdraw`."""
    said = bulk.select_in(tx, knowledge_evidence, ["id", "item_id", "detector"], column, ids)
    found = {int(number): int(item) for number, item, detector in said if str(detector).startswith(MODEL_DETECTOR)}
    bulk.delete_in(tx, knowledge_evidence, "id", list(found))
    bulk.delete_in(tx, knowledge_call, column, ids)
    settle(tx, set(found.values()), now=now)


def settle(tx: sa.Connection, item_ids: set[int], *, now: int) -> None:
    """Bring items in line with the evidence that they have left.

    One without any goes when nobody has put a hand to it; an approved one returns to review; what a person worded
    stays.
    """
    for number in sorted(item_ids):
        if tx.scalar(sa.select(knowledge_evidence.c.id).where(knowledge_evidence.c.item_id == number).limit(1)):
            continue
        for item in rows.items(tx, knowledge_item.c.id == number):
            if item.status in TRANSITIONS[Action.WITHDRAW].before and (
                item.status is Status.APPROVED or item.edited_by or item.origin in {Origin.PROPOSAL, Origin.MERGE}
            ):
                if item.status is Status.APPROVED:
                    back = moved(item, Action.WITHDRAW, by=BY, now=now)
                    versions.write(tx, back, Action.WITHDRAW, by=BY, now=now, reason=GONE)
            else:
                remove(tx, item, now=now)


def remove(tx: sa.Connection, item: Item, *, now: int) -> None:
    """Remove an item and its words; a version without a state stays, by which laptops drop it."""
    version = knowledge_version.c
    for table, column in (
        (knowledge_evidence, "item_id"),
        (knowledge_audience, "item_id"),
        (knowledge_vote, "item_id"),
        (knowledge_pair, "item_a"),
        (knowledge_pair, "item_b"),
        (knowledge_term, "item_id"),
    ):
        bulk.delete_in(tx, table, column, [item.id])
    tx.execute(knowledge_version.update().where(version.item_id == item.id, version.until.is_(None)).values(until=now))
    tx.execute(knowledge_version.update().where(version.item_id == item.id).values(state="", reason=""))
    tx.execute(
        knowledge_version.insert().values(
            item_id=item.id, number=item.version + 1, at=now, by=BY, action=Action.WITHDRAW.value,
            status=Status.REVOKED.value, state="",
        )
    )  # fmt: skip
    pointing = knowledge_item.c.superseded_by == item.id
    tx.execute(knowledge_item.update().where(pointing).values(superseded_by=None))
    tx.execute(knowledge_item.delete().where(knowledge_item.c.id == item.id))
