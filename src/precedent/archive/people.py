"""Who a transcript belongs to: fixed when it is first collected, never derived from a folder again."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.errors import BadInput, NotFound
from precedent.store import bulk
from precedent.store.schema import state, tombstone, transcript, user


class Person(NamedTuple):
    """A person.

    Attributes:
        provisional: made from a folder's name and never confirmed.
        transcripts: how many belong to them.
    """

    id: int
    key: str
    name: str
    email: str
    provisional: bool
    transcripts: int


def ensure(tx: sa.Connection, key: str, *, now: int) -> int:
    """Return the id of the person known by a key; an unknown key becomes a provisional person.

    A key is matched exactly, else as the part of an e-mail address before the `@`; of several, the newest wins.
    """
    found = _by_key(tx, key)
    if found is None:
        local = key.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
        found = tx.scalar(
            sa.select(user.c.id)
            .where(user.c.email.like(f"{local}@%", escape="\\"))
            .order_by(user.c.created_at.desc(), user.c.id.desc())
            .limit(1)
        )
    if found is None:
        bulk.insert_new(tx, user, ["key", "name", "created_at"], [(key, key, now)])
        found = _by_key(tx, key)
    if found is None:
        raise LookupError(f"person {key!r} was inserted and is not there")
    return int(found)


def _by_key(tx: sa.Connection, key: str) -> int | None:
    """The person of a key; whoever was merged into another is that other."""
    row = tx.execute(sa.select(user.c.id, user.c.merged_into).where(user.c.key == key)).first()
    return None if row is None else int(row.merged_into or row.id)


def listed(tx: sa.Connection) -> list[Person]:
    """Return everybody who was not merged into somebody else, by key."""
    count = sa.func.count(transcript.c.id)
    columns = (user.c.id, user.c.key, user.c.name, user.c.email, user.c.provisional)
    query = (
        sa.select(*columns, count)
        .outerjoin(transcript, transcript.c.user_id == user.c.id)
        .where(user.c.merged_into == 0)
        .group_by(*columns)
        .order_by(user.c.key)
    )
    return [Person(*row) for row in tx.execute(query)]


def merge(tx: sa.Connection, key: str, *, into: str) -> tuple[int, int]:
    """Give everything of one person to another, now and for all that is collected later; return both ids.

    Raises:
        NotFound: there is no such person.
        BadInput: both are the same person.
    """
    old, new = _by_key(tx, key), _by_key(tx, into)
    for found, name in ((old, key), (new, into)):
        if found is None:
            raise NotFound(f"no person {name!r}; `precedent people list` names them")
    if old is None or new is None or old == new:
        raise BadInput(f"{key!r} and {into!r} are the same person already")
    username = tx.scalar(sa.select(user.c.key).where(user.c.id == new))
    theirs = sa.select(transcript.c.id).where(transcript.c.user_id == old)
    tx.execute(state.update().where(state.c.transcript_id.in_(theirs)).values(username=username))
    tx.execute(transcript.update().where(transcript.c.user_id == old).values(user_id=new))
    graves = tx.execute(sa.select(tombstone.c.native_id, tombstone.c.deleted_at).where(tombstone.c.user_id == old))
    rows = [(new, row.native_id, row.deleted_at) for row in graves]
    bulk.insert_new(tx, tombstone, ["user_id", "native_id", "deleted_at"], rows)
    tx.execute(tombstone.delete().where(tombstone.c.user_id == old))
    tx.execute(user.update().where(sa.or_(user.c.id == old, user.c.merged_into == old)).values(merged_into=new))
    tx.execute(user.update().where(user.c.id == new).values(provisional=False))
    return old, new
