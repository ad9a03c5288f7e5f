"""Pairs of items that may say the same or the opposite: listed for reviewers, and decided in one transaction."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import Conflict, NotFound
from precedent.security import audit
from precedent.security.acting import By
from precedent.security.principals import Principal
from precedent.store import Store
from precedent.store.schema import knowledge_evidence, knowledge_item, knowledge_pair
from precedent.usage.paging import Integer, Page, page, position

from . import pairing, rows, versions
from .drafts import Draft, applied
from .model import Item, Origin, Status
from .pairing import OPEN
from .statuses import Action, after
from .visibility import visible

RESOLVED = "resolved"
MAX_OF_ONE = 40
"""Pairs of one item that are told."""

LIVE = (Status.PENDING.value, Status.APPROVED.value)
"""Statuses of items about which there is something to decide."""


class Resolution(StrEnum):
    """What becomes of two items."""

    KEPT_A = "kept_a"
    """The first holds; the second is superseded by it."""
    KEPT_B = "kept_b"
    """The other way round."""
    MERGE = "merge"
    """A new item, worded by the reviewer, takes the place and the evidence of both."""
    BOTH_VALID = pairing.BOTH_VALID
    """They hold side by side."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two items, the older one first.

    Attributes:
        relation: `duplicate` or `contradiction`, as the comparison has it.
        differences: in what they differ.
        score: how alike they are, thousandths.
    """

    id: int
    relation: str
    differences: tuple[str, ...]
    score: int
    first: Item
    second: Item
    created_at: int


class Pairs:
    """Lists and decides."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def listed(self, who: Principal, *, limit: int, after: str | None = None) -> Page[Pair]:
        """Return open pairs of items that both may be delivered and that they both see, contradictions first.

        Raises:
            BadInput: `after` is no cursor of this list.
        """
        table = knowledge_pair.c
        where = [table.status == OPEN]
        if after is not None:
            (last,) = position(after, tuple[Integer])
            where.append(table.id > last)
        with self._store.read() as tx:
            seen = sa.select(knowledge_item.c.id).where(
                visible(who, now=self._clock.now()), knowledge_item.c.status.in_(LIVE)
            )
            where += [table.item_a.in_(seen), table.item_b.in_(seen)]
            found = self._read(tx, where, limit=limit + 1)
        return page(found, limit=limit, key=lambda pair: (pair.id,))

    def of(self, who: Principal, item_id: int) -> list[Pair]:
        """Return the open pairs that an item is in, of items that may be delivered and that they see."""
        table = knowledge_pair.c
        with self._store.read() as tx:
            seen = sa.select(knowledge_item.c.id).where(
                visible(who, now=self._clock.now()), knowledge_item.c.status.in_(LIVE)
            )
            where = [table.status == OPEN, table.item_a.in_(seen), table.item_b.in_(seen)]
            where.append(sa.or_(table.item_a == item_id, table.item_b == item_id))
            return self._read(tx, where, limit=MAX_OF_ONE)

    def decide(
        self, number: int, resolution: Resolution, *, by: By, wording: Draft | None = None, reason: str = ""
    ) -> Item | None:
        """Apply a decision, in one transaction; return the item that a merge made.

        Args:
            number: of the pair.
            resolution: what is decided.
            by: who decides; a reviewer.
            wording: of a merge; what is unset is taken from the first item.
            reason: for the history.

        Raises:
            NotFound: there is no such pair for them.
            Conflict: it is decided, or one of the items changed its status since.
            BadInput: the wording cannot be used.
        """
        now, table = self._clock.now(), knowledge_pair
        with self._store.write() as tx:
            row = tx.execute(sa.select(table).where(table.c.id == number).with_for_update()).first()
            if row is None:
                raise NotFound(f"no pair {number}")
            if row.status != OPEN:
                raise Conflict(f"pair {number} is decided: {row.resolution}", state={"resolution": row.resolution})
            seen = visible(by.principal, now=now)
            try:
                first, second = (rows.item(tx, each, seen, lock=True) for each in (row.item_a, row.item_b))
            except NotFound as error:
                raise NotFound(f"no pair {number}") from error
            made = None
            match resolution:
                case Resolution.KEPT_A:
                    _supersede(tx, second, first.id, by=by, now=now, reason=reason)
                case Resolution.KEPT_B:
                    _supersede(tx, first, second.id, by=by, now=now, reason=reason)
                case Resolution.MERGE:
                    made = _merge(tx, first, second, wording or Draft(), by=by, now=now, reason=reason)
                case Resolution.BOTH_VALID:
                    pass
            values = {"status": RESOLVED, "resolution": resolution.value, "resolved_by": by.principal.name}
            values |= {"resolved_at": now, "result_id": made.id if made else None}  # type: ignore[dict-item]
            tx.execute(table.update().where(table.c.id == number).values(**values))
            act = by.act("knowledge_decide", f"knowledge_pair:{number}", resolution=resolution.value, reason=reason)
            audit.record(tx, act, now=now)
        return made

    def _read(self, tx: sa.Connection, where: Sequence[sa.ColumnElement[bool]], *, limit: int) -> list[Pair]:
        table = knowledge_pair.c
        query = sa.select(knowledge_pair).where(*where).order_by(table.id).limit(limit)
        found = tx.execute(query).all()
        ids = {number for row in found for number in (row.item_a, row.item_b)}
        items = {item.id: item for item in rows.items(tx, knowledge_item.c.id.in_(ids))}
        return [
            Pair(
                id=row.id, relation=row.relation, score=row.score, created_at=row.created_at,
                differences=msgspec.json.decode(row.differences, type=tuple[str, ...]),
                first=items[row.item_a], second=items[row.item_b],
            )
            for row in found
        ]  # fmt: skip


