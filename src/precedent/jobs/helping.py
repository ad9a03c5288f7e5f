"""Idle workers help with large runs of processors: several claim transcripts in the name of one run."""

import time
from collections.abc import Callable

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.pipeline.stats import RunStats
from precedent.store import Store
from precedent.store.schema import run, worker

from .processing import Processing
from .records import PREFIX
from .rows import HOST, LEASE_S, OpenRun
from .runs import Runs

FAN_OUT = 4_000
"""Due transcripts from which other workers help."""

LOOK_S = 0.5


class Helping:
    """Finds large runs that others have under way, and does a part of them.

    Args:
        store: the database.
        runs: the ledger of runs.
        processing: runs of processors.
        clock: time.
        fan_out: due transcripts from which other workers help.
    """

    def __init__(
        self, store: Store, runs: Runs, processing: Processing, *, clock: Clock, fan_out: int = FAN_OUT
    ) -> None:
        self._store, self._runs, self._processing = store, runs, processing
        self._clock, self._fan_out = clock, fan_out

    def find(self, *, pid: int) -> tuple[str, int, int] | None:
        """Return processor, run and fence of a run that needs help; none of our own process."""
        mine = sa.and_(run.c.host == HOST, run.c.pid == pid)
        query = sa.select(run.c.name, run.c.id, run.c.fence).where(
            run.c.finished_at.is_(None), run.c.started_at.is_not(None), run.c.name.startswith(PREFIX), sa.not_(mine)
        )
        with self._store.read() as tx:
            found = tx.execute(query).all()
        for name, run_id, fence in found:
            processor = name.removeprefix(PREFIX)
            if self._processing.due(processor) > self._fan_out:
                return processor, run_id, fence
        return None

    def help(self, processor: str, run_id: int, *, fence: int, me: str, stopping: Callable[[], bool]) -> RunStats:
        """Do a part of another worker's run and add what was done to its counts, in one transaction with the end of it.

        Args:
            processor: its name.
            run_id: the run.
            fence: of its holder; when that changes, we are no longer wanted.
            me: id of our worker's row.
            stopping: asked between transcripts.
        """
        self._says(me, run_id)
        asked, under_way = 0.0, True

        def is_over() -> bool:
            nonlocal asked, under_way
            if under_way and time.monotonic() - asked > LOOK_S:
                under_way = self._runs.is_under_way(run_id, fence=fence)
                asked = time.monotonic()
            return not under_way

        try:
            part = OpenRun(run_id, fence, lambda: False)
            stats = self._processing.work(processor, part, stopping=lambda: is_over() or stopping())
            self._runs.add(run_id, fence=fence, counts=stats)
        finally:
            self._says(me, 0)
        return stats

    def work(self, processor: str, held: OpenRun, *, stopping: Callable[[], bool]) -> RunStats:
        """Do the work of a run of ours, until those who help with it have ended too."""
        total = self._processing.work(processor, held, stopping=stopping)
        while self._has_helpers(held.id) and not (held.is_lost() or stopping()):
            time.sleep(LOOK_S / 5)
        if total.capped and not stopping():
            total.capped = self._processing.due(processor)
        return total

    def _has_helpers(self, run_id: int) -> bool:
        since = self._clock.now() - LEASE_S * SECOND
        query = sa.select(worker.c.id).where(worker.c.helps == run_id, worker.c.heartbeat_at > since)
        with self._store.read() as tx:
            return tx.execute(query).first() is not None

    def _says(self, me: str, run_id: int) -> None:
        with self._store.write() as tx:
            tx.execute(worker.update().where(worker.c.id == me).values(helps=run_id))
