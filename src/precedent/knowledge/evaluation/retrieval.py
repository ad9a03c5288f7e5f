"""Measures search on questions in other words than the statements that answer them."""

from pathlib import Path

import msgspec

from precedent.embedding.finding import installed, load
from precedent.errors import Misconfigured
from precedent.knowledge import versions
from precedent.knowledge.model import Item
from precedent.knowledge.search import Meanings, search_items
from precedent.knowledge.statuses import Action
from precedent.knowledge.vectors import embed
from precedent.security.principals import COMMAND_LINE
from precedent.store import Store
from precedent.store.migrate import upgrade

from .attacks import Example
from .examples import examples
from .pairs import Pair
from .report import Report

NAME = "retrieval"
RECALL, RANK = "recall of the first 10", "mean reciprocal rank"
BY_MEANING = ", by meaning as well"
GOALS = {RECALL: 0.85, RANK: 0.6}
GOALS_BY_MEANING = {RECALL + BY_MEANING: 0.95, RANK + BY_MEANING: 0.7}
FIRST = 10


class Question(msgspec.Struct, frozen=True):
    """One question, with the statement that answers it."""

    question: str
    statement: str


def evaluate(_labels: Path | None = None) -> Report:
    """Return how many of our questions find their statement among our other examples, and how far up.

    Statements that say nearly the same or the opposite are among them, so a right one need not come first. Search by
    meaning is measured as well where the weights for it are installed.
    """
    asked = examples("questions.jsonl", Question)
    texts = {text for pair in examples("pairs.jsonl", Pair) for text in (pair.first, pair.second)}
    texts |= {each.text for each in examples("harmless.jsonl", Example)}
    store = Store("sqlite:///:memory:")
    upgrade(store)
    with store.write() as tx:
        for text in sorted(texts):
            versions.write(tx, Item(id=0, title=text, content=text), Action.FIND, by=NAME, now=0)
    figures: dict[str, float] = {"questions": len(asked), "statements": len(texts)}
    goals, failures = dict(GOALS), []
    for kind, meanings in (("", None), (BY_MEANING, _meanings(store))):
        if kind and meanings is None:
            continue
        ranks = _ranks(store, asked, meanings)
        figures[RECALL + kind] = round(sum(rank > 0 for rank in ranks) / len(ranks), 4)
        figures[RANK + kind] = round(sum(1 / rank for rank in ranks if rank) / len(ranks), 4)
        missed = [each.question for each, rank in zip(asked, ranks, strict=True) if not rank]
        failures += [f"not found{kind}: {question!r}" for question in missed]
        goals |= GOALS_BY_MEANING if kind else {}
    store.close()
    return Report(name=NAME, figures=figures, goals=goals, failures=failures)


def _ranks(store: Store, asked: list[Question], meanings: Meanings | None) -> list[int]:
    with store.read() as tx:
        return [
            _rank(search_items(tx, COMMAND_LINE, each.question, now=0, limit=FIRST, meanings=meanings), each)
            for each in asked
        ]


def _meanings(store: Store) -> Meanings | None:
    """Embed everything and return what finds by it; None where the weights or numpy are not installed."""
    try:
        encoder = load(installed())
    except Misconfigured:
        return None
    from precedent.knowledge.meaning import Meaning  # noqa: PLC0415  # numpy is an extra

    embed(store, encoder)
    return Meaning(encoder)


def _rank(found: list[Item], asked: Question) -> int:
    """Return where the statement stands, from 1; 0 when it was not found."""
    return next((place for place, item in enumerate(found, 1) if item.content == asked.statement), 0)