def _supersede(tx: sa.Connection, item: Item, by_item: int, *, by: By, now: int, reason: str) -> None:
    """Let an item hold no longer; another one has its place."""
    status = after(item, Action.SUPERSEDE)
    if status is Status.PENDING:
        status = Status.REJECTED  # it never held
    until = min(now, item.valid_until) if item.valid_until is not None else now
    gone = msgspec.structs.replace(item, status=status, valid_until=until, superseded_by=by_item, mandatory=False)
    if gone.valid_from is not None and gone.valid_from >= until:
        gone = msgspec.structs.replace(gone, valid_from=None)
    versions.write(tx, gone, Action.SUPERSEDE, by=by.principal.name, now=now, reason=reason)


def _merge(tx: sa.Connection, first: Item, second: Item, wording: Draft, *, by: By, now: int, reason: str) -> Item:
    """Make an item of two, with the evidence of both; it waits for review like any new words."""
    for item in (first, second):
        after(item, Action.MERGE)
    blank = Item(
        id=0, title=first.title, content=first.content, category=first.category, domains=first.domains,
        tags=tuple(dict.fromkeys((*first.tags, *second.tags))), teams=first.teams, owner=first.owner,
        entities=tuple(dict.fromkeys((*first.entities, *second.entities))), origin=Origin.MERGE,
        edited_by=by.principal.name, flags=tuple({*first.flags, *second.flags}),
    )  # fmt: skip
    made = versions.write(tx, applied(tx, blank, wording), Action.MERGE, by=by.principal.name, now=now, reason=reason)
    said = knowledge_evidence
    columns = [column for column in said.c if column.name not in {"id", "item_id"}]
    for item in (first, second):
        there = said.alias("there")
        same = sa.select(there.c.id).where(
            there.c.item_id == made.id, there.c.user_id == said.c.user_id, there.c.session == said.c.session
        )
        copied = sa.select(sa.literal(made.id), *columns).where(said.c.item_id == item.id, ~same.exists())
        tx.execute(said.insert().from_select(["item_id", *[column.name for column in columns]], copied))
        merged = msgspec.structs.replace(item, status=Status.MERGED, superseded_by=made.id, mandatory=False)
        versions.write(tx, merged, Action.MERGE, by=by.principal.name, now=now, reason=reason)
    pairing.pair(tx, made, now=now)
    return made
