"""Measures search on questions in other words than the statements that answer them."""

from pathlib import Path

import msgspec

from precedent.knowledge import versions
from precedent.knowledge.model import Item
from precedent.knowledge.search import search_items
from precedent.knowledge.statuses import Action
from precedent.security.principals import COMMAND_LINE
from precedent.store import Store
from precedent.store.migrate import upgrade

from .attacks import Example
from .examples import examples
from .pairs import Pair
from .report import Report

NAME = "retrieval"
RECALL, RANK = "recall of the first 10", "mean reciprocal rank"
GOALS = {RECALL: 0.85, RANK: 0.6}
FIRST = 10


class Question(msgspec.Struct, frozen=True):
    """One question, with the statement that answers it."""

    question: str
    statement: str


def evaluate(_labels: Path | None = None) -> Report:
    """Return how many of our questions find their statement among our other examples, and how far up.

    Statements that say nearly the same or the opposite are among them, so a right one need not come first.
    """
    asked = examples("questions.jsonl", Question)
    texts = {text for pair in examples("pairs.jsonl", Pair) for text in (pair.first, pair.second)}
    texts |= {each.text for each in examples("harmless.jsonl", Example)}
    store = Store("sqlite:///:memory:")
    upgrade(store)
    with store.write() as tx:
        for text in sorted(texts):
            versions.write(tx, Item(id=0, title=text, content=text), Action.FIND, by=NAME, now=0)
    with store.read() as tx:
        ranks = [_rank(search_items(tx, COMMAND_LINE, each.question, now=0, limit=FIRST), each) for each in asked]
    store.close()
    figures = {
        "questions": len(asked),
        "statements": len(texts),
        RECALL: round(sum(rank > 0 for rank in ranks) / len(ranks), 4),
        RANK: round(sum(1 / rank for rank in ranks if rank) / len(ranks), 4),
    }
    failures = [f"not found: {each.question!r}" for each, rank in zip(asked, ranks, strict=True) if not rank]
    return Report(name=NAME, figures=figures, goals=GOALS, failures=failures)


def _rank(found: list[Item], asked: Question) -> int:
    """Return where the statement stands, from 1; 0 when it was not found."""
    return next((place for place, item in enumerate(found, 1) if item.content == asked.statement), 0)
