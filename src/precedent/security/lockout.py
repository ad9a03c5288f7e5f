"""Counts failed logins and locks after five within five minutes, by account and by address.

An account that does not exist is locked like one that does, so that the lock tells nobody which exist. What was typed
as a name is kept as a digest only: people type passwords there.
"""

import hashlib
import ipaddress

import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.errors import Exhausted
from precedent.store import serialize
from precedent.store.schema import login_failure

FAILURES = 5
WINDOW = LOCK = 300 * SECOND
"""Microseconds in which the failures count, and for which the lock holds."""


def keys(name: str, address: str) -> tuple[str, str]:
    """Return what failures are counted by: the account that was named, and the address (of IPv6, its /64)."""
    named = hashlib.sha256(name.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return f"account:{named}", "address:unknown"
    if isinstance(place, ipaddress.IPv6Address):
        place = place.ipv4_mapped or ipaddress.IPv6Network((place, 64), strict=False).network_address
    return f"account:{named}", f"address:{place}"


def check(tx: sa.Connection, names: tuple[str, ...], *, now: int) -> None:
    """Refuse while a lock holds.

    Raises:
        Exhausted: it does; `retry_after_s` says for how long.
    """
    until = tx.scalar(sa.select(sa.func.max(login_failure.c.locked_until)).where(login_failure.c.key.in_(names)))
    if until is not None and until > now:
        raise Exhausted("too many failed logins; wait a few minutes", retry_after_s=(until - now) / SECOND)


def count(tx: sa.Connection, names: tuple[str, ...], *, now: int) -> None:
    """Count an attempt as failed before it is looked at, so that many at once are no more than one after another.

    Raises:
        Exhausted: a lock holds.
    """
    serialize(tx, "logins")
    check(tx, names, now=now)
    tx.execute(
        login_failure.delete().where(login_failure.c.first_at <= now - WINDOW, login_failure.c.locked_until <= now)
    )
    for name in names:
        row = tx.execute(sa.select(login_failure).where(login_failure.c.key == name)).first()
        if row is None:
            tx.execute(login_failure.insert().values(key=name, failures=1, first_at=now))
            continue
        failures = row.failures + 1
        locked = now + LOCK if failures >= FAILURES else 0
        mine = login_failure.update().where(login_failure.c.key == name)
        tx.execute(mine.values(failures=failures, locked_until=locked))


def forgive(tx: sa.Connection, names: tuple[str, str]) -> None:
    """Take back the count of an attempt that was right; the account's earlier failures are forgotten."""
    named, address = names
    tx.execute(login_failure.delete().where(login_failure.c.key == named))
    theirs = login_failure.update().where(login_failure.c.key == address, login_failure.c.failures > 0)
    tx.execute(theirs.values(failures=login_failure.c.failures - 1, locked_until=0))
