"""Remembers when a scheduler last called: the clock is outside, and this is all that shows that it lives."""

import threading

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.store import Store
from precedent.store.schema import contact

SCHEDULER = "scheduler"
REST_S = 10
"""A call so soon after the last one is not written down again."""
KEPT_S = 7 * 86_400
MOST = 100
"""Schedulers that are remembered; addresses are not ours to choose."""


class Contacts:
    """Notes calls, at most one row each `REST_S` seconds and address.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._last: dict[str, int] = {}
        self._lock = threading.Lock()

    def seen(self, address: str) -> None:
        """Note that a scheduler called from an address.

        Raises:
            sqlalchemy.exc.OperationalError: the database is away.
        """
        now = self._clock.now()
        name = f"{SCHEDULER}@{address[:100]}"
        with self._lock:
            if abs(now - self._last.get(name, 0)) < REST_S * SECOND:
                return
            if len(self._last) >= MOST:
                self._last.clear()
            self._last[name] = now
        with self._store.write() as tx:
            if tx.execute(contact.update().where(contact.c.name == name).values(last_at=now)).rowcount:
                return
            tx.execute(contact.delete().where(contact.c.last_at < now - KEPT_S * SECOND))
            statement = (
                "INSERT INTO contact (name, kind, first_at, last_at) VALUES (:name, :kind, :now, :now) "
                "ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at"
            )
            tx.execute(sa.text(statement), {"name": name, "kind": SCHEDULER, "now": now})
