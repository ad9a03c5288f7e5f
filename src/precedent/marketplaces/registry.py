"""Marketplaces and what of their plugins is trusted; every act is audited in its own transaction."""

import re
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, NotFound
from precedent.security import audit, secret_references
from precedent.security.acting import By
from precedent.security.audiences import MARKETPLACES
from precedent.security.egress import Egress, destination
from precedent.store import Store, bulk
from precedent.store.schema import marketplace, marketplace_plugin, marketplace_team

from .model import About, Marketplace

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PIN = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"(?!.*(?:\.\.|//|@\{|\\))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}(?<![./])")


class Registry:
    """Keeps marketplaces.

    Args:
        store: the database.
        egress: the guard of URLs.
        clock: time.
    """

    def __init__(self, store: Store, egress: Egress, clock: Clock) -> None:
        self._store, self._egress, self._clock = store, egress, clock

    def add(self, given: Marketplace, *, by: By) -> None:
        """Make a marketplace; the next sync reads it.

        Raises:
            BadInput: something of it cannot be used.
            NotFound: there is no such team.
            Conflict: there is one of this name.
        """
        self._check(given)
        now = self._clock.now()
        values = _values(given)
        with self._store.write() as tx:
            row = (given.name, *values.values(), now, now)
            if not bulk.insert_new(tx, marketplace, ["name", *values, "created_at", "updated_at"], [row]):
                raise Conflict(f"there is a marketplace {given.name!r} already")
            MARKETPLACES.assign(tx, int(one(tx, given.name).id), given.teams)
            self._record(tx, by, "create", given.name, url=given.url, pin=given.pin, secret=given.secret)

    def change(self, name: str, given: Marketplace, *, by: By) -> None:
        """Replace what is said of a marketplace; when it leads elsewhere it is read again.

        A secret goes only to where it was given for: with another host it is dropped unless it is named again.

        Raises:
            NotFound: there is no such marketplace or team.
            BadInput: something of it cannot be used, or its name differs.
        """
        self._check(given)
        if given.name != name:
            raise BadInput("the name of a marketplace stays as it is; make another one")
        with self._store.write() as tx:
            row = one(tx, name)
            if not given.secret and destination(row.url) == destination(given.url):
                given = msgspec.structs.replace(given, secret=row.secret)
            values = _values(given) | {"updated_at": self._clock.now()}
            if (row.url, row.ref, row.pin) != (given.url, given.ref, given.pin):
                values |= {"commit_id": "", "error": "", "error_kind": "", "failures": 0}
            tx.execute(marketplace.update().where(marketplace.c.id == row.id).values(**values))
            MARKETPLACES.assign(tx, int(row.id), given.teams)
            self._record(tx, by, "change", name, url=given.url, pin=given.pin, secret=given.secret)

    def remove(self, name: str, *, by: By) -> None:
        """Remove a marketplace with its plugins; they are served no longer.

        Raises:
            NotFound: there is no such marketplace.
        """
        with self._store.write() as tx:
            number = one(tx, name).id
            for each in (marketplace_plugin, marketplace_team):
                tx.execute(each.delete().where(each.c.marketplace_id == number))
            tx.execute(marketplace.delete().where(marketplace.c.id == number))
            self._record(tx, by, "remove", name)

    def trust(self, name: str, plugin: str, *, content_hash: str, by: By) -> None:
        """Let a plugin be served as it was seen.

        Raises:
            NotFound: there is no such plugin.
            Conflict: it is another by now than the one that was seen.
        """
        with self._store.write() as tx:
            row = plugin_row(tx, name, plugin)
            if row.gone or row.content_hash != content_hash:
                state = {"content_hash": row.content_hash}
                raise Conflict(f"{plugin} is another by now than the one you saw; look at it again", state=state)
            values = {
                "trusted_hash": row.content_hash, "trusted_about": row.about, "trusted_by": by.principal.name,
                "trusted_at": self._clock.now(), "blocked": False,
            }  # fmt: skip
            tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == row.id).values(**values))
            about = msgspec.json.decode(row.about, type=About)
            runs = [each.command for each in about.components if each.command]
            self._record(tx, by, "trust", f"{name}/{plugin}", content_hash=content_hash, commands=runs[:50])

    def block(self, name: str, plugin: str, *, by: By) -> None:
        """Serve a plugin no longer, whatever it becomes.

        Raises:
            NotFound: there is no such plugin.
        """
        with self._store.write() as tx:
            row = plugin_row(tx, name, plugin)
            values = {"blocked": True, "trusted_hash": "", "trusted_about": "", "trusted_by": "", "trusted_at": None}
            tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == row.id).values(**values))
            self._record(tx, by, "block", f"{name}/{plugin}", content_hash=row.content_hash)

    def _check(self, given: Marketplace) -> None:
        if not NAME.fullmatch(given.name):
            raise BadInput(f"{given.name!r} is no name of a marketplace: small letters, digits and -, at most 63")
        self._egress.check(given.url)
        if given.ref and given.pin:
            raise BadInput("name a ref or a pin, and not both")
        if given.pin and not _PIN.fullmatch(given.pin):
            raise BadInput("a pin is the full id of a commit: 40 hexadecimal digits in small letters")
        if given.ref and not _REF.fullmatch(given.ref):
            raise BadInput(f"{given.ref!r} is no branch or tag")
        if given.secret:
            secret_references.checked(given.secret)
        if len(given.login) > 100 or not given.login.isprintable() or ":" in given.login:
            raise BadInput("the login has at most 100 printable characters and no colon")

    def _record(self, tx: sa.Connection, by: By, action: str, name: str, **details: Any) -> None:
        audit.record(tx, by.act(f"marketplace.{action}", f"marketplace:{name}", **details), now=self._clock.now())


def one(tx: sa.Connection, name: str) -> "sa.Row[Any]":
    """Return a marketplace's row.

    Raises:
        NotFound: there is no such marketplace.
    """
    query = sa.select(marketplace).where(marketplace.c.name == name)
    row = tx.execute(query).first() if NAME.fullmatch(name) else None
    if row is None:
        raise NotFound(f"no marketplace {name!r}; `precedent marketplaces list` names them")
    return row


def plugin_row(tx: sa.Connection, name: str, plugin: str) -> "sa.Row[Any]":
    """Return a plugin's row.

    Raises:
        NotFound: there is no such marketplace or plugin.
    """
    theirs = marketplace_plugin.c.marketplace_id == one(tx, name).id
    query = sa.select(marketplace_plugin).where(theirs, marketplace_plugin.c.name == plugin)
    row = tx.execute(query).first() if plugin.isprintable() else None
    if row is None:
        raise NotFound(f"no plugin {plugin[:100]!r} in {name}; `precedent marketplaces plugins` names them")
    return row


def _values(given: Marketplace) -> dict[str, Any]:
    return {
        "url": given.url, "ref": given.ref, "pin": given.pin, "secret": given.secret, "login": given.login,
        "enabled": given.enabled,
    }  # fmt: skip
