"""Asks a model about what is new in everybody's turns who allows it, within a budget."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

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
from precedent.processors.verification.rows import MODEL_DETECTOR
from precedent.store import Store
from precedent.store.schema import (
    knowledge_asked,
    knowledge_evidence,
    knowledge_reading,
    knowledge_turn,
    transcript,
)

from . import ledger, prompt
from .answers import check, is_usable
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
    after: int
    """The last turn that was asked about."""


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
            asked.transcript_id == transcript.c.id, asked.prompt == prompt.VERSION, asked.model == self._model
        )
        after = sa.func.coalesce(asked.turn_id, 0)
        query = (
            sa.select(
                transcript.c.id, transcript.c.user_id, transcript.c.native_id, transcript.c.generation, after,
            )
            .outerjoin(knowledge_asked, mine)
            .where(sa.exists().where(turn.transcript_id == transcript.c.id, turn.id > after))
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
        """Ask about what is new in one transcript, and store what came of it in one transaction.

        Raises:
            Transient: the budget is used up, or the model does not answer.
            Private: its person does not allow it any more.
        """
        with self._store.read() as tx:
            turns = _turns(tx, due)
        if not turns:
            return
        counts = {"windows": 0, "candidates": 0, "calls": 0, "cached_calls": 0, "input_tokens": 0, "output_tokens": 0}
        findings: list[Finding] = []
        dropped = 0
        for window in windows(turns):
            counts["windows"] += 1
            counts["candidates"] += window.candidates
            if not window.candidates:
                continue
            checked = check(self._answer(due, window, stats, counts), window, detector=self._detector)
            findings += checked.findings
            dropped += checked.dropped
        with self._store.write() as tx:
            if tx.scalar(sa.select(knowledge_turn.c.id).where(knowledge_turn.c.id == turns[-1].id)) is None:
                return  # it was read anew or erased meanwhile; the answers are kept
            new = [each for each in findings if not _is_known(tx, due.id, each)]
            source = intake.Source(due.user_id, due.native_id, transcript_id=due.id, generation=due.generation)
            added = intake.take(tx, new, source, now=self._clock.now())
            self._note(tx, due.id, turns[-1].id, counts)
        reach("model.stored")
        stats.transcripts += 1
        stats.windows += counts["windows"]
        stats.findings += len(findings)
        stats.dropped += dropped
        stats.items_new += added

    def _answer(self, due: _Due, window: Window, stats: ModelStats, counts: dict[str, int]) -> str:
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
        counts["calls"] += 1
        for name in ("input_tokens", "output_tokens"):
            counts[name] += getattr(kept, name)
            setattr(stats, name, getattr(stats, name) + getattr(kept, name))
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

    def _note(self, tx: sa.Connection, transcript_id: int, turn_id: int, counts: dict[str, int]) -> None:
        """Write down how far a transcript was asked about, and what it came to."""
        asked, reading = knowledge_asked, knowledge_reading
        values = {"turn_id": turn_id, "prompt": prompt.VERSION, "model": self._model}
        if not tx.execute(asked.update().where(asked.c.transcript_id == transcript_id).values(**values)).rowcount:
            tx.execute(asked.insert().values(transcript_id=transcript_id, **values))
        more = {name: reading.c[name] + number for name, number in counts.items()}
        tx.execute(reading.update().where(reading.c.transcript_id == transcript_id).values(**more))


def _turns(tx: sa.Connection, due: _Due) -> Sequence[Heard]:
    turn = knowledge_turn.c
    columns = (turn.id, turn.line, turn.byte_offset, turn.said_at, turn.text, turn.before)
    query = sa.select(*columns).where(turn.transcript_id == due.id, turn.id > due.after).order_by(turn.id)
    return [Heard(*row) for row in tx.execute(query)]


def _is_known(tx: sa.Connection, transcript_id: int, finding: Finding) -> bool:
    """Tell whether the rules found a statement in the same words already."""
    said, place = knowledge_evidence.c, finding.place
    query = sa.select(said.id).where(
        said.transcript_id == transcript_id, said.line == place.line, said.byte_offset == place.byte_offset,
        said.start < place.end, said.end > place.start, said.detector.not_like(f"{MODEL_DETECTOR}%"),
    )  # fmt: skip
    return tx.scalar(query.limit(1)) is not None
