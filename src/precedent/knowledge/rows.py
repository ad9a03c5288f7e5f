"""Rows of items and evidence as structs, and back."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.store.schema import knowledge_audience, knowledge_evidence, knowledge_item, transcript, user

from .comparing import words_hash
from .model import Evidence, Item

_LISTS = ("domains", "tags", "entities", "flags")


def items(
    tx: sa.Connection,
    *where: sa.ColumnElement[bool],
    limit: int | None = None,
    newest_first: bool = False,
    lock: bool = False,
) -> list[Item]:
    """Return the items for which conditions on `knowledge_item` hold, by id; `lock` lets nobody else change them."""
    number = knowledge_item.c.id
    query = sa.select(knowledge_item).where(*where).order_by(number.desc() if newest_first else number).limit(limit)
    if lock:
        query = query.with_for_update()
    found = [_named(row) for row in tx.execute(query).mappings().all()]
    teams = _teams(tx, [row["id"] for row in found])
    return [_item(row, teams.get(row["id"], ())) for row in found]


def item(tx: sa.Connection, number: int, *where: sa.ColumnElement[bool], lock: bool = False) -> Item:
    """Return one item.

    Raises:
        NotFound: there is none of this id for which the conditions hold.
    """
    found = items(tx, knowledge_item.c.id == number, *where, lock=lock)
    if not found:
        raise NotFound(f"no knowledge item {number}")
    return found[0]


def columns(item: Item) -> dict[str, object]:
    """Return the columns of an item but for its id."""
    row = msgspec.structs.asdict(item)
    del row["id"], row["teams"]
    row["owner_id"] = row.pop("owner")
    row |= {name: msgspec.json.encode(row[name]).decode() for name in _LISTS}
    row |= {"status": item.status.value, "origin": item.origin.value}
    return row | {"words_hash": words_hash(item.content)}


def evidence(tx: sa.Connection, item_ids: Sequence[int]) -> list[Evidence]:
    """Return the evidence of items, the oldest first."""
    table = knowledge_evidence.c
    query = (
        sa.select(
            *[table[name] for name in Evidence.__struct_fields__ if name in table],
            user.c.key.label("person"),
            sa.func.coalesce(transcript.c.session_file, "").label("session_file"),
        )
        .join(user, user.c.id == table.user_id)
        .outerjoin(transcript, transcript.c.id == table.transcript_id)
        .where(table.item_id.in_(item_ids))
        .order_by(table.id)
    )
    return [msgspec.convert(_named(row), Evidence) for row in tx.execute(query).mappings().all()]


def _named(row: sa.RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}  # names of columns are a kind of text that msgspec refuses


def _teams(tx: sa.Connection, item_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    table = knowledge_audience.c
    found: dict[int, tuple[int, ...]] = {}
    query = sa.select(table.item_id, table.team_id).where(table.item_id.in_(list(item_ids)))
    for number, team in tx.execute(query.order_by(table.item_id, table.team_id)):
        found[number] = (*found.get(number, ()), team)
    return found


def _item(row: dict[str, object], teams: tuple[int, ...]) -> Item:
    row |= {name: msgspec.json.decode(str(row[name])) for name in _LISTS}
    row["owner"] = row.pop("owner_id")
    return msgspec.convert(row | {"teams": teams}, Item)
