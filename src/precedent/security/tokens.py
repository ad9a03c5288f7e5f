"""Bearer tokens: scoped, expiring, shown once, revocable; the database knows their digest only."""

import hmac
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import BadInput, NotFound
from precedent.store import Store
from precedent.store.schema import account, token, user

from . import audit
from .acting import By
from .principals import Principal, Role, Scope
from .secret_text import PREFIX, digest, fresh_token, is_token

DEFAULT_DAYS, MAX_DAYS = 90, 365
MAX_NAME = 100
MAX_TOKENS = 100
"""Tokens that one person may have in force."""

DAY = 86_400 * SECOND
GRANTABLE = frozenset({Scope.READ, Scope.WRITE, Scope.UPLOAD, Scope.JOBS, Scope.METRICS})


class Token(NamedTuple):
    """What is known of a token; times are UTC microseconds.

    Attributes:
        user: key of the person whose it is.
        hint: its first characters, to tell one from another.
    """

    id: int
    name: str
    user: str
    hint: str
    scopes: tuple[str, ...]
    created_at: int
    created_by: str
    expires_at: int
    last_used_at: int | None
    revoked_at: int | None


class Minted(NamedTuple):
    """A new token: `secret` is shown now and never again."""

    secret: str
    token: Token


class Tokens:
    """The tokens of everybody."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def create(self, key: str, *, name: str, scopes: Collection[Scope], days: int = DEFAULT_DAYS, by: By) -> Minted:
        """Make a token for a person.

        Args:
            key: of the person.
            name: what it is for, 1 to 100 characters.
            scopes: one or more of `GRANTABLE`.
            days: until it expires, 1 to 365.
            by: who makes it.

        Raises:
            NotFound: nobody of this key has an active account.
            BadInput: name, scopes or days cannot be used, or the person has too many tokens.
        """
        name = name.strip()
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise BadInput(f"a token's name has 1 to {MAX_NAME} printable characters")
        if not 1 <= days <= MAX_DAYS:
            raise BadInput(f"a token lives 1 to {MAX_DAYS} days")
        if not scopes or not GRANTABLE.issuperset(scopes):
            raise BadInput(f"a token's scopes are one or more of {', '.join(sorted(GRANTABLE))}")
        now = self._clock.now()
        secret = fresh_token()
        with self._store.write() as tx:
            owner = tx.execute(
                sa.select(user.c.id)
                .join(account, account.c.user_id == user.c.id)
                .where(user.c.key == key, account.c.active)
            ).scalar()
            if owner is None:
                raise NotFound(f"nobody with the key {key!r} has an active account")
            alive = sa.and_(token.c.user_id == owner, token.c.revoked_at.is_(None), token.c.expires_at > now)
            if (tx.scalar(sa.select(sa.func.count()).select_from(token).where(alive)) or 0) >= MAX_TOKENS:
                raise BadInput(f"{key} has {MAX_TOKENS} tokens already; revoke some first")
            values = {
                "user_id": owner,
                "name": name,
                "hint": secret[: len(PREFIX) + 4],
                "digest": digest(secret),
                "scopes": " ".join(sorted(scopes)),
                "created_at": now,
                "created_by": by.principal.name,
                "expires_at": now + days * DAY,
            }
            number = tx.execute(token.insert().values(**values)).inserted_primary_key
            found = _one(tx, int(number[0])) if number else None
            if found is None:
                raise LookupError("the token was inserted and is not there")
            audit.record(
                tx, by.act("token.create", f"token:{found.id}", user=key, scopes=found.scopes, days=days), now=now
            )
        return Minted(secret, found)

    def listed(self, key: str | None = None) -> list[Token]:
        """Return the tokens of one person or of everybody, newest first, also those that are dead."""
        query = _TOKENS.order_by(token.c.id.desc())
        if key is not None:
            query = query.where(user.c.key == key)
        with self._store.read() as tx:
            return [_shown(row) for row in tx.execute(query)]

    def revoke(self, number: int, *, by: By, key: str | None = None) -> None:
        """Make a token void from now on.

        Args:
            number: of the token.
            by: who does it.
            key: whose it must be; None: anybody's.

        Raises:
            NotFound: there is no such token.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            found = _one(tx, number)
            if found is None or (key is not None and found.user != key):
                raise NotFound(f"no token {number}")
            if found.revoked_at is None:
                tx.execute(token.update().where(token.c.id == number).values(revoked_at=now))
                audit.record(tx, by.act("token.revoke", f"token:{number}", user=found.user), now=now)


class Known(NamedTuple):
    """A token that was presented and is good."""

    id: int
    principal: Principal
    last_used_at: int | None


def known(tx: sa.Connection, text: str, *, now: int) -> Known | None:
    """Return who a token stands for; None when it is unknown, revoked, expired, or its account is not active."""
    if not is_token(text):
        return None
    wanted = digest(text)
    row = tx.execute(_KNOWN, {"wanted": wanted}).first()
    if row is None or not hmac.compare_digest(row.digest, wanted):
        return None
    if row.revoked_at is not None or row.expires_at <= now or not row.active:
        return None
    scopes = frozenset(implied for each in row.scopes.split() for implied in Scope(each).implied)
    principal = Principal(
        name=row.key, role=Role(row.role), user_id=row.merged_into or row.user_id, scopes=scopes, proof="token"
    )
    return Known(row.id, principal, row.last_used_at)


def revoke_all(tx: sa.Connection, user_id: int, *, now: int) -> int:
    """Revoke every token of a person; return how many."""
    alive = sa.and_(token.c.user_id == user_id, token.c.revoked_at.is_(None))
    return tx.execute(token.update().where(alive).values(revoked_at=now)).rowcount


# Built once: building it costs as much as running it, and every request with a token does.
_KNOWN = (
    sa.select(token, user.c.key, user.c.merged_into, account.c.role, account.c.active)
    .join(user, user.c.id == token.c.user_id)
    .join(account, account.c.user_id == user.c.id)
    .where(token.c.digest == sa.bindparam("wanted"))
)
_TOKENS = sa.select(token, user.c.key).join(user, user.c.id == token.c.user_id)


def _one(tx: sa.Connection, number: int) -> Token | None:
    row = tx.execute(_TOKENS.where(token.c.id == number)).first()
    return None if row is None else _shown(row)


def _shown(row: sa.Row[tuple[object, ...]]) -> Token:
    values = row._mapping
    return Token(
        id=values["id"],
        name=values["name"],
        user=values["key"],
        hint=values["hint"],
        scopes=tuple(values["scopes"].split()),
        created_at=values["created_at"],
        created_by=values["created_by"],
        expires_at=values["expires_at"],
        last_used_at=values["last_used_at"],
        revoked_at=values["revoked_at"],
    )
