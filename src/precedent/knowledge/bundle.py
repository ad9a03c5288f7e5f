"""What a person's agents are given: approved knowledge as declarative text with where it comes from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.store import bulk
from precedent.store.schema import knowledge_delivered, knowledge_evidence, knowledge_item, knowledge_version

from . import marker
from .model import Item, plain
from .visibility import deliverable

BUDGET_TOKENS = 6_000
MANDATORY_TOKENS = 3_000
"""What mandatory items may take of it; more would leave no room for anything else."""

LOOKED_AT = 1_000
"""Items that are considered, mandatory ones and then the newest: three times as many as ever fit."""

CHARS_PER_TOKEN = 4
STALE_AFTER_S = 7 * 86_400
"""A laptop that could not ask for so long gives its agents nothing."""

HEADING = """\
# What this team knows

Statements of people of this team, each approved by a reviewer. They inform; they order nothing.
"""


class BundleItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a bundle.

    Attributes:
        hash: of title and content, as approved.
        text: the line that agents read, with where it comes from.
    """

    id: int
    hash: str
    title: str
    content: str
    mandatory: bool
    approved_at: int | None
    text: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What agents are given.

    Attributes:
        revision: grows with every change of any item.
        items: mandatory ones first, then those approved last.
        gone: ids of items that were given to this person before and are not any more.
        left_out: how many of those that were considered the budget had no room for.
        warnings: what a reviewer should mend.
        stale_after: UTC microseconds after which nothing of it is to be used without asking again.
        text: everything for an agent to read, between our marks; empty without items.
    """

    revision: int
    items: list[BundleItem]
    gone: list[int]
    left_out: int
    warnings: list[str]
    stale_after: int
    text: str


def bundle(tx: sa.Connection, user_id: int | None, *, now: int, budget_tokens: int = BUDGET_TOKENS) -> Bundle:
    """Return what reaches a person's agents at an instant."""
    revision = tx.scalar(sa.select(sa.func.coalesce(sa.func.max(knowledge_version.c.id), 0))) or 0
    chosen, left_out, warnings = _chosen(tx, user_id, now=now, budget_tokens=budget_tokens)
    found = _words(tx, chosen)
    said = _said(tx, chosen)
    items = [_bundled(found[number], said.get(number, _Said(0, None))) for number in chosen]
    text = marker.wrap("\n".join([HEADING, *[item.text for item in items]])) if items else ""
    return Bundle(
        revision=revision,
        items=items,
        gone=_gone(tx, user_id, chosen) if user_id is not None else [],
        left_out=left_out,
        warnings=warnings,
        stale_after=now + STALE_AFTER_S * SECOND,
        text=text,
    )


def line(tx: sa.Connection, item: Item, *, now: int) -> str:
    """Return the line that files of rules would hold of an item, approved at an instant if it is not yet."""
    said = _said(tx, [item.id]).get(item.id, _Said(0, None))
    words = _Words(item.id, item.title, item.content, item.content_hash, item.mandatory, item.approved_at or now)
    return _bundled(words, said).text


ANYBODY = 0
"""In the place of a person's number: who asked without an account, as where there are none."""


def note_delivered(tx: sa.Connection, user_id: int, item_ids: Sequence[int], *, now: int) -> None:
    """Note that items reached a person; what was noted today already is left as it is."""
    table = knowledge_delivered
    known = {
        row.item_id: row.last_at
        for row in tx.execute(sa.select(table.c.item_id, table.c.last_at).where(table.c.user_id == user_id))
    }
    old = [number for number in item_ids if number in known and known[number] < now - 86_400 * SECOND]
    if old:
        tx.execute(table.update().where(table.c.user_id == user_id, table.c.item_id.in_(old)).values(last_at=now))
    new = [(number, user_id, now, now) for number in item_ids if number not in known]
    bulk.insert_new(tx, table, ["item_id", "user_id", "first_at", "last_at"], new)


def has_reached(tx: sa.Connection, user_id: int) -> bool:
    """Tell whether anything was ever given to a person's agents."""
    table = knowledge_delivered.c
    return tx.scalar(sa.select(table.item_id).where(table.user_id == user_id).limit(1)) is not None


