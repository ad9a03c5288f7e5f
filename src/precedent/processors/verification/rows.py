"""Writes what verification found; see tables `knowledge_evidence` and `knowledge_reading`."""

import time
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from precedent.knowledge import intake
from precedent.pipeline.contract import Extracted
from precedent.store import bulk
from precedent.store.schema import knowledge_evidence, knowledge_reading

from .extract import Found


def store(extracted: Extracted, tx: sa.Connection) -> int:
    """Write a transcript's statements; return how many pieces of evidence are new."""
    found = msgspec.msgpack.decode(extracted.payload, type=Found)
    ref = extracted.ref
    if found.anew:
        remove([ref.id], tx)
    row = (ref.id, found.detector, found.turns, len(found.findings), found.dropped)
    bulk.replace(tx, knowledge_reading, ["transcript_id", "detector", "turns", "findings", "dropped"], [row])
    source = intake.Source(user_id=ref.user_id, session=ref.native_id, transcript_id=ref.id, generation=ref.generation)
    return intake.take(tx, found.findings, source, now=time.time_ns() // 1000)


def remove(transcript_ids: Sequence[int], tx: sa.Connection) -> None:
    """Remove what rests on transcripts."""
    for table in (knowledge_evidence, knowledge_reading):
        bulk.delete_in(tx, table, "transcript_id", transcript_ids)
