"""Accounts: who may log in with which role; invitations and resets by link."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import BadInput, Conflict, NotFound
from precedent.store import Store, serialize
from precedent.store.schema import account, invitation, user

from . import audit, passwords, tokens, web_sessions
from .acting import By
from .passwords import Passwords
from .principals import Role
from .secret_text import digest, fresh

ROLES = frozenset({Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN})
INVITATION, RESET = "invitation", "reset"
LIFE = {INVITATION: 7 * 86_400 * SECOND, RESET: 3600 * SECOND}
"""Microseconds that a link is good for."""

MAX_TEXT, MAX_KEY = 200, 100


class Account(NamedTuple):
    """A person who may log in; times are UTC microseconds.

    Attributes:
        key: of the person, as in the names of their transcripts.
        has_password: they can log in with one.
        single_sign_on: they have logged in with the OpenID Connect provider.
    """

    user_id: int
    key: str
    name: str
    email: str
    role: str
    active: bool
    has_password: bool
    single_sign_on: bool
    created_at: int
    last_login_at: int | None


class Link(NamedTuple):
    """A link with which a person sets a password: `secret` is shown now and never again."""

    secret: str
    expires_at: int

    def url(self, base: str) -> str:
        """Return it for a person; what opens stands behind `#`, which browsers send nobody."""
        return f"{base}/password#{self.secret}"


class Accounts:
    """The accounts of everybody; each change is audited in its own transaction."""

    def __init__(self, store: Store, hashing: Passwords, clock: Clock) -> None:
        self._store, self._passwords, self._clock = store, hashing, clock

    def listed(self) -> list[Account]:
        """Return every account, by key."""
        with self._store.read() as tx:
            return [Account(*row) for row in tx.execute(_ACCOUNTS.order_by(user.c.key))]

    def any(self) -> bool:
        """Tell whether anybody has an account."""
        with self._store.read() as tx:
            return tx.scalar(sa.select(account.c.user_id).limit(1)) is not None

    def get(self, name: str) -> Account:
        """Return the account of a key or an address.

        Raises:
            NotFound: there is none.
        """
        with self._store.read() as tx:
            return _get(tx, name)

    def create(self, email: str, *, role: Role, by: By, name: str = "", key: str = "") -> Account:
        """Make an account, and the person unless they are known already.

        A person with this address is known. Else somebody whose key is the part before the `@` (or `key`), and of whom
        no other address is known, is taken to be the same: the collector knows people by the names of their homes.

        Raises:
            BadInput: the address, key or role cannot be used.
            Conflict: the person has an account, or the key is another's.
        """
        _check_role(role)
        with self._store.write() as tx:
            user_id = add(tx, email, role=role, name=name, key=key, now=self._clock.now())
            found = _get_by_id(tx, user_id)
            self._record(tx, by, "account.create", found, role=found.role)
            return found

    def change(
        self, key: str, *, by: By, role: Role | None = None, active: bool | None = None, name: str | None = None
    ) -> Account:
        """Change an account; one that is made inactive has its sessions and tokens ended at once.

        Raises:
            NotFound: there is no such account.
            BadInput: no such role, or no name.
            Conflict: it is the last active admin's.
        """
        with self._store.write() as tx:
            serialize(tx, "accounts")
            before = _get(tx, key)
            if role is not None:
                _check_role(role)
            stays = (role is None or role is Role.ADMIN) and active is not False
            if not stays:
                keep_an_admin(tx, [before.user_id])
            theirs = account.c.user_id == before.user_id
            if role is not None and role != before.role:
                tx.execute(account.update().where(theirs).values(role=role.value))
                self._record(tx, by, "account.role", before, role=role.value, before=before.role)
            if name is not None:
                tx.execute(user.update().where(user.c.id == before.user_id).values(name=_check_text(name, "name")))
                self._record(tx, by, "account.rename", before)
            if active is not None and active != before.active:
                tx.execute(account.update().where(theirs).values(active=active))
                if not active:
                    self._end(tx, before.user_id)
                self._record(tx, by, "account.activate" if active else "account.deactivate", before)
            return _get_by_id(tx, before.user_id)

    def link(self, key: str, *, kind: str, by: By) -> Link:
        """Make a link with which a person sets a password; what they had before is void.

        Args:
            key: of the account.
            kind: `INVITATION` (good for 7 days) or `RESET` (1 hour).
            by: who makes it.

        Raises:
            NotFound: there is no such account.
            Conflict: it is not active.
        """
        now = self._clock.now()
        secret = fresh()
        with self._store.write() as tx:
            found = _get(tx, key)
            if not found.active:
                raise Conflict(f"the account of {found.key} is not active")
            tx.execute(invitation.delete().where(invitation.c.user_id == found.user_id))
            values = {
                "digest": digest(secret),
                "kind": kind,
                "user_id": found.user_id,
                "role": found.role,
                "created_by": by.principal.name,
                "created_at": now,
                "expires_at": now + LIFE[kind],
            }
            tx.execute(invitation.insert().values(**values))
            self._record(tx, by, f"account.{kind}", found)
        return Link(secret, now + LIFE[kind])

    def redeem(self, secret: str, password: str, *, by: By) -> Account:
        """Set a password with a link, which is void then; sessions and tokens from before a reset end.

        Raises:
            NotFound: the link is unknown, used, or has expired.
            BadInput: the password is not taken.
        """
        with self._store.read() as tx:
            found = self._linked(tx, secret)
        passwords.check(password, about=(found.key, found.email, found.name))
        stored = self._passwords.hash(password)
        with self._store.write() as tx:
            self._linked(tx, secret)  # somebody may have used it meanwhile
            used = invitation.update().where(invitation.c.digest == digest(secret), invitation.c.used_at.is_(None))
            if tx.execute(used.values(used_at=self._clock.now())).rowcount != 1:
                raise NotFound(_NO_LINK)
            self._set(tx, found, stored)
            self._record(tx, by, "account.password", found, how="link")
            return _get_by_id(tx, found.user_id)

    def set_password(self, key: str, password: str, *, by: By) -> None:
        """Set somebody's password; their sessions and tokens end.

        Raises:
            NotFound: there is no such account.
            BadInput: the password is not taken.
        """
        found = self.get(key)
        passwords.check(password, about=(found.key, found.email, found.name))
        stored = self._passwords.hash(password)
        with self._store.write() as tx:
            self._set(tx, found, stored)
            self._record(tx, by, "account.password", found, how="set")

    def _set(self, tx: sa.Connection, found: Account, stored: str) -> None:
        now = self._clock.now()
        theirs = account.update().where(account.c.user_id == found.user_id)
        tx.execute(theirs.values(password_hash=stored, password_changed_at=now))
        if found.has_password:
            self._end(tx, found.user_id)

    def _end(self, tx: sa.Connection, user_id: int) -> None:
        web_sessions.end_all(tx, user_id)
        tokens.revoke_all(tx, user_id, now=self._clock.now())
        tx.execute(invitation.delete().where(invitation.c.user_id == user_id, invitation.c.used_at.is_(None)))

    def _linked(self, tx: sa.Connection, secret: str) -> Account:
        row = tx.execute(sa.select(invitation).where(invitation.c.digest == digest(secret))).first()
        if row is None or row.used_at is not None or row.expires_at <= self._clock.now():
            raise NotFound(_NO_LINK)
        found = _get_by_id(tx, row.user_id)
        if not found.active:
            raise NotFound(_NO_LINK)
        return found

    def _record(self, tx: sa.Connection, by: By, action: str, found: Account, **details: str) -> None:
        audit.record(tx, by.act(action, f"account:{found.key}", **details), now=self._clock.now())


def add(tx: sa.Connection, email: str, *, role: Role, now: int, name: str = "", key: str = "") -> int:
    """Make an account and return the person's id; see `Accounts.create`."""
    email = check_email(email)
    name = _check_text(name, "name") if name.strip() else ""
    if key:
        _check_key(key)
    serialize(tx, "accounts")
    person = tx.execute(
        sa.select(user).where(sa.func.lower(user.c.email) == email, user.c.merged_into == 0).order_by(user.c.id)
    ).first()
    if person is not None and key and person.key != key:
        raise Conflict(f"{email} is the address of {person.key}")
    if person is None:
        person = _namesake(tx, email, key)
    if person is None:
        key = key or _free_key(tx, email)
        values = {"key": _check_key(key), "name": name or key, "email": email, "provisional": False, "created_at": now}
        made = tx.execute(user.insert().values(**values)).inserted_primary_key
        user_id = int(made[0]) if made else 0
    else:
        user_id = int(person.id)
        if tx.scalar(sa.select(account.c.user_id).where(account.c.user_id == user_id)) is not None:
            raise Conflict(f"{email} has an account already, with the key {person.key}")
        known = {"email": email, "provisional": False} | ({"name": name} if name else {})
        tx.execute(user.update().where(user.c.id == user_id).values(**known))
    tx.execute(account.insert().values(user_id=user_id, role=role.value, created_at=now))
    return user_id


