"""Answers that were paid for, and what they cost: each is kept before anything is made of it."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.archive.naming import storable
from precedent.clock import DAY
from precedent.faults import reach
from precedent.llm.contract import Answered
from precedent.store import Store
from precedent.store.schema import knowledge_call, knowledge_note, transcript

from . import prompt


class Kept(NamedTuple):
    """An answer that is kept."""

    answer: str
    input_tokens: int
    output_tokens: int


class Owner(NamedTuple):
    """What an answer is about, and goes with: a transcript or a note."""

    transcript_id: int | None = None
    note_id: int | None = None


def find(store: Store, key: str) -> Kept | None:
    """Return the answer to a question that was asked before."""
    call = knowledge_call.c
    with store.read() as tx:
        row = tx.execute(sa.select(call.answer, call.input_tokens, call.output_tokens).where(call.key == key)).first()
    return None if row is None else Kept(*row)


def keep(store: Store, key: str, answered: Answered, *, owner: Owner, model: str, now: int) -> Kept:
    """Keep an answer, on disk when this returns; one about what was erased meanwhile goes with it."""
    kept = Kept(storable(answered.text), answered.input_tokens, answered.output_tokens)
    values = {"key": key, "prompt": prompt.VERSION, "model": model, "at": now} | owner._asdict()
    with store.write() as tx:
        if _is_there(tx, owner):
            tx.execute(knowledge_call.insert().values(values | kept._asdict()))
    reach("model.kept")
    return kept


def _is_there(tx: sa.Connection, owner: Owner) -> bool:
    """Tell whether what an answer is about is still there, and keep it there until the transaction ends."""
    if owner.note_id is None:
        query = sa.select(transcript.c.id).where(transcript.c.id == owner.transcript_id)
    else:
        # The words of a note that its person removed are gone, the row that tells so is not.
        query = sa.select(knowledge_note.c.id).where(
            knowledge_note.c.id == owner.note_id, knowledge_note.c.content_hash != ""
        )
    return tx.scalar(query.with_for_update()) is not None


def spent_today(tx: sa.Connection, *, now: int) -> int:
    """Return the tokens of the day so far, UTC."""
    call = knowledge_call.c
    query = sa.select(sa.func.sum(call.input_tokens + call.output_tokens)).where(call.at >= now - now % DAY)
    return int(tx.scalar(query) or 0)
