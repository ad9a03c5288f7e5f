"""Asks a model about what is new in everybody's turns who allows it, within a budget."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import Exhausted, Misconfigured, Private, Transient
from precedent.faults import reach
from precedent.knowledge import intake
from precedent.knowledge.model import Finding
from precedent.llm.contract import Answered, Connection, Question
from precedent.model import Purpose
from precedent.pipeline import withholding
from precedent.processors.verification.rows import FOUND_BY_MODEL, MODEL_DETECTOR
from precedent.store import Store
from precedent.store.schema import (
    knowledge_asked,
    knowledge_evidence,
    knowledge_reading,
    knowledge_turn,
    transcript,
)

from . import ledger, prompt
from .answers import Checked, check, is_usable
from .windows import Heard, Window, windows

MAX_UNUSABLE = 3
"""Answers of another shape in a row, after which the model is taken to be unfit."""

MAX_LOST = 3
"""Transcripts in a row about which the model gave no answer, after which it is left alone."""


class ModelStats(msgspec.Struct, kw_only=True):
    """Counts of one run.

    Attributes:
        transcripts: of which everything was asked.
        transcripts_withheld: whose persons have not allowed that a model reads them.
        windows: parts that were looked at.
        calls: questions that were asked and answered.
        calls_saved: questions whose answer was there already.
        input_tokens: of the calls.
        output_tokens: of the calls.
        unusable: answers of another shape than was asked for; they are paid for and not asked for again.
        findings: statements whose quote stands.
        dropped: statements whose quote nobody said, or of a turn that there is not.
        items_new: pieces of evidence that were added.
        reason: why the rest waits; empty when nothing does.
    """

    transcripts: int = 0
    transcripts_withheld: int = 0
    windows: int = 0
    calls: int = 0
    calls_saved: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unusable: int = 0
    findings: int = 0
    dropped: int = 0
    items_new: int = 0
    reason: str = ""


class Budget(NamedTuple):
    """Tokens, of questions and answers together."""

    per_run: int
    per_day: int


class Asks(Protocol):
    """Asks a model; see `llm.asking.Asker`."""

    connection: Connection

    def ask(self, question: Question) -> Answered:
        """Return what it answered."""
        ...


class _Due(NamedTuple):
    id: int
    user_id: int
    native_id: str
    generation: int
    byte_offset: int
    line: int
    """Of the last turn that was asked about; before all if there is none. Places outlive a new reading, ids do not."""


class Detection:
    """Detection by a model.

    Args:
        store: the database.
        asker: of the model.
        budget: what it may cost.
        clock: time.
    """

    def __init__(self, store: Store, asker: Asks, *, budget: Budget, clock: Clock = Clock()) -> None:
        self._store, self._asker, self._budget, self._clock = store, asker, budget, clock
        self._model = asker.connection.name
        self._detector = f"{MODEL_DETECTOR}{prompt.VERSION}:{self._model}"
        self._unusable = 0

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> ModelStats:
        """Ask about every turn that was not asked about; what the budget leaves over waits for the next run.

        Raises:
            Misconfigured: the model refuses us, or answers in another shape than it is asked to.
        """
        stats, lost = ModelStats(), 0
        for due in self._due(stats):
            if stopping():
                break
            try:
                self._transcript(due, stats)
                lost = 0
            except Private:
                stats.transcripts_withheld += 1
            except Transient as error:
                stats.reason = str(error)
                lost += 1
                # One transcript that never gets an answer holds up no other.
                if isinstance(error, Exhausted) or lost >= MAX_LOST:
                    break
        return stats

    def _due(self, stats: ModelStats) -> Iterator[_Due]:
        turn, asked = knowledge_turn.c, knowledge_asked.c
        mine = sa.and_(
            asked.transcript_id == transcript.c.id, asked.generation == transcript.c.generation,
            asked.prompt == prompt.VERSION, asked.model == self._model,
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
        with self._store.read() as tx:
            found = [_Due(*row) for row in tx.execute(query)]
            denied = withholding.denied(tx, Purpose.MODEL, user_ids={each.user_id for each in found})
        for each in found:
            if each.id in denied:
                stats.transcripts_withheld += 1
                continue
            yield each

    def _transcript(self, due: _Due, stats: ModelStats) -> None:
        """Ask about what is new in one transcript; what came of a window is stored before the next one is asked about.

        Raises:
            Transient: the budget is used up, or the model does not answer.
            Private: its person does not allow it any more.
        """
        with self._store.read() as tx:
            turns = _turns(tx, due)
        if not turns:
            return
        counts, stored = Counter[str](), 0
        for window in windows(turns):
            counts.update(windows=1, candidates=window.candidates)
            if window.candidates:
                checked = check(self._answer(due, window, stats, counts), window, detector=self._detector)
                if not self._store_found(due, window.turns[-1], checked, counts, stats):
                    return
                stored = window.turns[-1].id
                counts.clear()
        if stored == turns[-1].id or self._store_found(due, turns[-1], Checked([], 0), counts, stats):
            stats.transcripts += 1

    def _store_found(self, due: _Due, last: Heard, checked: Checked, counts: Counter[str], stats: ModelStats) -> bool:
        """Store what came of the turns up to one, and that they were asked about; false when they are gone."""
        with self._store.write() as tx:
            if tx.scalar(sa.select(knowledge_turn.c.id).where(knowledge_turn.c.id == last.id)) is None:
                return False  # it was read anew or erased meanwhile
            new = [each for each in checked.findings if not _is_known(tx, due.id, each)]
            source = intake.Source(due.user_id, due.native_id, transcript_id=due.id, generation=due.generation)
            added = intake.take(tx, new, source, now=self._clock.now())
            self._note(tx, due, last, counts)
        reach("model.stored")
        stats.windows += counts["windows"]
        stats.findings += len(checked.findings)
        stats.dropped += checked.dropped
        stats.items_new += added
        return True

    def _answer(self, due: _Due, window: Window, stats: ModelStats, counts: Counter[str]) -> str:
        key = prompt.key_of(window, model=self._model)
        kept = ledger.find(self._store, key)
        if kept is not None:
            stats.calls_saved += 1
            counts["cached_calls"] += 1
            return kept.answer
        question = prompt.question_of(window)
        with self._store.read() as tx:
            if due.id in withholding.denied(tx, Purpose.MODEL, user_ids=[due.user_id]):
                raise Private("its person does not allow it any more")
        self._afford(prompt.tokens_of(question), stats)
        answered = self._asker.ask(question)
        kept = ledger.keep(self._store, key, answered, transcript_id=due.id, model=self._model, now=self._clock.now())
        stats.calls += 1
        stats.input_tokens += kept.input_tokens
        stats.output_tokens += kept.output_tokens
        counts.update(calls=1, input_tokens=kept.input_tokens, output_tokens=kept.output_tokens)
        if is_usable(kept.answer):
            self._unusable = 0
            return kept.answer
        stats.unusable += 1
        self._unusable += 1
        if self._unusable >= MAX_UNUSABLE:
            raise Misconfigured(
                f"{self._model} answered {MAX_UNUSABLE} times in a row in another shape than it was asked to; "
                'choose a model that can call tools, or set detection = "rules"'
            )
        return kept.answer

    def _afford(self, tokens: int, stats: ModelStats) -> None:
        """See that a question is within the budget.

        Raises:
            Exhausted: it is not.
        """
        if stats.input_tokens + stats.output_tokens + tokens > self._budget.per_run:
            raise Exhausted(f"the budget of a run, {self._budget.per_run:,} tokens, is used up", retry_after_s=0)
        with self._store.read() as tx:
            today = ledger.spent_today(tx, now=self._clock.now())
        if today + tokens > self._budget.per_day:
            raise Exhausted(f"the budget of a day, {self._budget.per_day:,} tokens, is used up", retry_after_s=0)

    def _note(self, tx: sa.Connection, due: _Due, last: Heard, counts: Counter[str]) -> None:
        """Write down up to where a transcript was asked about, and what it came to."""
        asked, reading = knowledge_asked, knowledge_reading
        values = {
            "generation": due.generation, "byte_offset": last.byte_offset, "line": last.line,
            "prompt": prompt.VERSION, "model": self._model,
        }  # fmt: skip
        if not tx.execute(asked.update().where(asked.c.transcript_id == due.id).values(**values)).rowcount:
            tx.execute(asked.insert().values(transcript_id=due.id, **values))
        more = {name: reading.c[name] + number for name, number in counts.items()}
        if more:
            tx.execute(reading.update().where(reading.c.transcript_id == due.id).values(**more))


def _is_later(byte_offset: Any, line: Any) -> sa.ColumnElement[bool]:
    """Return the condition on a turn that it stands behind a place."""
    turn = knowledge_turn.c
    return sa.or_(turn.byte_offset > byte_offset, sa.and_(turn.byte_offset == byte_offset, turn.line > line))


def _turns(tx: sa.Connection, due: _Due) -> Sequence[Heard]:
    turn = knowledge_turn.c
    columns = (turn.id, turn.line, turn.byte_offset, turn.said_at, turn.text, turn.before)
    where = turn.transcript_id == due.id, _is_later(due.byte_offset, due.line)
    return [Heard(*row) for row in tx.execute(sa.select(*columns).where(*where).order_by(turn.byte_offset, turn.line))]


def _is_known(tx: sa.Connection, transcript_id: int, finding: Finding) -> bool:
    """Tell whether the rules found a statement in the same words already."""
    said, place = knowledge_evidence.c, finding.place
    query = sa.select(said.id).where(
        said.transcript_id == transcript_id, said.line == place.line, said.byte_offset == place.byte_offset,
        said.start < place.end, said.end > place.start, sa.not_(FOUND_BY_MODEL),
    )  # fmt: skip
    return tx.scalar(query.limit(1)) is not None