def check_email(email: str) -> str:
    """Return an address in the form that is stored.

    Raises:
        BadInput: it is none.
    """
    email = email.strip().lower()
    local, found, domain = email.partition("@")
    if not (local and found and domain) or len(email) > MAX_TEXT or not email.isprintable() or " " in email:
        raise BadInput(f"{email[:MAX_TEXT]!r} is no e-mail address")
    return email


def _namesake(tx: sa.Connection, email: str, key: str) -> sa.Row[tuple[object, ...]] | None:
    """Return the person known by the key, or by the part before the `@`, of whom no address is known."""
    wanted = key or email.partition("@")[0]
    found = tx.execute(sa.select(user).where(user.c.key == wanted, user.c.merged_into == 0)).first()
    if found is None or not found.email:
        return found
    if key:
        raise Conflict(f"the key {key} is that of {found.email}")
    return None


def _free_key(tx: sa.Connection, email: str) -> str:
    """Return the part before the `@`, or the whole address when that is somebody else's key."""
    local = email.partition("@")[0]
    wanted = local if local.replace(".", "").replace("-", "").replace("_", "").isalnum() else email.replace("/", "_")
    return email if tx.scalar(sa.select(user.c.id).where(user.c.key == wanted)) is not None else wanted


def _check_key(key: str) -> str:
    if not key or len(key) > MAX_KEY or not key.isprintable() or set(key) & set("/\\ ") or key.startswith("."):
        raise BadInput(f"{key[:MAX_TEXT]!r} is no key: printable characters without blanks and slashes")
    return key


