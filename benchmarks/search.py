"""How fast knowledge is searched: `python -m benchmarks.search [ITEMS]`, 100,000 by default.

On SQLite, as a reviewer, who sees everything, and as a member, who sees a tenth of it: questions of one to six words,
rare ones and frequent ones; then by meaning as well. The reference in the same run is a substring search over the
same rows.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from precedent.embedding.encoder import Encoder
from precedent.embedding.finding import installed
from precedent.knowledge import rows
from precedent.knowledge.listing import Filter, listed
from precedent.knowledge.meaning import Meaning
from precedent.knowledge.model import Item, Status, content_hash
from precedent.knowledge.search import search_items
from precedent.security.principals import COMMAND_LINE, Principal, Role
from precedent.store import Store, bulk
from precedent.store.migrate import upgrade
from precedent.store.schema import knowledge_item, knowledge_item_vector

from ._measure import machine
from ._words import NAMES, OBJECTS, SUBJECTS, TAILS, VERBS

GOAL_MS = 20.0
QUESTIONS = 300
MEMBER = Principal(name="bench", role=Role.MEMBER, user_id=1)


def main(items: int = 100_000) -> None:
    """Measure and print."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        store = Store(f"sqlite:///{Path(folder, 'precedent.db')}")
        upgrade(store)
        start = time.perf_counter()
        with store.write() as tx:
            _fill(tx, rng, items)
        print(f"search, {items:,} items written in {time.perf_counter() - start:.1f} s; {machine()}")
        questions = [_question(rng) for _ in range(QUESTIONS)]
        with store.write() as tx:
            for who in (COMMAND_LINE, MEMBER):
                ask = partial(search_items, tx, who, now=2, limit=10)
                _row(f"search as {who.role.value}", questions, ask, goal=GOAL_MS)
            encoder = Encoder(installed())
            found = _meaning(tx, encoder)
            for who in (COMMAND_LINE, MEMBER):
                ask = partial(search_items, tx, who, now=2, limit=10, meanings=found)
                _row(f"search by meaning as well, {who.role.value}", questions, ask)
            _row("of it: the vector of a question", questions, lambda question: encoder.encode([question]))
            _row("reference: substring, reviewer", questions, lambda question: _substring(tx, question))
        store.close()


def _meaning(tx: sa.Connection, encoder: Encoder) -> Meaning:
    """Give every item a vector by chance; what is measured does not depend on them."""
    import numpy as np  # noqa: PLC0415  # the encoder says first how it is to be computed

    mark = tx.execute(sa.select(knowledge_item.c.id, knowledge_item.c.content_hash)).all()
    vectors = np.random.default_rng(1).normal(size=(len(mark), encoder.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values = [
        (row.id, row.content_hash, encoder.name, vector.astype("<f2").tobytes())
        for row, vector in zip(mark, vectors, strict=True)
    ]
    bulk.insert(tx, knowledge_item_vector, ["of_id", "words", "model", "vector"], values)
    return Meaning(encoder)


def _substring(tx: sa.Connection, question: str) -> object:
    where = Filter(text=question.split(maxsplit=1)[0])
    return listed(tx, COMMAND_LINE, where=where, now=2, limit=10, after=None)


def _fill(tx: sa.Connection, rng: random.Random, items: int) -> None:
    columns = [name for name in rows.columns(Item(id=0, title="", content=""))]
    bulk.insert(
        tx, knowledge_item, columns, (tuple(rows.columns(_item(rng, number)).values()) for number in range(items))
    )


def _item(rng: random.Random, number: int) -> Item:
    content = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)} {rng.choice(TAILS)} in {_name(rng)}."
    title = content[:60]
    mark = content_hash(title, content)
    status, approved = (Status.APPROVED, mark) if number % 10 == 0 else (Status.PENDING, "")
    return Item(
        id=0, title=title, content=content, status=status, approved_hash=approved, content_hash=mark, created_at=1,
        updated_at=1, version=1, entities=(_name(rng),),
    )  # fmt: skip


def _name(rng: random.Random) -> str:
    return f"{rng.choice(NAMES)}_{rng.choice(NAMES)}_{rng.randrange(2000)}"


def _question(rng: random.Random) -> str:
    told = _item(rng, 1)
    words = f"{told.content} {told.entities[0]}".replace("_", " ").split()
    return " ".join(rng.sample(words, rng.randint(1, 6)))


def _row(name: str, questions: list[str], ask: Callable[[str], object], *, goal: float | None = None) -> None:
    spent = []
    for question in questions:
        start = time.perf_counter()
        ask(question)
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    told = f"  goal p95 <= {goal:.0f}" if goal else ""
    print(
        f"{name:<32} p50 {spent[len(spent) // 2]:7.1f} ms  p95 {spent[int(len(spent) * 0.95)]:7.1f} ms  "
        f"max {spent[-1]:7.1f} ms{told}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
