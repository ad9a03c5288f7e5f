"""What becomes of knowledge when people are erased or turn out to be one."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import (
    knowledge_delivered,
    knowledge_evidence,
    knowledge_item,
    knowledge_note,
    knowledge_reading,
    knowledge_vote,
)

from . import rows
from .erasing import remove, withdraw


def forget(tx: sa.Connection, user_ids: Sequence[int], *, now: int) -> None:
    """Remove what people said and what is theirs alone."""
    for item in rows.items(tx, knowledge_item.c.owner_id.in_(user_ids)):
        remove(tx, item, now=now)
    withdraw(tx, "user_id", user_ids, now=now)
    for table in (knowledge_vote, knowledge_delivered):
        bulk.delete_in(tx, table, "user_id", user_ids)


def move(tx: sa.Connection, old: int, *, into: int, now: int) -> None:
    """Give everything of one person to another; what both have stays the other's."""
    _drop_same_notes(tx, old, into=into, now=now)
    said = knowledge_evidence
    theirs = said.alias("theirs")
    same = sa.select(theirs.c.id).where(
        theirs.c.item_id == said.c.item_id, theirs.c.session == said.c.session, theirs.c.user_id == into
    )
    tx.execute(said.delete().where(said.c.user_id == old, same.exists()))
    for table in (knowledge_vote, knowledge_delivered):
        known = sa.select(table.c.item_id).where(table.c.user_id == into)
        tx.execute(table.delete().where(table.c.user_id == old, table.c.item_id.in_(known.scalar_subquery())))
    for table, column in (
        (said, said.c.user_id),
        (knowledge_vote, knowledge_vote.c.user_id),
        (knowledge_delivered, knowledge_delivered.c.user_id),
        (knowledge_item, knowledge_item.c.owner_id),
        (knowledge_note, knowledge_note.c.user_id),
        (knowledge_reading, knowledge_reading.c.user_id),
    ):
        tx.execute(table.update().where(column == old).values({column.name: into}))


def _drop_same_notes(tx: sa.Connection, old: int, *, into: int, now: int) -> None:
    """Remove the notes of a person that another one has of the same source and path."""
    mine, theirs = knowledge_note, knowledge_note.alias("theirs")
    same = sa.select(theirs.c.id).where(
        theirs.c.user_id == into, theirs.c.source == mine.c.source, theirs.c.path == mine.c.path
    )
    ids = list(tx.scalars(sa.select(mine.c.id).where(mine.c.user_id == old, same.exists())))
    withdraw(tx, "note_id", ids, now=now)
    bulk.delete_in(tx, mine, "id", ids)