def _check_text(text: str, what: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise BadInput(f"a {what} has 1 to {MAX_TEXT} printable characters")
    return text


def _check_role(role: Role) -> None:
    if role not in ROLES:
        raise BadInput(f"an account's role is one of {', '.join(sorted(ROLES))}")


def keep_an_admin(tx: sa.Connection, leaving: Sequence[int]) -> None:
    """Let nobody lock the team out; the transaction has serialized "accounts".

    Args:
        tx: the transaction.
        leaving: ids of the persons who are to be no admin any more.

    Raises:
        Conflict: no active admin would be left, and there is one.
    """
    query = sa.select(account.c.user_id).where(account.c.role == Role.ADMIN.value, account.c.active)
    admins = set(tx.scalars(query))
    if admins and admins <= set(leaving):
        raise Conflict("the last active admin would be gone; make somebody else one first")


def _get(tx: sa.Connection, name: str) -> Account:
    row = None
    if name.isprintable():  # a database takes no NUL and no half of a surrogate pair
        row = tx.execute(_ACCOUNTS.where(user.c.key == name)).first()
        row = row or tx.execute(_ACCOUNTS.where(sa.func.lower(user.c.email) == name.strip().lower())).first()
    if row is None:
        raise NotFound(f"nobody with the key or address {name!r} has an account; `precedent accounts list` names them")
    return Account(*row)


def _get_by_id(tx: sa.Connection, user_id: int) -> Account:
    return Account(*tx.execute(_ACCOUNTS.where(user.c.id == user_id)).one())


_ACCOUNTS = sa.select(
    user.c.id,
    user.c.key,
    user.c.name,
    user.c.email,
    account.c.role,
    account.c.active,
    account.c.password_hash != "",
    account.c.oidc_subject.is_not(None),
    account.c.created_at,
    account.c.last_login_at,
).join(account, account.c.user_id == user.c.id)
_NO_LINK = "this link is unknown, was used or has expired; ask for a new one"
