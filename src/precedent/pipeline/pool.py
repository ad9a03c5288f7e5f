"""Runs extraction in child processes: several tasks under way, a time limit each, a death blamed on one transcript."""

import fcntl
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, NamedTuple

import msgspec

from precedent import children

from .executor import Finished
from .wire import HEADER, Answer, Failed, Task, frame

MAX_AHEAD = 256  # tasks given to a child beyond the one it works on, so that it never waits for us
FIRST_AHEAD = 3  # until it is known how long a task takes
AHEAD_S = 0.5  # of work ahead, as long as storing a batch takes: what is given is done even when the budget ends
PIPE_BYTES = 1 << 20  # of answers that a child can leave there while we store; more is not ours to ask for
READ_BYTES = 1 << 20
EXIT_S = 5.0  # for a child that has closed its output to end by itself, so that its status can be told


class Limits(NamedTuple):
    """What one extraction may use.

    Attributes:
        time_s: seconds for one transcript.
        memory_bytes: address space of the child; 0 for no limit.
        processes: children at the same time.
    """

    time_s: float = 300.0
    memory_bytes: int = 1 << 30
    processes: int = 2


class Pool:
    """Children that extract for one processor; a context manager that ends them.

    Args:
        processor: `module:attribute` of the processor.
        limits: of each extraction.
        clock: monotonic seconds.
    """

    def __init__(self, processor: str, *, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._processor, self._limits, self._clock = processor, limits, clock
        self._selector = selectors.DefaultSelector()
        self._children: list[_Child] = []
        self._decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.end()
        self._selector.close()

    def start(self, count: int) -> None:
        """Start children ahead of the first task, up to the limit, so that they load while we prepare."""
        while len(self._children) < min(count, self._limits.processes):
            self._add_child()

    def run(self, tasks: Iterable[Task]) -> Iterator[Finished]:
        """Yield every task's answer, in the order in which they become ready."""
        source = iter(tasks)
        waiting: deque[Task] = deque()
        exhausted = False
        while True:
            while not exhausted and not waiting:
                try:
                    waiting.append(next(source))
                except StopIteration:
                    exhausted = True
            while waiting and (child := self._free_child()) is not None:
                child.give(waiting.popleft())
                self._watch(child)
                if not waiting and not exhausted:
                    break
            busy = [child for child in self._children if child.given]
            if not busy:
                if exhausted and not waiting:
                    return
                continue
            if waiting or exhausted or self._free_child() is None:
                yield from self._collect(busy, waiting)

    def _free_child(self) -> "_Child | None":
        """The child with the least to do that can take more; a new one while the limit allows."""
        idle = [child for child in self._children if not child.given]
        if idle:
            return idle[0]
        if len(self._children) < self._limits.processes:
            return self._add_child()
        able = [child for child in self._children if child.can_take_more()]
        return min(able, key=lambda child: len(child.given), default=None)

    def _add_child(self) -> "_Child":
        child = _Child(self._processor, memory_bytes=self._limits.memory_bytes)
        self._children.append(child)
        self._selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def _watch(self, child: "_Child") -> None:
        """Wait for the child to take what its pipe did not, as long as there is any."""
        watched = child.input in self._selector.get_map()
        if child.unsent and not watched:
            self._selector.register(child.input, selectors.EVENT_WRITE, child)
        elif watched and not child.unsent:
            self._selector.unregister(child.input)

    def _collect(self, busy: list["_Child"], waiting: deque[Task]) -> Iterator[Finished]:
        now = self._clock()
        left = min(child.busy_since(now) for child in busy) + self._limits.time_s - now
        ready = set()
        for key, event in self._selector.select(timeout=max(0.0, left)):
            if event & selectors.EVENT_WRITE:
                key.data.push()
                self._watch(key.data)
            else:
                ready.add(key.data)
        for child in dict.fromkeys([*busy, *ready]):  # one that died idle is ready too
            if child in ready:
                bodies, alive = child.read()
                child.learn(len(bodies), self._clock())
                for body in bodies:
                    child.since = None
                    yield Finished(child.given.popleft(), self._decode(body))
                if not alive:
                    yield from self._bury(child, waiting, reason="exited")
            elif self._clock() - child.busy_since(now) >= self._limits.time_s:
                yield from self._bury(child, waiting, reason="time limit")

    def _decode(self, body: bytes) -> Answer:
        try:
            return self._decoder.decode(body)
        except msgspec.DecodeError as error:
            return Failed(kind="contract", error=f"answer cannot be decoded: {error}")

    def _bury(self, child: "_Child", waiting: deque[Task], *, reason: str) -> Iterator[Finished]:
        """A child died or must: the task it worked on is to blame, the others go to another child."""
        self._selector.unregister(child.output)
        if child.unsent:
            self._selector.unregister(child.input)
        self._children.remove(child)
        status = child.end(wait_s=EXIT_S if reason == "exited" else 0)
        given = list(child.given)
        waiting.extendleft(reversed(given[1:]))
        if given:
            detail = f"after {self._limits.time_s:g} s" if reason == "time limit" else f"status {status}"
            yield Finished(given[0], Failed(kind="unclassified", error=f"extraction process: {reason}, {detail}"))


class _Child:
    """One extraction process."""

    def __init__(self, processor: str, *, memory_bytes: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "precedent.pipeline.child", processor, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=True,
            env=children.environment(),
            bufsize=-1,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("pipes were asked for")
        self.input, self.output = self._process.stdin, self._process.stdout
        _widen(self.output)
        # While the child writes an answer it reads no task: writing must never wait for it.
        os.set_blocking(self.input.fileno(), False)
        self.unsent = bytearray()
        self._buffer = bytearray()
        self.given: deque[Task] = deque()
        self.since: float | None = None
        self._task_s: float | None = None

    def busy_since(self, now: float) -> float:
        """When the task it works on began, as far as we have seen."""
        if self.since is None:
            self.since = now
        return self.since

    def learn(self, done: int, now: float) -> None:
        """Take a mean of how long tasks take, the newest counting most, to know how many make up `AHEAD_S`."""
        if done and self.since is not None:
            seconds = max(now - self.since, 1e-6) / done
            self._task_s = seconds if self._task_s is None else (self._task_s + seconds) / 2

    def can_take_more(self) -> bool:
        ahead = FIRST_AHEAD if self._task_s is None else min(MAX_AHEAD, int(AHEAD_S / self._task_s))
        return len(self.given) <= ahead

    def give(self, task: Task) -> None:
        self.given.append(task)
        self.unsent += frame(task)
        self.push()

    def push(self) -> None:
        """Write as much as the pipe takes."""
        try:
            while self.unsent:
                del self.unsent[: os.write(self.input.fileno(), self.unsent)]
                if len(self.given) == 1:
                    self.since = None  # it begins when it has the task
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.unsent.clear()  # it is dead; reading from it will say so

    def read(self) -> tuple[list[bytes], bool]:
        """Return the bodies of whole frames that arrived, and whether the child still lives."""
        data = os.read(self.output.fileno(), READ_BYTES)
        self._buffer += data
        bodies, place = [], 0
        while len(self._buffer) - place >= HEADER.size:
            (size,) = HEADER.unpack_from(self._buffer, place)
            end = place + HEADER.size + size
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[place + HEADER.size : end]))
            place = end
        del self._buffer[:place]
        return bodies, bool(data)

    def end(self, *, wait_s: float = 0) -> int:
        """End it and return its exit status; it has some time to end by itself."""
        try:
            status = self._process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for pipe in (self.input, self.output):
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what was not yet written is lost with the child, as meant
        return status


def _widen(pipe: IO[bytes]) -> None:
    """Make room in a pipe where the system lets us; elsewhere a child waits a little more often."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
