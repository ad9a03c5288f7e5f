"""Sessions of browsers: a random cookie whose digest alone is stored, with an idle and an absolute end."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.store.schema import account, user, web_session

from .principals import Principal, Role
from .secret_text import digest, fresh


class Known(NamedTuple):
    """A session whose cookie was presented and is good."""

    digest: str
    principal: Principal
    last_seen_at: int


def begin(tx: sa.Connection, user_id: int, *, now: int, ends_at: int) -> str:
    """Begin a session and return its cookie's value; what the person had before goes on beside it."""
    tx.execute(web_session.delete().where(web_session.c.expires_at <= now))
    text = fresh()
    values = {"digest": digest(text), "user_id": user_id, "created_at": now, "last_seen_at": now, "expires_at": ends_at}
    tx.execute(web_session.insert().values(**values))
    return text


def known(tx: sa.Connection, text: str, *, now: int, idle: int) -> Known | None:
    """Return whose session a cookie is; None when it is unknown, over, idle too long, or the account not active.

    Args:
        tx: a transaction.
        text: the cookie's value.
        now: UTC microseconds.
        idle: microseconds without a request after which a session is over.
    """
    row = tx.execute(_KNOWN, {"wanted": digest(text)}).first()
    if row is None or row.expires_at <= now or row.last_seen_at + idle <= now or not row.active:
        return None
    principal = Principal(name=row.key, role=Role(row.role), user_id=row.merged_into or row.user_id, proof="session")
    return Known(row.digest, principal, row.last_seen_at)


def end(tx: sa.Connection, text: str) -> None:
    """End the session of a cookie, if it is one."""
    tx.execute(web_session.delete().where(web_session.c.digest == digest(text)))


def end_all(tx: sa.Connection, user_id: int, *, but: str = "") -> int:
    """End every session of a person, except that of one cookie; return how many."""
    theirs = web_session.delete().where(web_session.c.user_id == user_id)
    return tx.execute(theirs.where(web_session.c.digest != digest(but)) if but else theirs).rowcount


# Built once: building it costs as much as running it, and every request of a browser does.
_KNOWN = (
    sa.select(web_session, user.c.key, user.c.merged_into, account.c.role, account.c.active)
    .join(user, user.c.id == web_session.c.user_id)
    .join(account, account.c.user_id == user.c.id)
    .where(web_session.c.digest == sa.bindparam("wanted"))
)
