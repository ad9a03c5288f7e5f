"""Every change of an item, written in one way: the item's row, its version, nothing else."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store.schema import knowledge_audience, knowledge_item, knowledge_version

from . import pairing, rows
from .model import Item, content_hash
from .scanning import SOURCE, scan
from .statuses import Action


class Last(NamedTuple):
    """What was done with an item last, and by whom."""

    action: str
    by: str


def last(tx: sa.Connection, item_id: int) -> Last:
    """Return what was done last with an item that exists."""
    version = knowledge_version.c
    query = sa.select(version.action, version.by).where(version.item_id == item_id).order_by(version.number.desc())
    return Last(*tx.execute(query.limit(1)).one())


def write(tx: sa.Connection, item: Item, action: Action, *, by: str, now: int, reason: str = "") -> Item:
    """Write an item in its new state, with the version that says so; return it as it is stored.

    Content hash, flags, dates and version are set here, so that they cannot be forgotten.

    Args:
        tx: the transaction.
        item: with id 0 it is new.
        action: what led to this state.
        by: who did it.
        now: UTC microseconds.
        reason: for people.
    """
    parts = (item.title, item.content, f"{item.title}\n{item.content}")
    flags = {flag.name for part in parts for flag in scan(part)} | ({SOURCE} & set(item.flags))
    item = msgspec.structs.replace(
        item,
        content_hash=content_hash(item.title, item.content),
        flags=tuple(sorted(flags)),
        created_at=item.created_at or now,
        updated_at=now,
        version=item.version + 1,
    )
    table = knowledge_item
    if item.id:
        tx.execute(table.update().where(table.c.id == item.id).values(rows.columns(item)))
    else:
        number = tx.execute(table.insert().values(rows.columns(item)).returning(table.c.id)).scalar_one()
        item = msgspec.structs.replace(item, id=number)
    pairing.index(tx, item)
    tx.execute(knowledge_audience.delete().where(knowledge_audience.c.item_id == item.id))
    if item.teams:
        tx.execute(knowledge_audience.insert(), [{"item_id": item.id, "team_id": team} for team in item.teams])
    version = knowledge_version
    tx.execute(version.update().where(version.c.item_id == item.id, version.c.until.is_(None)).values(until=now))
    tx.execute(
        version.insert().values(
            item_id=item.id,
            number=item.version,
            at=now,
            by=by,
            action=action.value,
            reason=reason,
            status=item.status.value,
            state=msgspec.json.encode(item).decode(),
        )
    )
    return item
