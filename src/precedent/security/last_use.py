"""Remembers when tokens and sessions were last used, beside the request and at most once a minute each.

A request that only reads must not wait for the database's writer.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.store import Store
from precedent.store.schema import token, web_session

log = logging.getLogger(__name__)

REST = 60 * SECOND
"""Microseconds between two notes of one proof."""


class LastUse:
    """Writes last uses, one after the other, in a thread of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, "last-use")
        self._waiting: set[str | int] = set()
        self._lock = Lock()

    def note(self, proof: str | int, *, before: int | None, now: int) -> None:
        """Note a use of a token (by id) or a session (by digest) whose last one was noted `before`."""
        if before is not None and before <= now < before + REST:
            return
        with self._lock:
            if proof in self._waiting:
                return
            self._waiting.add(proof)
        self._writer.submit(self._write, proof, now)

    def _write(self, proof: str | int, now: int) -> None:
        try:
            with self._store.write() as tx:
                if isinstance(proof, int):
                    tx.execute(token.update().where(token.c.id == proof).values(last_used_at=now))
                else:
                    tx.execute(web_session.update().where(web_session.c.digest == proof).values(last_seen_at=now))
        except sa.exc.SQLAlchemyError as error:
            log.warning("the last use of a token or session was not noted: %s", error)
        finally:
            with self._lock:
                self._waiting.discard(proof)

    def flush(self) -> None:
        """Wait until what was noted is written."""
        self._writer.submit(lambda: None).result()

    def close(self) -> None:
        """Write what waits, then end."""
        self._writer.shutdown()
