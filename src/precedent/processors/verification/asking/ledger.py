"""Answers that were paid for, and what they cost: each is kept before anything is made of it."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.archive.naming import storable
from precedent.clock import SECOND
from precedent.faults import reach
from precedent.llm.contract import Answered
from precedent.store import Store
from precedent.store.schema import knowledge_call, transcript

from . import prompt

DAY = 86_400 * SECOND


class Kept(NamedTuple):
    """An answer that is kept."""

    answer: str
    input_tokens: int
    output_tokens: int


def find(store: Store, key: str) -> Kept | None:
    """Return the answer to a question that was asked before."""
    call = knowledge_call.c
    with store.read() as tx:
        row = tx.execute(sa.select(call.answer, call.input_tokens, call.output_tokens).where(call.key == key)).first()
    return None if row is None else Kept(*row)


def keep(store: Store, key: str, answered: Answered, *, transcript_id: int, model: str, now: int) -> Kept:
    """Keep an answer, on disk when this returns; one about a transcript that was erased meanwhile goes with it."""
    kept = Kept(storable(answered.text), answered.input_tokens, answered.output_tokens)
    values = {"key": key, "transcript_id": transcript_id, "prompt": prompt.VERSION, "model": model, "at": now}
    with store.write() as tx:
        if tx.scalar(sa.select(transcript.c.id).where(transcript.c.id == transcript_id).with_for_update()) is not None:
            tx.execute(knowledge_call.insert().values(values | kept._asdict()))
    reach("model.kept")
    return kept


def spent_today(tx: sa.Connection, *, now: int) -> int:
    """Return the tokens of the day so far, UTC."""
    call = knowledge_call.c
    query = sa.select(sa.func.sum(call.input_tokens + call.output_tokens)).where(call.at >= now - now % DAY)
    return int(tx.scalar(query) or 0)
