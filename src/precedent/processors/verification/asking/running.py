"""Asks a model about what is new in the turns and notes of everybody who allows it, within a budget."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, TypeVar

from precedent.clock import Clock
from precedent.errors import Exhausted, Private, Transient
from precedent.store import Store

from .answering import Answering, Asks, Budget, ModelStats
from .of_notes import OfNotes
from .of_turns import OfTurns

MAX_LOST = 3
"""Transcripts or notes in a row about which the model gave no answer, after which it is left alone."""


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


_Due = TypeVar("_Due", bound=_HasId)


class Source(Protocol[_Due]):
    """What a model is asked about: turns, or notes."""

    def due(self) -> tuple[list[_Due], set[int]]:
        """Return what was not asked about, and the ids of what may not be."""
        ...

    def withhold(self) -> None:
        """Count one that may not be asked about."""
        ...

    def ask(self, due: _Due) -> None:
        """Ask about one; what came of a window is stored before the next one is asked about.

        Raises:
            Transient: the budget is used up, or the model does not answer.
            Private: its person does not allow it any more.
            Misconfigured: see `Answering.answer`.
        """
        ...


class Detection:
    """Detection by a model.

    Args:
        store: the database.
        asker: of the model.
        budget: what it may cost.
        clock: time.
    """

    def __init__(self, store: Store, asker: Asks, *, budget: Budget, clock: Clock = Clock()) -> None:
        self._answering = Answering(store, asker, budget=budget, clock=clock)

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> ModelStats:
        """Ask about every turn and note that was not asked about; what the budget leaves over waits for the next run.

        Raises:
            Misconfigured: the model refuses us, or answers in another shape than it is asked to.
        """
        stats, lost = self._answering.stats, 0
        for ask in self._questions():
            if stopping():
                break
            try:
                ask()
                lost = 0
            except Transient as error:
                stats.reason = str(error)
                lost += 1
                # One that never gets an answer holds up no other.
                if isinstance(error, Exhausted) or lost >= MAX_LOST:
                    break
        return stats

    def _questions(self) -> Iterator[Callable[[], None]]:
        """Yield what asks about one transcript or note."""
        yield from _of(OfTurns(self._answering))
        yield from _of(OfNotes(self._answering))


def _of(source: Source[_Due]) -> Iterator[Callable[[], None]]:
    found, denied = source.due()
    for each in found:
        if each.id in denied:
            source.withhold()
        else:
            yield partial(_ask, source, each)


def _ask(source: Source[_Due], due: _Due) -> None:
    try:
        source.ask(due)
    except Private:
        source.withhold()
