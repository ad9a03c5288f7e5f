"""Who a transcript belongs to: fixed when it is first collected, never derived from a folder again."""

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import user


def ensure(tx: sa.Connection, key: str, *, now: int) -> int:
    """Return the id of the person known by a key; an unknown key becomes a provisional person.

    A key is matched exactly, else as the part of an e-mail address before the `@`; of several, the newest wins.
    """
    found = tx.scalar(sa.select(user.c.id).where(user.c.key == key))
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
        found = tx.scalar(sa.select(user.c.id).where(user.c.key == key))
    if found is None:
        raise LookupError(f"person {key!r} was inserted and is not there")
    return int(found)
