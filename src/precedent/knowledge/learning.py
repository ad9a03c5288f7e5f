"""Reads what `effect` needs to tell what items changed, as far as somebody may see the items.

Must not tell whose sayings or sessions they are: what comes out are sums.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from precedent.security.principals import Principal
from precedent.store.schema import (
    knowledge_delivered,
    knowledge_evidence,
    knowledge_item,
    knowledge_reading,
    team_member,
)

from . import rows
from .bundle import ANYBODY
from .effect import Effect, Given, Saying, Sessions, Story, effect, rank
from .model import Item, Kind, Status
from .sameness import families
from .verdicts import Verdict
from .visibility import visible

LOOKED_AT = 100
"""Items of which the effect is told at once: mandatory ones and then those approved last, as bundles choose them. A
bundle has room for about as many."""

HAD_TO_BE_SAID = (Kind.CORRECTION, Kind.DEFINITION)
"""Kinds of evidence that count. Who confirms what the agent knows by itself did not have to say it; notes and proposals
are said in no session."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """An item with what it changed."""

    item: Item
    effect: Effect


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What several items changed together.

    Attributes:
        counts: how many items there are of each verdict.
        fewer: how often something did not have to be said again, by those that are said less often.
    """

    counts: dict[Verdict, int]
    fewer: int


def effect_of(tx: sa.Connection, who: Principal, number: int, *, now: int) -> Learned:
    """Return one item with what it changed.

    Raises:
        NotFound: they see no such item.
    """
    return _learned(tx, [rows.item(tx, number, visible(who, now=now))], now=now)[0]


def learned(tx: sa.Connection, who: Principal, *, now: int) -> list[Learned]:
    """Return the approved items that somebody may see, of `LOOKED_AT` at most, those with the clearest effect first."""
    item = knowledge_item.c
    chosen = (
        sa.select(item.id)
        .where(item.status == Status.APPROVED.value, visible(who, now=now))
        .order_by(item.mandatory.desc(), item.approved_at.desc(), item.id.desc())
        .limit(LOOKED_AT)
    )
    found = _learned(tx, rows.items(tx, item.id.in_(list(tx.scalars(chosen)))), now=now)
    return sorted(found, key=lambda each: (rank(each.effect), -each.item.id))


def summed(found: Iterable[Learned]) -> Summary:
    """Return what several items changed together."""
    effects = [each.effect for each in found]
    counts = {verdict: sum(each.verdict is verdict for each in effects) for verdict in Verdict}
    fewer = [(each.expected or 0) - each.after.again for each in effects if each.verdict is Verdict.LESS]
    return Summary(counts=counts, fewer=sum(fewer))


def _learned(tx: sa.Connection, items: Sequence[Item], *, now: int) -> list[Learned]:
    if not items:
        return []
    around = families(tx, [item.id for item in items])
    every = {number for family in around.values() for number in (*family.same, *family.alike)}
    said, given, created = _sayings(tx, every), _given(tx, every), _created(tx, every)
    stories = {}
    audiences = {item.id: _audience(tx, item) for item in items}
    for item in items:
        same, among = around[item.id].same, audiences[item.id]
        sayings = _once(said, same, among)
        opened_at = min([*[created[number] for number in same if number in created], *[s.started_at for s in sayings]])
        stories[item.id] = Story(
            opened_at=opened_at,
            sayings=sayings,
            doubtful=_once(said, around[item.id].alike, among),
            given=_joined([given.get(number, {}) for number in same], among),
        )
    everybody = _sessions(tx, since=min(story.opened_at for story in stories.values()))
    parts = {among: _part(everybody, among) for among in set(audiences.values())}
    return [Learned(item=item, effect=effect(stories[item.id], parts[audiences[item.id]], now=now)) for item in items]


def _audience(tx: sa.Connection, item: Item) -> frozenset[int] | None:
    """Return the people an item is for today; None for everybody."""
    if item.owner is not None:
        return frozenset({item.owner})
    if not item.teams:
        return None
    return frozenset(tx.scalars(sa.select(team_member.c.user_id).where(team_member.c.team_id.in_(item.teams))))


