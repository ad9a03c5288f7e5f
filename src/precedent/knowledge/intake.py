"""How findings become items: the same statement is one item with several pieces of evidence."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store.schema import knowledge_evidence, knowledge_item

from . import pairing, sameness, versions
from .comparing import Relation, compare, words_hash
from .model import Finding, Item, Origin
from .scanning import SOURCE
from .statuses import Action

MODEL_DETECTOR = "llm/"
"""Begins the detector of evidence that a model found."""

FOUND_BY_MODEL = knowledge_evidence.c.detector.startswith(MODEL_DETECTOR)
"""The condition on evidence that a model found it."""


class Source(NamedTuple):
    """Where findings come from.

    Attributes:
        user_id: the person who speaks.
        session: native id of the session, or what a note or proposal is told by.
        transcript_id: None without a transcript.
        note_id: None without a note.
    """

    user_id: int
    session: str
    transcript_id: int | None = None
    generation: int = 0
    note_id: int | None = None
    origin: Origin = Origin.SESSION
    by: str = "verification"


def take(tx: sa.Connection, findings: Sequence[Finding], source: Source, *, now: int) -> int:
    """Write findings as items and evidence; return how many pieces of evidence are new.

    Taking the same findings again adds nothing.
    """
    return sum(_take(tx, finding, source, now=now) for finding in findings)


def _take(tx: sa.Connection, finding: Finding, source: Source, *, now: int) -> int:
    known = _known(tx, finding)
    if known is None:
        item = Item(
            id=0,
            title=finding.title,
            content=finding.content,
            category=finding.category,
            domains=finding.domains,
            tags=finding.tags,
            entities=finding.entities,
            origin=source.origin,
            flags=(SOURCE,) if finding.suspicious else (),
        )
        item = versions.write(tx, item, Action.FIND, by=source.by, now=now)
        pairing.pair(tx, item, now=now)
        known = item.id
    return add_evidence(tx, known, finding, source, now=now)


def _known(tx: sa.Connection, finding: Finding) -> int | None:
    """Return the item that says the same in the same words; rejected ones too: what was rejected stays rejected.

    The words are those that it has or that it was found in. Of an item whose place another took as the same statement,
    it is the other: there the evidence counts.
    """
    words, item, said = words_hash(finding.content), knowledge_item.c, knowledge_evidence.c
    same = sa.select(item.id).where(item.words_hash == words, item.owner_id.is_(None)).order_by(item.id).limit(1)
    number = tx.scalar(same)
    if number is None:
        found_so = sa.select(said.item_id).where(said.words_hash == words)
        reworded = sa.select(item.id, item.content).where(item.id.in_(found_so), item.owner_id.is_(None))
        for other, content in tx.execute(reworded.order_by(item.id)).all():
            # An edit may have turned the meaning around: then it is a statement of its own, to be decided about.
            if compare(content, finding.content).relation in {Relation.SAME, Relation.DUPLICATE}:
                number = other
                break
    return None if number is None else sameness.successor(tx, number)


def add_evidence(tx: sa.Connection, item_id: int, finding: Finding, source: Source, *, now: int) -> int:
    """Add a piece of evidence to an item, unless this person's session has given one; return how many were added."""
    table, place = knowledge_evidence, finding.place
    one = (table.c.item_id == item_id, table.c.user_id == source.user_id, table.c.session == source.session)
    if tx.scalar(sa.select(table.c.id).where(*one)) is not None:
        return 0
    tx.execute(
        table.insert().values(
            item_id=item_id,
            kind=finding.kind.value,
            quote=finding.quote,
            context=finding.context,
            user_id=source.user_id,
            session=source.session,
            transcript_id=source.transcript_id,
            note_id=source.note_id,
            generation=source.generation,
            line=place.line,
            byte_offset=place.byte_offset,
            turn=place.turn,
            start=place.start,
            end=place.end,
            said_at=place.said_at,
            detector=finding.detector,
            score=finding.score,
            recorded_at=now,
            words_hash=words_hash(finding.content),
        )
    )
    return 1
