"""Takes back what notes do not say any more, and what a model found in notes that it may not read any more."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent.archive import consent
from precedent.knowledge import erasing
from precedent.knowledge.intake import FOUND_BY_MODEL
from precedent.knowledge.model import Status, plain
from precedent.knowledge.statuses import TRANSITIONS, Action
from precedent.model import Purpose
from precedent.store import bulk
from precedent.store.schema import knowledge_call, knowledge_evidence, knowledge_item, knowledge_note

_OPEN = TRANSITIONS[Action.WITHDRAW].before


def drop(tx: sa.Connection, evidence_ids: Sequence[int]) -> set[int]:
    """Remove evidence that a note gives no more; return the items that it was of.

    What was rejected, revoked or merged keeps it: it tells that the words were judged when they come back, and whose
    they are when that person is erased.
    """
    said = bulk.select_in(tx, knowledge_evidence, ["id", "item_id"], "id", evidence_ids)
    statuses = bulk.select_in(tx, knowledge_item, ["id", "status"], "id", sorted({item for _, item in said}))
    open_ = {int(number) for number, status in statuses if Status(str(status)) in _OPEN}
    bulk.delete_in(tx, knowledge_evidence, "id", [number for number, item in said if item in open_])
    return open_


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
    note = knowledge_note.c
    query = sa.select(note.id, note.folder, note.asked_by).where(note.user_id == user_id).with_for_update()
    consents = consent.of_persons(tx, Purpose.MODEL, user_ids=[user_id])
    denied = {
        row.id: bool(row.asked_by)
        for row in tx.execute(query).all()
        if not consent.allows_folder(consents, user_id, row.folder)
    }
    # Of a note that was asked about in part only its answers tell.
    answered = bulk.select_in(tx, knowledge_call, ["note_id"], "note_id", list(denied))
    asked = {number for number, whole in denied.items() if whole} | {int(row[0]) for row in answered}
    erasing.withdraw_from_models(tx, "note_id", list(denied), now=now)
    tx.execute(knowledge_note.update().where(note.id.in_(denied)).values(asked_hash="", asked_by=""))
    return len(asked)
