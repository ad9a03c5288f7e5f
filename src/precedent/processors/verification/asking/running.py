"""Asks a model about what is new in the turns and notes of everybody who allows it, within a budget."""

from collections.abc import Callable, Iterator
from functools import partial

from precedent.clock import Clock
from precedent.errors import Exhausted, Transient
from precedent.store import Store

from .answering import Answering, Asks, Budget, ModelStats
from .of_notes import OfNotes
from .of_turns import OfTurns

MAX_LOST = 3
"""Transcripts or notes in a row about which the model gave no answer, after which it is left alone."""


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
        turns, notes = OfTurns(self._answering), OfNotes(self._answering)
        yield from (partial(turns.ask, each) for each in turns.due())
        yield from (partial(notes.ask, each) for each in notes.due())