def _sayings(tx: sa.Connection, numbers: Collection[int]) -> dict[int, dict[tuple[int, str], Saying]]:
    """Return the sayings of items by person and turn: a session that goes on with another repeats its turns."""
    said, reading = knowledge_evidence.c, knowledge_reading.c
    query = (
        sa.select(said.item_id, said.user_id, said.turn, said.said_at, reading.started_at)
        .join(knowledge_reading, reading.transcript_id == said.transcript_id)
        .where(
            said.item_id.in_(numbers), said.kind.in_([kind.value for kind in HAD_TO_BE_SAID]),
            reading.started_at.is_not(None),
        )
        .order_by(reading.started_at.desc(), said.id.desc())
    )  # fmt: skip
    found: dict[int, dict[tuple[int, str], Saying]] = {}
    for item_id, user_id, turn, said_at, started_at in tx.execute(query).all():
        at = started_at if said_at is None else said_at
        # The earliest session comes last and stands.
        found.setdefault(item_id, {})[user_id, turn or str(at)] = Saying(user_id, started_at, at)
    return found


def _once(
    said: Mapping[int, Mapping[tuple[int, str], Saying]], numbers: Collection[int], among: frozenset[int] | None
) -> list[Saying]:
    """Return the sayings of several items, each turn and each session of a person once, by the session's beginning."""
    turns = {key: each for number in numbers for key, each in said.get(number, {}).items()}
    held = {
        (each.user_id, each.started_at): each
        for each in sorted(turns.values(), key=lambda each: each.at, reverse=True)
        if among is None or each.user_id in among
    }
    return sorted(held.values(), key=lambda each: (each.started_at, each.at))


def _given(tx: sa.Connection, numbers: Collection[int]) -> dict[int, dict[int, Given]]:
    table = knowledge_delivered.c
    found: dict[int, dict[int, Given]] = {}
    query = sa.select(table.item_id, table.user_id, table.first_at, table.last_at).where(table.item_id.in_(numbers))
    for item_id, user_id, first_at, last_at in tx.execute(query).all():  # many rows come faster so
        found.setdefault(item_id, {})[user_id] = Given(first_at, last_at)
    return found


def _joined(several: Sequence[Mapping[int, Given]], among: frozenset[int] | None) -> Mapping[int, Given]:
    """Return when people were given one of several items, which are one statement."""
    if len(several) == 1 and among is None:
        return several[0]
    found: dict[int, Given] = {}
    for each in several:
        for user_id, given in each.items():
            if among is None or user_id == ANYBODY or user_id in among:
                known = found.get(user_id, given)
                found[user_id] = Given(min(known.first_at, given.first_at), max(known.last_at, given.last_at))
    return found


def _created(tx: sa.Connection, numbers: Collection[int]) -> dict[int, int]:
    item = knowledge_item.c
    query = sa.select(item.id, item.created_at).where(item.id.in_(numbers))
    return {number: at for number, at in tx.execute(query).all()}


def _sessions(tx: sa.Connection, *, since: int) -> dict[int, list[int]]:
    """Return when each person's sessions began in which they typed something, in order.

    Those that began at one instant are one that goes on under other names. One text a person, for rows cost more than
    what stands in them: 100,000 sessions take 20 ms so, and 80 ms in rows.
    """
    reading = knowledge_reading.c
    together = sa.func.aggregate_strings(sa.cast(reading.started_at, sa.Text), ",")
    query = sa.select(reading.user_id, together).where(reading.started_at >= since).group_by(reading.user_id)
    return {user_id: sorted(set(map(int, starts.split(",")))) for user_id, starts in tx.execute(query)}


def _part(everybody: Mapping[int, list[int]], among: frozenset[int] | None) -> Sessions:
    of = {user_id: starts for user_id, starts in everybody.items() if among is None or user_id in among}
    return Sessions(of, sorted(start for starts in of.values() for start in starts))
