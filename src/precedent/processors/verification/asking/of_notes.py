"""Asks a model about people's notes for their agents: each note by itself, in as many questions as it needs."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive import consent
from precedent.faults import reach
from precedent.knowledge.model import Finding, Kind, Place
from precedent.knowledge.notes.reading import source_of
from precedent.model import Purpose
from precedent.store.schema import knowledge_evidence, knowledge_note

from . import prompt
from .answering import Answering, take_new
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

    def due(self) -> tuple[list[Due], set[int]]:
        """Return the notes that were not asked about as they are, and the ids of those that may not be."""
        note = knowledge_note.c
        query = sa.select(*[note[name] for name in Due._fields]).where(
            note.content_hash != "",
            note.processed_hash == note.content_hash,
            sa.or_(note.asked_hash != note.content_hash, note.asked_by != self._detector),
        )
        with self._answering.store.read() as tx:
            found = [Due(*row) for row in tx.execute(query.order_by(note.id))]
            return found, _denied(tx, found)

    def withhold(self) -> None:
        """Count a note that may not be asked about."""
        self._stats.notes_withheld += 1

    def ask(self, due: Due) -> None:
        """Ask about one note; see `running.Source`."""
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
            is_denied=lambda tx: bool(_denied(tx, [due])),
            counts=Counter(),
        )

    def _store_found(self, due: Due, findings: list[Finding], *, dropped: int) -> bool:
        """Store what a note says; false when it says something else meanwhile."""
        with self._answering.store.write() as tx:
            here = sa.select(knowledge_note.c.id).where(_as_it_was(due)).with_for_update()
            if tx.scalar(here) is None or _denied(tx, [due]):
                return False
            here_said = knowledge_evidence.c.note_id == due.id
            source, now = source_of(due.user_id, due.id), self._answering.clock.now()
            added = take_new(tx, findings, source, now=now, among=lambda _: here_said)
        reach("model.stored")
        self._stats.count(windows=1, findings=len(findings), dropped=dropped, items_new=added)
        return True


def _denied(tx: sa.Connection, found: Sequence[Due]) -> set[int]:
    consents = consent.of_persons(tx, Purpose.MODEL, user_ids={each.user_id for each in found})
    return {each.id for each in found if not consent.allows_folder(consents, each.user_id, each.folder)}


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
