"""Writes what verification found; see tables `knowledge_evidence` and `knowledge_reading`."""

import time
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from precedent.archive.naming import storable
from precedent.knowledge import erasing, intake
from precedent.knowledge.intake import FOUND_BY_MODEL
from precedent.knowledge.notes import withdrawing
from precedent.pipeline.contract import Extracted, TranscriptRef
from precedent.store import bulk
from precedent.store.schema import (
    knowledge_asked,
    knowledge_call,
    knowledge_evidence,
    knowledge_reading,
    knowledge_turn,
)

from .extract import Found


def store(extracted: Extracted, tx: sa.Connection) -> int:
    """Write a transcript's statements; return how many pieces of evidence are new."""
    found = msgspec.msgpack.decode(extracted.payload, type=Found)
    ref = extracted.ref
    now = time.time_ns() // 1000
    before = erasing.evidenced(tx, "transcript_id", [ref.id]) if found.anew else set()
    if found.anew:
        _forget_reading(tx, ref)
    _count(tx, ref, found)
    _keep_turns(tx, ref.id, found)
    source = intake.Source(user_id=ref.user_id, session=ref.native_id, transcript_id=ref.id, generation=ref.generation)
    added = intake.take(tx, found.findings, source, now=now)
    erasing.settle(tx, before, now=now)  # last: what is found again keeps its approval
    return added


def _count(tx: sa.Connection, ref: TranscriptRef, found: Found) -> None:
    """Add what a reading came to; one from the beginning has removed what was counted before."""
    table = knowledge_reading
    more = {"turns": found.turns, "findings": len(found.findings), "dropped": found.dropped}
    known = table.c.transcript_id == ref.id
    began = min((turn.at for turn in found.heard if turn.at is not None), default=None)
    values: dict[str, object] = {"detector": found.detector, "user_id": ref.user_id}
    added = {name: table.c[name] + number for name, number in more.items()}
    started = sa.func.coalesce(table.c.started_at, sa.literal(began, sa.BigInteger()))
    if not tx.execute(table.update().where(known).values(started_at=started, **values, **added)).rowcount:
        tx.execute(table.insert().values(transcript_id=ref.id, started_at=began, **values, **more))


def _keep_turns(tx: sa.Connection, transcript_id: int, found: Found) -> None:
    """Keep what was typed, for search; what is heard twice, as after a death, is kept once."""
    columns = ("transcript_id", "line", "byte_offset", "said_at", "text", "before")
    heard = [
        (transcript_id, turn.line, turn.byte_offset, turn.at, storable(turn.text), storable(turn.before))
        for turn in found.heard
    ]
    bulk.insert_new(tx, knowledge_turn, columns, heard)


def remove(transcript_ids: Sequence[int], tx: sa.Connection) -> None:
    """Remove what rests on transcripts; items that rested on nothing else go or return to review."""
    items = erasing.evidenced(tx, "transcript_id", transcript_ids)
    _forget(tx, transcript_ids)
    erasing.settle(tx, items, now=time.time_ns() // 1000)


def take_back_from_models(user_id: int, transcript_ids: Sequence[int], tx: sa.Connection) -> int:
    """Remove what a model found in transcripts, and in a person's notes as far as they deny them, and its answers.

    Returns:
        Of how many transcripts and notes it was asked.
    """
    now = time.time_ns() // 1000
    asked = bulk.select_in(tx, knowledge_asked, ["transcript_id"], "transcript_id", transcript_ids)
    erasing.withdraw_from_models(tx, "transcript_id", transcript_ids, now=now)
    bulk.delete_in(tx, knowledge_asked, "transcript_id", transcript_ids)
    return len(asked) + withdrawing.take_back_from_models(tx, user_id, now=now)


def _forget_reading(tx: sa.Connection, ref: TranscriptRef) -> None:
    """Remove what an earlier reading found; what a model found in the same content stands as long as it does."""
    said = knowledge_evidence.c
    by_model = sa.and_(FOUND_BY_MODEL, said.generation == ref.generation)
    tx.execute(knowledge_evidence.delete().where(said.transcript_id == ref.id, sa.not_(by_model)))
    for table in (knowledge_reading, knowledge_turn):
        bulk.delete_in(tx, table, "transcript_id", [ref.id])


def _forget(tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
    for table in (knowledge_evidence, knowledge_reading, knowledge_turn, knowledge_asked, knowledge_call):
        bulk.delete_in(tx, table, "transcript_id", transcript_ids)