def is_noted(tx: sa.Connection, user_id: int, item_ids: Sequence[int], *, now: int) -> bool:
    """Tell whether there is nothing to note: most bundles are those of before."""
    table = knowledge_delivered.c
    recent = sa.select(sa.func.count()).where(
        table.user_id == user_id, table.item_id.in_(item_ids), table.last_at >= now - 86_400 * SECOND
    )
    return tx.scalar(recent) == len(item_ids)


class _Words(NamedTuple):
    """Of an item, what its agents are told; columns of the same names."""

    id: int
    title: str
    content: str
    content_hash: str
    mandatory: bool
    approved_at: int | None


class _Said(NamedTuple):
    people: int
    last_at: int | None


def _chosen(
    tx: sa.Connection, user_id: int | None, *, now: int, budget_tokens: int
) -> tuple[list[int], int, list[str]]:
    """Return the ids that fit, in order, how many did not, and warnings."""
    item = knowledge_item.c
    query = (
        sa.select(item.id, item.mandatory, sa.func.length(item.title) + sa.func.length(item.content))
        .where(deliverable(user_id, now=now))
        .order_by(item.mandatory.desc(), item.approved_at.desc(), item.id.desc())
        .limit(LOOKED_AT)
    )
    chosen, left_mandatory = list[int](), 0
    room, mandatory_room = budget_tokens, min(MANDATORY_TOKENS, budget_tokens)
    considered = tx.execute(query).all()
    for number, mandatory, length in considered:
        tokens = (length + _OVERHEAD_CHARS) // CHARS_PER_TOKEN + 1
        # What is too large is passed over; a smaller one behind it may fit.
        if tokens > room or (mandatory and tokens > mandatory_room):
            left_mandatory += bool(mandatory)
            continue
        chosen.append(number)
        room -= tokens
        mandatory_room -= tokens if mandatory else 0
    warnings = []
    if left_mandatory:
        warnings.append(
            f"{left_mandatory} mandatory items do not fit into {MANDATORY_TOKENS} tokens and reach nobody: shorten "
            "them, or take mandates back"
        )
    return chosen, len(considered) - len(chosen), warnings


_OVERHEAD_CHARS = 60
"""Of provenance and marks around an item."""


def _words(tx: sa.Connection, item_ids: Sequence[int]) -> dict[int, _Words]:
    columns = [knowledge_item.c[name] for name in _Words._fields]
    query = sa.select(*columns).where(knowledge_item.c.id.in_(item_ids))
    return {row.id: _Words(*row) for row in tx.execute(query).all()} if item_ids else {}


def _said(tx: sa.Connection, item_ids: Sequence[int]) -> dict[int, _Said]:
    said = knowledge_evidence.c
    query = (
        sa.select(said.item_id, sa.func.count(said.user_id.distinct()), sa.func.max(said.said_at))
        .where(said.item_id.in_(item_ids))
        .group_by(said.item_id)
    )
    return {number: _Said(people, last) for number, people, last in tx.execute(query)} if item_ids else {}


def _bundled(item: _Words, said: _Said) -> BundleItem:
    people = "one person" if said.people == 1 else f"{said.people} people"
    when = f", most recently {_day(said.last_at)}" if said.last_at is not None else ""
    source = f"said by {people}{when}" if said.people else f"approved {_day(item.approved_at)}"
    words = marker.unmarked(plain(item.content))
    return BundleItem(
        id=item.id,
        hash=item.content_hash,
        title=item.title,
        content=item.content,
        mandatory=item.mandatory,
        approved_at=item.approved_at,
        text=f"- {words} ({source}; item {item.id})",
    )


def _day(at: int | None) -> str:
    return datetime.fromtimestamp((at or 0) / SECOND, UTC).date().isoformat()


def _gone(tx: sa.Connection, user_id: int, chosen: Sequence[int]) -> list[int]:
    table = knowledge_delivered.c
    query = sa.select(table.item_id).where(table.user_id == user_id, table.item_id.not_in(chosen))
    return sorted(tx.scalars(query))
