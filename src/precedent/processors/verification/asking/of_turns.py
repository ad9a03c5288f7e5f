"""Asks a model about what people typed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from precedent.faults import reach
from precedent.knowledge import intake
from precedent.knowledge.model import Place
from precedent.model import Purpose
from precedent.pipeline import withholding
from precedent.store.schema import (
    knowledge_asked,
    knowledge_evidence,
    knowledge_reading,
    knowledge_turn,
    transcript,
)

from . import prompt
from .answering import Answering, take_new
from .answers import Checked, check
from .ledger import Owner
from .windows import Heard, Window, windows


class Due(NamedTuple):
    """A transcript with turns that were not asked about."""

    id: int
    user_id: int
    native_id: str
    generation: int
    byte_offset: int
    line: int
    """Of the last turn that was asked about; before all if there is none. Places outlive a new reading, ids do not."""


class OfTurns:
    """Detection in turns; see `running.Detection`."""

    def __init__(self, answering: Answering) -> None:
        self._answering, self._stats = answering, answering.stats
        self._detector = prompt.detector(answering.model)

    def due(self) -> tuple[list[Due], set[int]]:
        """Return the transcripts with turns that were not asked about, and the ids of those that may not be."""
        turn, asked = knowledge_turn.c, knowledge_asked.c
        mine = sa.and_(
            asked.transcript_id == transcript.c.id, asked.generation == transcript.c.generation,
            asked.prompt == prompt.VERSION, asked.model == self._answering.model,
        )  # fmt: skip
        offset, line = sa.func.coalesce(asked.byte_offset, -1), sa.func.coalesce(asked.line, -1)
        query = (
            sa.select(
                transcript.c.id, transcript.c.user_id, transcript.c.native_id, transcript.c.generation, offset, line,
            )
            .outerjoin(knowledge_asked, mine)
            .where(sa.exists().where(turn.transcript_id == transcript.c.id, _is_later(offset, line)))
            .order_by(transcript.c.id)
        )  # fmt: skip
        with self._answering.store.read() as tx:
            found = [Due(*row) for row in tx.execute(query)]
            return found, withholding.denied(tx, Purpose.MODEL, user_ids={each.user_id for each in found})

    def withhold(self) -> None:
        """Count a transcript that may not be asked about."""
        self._stats.transcripts_withheld += 1

    def ask(self, due: Due) -> None:
        """Ask about what is new in one transcript; see `running.Source`."""
        with self._answering.store.read() as tx:
            turns = _turns(tx, due)
        if not turns:
            return
        counts, stored = Counter[str](), 0
        for window in windows(turns):
            counts.update(windows=1, candidates=window.candidates)
            if window.candidates:
                checked = check(self._answer(due, window, counts), window, detector=self._detector)
                if not self._store_found(due, window.turns[-1], checked, counts):
                    return
                stored = window.turns[-1].id
                counts.clear()
        if stored == turns[-1].id or self._store_found(due, turns[-1], Checked([], 0), counts):
            self._stats.transcripts += 1

    def _store_found(self, due: Due, last: Heard, checked: Checked, counts: Counter[str]) -> bool:
        """Store what came of the turns up to one, and that they were asked about; false when they are gone."""
        with self._answering.store.write() as tx:
            here = sa.select(knowledge_turn.c.id).where(knowledge_turn.c.id == last.id)
            if tx.scalar(here) is None or _is_denied(tx, due):
                return False  # it was read anew, erased or denied meanwhile
            source = intake.Source(due.user_id, due.native_id, transcript_id=due.id, generation=due.generation)
            now = self._answering.clock.now()
            added = take_new(tx, checked.findings, source, now=now, among=lambda place: _said_at(due, place))
            self._note(tx, due, last, counts)
        reach("model.stored")
        self._stats.count(
            windows=counts["windows"], findings=len(checked.findings), dropped=checked.dropped, items_new=added
        )
        return True

    def _answer(self, due: Due, window: Window, counts: Counter[str]) -> str:
        return self._answering.answer(
            window,
            Owner(transcript_id=due.id),
            rules=prompt.TURNS,
            is_denied=lambda tx: _is_denied(tx, due),
            counts=counts,
        )

    def _note(self, tx: sa.Connection, due: Due, last: Heard, counts: Counter[str]) -> None:
        """Write down up to where a transcript was asked about, and what it came to."""
        asked, reading = knowledge_asked, knowledge_reading
        values = {
            "generation": due.generation, "byte_offset": last.byte_offset, "line": last.line,
            "prompt": prompt.VERSION, "model": self._answering.model,
        }  # fmt: skip
        if not tx.execute(asked.update().where(asked.c.transcript_id == due.id).values(**values)).rowcount:
            tx.execute(asked.insert().values(transcript_id=due.id, **values))
        more = {name: reading.c[name] + number for name, number in counts.items()}
        if more:
            tx.execute(reading.update().where(reading.c.transcript_id == due.id).values(**more))


def _is_denied(tx: sa.Connection, due: Due) -> bool:
    return due.id in withholding.denied(tx, Purpose.MODEL, user_ids=[due.user_id])


def _is_later(byte_offset: Any, line: Any) -> sa.ColumnElement[bool]:
    """Return the condition on a turn that it stands behind a place."""
    turn = knowledge_turn.c
    return sa.or_(turn.byte_offset > byte_offset, sa.and_(turn.byte_offset == byte_offset, turn.line > line))


def _turns(tx: sa.Connection, due: Due) -> Sequence[Heard]:
    turn = knowledge_turn.c
    columns = (turn.id, turn.line, turn.byte_offset, turn.said_at, turn.text, turn.before)
    where = turn.transcript_id == due.id, _is_later(due.byte_offset, due.line)
    return [Heard(*row) for row in tx.execute(sa.select(*columns).where(*where).order_by(turn.byte_offset, turn.line))]


def _said_at(due: Due, place: Place) -> sa.ColumnElement[bool]:
    """Return the condition on evidence that it is of the same turn."""
    said = knowledge_evidence.c
    return sa.and_(said.transcript_id == due.id, said.line == place.line, said.byte_offset == place.byte_offset)
