"""`precedent serve`: collector and processors at their cadences, on one data folder, until told to stop."""

import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from precedent.app import COLLECTOR, App
from precedent.archive import homes
from precedent.archive.collect import CollectStats
from precedent.archive.sources import Home
from precedent.errors import Busy
from precedent.jobs.engine import Engine
from precedent.jobs.processing import PREFIX
from precedent.pipeline.contract import Processor

LOCK = "serve.lock"
BUSY_S = 1.0  # until a job that is under way is tried again


class Cadence:
    """When each job is due: at once, then every so many seconds; a slot that was missed is made up once.

    Args:
        intervals: seconds by job name.
        now: monotonic seconds.
    """

    def __init__(self, intervals: dict[str, float], *, now: float) -> None:
        self._intervals = intervals
        self._next = dict.fromkeys(intervals, now)

    def due(self, now: float) -> list[str]:
        """Return the jobs that are due and set their next time."""
        found = [name for name, when in self._next.items() if when <= now]
        for name in found:
            interval = self._intervals[name]
            missed = (now - self._next[name]) // interval
            self._next[name] += (missed + 1) * interval
        return found

    def hurry(self, names: list[str], now: float) -> None:
        """Make jobs due at an instant if they are not due before; their rhythm goes on from there."""
        for name in names:
            self._next[name] = min(self._next[name], now)

    def wait(self, now: float) -> float:
        """Return the seconds until the next job is due."""
        return max(0.0, min(self._next.values()) - now)


class Signs:
    """What the loop waits for: to stop, or that a collection brought something new."""

    def __init__(self) -> None:
        self.wake, self.stop, self.collected = threading.Event(), threading.Event(), threading.Event()


def serve(app: App, *, everybody: bool, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        app: the program.
        everybody: collect from all homes of the machine; needs root.
        say: tells a person something.

    Raises:
        Busy: another one serves this data folder.
    """
    logging.getLogger("dbos").setLevel(logging.WARNING)
    chosen = homes.everybody if everybody else _own
    chosen()  # a fault in the choice is said now and not in a log
    signs = Signs()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        signs.stop.set()
        signs.wake.set()

    def collect(stopping: Callable[[], bool]) -> CollectStats:
        stats = app.collect(chosen(), stopping=stopping)
        if stats.files_copied or stats.files_withdrawn:
            signs.collected.set()
            signs.wake.set()
        return stats

    with _locked(app.settings.data_dir), _signals(on_signal):
        processors = app.processing.register_all()
        engine = Engine(
            app.store,
            app.settings.data_dir,
            app.processing,
            jobs={COLLECTOR: collect},
            executor=f"serve@{socket.gethostname()}:{app.settings.data_dir.resolve()}",
        )
        engine.start()
        try:
            _loop(app, engine, processors, signs, say)
        finally:
            say("Stopping.")
            engine.stop()


def _loop(app: App, engine: Engine, processors: list[Processor], signs: Signs, say: Callable[[str], None]) -> None:
    intervals = {COLLECTOR: float(app.settings.collector_interval_s)}
    for each in processors:
        seconds = app.settings.usage_interval_s if each.name == "usage" else each.cadence_s
        intervals[PREFIX + each.name] = float(seconds)
    cadence = Cadence(intervals, now=time.monotonic())
    every = ", ".join(f"{name} every {seconds:g} s" for name, seconds in intervals.items())
    say(f"Serving {app.settings.data_dir.resolve()}: {every}. Ctrl-C stops.")
    while not signs.stop.is_set():
        if signs.collected.is_set():
            signs.collected.clear()
            cadence.hurry([PREFIX + each.name for each in processors], time.monotonic())
        for name in cadence.due(time.monotonic()):
            if not engine.submit(name):
                # Under way, and perhaps past what has just arrived: what is due now must not wait a whole cadence.
                cadence.hurry([name], time.monotonic() + BUSY_S)
        signs.wake.wait(cadence.wait(time.monotonic()))
        signs.wake.clear()


def _own() -> list[Home]:
    return [homes.own()]


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data folder: two engines of one name would do the same work twice."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Busy(f"another `precedent serve` holds {folder}", holder=0) from error
    try:
        yield
    finally:
        os.close(descriptor)
