"""Which items are one statement, because somebody decided so: merged ones, and duplicates of which one was kept."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store.schema import knowledge_item, knowledge_pair, knowledge_version

from .comparing import Relation
from .model import Status
from .pairing import BOTH_VALID
from .statuses import Action

DUPLICATE = "duplicate"
"""The reason with which a reviewer rejects what is there already."""


class Family(NamedTuple):
    """Items around an item.

    Attributes:
        same: those that are the same statement, itself included.
        alike: those that may be and about which nobody has decided, or that were rejected without saying why.
    """

    same: frozenset[int]
    alike: frozenset[int]


def successor(tx: sa.Connection, number: int) -> int:
    """Return the item that stands for the same statement now: itself, or the last that took its place."""
    item, seen = knowledge_item.c, {number}
    while True:
        following = tx.scalar(sa.select(item.superseded_by).where(item.id == number, _replaced()))
        if following is None or following in seen:
            return number
        seen.add(number := int(following))


def families(tx: sa.Connection, numbers: Collection[int]) -> dict[int, Family]:
    """Return the items around each of some items; few hundred at most."""
    same, item = {number: {number} for number in numbers}, knowledge_item.c
    found = {number: {number} for number in numbers}
    while found:
        query = sa.select(item.id, item.superseded_by).where(item.superseded_by.in_(list(found)), _replaced())
        found = _joined(same, found, [(int(before), int(after)) for before, after in tx.execute(query)])
    doubts: dict[int, set[int]] = {number: set() for number in numbers}
    whose = _by_member(same)
    for number, other, is_same in _duplicates(tx, list(whose)):
        for each in whose[number]:
            (same if is_same else doubts)[each].add(other)
    return {number: Family(frozenset(same[number]), frozenset(doubts[number] - same[number])) for number in numbers}


def _joined(
    same: dict[int, set[int]], found: dict[int, set[int]], rows: Iterable[tuple[int, int]]
) -> dict[int, set[int]]:
    """Add items to the families of those that took their places; return what is new, each with its families."""
    new: dict[int, set[int]] = {}
    for before, after in rows:
        for number in found[after]:
            if before not in same[number]:
                same[number].add(before)
                new.setdefault(before, set()).add(number)
    return new


def _by_member(families: dict[int, set[int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for number, members in families.items():
        for each in members:
            found.setdefault(each, set()).add(number)
    return found


def _duplicates(tx: sa.Connection, numbers: list[int]) -> list[tuple[int, int, bool]]:
    """Return items with others that look like duplicates of them, and whether a reviewer said that they are.

    Others that were approved hold by themselves, and are no part of it.
    """
    pair, item, version = knowledge_pair.c, knowledge_item.c, knowledge_version.c
    said_so = sa.select(version.id).where(
        version.item_id == item.id, version.until.is_(None), version.action == Action.REJECT.value,
        version.reason == DUPLICATE,
    )  # fmt: skip
    found: list[tuple[int, int, bool]] = []
    for ours, other in ((pair.item_a, pair.item_b), (pair.item_b, pair.item_a)):
        query = (
            sa.select(ours, other, said_so.exists())
            .join(knowledge_item, item.id == other)
            .where(
                ours.in_(numbers), pair.relation == Relation.DUPLICATE.value, pair.resolution != BOTH_VALID,
                item.status.in_([Status.PENDING.value, Status.REJECTED.value]),
            )
        )  # fmt: skip
        found += [(int(one), int(two), bool(same)) for one, two, same in tx.execute(query)]
    return found


def _replaced() -> sa.ColumnElement[bool]:
    """Return the condition on `knowledge_item` that the item which superseded it is the same statement."""
    item, pair = knowledge_item.c, knowledge_pair.c
    both = sa.or_(
        sa.and_(pair.item_a == item.id, pair.item_b == item.superseded_by),
        sa.and_(pair.item_b == item.id, pair.item_a == item.superseded_by),
    )
    duplicates = sa.select(pair.id).where(both, pair.relation == Relation.DUPLICATE.value)
    return sa.or_(item.status == Status.MERGED.value, duplicates.exists())
