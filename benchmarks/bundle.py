"""How fast agents get what they are given: `python -m benchmarks.bundle [ITEMS]`, 10,000 approved items by default.

On SQLite, for a person to whom all of them may go, with evidence of two people each. The reference in the same run
reads the approved rows and nothing else, which anything that looks at all of them must do.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from precedent.knowledge import rows
from precedent.knowledge.bundle import bundle
from precedent.knowledge.model import Item, Status, content_hash
from precedent.knowledge.visibility import deliverable
from precedent.store import Store, bulk
from precedent.store.migrate import upgrade
from precedent.store.schema import knowledge_evidence, knowledge_item, user

from ._measure import machine
from ._words import OBJECTS, SUBJECTS, TAILS, VERBS

GOAL_MS = 20.0
ROUNDS = 200


def main(items: int = 10_000) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        store = Store(f"sqlite:///{Path(folder, 'precedent.db')}")
        upgrade(store)
        with store.write() as tx:
            _fill(tx, random.Random(1), items)
        print(f"bundle of {items:,} approved items; {machine()}")
        with store.read() as tx:
            _row("bundle", lambda: bundle(tx, 1, now=10), goal=GOAL_MS)
            _row("reference: read the rows", lambda: _read(tx))
        store.close()


def _fill(tx: sa.Connection, rng: random.Random, items: int) -> None:
    bulk.insert(tx, user, ["key", "created_at"], [("ada", 1), ("bob", 1)])
    made = [rows.columns(_item(rng, number)) for number in range(items)]
    bulk.insert(tx, knowledge_item, list(made[0]), [tuple(row.values()) for row in made])
    columns = ("item_id", "kind", "quote", "context", "user_id", "session", "said_at", "detector", "recorded_at")
    said = [
        (number, "definition", "words", "", person, f"session {number}", 5, "rules", 5)
        for number in range(1, items + 1)
        for person in (1, 2)
    ]
    bulk.insert(tx, knowledge_evidence, columns, said)


def _item(rng: random.Random, number: int) -> Item:
    content = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)} {rng.choice(TAILS)}, case {number}."
    mark = content_hash(content[:60], content)
    return Item(
        id=0, title=content[:60], content=content, status=Status.APPROVED, approved_hash=mark, content_hash=mark,
        approved_at=number, created_at=1, updated_at=1, version=1, mandatory=number % 1000 == 0,
    )  # fmt: skip


def _read(tx: sa.Connection) -> object:
    return tx.execute(sa.select(knowledge_item.c.id, knowledge_item.c.content).where(deliverable(1, now=10))).all()


def _row(name: str, ask: Callable[[], object], *, goal: float | None = None) -> None:
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    told = f"  goal p95 <= {goal:.0f}" if goal else ""
    print(f"{name:<28} p50 {spent[ROUNDS // 2]:6.1f} ms  p95 {spent[int(ROUNDS * 0.95)]:6.1f} ms{told}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
