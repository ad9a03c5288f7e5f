"""Logins with a password, and the sessions that any login begins."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import Unauthenticated
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import account, user

from . import audit, lockout, passwords, web_sessions
from .acting import By
from .passwords import Passwords
from .principals import Principal, Role

NOT_TAKEN = "address or password is wrong"
NOBODY = Principal(name="anonymous", role=Role.VIEWER, scopes=frozenset(), proof="none")
"""Who has not logged in yet, for the audit log."""


class LoggedIn(NamedTuple):
    """A new session: `cookie` is given to the browser and stored nowhere."""

    cookie: str
    principal: Principal
    lives_s: int


class _Stored(NamedTuple):
    id: int
    key: str
    name: str
    email: str
    active: bool
    password_hash: str


class Logins:
    """Begins and ends sessions; every login is audited, failed ones too."""

    def __init__(self, settings: Settings, store: Store, hashing: Passwords, clock: Clock) -> None:
        self._store, self._passwords, self._clock = store, hashing, clock
        self._lives_s = settings.session_lifetime_s

    def with_password(self, name: str, password: str, *, by: By, before: str = "") -> LoggedIn:
        """Log in; slow on purpose.

        Args:
            name: address or key.
            password: as typed.
            by: where the request comes from.
            before: cookie of a session that the browser had, which ends.

        Raises:
            Unauthenticated: no such account, not active, no password, or the wrong one; the same for all of them.
            Exhausted: too many failures; also with the right password.
        """
        counted = lockout.keys(name, by.address)
        with self._store.read() as tx:
            lockout.check(tx, counted, now=self._clock.now())
        with self._store.write() as tx:
            lockout.count(tx, counted, now=self._clock.now())
        row = self._find(name)
        fits = self._passwords.fits(password[: passwords.MAX_LENGTH + 1], row.password_hash if row else "")
        if row is None or not fits or not row.active:
            with self._store.write() as tx:
                resource = f"account:{row.key}" if row else "account:unknown"
                audit.record(tx, by.act("login", resource, result="denied", how="password"), now=self._clock.now())
            raise Unauthenticated(NOT_TAKEN)
        stored = self._passwords.hash(password) if self._passwords.is_outdated(row.password_hash) else ""
        with self._store.write() as tx:
            lockout.forgive(tx, counted)
            if stored:
                tx.execute(account.update().where(account.c.user_id == row.id).values(password_hash=stored))
            return self.begin(tx, row.id, by=by, how="password", before=before)

    def begin(self, tx: sa.Connection, user_id: int, *, by: By, how: str, before: str = "") -> LoggedIn:
        """Begin a session for somebody who has proved who they are; the browser's earlier one ends.

        Raises:
            Unauthenticated: the account is not active.
        """
        now = self._clock.now()
        query = sa.select(user.c.key, user.c.merged_into, account.c.role, account.c.active)
        row = tx.execute(query.join(account, account.c.user_id == user.c.id).where(user.c.id == user_id)).first()
        if row is None or not row.active:
            raise Unauthenticated("this account is not active")
        if before:
            web_sessions.end(tx, before)
        cookie = web_sessions.begin(tx, user_id, now=now, ends_at=now + self._lives_s * SECOND)
        tx.execute(account.update().where(account.c.user_id == user_id).values(last_login_at=now))
        principal = Principal(name=row.key, role=Role(row.role), user_id=row.merged_into or user_id)
        audit.record(tx, by.act("login", f"account:{row.key}", how=how)._replace(principal=row.key), now=now)
        return LoggedIn(cookie, principal, self._lives_s)

    def end(self, cookie: str, *, by: By) -> None:
        """End the session of a cookie."""
        with self._store.write() as tx:
            web_sessions.end(tx, cookie)
            audit.record(tx, by.act("logout", f"account:{by.principal.name}"), now=self._clock.now())

    def end_others(self, cookie: str, *, by: By) -> int:
        """End all sessions of the caller but this one; return how many."""
        with self._store.write() as tx:
            count = web_sessions.end_all(tx, self._id(tx, by), but=cookie)
            act = by.act("logout.others", f"account:{by.principal.name}", sessions=count)
            audit.record(tx, act, now=self._clock.now())
            return count

    def change_password(self, current: str, new: str, *, cookie: str, by: By) -> None:
        """Change the caller's own password; their other sessions end.

        Raises:
            Unauthenticated: the current password is wrong.
            Exhausted: it was wrong too often.
            BadInput: the new one is not taken.
        """
        row = self._find(by.principal.name)
        if row is None:
            raise Unauthenticated("only who has an account has a password")
        passwords.check(new, about=(row.key, row.email, row.name))
        counted = lockout.keys(row.key, by.address)
        with self._store.write() as tx:
            lockout.count(tx, counted, now=self._clock.now())
        if not self._passwords.fits(current, row.password_hash):
            raise Unauthenticated("the current password is wrong")
        stored, now = self._passwords.hash(new), self._clock.now()
        with self._store.write() as tx:
            lockout.forgive(tx, counted)
            mine = account.update().where(account.c.user_id == row.id)
            tx.execute(mine.values(password_hash=stored, password_changed_at=now))
            web_sessions.end_all(tx, row.id, but=cookie)
            audit.record(tx, by.act("account.password", f"account:{row.key}", how="own"), now=now)

    def _find(self, name: str) -> _Stored | None:
        name = name.strip()
        query = sa.select(user.c.id, user.c.key, user.c.name, user.c.email, account.c.active, account.c.password_hash)
        query = query.join(account, account.c.user_id == user.c.id)
        if not name.isprintable():  # a database takes no NUL and no half of a surrogate pair
            return None
        with self._store.read() as tx:
            row = tx.execute(query.where(sa.func.lower(user.c.email) == name.lower())).first()
            row = row or tx.execute(query.where(user.c.key == name)).first()
        return None if row is None else _Stored(*row)

    @staticmethod
    def _id(tx: sa.Connection, by: By) -> int:
        return int(tx.scalar(sa.select(user.c.id).where(user.c.key == by.principal.name)) or 0)
