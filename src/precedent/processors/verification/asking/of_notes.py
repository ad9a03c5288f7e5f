"""Asks a model about people's notes for their agents: each note by itself, in as many questions as it needs."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive import consent
from precedent.errors import Private
from precedent.faults import reach
from precedent.knowledge import intake
from precedent.knowledge.intake import FOUND_BY_MODEL
from precedent.knowledge.model import Finding, Kind, Place
from precedent.knowledge.notes.reading import source_of
from precedent.model import Purpose
from precedent.store.schema import knowledge_evidence, knowledge_note

from . import prompt
from .answering import Answering
from .answers import check
from .ledger import Owner
from .windows import Window, note_windows


class Due(NamedTuple):
    """A note that was not asked about as it is."""

    id: int
    user_id: int
    path: str
    folder: str
    content_hash: str
    changed_at: int


class OfNotes:
    """Detection in notes; see `running.Detection`. A note is asked about when the rules have read it."""

    def __init__(self, answering: Answering) -> None:
        self._answering, self._stats = answering, answering.stats
        self._detector = prompt.detector(answering.model)

    def due(self) -> Iterator[Due]:
        """Yield the notes that were not asked about as they are."""
        note = knowledge_note.c
        with self._answering.store.read() as tx:
            query = sa.select(*[note[name] for name in Due._fields]).where(
                note.content_hash != "",
                note.processed_hash == note.content_hash,
                sa.or_(note.asked_hash != note.content_hash, note.asked_by != self._detector),
            )
            found = [Due(*row) for row in tx.execute(query.order_by(note.id))]
            denied = {each.id for each in found if _is_denied(tx, each)}
        for each in found:
            if each.id in denied:
                self._stats.notes_withheld += 1
            else:
                yield each

    def ask(self, due: Due) -> None:
        """Ask about one note; what came of a window is stored before the next one is asked about.

        Raises:
            Transient: the budget is used up, or the model does not answer.
            Misconfigured: see `Answering.answer`.
        """
        try:
            self._ask(due)
        except Private:
            self._stats.notes_withheld += 1

    def _ask(self, due: Due) -> None:
        with self._answering.store.read() as tx:
            text = tx.scalar(sa.select(knowledge_note.c.text).where(_as_it_was(due))) or ""
        for window in note_windows(text):
            checked = check(self._answer(due, window), window, detector=self._detector)
            findings = [_of_note(each, due, text) for each in checked.findings]
            if not self._store_found(due, findings, dropped=checked.dropped):
                return
        with self._answering.store.write() as tx:
            values = {"asked_hash": due.content_hash, "asked_by": self._detector}
            tx.execute(knowledge_note.update().where(_as_it_was(due)).values(**values))
        self._stats.notes += 1

    def _answer(self, due: Due, window: Window) -> str:
        return self._answering.answer(
            window,
            Owner(note_id=due.id),
            rules=prompt.NOTES,
            is_denied=lambda tx: _is_denied(tx, due),
            counts=Counter(),
        )

    def _store_found(self, due: Due, findings: list[Finding], *, dropped: int) -> bool:
        """Store what a note says; false when it says something else meanwhile."""
        with self._answering.store.write() as tx:
            here = sa.select(knowledge_note.c.id).where(_as_it_was(due)).with_for_update()
            if tx.scalar(here) is None or _is_denied(tx, due):
                return False
            new = [each for each in findings if not _is_known(tx, due.id, each)]
            added = intake.take(tx, new, source_of(due.user_id, due.id), now=self._answering.clock.now())
        reach("model.stored")
        self._stats.windows += 1
        self._stats.findings += len(findings)
        self._stats.dropped += dropped
        self._stats.items_new += added
        return True


def _is_denied(tx: sa.Connection, due: Due) -> bool:
    return not consent.allows(tx, Purpose.MODEL, due.user_id, folder=due.folder)


def _as_it_was(due: Due) -> sa.ColumnElement[bool]:
    return sa.and_(knowledge_note.c.id == due.id, knowledge_note.c.content_hash == due.content_hash)


def _of_note(finding: Finding, due: Due, text: str) -> Finding:
    """Return a finding as one of a note: what were turns for the model are parts of it, by their first character."""
    first, told = finding.place.byte_offset, finding.place
    place = Place(
        line=text.count("\n", 0, first + told.start) + 1, byte_offset=0, turn=due.path, start=first + told.start,
        end=first + told.end, said_at=due.changed_at,
    )  # fmt: skip
    return msgspec.structs.replace(finding, kind=Kind.NOTE, place=place)


def _is_known(tx: sa.Connection, note_id: int, finding: Finding) -> bool:
    """Tell whether the rules found a statement in the same words already."""
    said, place = knowledge_evidence.c, finding.place
    query = sa.select(said.id).where(
        said.note_id == note_id, said.start < place.end, said.end > place.start, sa.not_(FOUND_BY_MODEL)
    )
    return tx.scalar(query.limit(1)) is not None
