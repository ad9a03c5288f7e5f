"""Finds the items that a new one is to be compared with, and writes down what the comparison found."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import knowledge_item, knowledge_pair, knowledge_term

from . import rows
from .comparing import Relation, compare, least_shared, terms
from .model import Item, Status

MAX_CANDIDATES = 40
MAX_PAIRS = 10
"""Of one item: what is like very many others is a matter of its own."""
OPEN = "open"
BOTH_VALID = "both_valid"

COMPARED = frozenset({Status.PENDING, Status.APPROVED, Status.REJECTED})
"""A new find is compared with rejected items as well."""


class _Alike(NamedTuple):
    """Two items that may say the same or the opposite, the older one first; differences are a list in JSON."""

    item_a: int
    item_b: int
    relation: str
    differences: str
    score: int


def index(tx: sa.Connection, item: Item) -> None:
    """Note the words that tell what an item is about; unchanged words are left as they are."""
    wanted = terms(f"{item.title} {item.content}")
    there = set(tx.scalars(sa.select(knowledge_term.c.term).where(knowledge_term.c.item_id == item.id)))
    if there == wanted:
        return
    gone = knowledge_term.c.term.in_(there - wanted)
    tx.execute(knowledge_term.delete().where(knowledge_term.c.item_id == item.id, gone))
    bulk.insert_new(tx, knowledge_term, ["item_id", "term"], [(item.id, term) for term in sorted(wanted - there)])


def candidates(tx: sa.Connection, item: Item) -> list[Item]:
    """Return the items that share most of an item's words, of the same owner, the likest first."""
    wanted = terms(f"{item.title} {item.content}")
    if not wanted:
        return []
    term, other = knowledge_term.c, knowledge_item.c
    shared = sa.func.count()
    query = (
        sa.select(term.item_id)
        .join(knowledge_item, other.id == term.item_id)
        .where(
            term.term.in_(wanted),
            term.item_id != item.id,
            other.status.in_([each.value for each in COMPARED]),
            other.owner_id.is_(None) if item.owner is None else other.owner_id == item.owner,
        )
        .group_by(term.item_id)
        .having(shared >= least_shared(len(wanted)))
        .order_by(shared.desc(), term.item_id)
        .limit(MAX_CANDIDATES)
    )
    ids = list(tx.scalars(query))
    found = {each.id: each for each in rows.items(tx, other.id.in_(ids))}
    return [found[number] for number in ids]


def pair(tx: sa.Connection, item: Item, *, now: int) -> int:
    """Compare a new item with those there are and write down what may be the same or the opposite; return how many."""
    return _write(tx, _alike(tx, item), now=now)


def pair_anew(tx: sa.Connection, item: Item, *, now: int) -> int:
    """Compare an item that has new words; see `pair`.

    What waited for a decision about the words it had is gone. Decided pairs stay, but for those that were found to be
    both valid, and are not what was decided about any more.
    """
    table = knowledge_pair.c
    either = sa.or_(table.item_a == item.id, table.item_b == item.id)
    tx.execute(knowledge_pair.delete().where(either, table.status == OPEN))
    found = _alike(tx, item)
    for first, second, relation, differences, _ in found:
        one = (table.item_a == first, table.item_b == second, table.resolution == BOTH_VALID)
        same = sa.and_(table.relation == relation, table.differences == differences)
        tx.execute(knowledge_pair.delete().where(*one, ~same))
    return _write(tx, found, now=now)


def _alike(tx: sa.Connection, item: Item) -> list[_Alike]:
    found = []
    for other in candidates(tx, item):
        compared = compare(other.content, item.content)
        if compared.relation in {Relation.DUPLICATE, Relation.CONTRADICTION}:
            first, second = sorted((other.id, item.id))
            differences = msgspec.json.encode(compared.differences).decode()
            found.append(_Alike(first, second, compared.relation.value, differences, compared.score))
    return found


def _write(tx: sa.Connection, found: Sequence[_Alike], *, now: int) -> int:
    rows = [(*each, OPEN, now) for each in found[:MAX_PAIRS]]
    columns = [*_Alike._fields, "status", "created_at"]
    return bulk.insert_new(tx, knowledge_pair, columns, rows)
