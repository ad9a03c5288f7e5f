"""The ledger of runs: a row is made before the work begins, and only one run of a job is open at a time.

An open run proves by its heartbeat that it lives. One that does not is declared lost and another may begin; when the
lost one wakes up, its claims are gone and nothing it computed is stored.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.errors import Busy
from precedent.store import Store
from precedent.store.schema import run

LEASE_S = 30
HEARTBEAT_S = 10


class RunRecord(NamedTuple):
    """One run; columns of the same names."""

    id: int
    name: str
    host: str
    pid: int
    started_at: int
    heartbeat_at: int
    finished_at: int | None
    outcome: str
    counts: str
    error: str


class OpenRun(NamedTuple):
    """A run under way.

    Attributes:
        id: its number.
        is_lost: true when it was declared lost and somebody else may have begun.
    """

    id: int
    is_lost: Callable[[], bool]


class Runs:
    """The ledger of runs."""

    def __init__(self, store: Store, clock: Clock = Clock()) -> None:
        self._store, self._clock = store, clock

    def open(self, name: str) -> int:
        """Begin a run and return its id.

        Raises:
            Busy: a run of this job is open and alive.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            before = tx.execute(
                sa.select(run.c.id, run.c.host, run.c.pid, run.c.heartbeat_at).where(
                    run.c.name == name, run.c.finished_at.is_(None)
                )
            ).first()
            if before is not None:
                if _is_alive(before.host, before.pid, before.heartbeat_at, now):
                    raise Busy(f"{name} is already running as run {before.id}", holder=before.id)
                tx.execute(
                    run.update().where(run.c.id == before.id).values(finished_at=now, outcome="lost", error="died")
                )
            try:
                return int(
                    tx.execute(
                        run.insert()
                        .values(name=name, host=_HOST, pid=os.getpid(), started_at=now, heartbeat_at=now)
                        .returning(run.c.id)
                    ).scalar_one()
                )
            except sa.exc.IntegrityError as error:
                raise Busy(f"{name} was just started by somebody else", holder=0) from error

    def beat(self, run_id: int) -> bool:
        """Show that a run lives; false when it was declared lost."""
        with self._store.write() as tx:
            result = tx.execute(
                run.update()
                .where(run.c.id == run_id, run.c.finished_at.is_(None))
                .values(heartbeat_at=self._clock.now(), host=_HOST, pid=os.getpid())
            )
        return bool(result.rowcount)

    def close(self, run_id: int, *, outcome: str, counts: object = None, error: str = "") -> None:
        """End a run."""
        encoded = msgspec.json.encode(counts if counts is not None else {}).decode()
        with self._store.write() as tx:
            tx.execute(
                run.update()
                .where(run.c.id == run_id, run.c.finished_at.is_(None))
                .values(finished_at=self._clock.now(), outcome=outcome, counts=encoded, error=error[:500])
            )

    def latest(self, name: str | None = None, *, limit: int = 20) -> list[RunRecord]:
        """Return the newest runs of a job, or of all, newest first."""
        query = sa.select(*[run.c[each] for each in RunRecord._fields]).order_by(run.c.id.desc()).limit(limit)
        if name is not None:
            query = query.where(run.c.name == name)
        with self._store.read() as tx:
            return [RunRecord(*row) for row in tx.execute(query)]

    @contextmanager
    def running(self, name: str) -> Iterator["OpenRun"]:
        """Open a run and keep it alive in the block; a block that raises ends it as failed.

        Raises:
            Busy: a run of this job is open and alive.
        """
        number = self.open(name)
        try:
            with self.alive(number) as lost:
                yield OpenRun(number, lost.is_set)
        except BaseException as error:  # whatever ends a run is written down before it goes on
            self.close(number, outcome="failed", error=f"{type(error).__name__}: {error}")
            raise

    @contextmanager
    def alive(self, run_id: int) -> Iterator[threading.Event]:
        """Keep a run's heartbeat going in the block; the event is set when the run was declared lost."""
        ended, lost = threading.Event(), threading.Event()

        def keep() -> None:
            while not ended.wait(HEARTBEAT_S):
                if not self.beat(run_id):
                    lost.set()
                    return

        thread = threading.Thread(target=keep, name=f"heartbeat-{run_id}", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            ended.set()
            thread.join()


def _is_alive(host: str, pid: int, heartbeat_at: int, now: int) -> bool:
    if abs(now - heartbeat_at) > LEASE_S * SECOND:
        return False
    if host != _HOST or pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


_HOST = socket.gethostname()
