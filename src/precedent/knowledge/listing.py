"""Lists of items as a principal may see them, in pages, and what is told of each."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from precedent.security.principals import Principal
from precedent.store.schema import knowledge_evidence, knowledge_item, knowledge_version, knowledge_vote, user
from precedent.usage.paging import Integer, Page, page, position

from . import rows
from .confidence import Confidence, Said, confidence, freshness
from .model import Evidence, Item, Status
from .visibility import sees_words, visible


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items; empty fields choose all.

    Attributes:
        persons: keys of people whose words are evidence of it.
        sessions: native ids of sessions that are.
        text: stands in title or content, whatever its case.
        approved_since: instant from which on it was approved; 0: whenever, or not at all.
    """

    statuses: tuple[Status, ...] = ()
    domains: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    text: str = ""
    approved_since: int = 0


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An item with what it rests on.

    Attributes:
        item: itself.
        evidence: what the viewer may read of it; others' words only for reviewers.
        people: how many said it.
        confidence: how sure it is, with reasons.
        freshness: thousandths; None when nobody knows when it was said.
        votes: who found it helpful less who did not.
    """

    item: Item
    evidence: list[Evidence]
    people: int
    confidence: Confidence
    freshness: int | None
    votes: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an item.

    Attributes:
        state: the item then; None once it was erased.
    """

    number: int
    at: int
    by: str
    action: str
    reason: str
    status: str
    state: Item | None


def listed(tx: sa.Connection, who: Principal, *, where: Filter, now: int, limit: int, after: str | None) -> Page[Item]:
    """Return items, the newest first.

    Raises:
        BadInput: `after` is no cursor of this list.
    """
    wanted = [visible(who, now=now), *conditions(who, where)]
    if after is not None:
        (last,) = position(after, tuple[Integer])
        wanted.append(knowledge_item.c.id < last)
    found = rows.items(tx, *wanted, limit=limit + 1, newest_first=True)
    return page(found, limit=limit, key=lambda item: (item.id,))


def counted(tx: sa.Connection, who: Principal, *, where: Filter, now: int) -> dict[Status, int]:
    """Return how many items there are by status."""
    status = knowledge_item.c.status
    query = sa.select(status, sa.func.count()).where(visible(who, now=now), *conditions(who, where)).group_by(status)
    return {Status(name): int(number) for name, number in tx.execute(query)}


def shown(tx: sa.Connection, who: Principal, number: int, *, now: int) -> Shown:
    """Return one item with all that the viewer may know of it.

    Raises:
        NotFound: they see no such item.
    """
    item = rows.item(tx, number, visible(who, now=now))
    evidence = rows.evidence(tx, [number])
    said = [Said(each.kind, each.user_id, each.said_at) for each in evidence]
    votes = tx.scalar(sa.select(sa.func.sum(knowledge_vote.c.value)).where(knowledge_vote.c.item_id == number))
    return Shown(
        item=item,
        evidence=[each for each in evidence if sees_words(who, each.user_id)],
        people=len({each.user_id for each in evidence}),
        confidence=confidence(said, approved=item.status is Status.APPROVED, mandatory=item.mandatory),
        freshness=freshness(said, now=now),
        votes=int(votes or 0),
    )


def some(tx: sa.Connection, who: Principal, numbers: Sequence[int], *, now: int) -> dict[int, Item]:
    """Return those of some items that the viewer may see, by id."""
    return {each.id: each for each in rows.items(tx, knowledge_item.c.id.in_(numbers), visible(who, now=now))}


def history(tx: sa.Connection, who: Principal, number: int, *, now: int) -> list[Change]:
    """Return every version of an item, the oldest first.

    Raises:
        NotFound: they see no such item.
    """
    rows.item(tx, number, visible(who, now=now))
    version = knowledge_version.c
    query = sa.select(knowledge_version).where(version.item_id == number).order_by(version.number)
    return [
        Change(
            number=row.number, at=row.at, by=row.by, action=row.action, reason=row.reason, status=row.status,
            state=msgspec.json.decode(row.state, type=Item) if row.state else None,
        )
        for row in tx.execute(query)
    ]  # fmt: skip


def known_at(tx: sa.Connection, who: Principal, *, at: int, now: int) -> list[Item]:
    """Return what agents were given at an instant, of the items that the viewer may see today or that were the team's.

    Items for teams count for whom they were then; teams are those of today.
    """
    version = knowledge_version.c
    then = sa.select(knowledge_version).where(
        version.at <= at,
        sa.or_(version.until.is_(None), version.until > at),
        version.status == Status.APPROVED.value,
        version.state != "",
    )
    found = [msgspec.json.decode(row.state, type=Item) for row in tx.execute(then.order_by(version.item_id))]
    allowed = set(tx.scalars(sa.select(knowledge_item.c.id).where(visible(who, now=now))))
    return [
        item
        for item in found
        if item.approved_hash == item.content_hash
        and item.is_valid(at)
        and (item.id in allowed or (item.owner is None and not item.teams))
    ]


def conditions(who: Principal, where: Filter) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on `knowledge_item` of a filter, as this viewer may use it."""
    item, said = knowledge_item.c, knowledge_evidence.c
    found: list[sa.ColumnElement[bool]] = []
    if where.statuses:
        found.append(item.status.in_([each.value for each in where.statuses]))
    for column, labels in ((item.domains, where.domains), (item.tags, where.tags), (item.flags, where.flags)):
        if labels:
            found.append(sa.or_(*[_holds(column, label) for label in labels]))
    if where.persons or where.sessions:
        evidence = sa.select(said.item_id)
        if where.persons:
            whose = sa.select(user.c.id).where(user.c.key.in_(where.persons))
            evidence = evidence.where(said.user_id.in_(whose))
        if where.sessions:
            evidence = evidence.where(said.session.in_(where.sessions))
        if not sees_words(who, -1):  # whose words an item rests on is for reviewers, and of oneself
            evidence = evidence.where(said.user_id == (who.user_id if who.user_id is not None else -1))
        found.append(item.id.in_(evidence))
    if where.approved_since:
        found.append(item.approved_at >= where.approved_since)
    if where.text:
        words = where.text.lower()
        found.append(
            sa.or_(*[sa.func.lower(each).contains(words, autoescape=True) for each in (item.title, item.content)])
        )
    return found


def _holds(column: sa.ColumnElement[str], label: str) -> sa.ColumnElement[bool]:
    return column.contains(msgspec.json.encode(label).decode(), autoescape=True)


def item_ids_of(
    tx: sa.Connection, *, persons: Sequence[str] = (), sessions: Sequence[str] = (), since: int = 0
) -> list[int]:
    """Return the items that rest on what people or sessions said since an instant, by id."""
    said = knowledge_evidence.c
    query = sa.select(said.item_id).distinct().where(sa.func.coalesce(said.said_at, said.recorded_at) >= since)
    if persons:
        query = query.where(said.user_id.in_(sa.select(user.c.id).where(user.c.key.in_(persons))))
    if sessions:
        query = query.where(said.session.in_(sessions))
    return sorted(tx.scalars(query))
