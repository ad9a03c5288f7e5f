"""A worker: takes queued runs and does them, several at a time, until it is told to stop."""

import ctypes
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType

from precedent.clock import SECOND, Clock
from precedent.store import Store
from precedent.store.schema import worker
from precedent.telemetry.context import bound

from .execution import Work, execute
from .helping import Helping
from .records import Job
from .rows import HOST
from .runs import AWAY, HEARTBEAT_S, LEASE_S, Claimed, Runs, Watch
from .wake import waiter

LOOK_S = 2.0
"""An idle worker looks by itself this often, for wake-ups may get lost and workers die."""

STOP_S = 2.5
"""What is under way has this long to end when the worker is told to stop; then it goes back to the queue."""

TIDY_S = 3600.0

log = logging.getLogger(__name__)


class Worker:
    """One worker process.

    Args:
        store: the database.
        folder: the data folder.
        runs: the ledger of runs.
        records: every job.
        works: what to do, by job name.
        most: runs under way at a time.
        helping: helps with large runs of others.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        runs: Runs,
        *,
        records: Mapping[str, Job],
        works: Mapping[str, Work],
        most: int,
        helping: Helping,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._runs, self._clock, self._helping = store, runs, clock, helping
        self._records, self._works, self._most = records, works, most
        self._name = f"{HOST}:{os.getpid()}"
        self._waiter = waiter(store, folder)
        self._watch = Watch()
        self._stopping = threading.Event()
        self._under_way: dict[threading.Thread, Claimed | None] = {}
        self._looked = self._shown = self._tidied = float("-inf")

    def work(self) -> None:
        """Do queued runs until `stop` is called; then end what is under way, within `STOP_S`."""
        with self._waiter:
            first = True
            while not self._stopping.is_set():
                try:
                    if first:
                        self._runs.disown(self._records)
                        first = False
                    self._look_around()
                    busy = self._take_one() or self._help()
                except AWAY as error:
                    log.warning("the database is away: %s", error)
                    busy = False
                except OSError as error:  # no room, no descriptors: it passes, and our death would help nobody
                    log.warning("the system refuses what is needed: %s", error)
                    busy = False
                if not busy:
                    self._waiter.wait(LOOK_S)
            self._end()

    def stop(self) -> None:
        """End; may be called from a signal handler."""
        self._stopping.set()
        self._waiter.interrupt()

    def _take_one(self) -> bool:
        """Begin a queued run if there is one and we can; tell whether there may be more."""
        if len(self._under_way) >= self._most:
            return False
        claimed = self._runs.claim(self._works)
        if claimed is None:
            return False

        def body() -> None:
            execute(
                self._runs, self._records[claimed.name], claimed, self._works[claimed.name],
                stopping=self._stopping.is_set, clock=self._clock,
            )  # fmt: skip

        self._begin(f"run {claimed.id} of {claimed.name}", body, claimed=claimed)
        return True

    def _help(self) -> bool:
        """Join a large run of another worker when we have nothing to do; tell whether there was one."""
        if self._under_way or (wanted := self._helping.find(pid=os.getpid())) is None:
            return False
        processor, run_id, fence = wanted

        def body() -> None:
            self._helping.help(processor, run_id, fence=fence, me=self._name, stopping=self._stopping.is_set)

        self._begin(f"help with run {run_id}", body, claimed=None)
        return False

    def _begin(self, what: str, body: Callable[[], None], *, claimed: Claimed | None) -> None:
        def all_of_it() -> None:
            named: dict[str, str | int] = {"run_id": claimed.id, "job": claimed.name} if claimed is not None else {}
            try:
                with bound(**named):
                    _told(what, body)
            finally:
                give_back_memory()
                self._under_way.pop(threading.current_thread(), None)
                self._waiter.interrupt()

        # One that does not end in time must not keep the process: its run is back in the queue then.
        thread = threading.Thread(target=all_of_it, name=what, daemon=True)
        self._under_way[thread] = claimed
        thread.start()

    def _end(self) -> None:
        """Wait for what is under way; what does not end in time goes back to the queue, and our row goes."""
        by = time.monotonic() + STOP_S
        for thread in list(self._under_way):
            thread.join(max(0.0, by - time.monotonic()))
        try:
            for claimed in list(self._under_way.values()):
                if claimed is not None:
                    self._runs.put_back(claimed.id, fence=claimed.fence)
            with self._store.write() as tx:
                tx.execute(worker.delete().where(worker.c.id == self._name))
        except AWAY as error:
            log.warning("the database is away: %s; others will find what was under way", error)

    def _look_around(self) -> None:
        """Show that we live, and put the runs of those who do not back into the queue."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        if now - self._shown >= HEARTBEAT_S:
            self._show()
            self._shown = now
        if revived := self._runs.revive(self._records, watch=self._watch):
            log.warning("%d runs whose worker died go on", revived)
        if now - self._tidied >= TIDY_S:
            self._runs.prune()
            self._tidied = now

    def _show(self) -> None:
        now = self._clock.now()
        values = {"host": HOST, "pid": os.getpid(), "heartbeat_at": now}
        with self._store.write() as tx:
            if not tx.execute(worker.update().where(worker.c.id == self._name).values(**values)).rowcount:
                tx.execute(worker.insert().values(id=self._name, started_at=now, **values))
            tx.execute(worker.delete().where(worker.c.heartbeat_at < now - 2 * LEASE_S * SECOND))


def _told(what: str, body: Callable[[], None]) -> None:
    try:
        body()
    except Exception:  # the wrapper has written it down; a thread has nobody to tell
        log.exception("%s failed", what)


def give_back_memory() -> None:
    """Have the C library return to the system what was freed; else a worker keeps a little more after each run."""
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def be_nice(niceness: int) -> None:
    """Give this process and the children that it will have a lower priority; never a higher one."""
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))


def work_until_told(make: Callable[[], Worker]) -> None:
    """Work until SIGTERM or SIGINT."""
    found = make()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        found.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    found.work()
