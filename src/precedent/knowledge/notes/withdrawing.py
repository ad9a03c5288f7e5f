"""Takes back what notes do not say any more, and what a model found in notes that it may not read any more."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent.archive import consent
from precedent.knowledge import erasing
from precedent.knowledge.intake import FOUND_BY_MODEL
from precedent.knowledge.model import plain
from precedent.knowledge.statuses import TRANSITIONS, Action
from precedent.model import Purpose
from precedent.store import bulk
from precedent.store.schema import knowledge_call, knowledge_evidence, knowledge_item, knowledge_note


def drop(tx: sa.Connection, evidence_ids: Sequence[int]) -> set[int]:
    """Remove evidence that a note gives no more; return the items that it was of.

    What was rejected, revoked or merged keeps it: it tells that the words were judged when they come back, and whose
    they are when that person is erased.
    """
    said, item = knowledge_evidence.c, knowledge_item.c
    query = (
        sa.select(said.id, said.item_id)
        .join(knowledge_item, item.id == said.item_id)
        .where(said.id.in_(evidence_ids), item.status.in_([each.value for each in TRANSITIONS[Action.WITHDRAW].before]))
    )
    found = tx.execute(query).all()
    bulk.delete_in(tx, knowledge_evidence, "id", [row.id for row in found])
    return {row.item_id for row in found}


def drop_unquoted(tx: sa.Connection, note_id: int, text: str) -> set[int]:
    """Remove what a model found in a note and what is not in it any more; return the items that it was of.

    Of a note that is gone, or that its person does not want to be read, the answers go as well.
    """
    said, words = knowledge_evidence.c, plain(text)
    if not words:
        tx.execute(knowledge_call.delete().where(knowledge_call.c.note_id == note_id))
    found = tx.execute(sa.select(said.id, said.quote).where(said.note_id == note_id, FOUND_BY_MODEL))
    return drop(tx, [row.id for row in found if plain(row.quote) not in words])


def take_back_from_models(tx: sa.Connection, user_id: int, *, now: int) -> int:
    """Remove what a model found in those of a person's notes that it may not read, and its answers.

    Args:
        tx: the transaction.
        user_id: the person.
        now: UTC microseconds.

    Returns:
        How many notes it was asked about.
    """
    note, said = knowledge_note.c, knowledge_evidence.c
    query = sa.select(note.id, note.folder).where(note.user_id == user_id, note.asked_by != "").with_for_update()
    denied = [
        row.id for row in tx.execute(query).all() if not consent.allows(tx, Purpose.MODEL, user_id, folder=row.folder)
    ]
    theirs = (said.note_id.in_(denied), FOUND_BY_MODEL)
    items = set(tx.scalars(sa.select(said.item_id).where(*theirs)))
    tx.execute(knowledge_evidence.delete().where(*theirs))
    bulk.delete_in(tx, knowledge_call, "note_id", denied)
    tx.execute(knowledge_note.update().where(note.id.in_(denied)).values(asked_hash="", asked_by=""))
    erasing.settle(tx, items, now=now)
    return len(denied)
