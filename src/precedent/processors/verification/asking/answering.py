"""Answers of a model: those that were paid for already, and new ones as far as the budget goes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import Exhausted, Misconfigured, Private
from precedent.knowledge import intake
from precedent.knowledge.intake import FOUND_BY_MODEL
from precedent.knowledge.model import Finding, Place
from precedent.llm.contract import Answered, Connection, Question
from precedent.store import Store
from precedent.store.schema import knowledge_evidence

from . import ledger, prompt
from .answers import is_usable
from .windows import Window

MAX_UNUSABLE = 3
"""Answers of another shape in a row, after which the model is taken to be unfit."""


class ModelStats(msgspec.Struct, kw_only=True):
    """Counts of one run.

    Attributes:
        transcripts: of which everything was asked.
        transcripts_withheld: whose persons have not allowed that a model reads them.
        notes: of which everything was asked.
        notes_withheld: whose persons have not allowed that a model reads them.
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
    notes: int = 0
    notes_withheld: int = 0
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

    def count(self, *, windows: int, findings: int, dropped: int, items_new: int) -> None:
        """Add what came of windows that were stored."""
        self.windows += windows
        self.findings += findings
        self.dropped += dropped
        self.items_new += items_new


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


class Answering:
    """Answers questions, each once; what an answer costs is counted in `stats`.

    Args:
        store: the database.
        asker: of the model.
        budget: what a run may cost.
        clock: time.
    """

    def __init__(self, store: Store, asker: Asks, *, budget: Budget, clock: Clock) -> None:
        self.store, self.clock, self.model = store, clock, asker.connection.name
        self.stats = ModelStats()
        self._asker, self._budget = asker, budget
        self._unusable = 0

    def answer(
        self,
        window: Window,
        owner: ledger.Owner,
        *,
        rules: str,
        is_denied: Callable[[sa.Connection], bool],
        counts: Counter[str],
    ) -> str:
        """Return what the model says of a window.

        Args:
            window: what it is asked about.
            owner: with whom the answer goes.
            rules: by which it reads, of `prompt`.
            is_denied: whether the person does not allow it any more; looked at right before it is asked.
            counts: of what belongs to the owner; calls and tokens are added.

        Raises:
            Private: it is denied.
            Transient: the budget is used up, or the model does not answer.
            Misconfigured: the model refuses us, or answers in another shape than it is asked to.
        """
        key = prompt.key_of(window, rules, model=self.model)
        kept = ledger.find(self.store, key)
        if kept is not None:
            self.stats.calls_saved += 1
            counts["cached_calls"] += 1
            return kept.answer
        question = prompt.question_of(window, rules)
        with self.store.read() as tx:
            if is_denied(tx):
                raise Private("its person does not allow it any more")
        self._afford(prompt.tokens_of(question))
        answered = self._asker.ask(question)
        kept = ledger.keep(self.store, key, answered, owner=owner, model=self.model, now=self.clock.now())
        self.stats.calls += 1
        self.stats.input_tokens += kept.input_tokens
        self.stats.output_tokens += kept.output_tokens
        counts.update(calls=1, input_tokens=kept.input_tokens, output_tokens=kept.output_tokens)
        self._check_shape(kept.answer)
        return kept.answer

    def _check_shape(self, answer: str) -> None:
        if is_usable(answer):
            self._unusable = 0
            return
        self.stats.unusable += 1
        self._unusable += 1
        if self._unusable >= MAX_UNUSABLE:
            raise Misconfigured(
                f"{self.model} answered {MAX_UNUSABLE} times in a row in another shape than it was asked to; "
                'choose a model that can call tools, or set detection = "rules"'
            )

    def _afford(self, tokens: int) -> None:
        """See that a question is within the budget.

        Raises:
            Exhausted: it is not.
        """
        if self.stats.input_tokens + self.stats.output_tokens + tokens > self._budget.per_run:
            raise Exhausted(f"the budget of a run, {self._budget.per_run:,} tokens, is used up", retry_after_s=0)
        with self.store.read() as tx:
            today = ledger.spent_today(tx, now=self.clock.now())
        if today + tokens > self._budget.per_day:
            raise Exhausted(f"the budget of a day, {self._budget.per_day:,} tokens, is used up", retry_after_s=0)


def take_new(
    tx: sa.Connection,
    findings: Sequence[Finding],
    source: intake.Source,
    *,
    now: int,
    among: Callable[[Place], sa.ColumnElement[bool]],
) -> int:
    """Write the findings that overlap none of the rules; return how many pieces of evidence are new.

    Args:
        tx: the transaction.
        findings: of a model.
        source: where they are from.
        now: UTC microseconds.
        among: the condition on evidence that may overlap what stands at a place.
    """
    said, new = knowledge_evidence.c, []
    for each in findings:
        place = each.place
        overlapping = (said.start < place.end, said.end > place.start, sa.not_(FOUND_BY_MODEL), among(place))
        if tx.scalar(sa.select(said.id).where(*overlapping).limit(1)) is None:
            new.append(each)
    return intake.take(tx, new, source, now=now)
