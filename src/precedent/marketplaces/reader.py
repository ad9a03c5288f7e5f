"""A process that reads repositories, as who asks it sees it: it answers in time, or is ended."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from precedent import children
from precedent.errors import Fault

from .model import NotSynced, Synced, SyncOrder

MAX_ANSWER_BYTES = 64 << 20
READ_BYTES = 1 << 16


class Reader:
    """A process that reads one repository after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "precedent.marketplaces.sync_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=children.environment() | {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        )
        self.lives = True

    def ask(self, order: SyncOrder, stopping: Callable[[], bool], *, time_s: float) -> Synced | NotSynced | None:
        """Return what became of an order; None when we are to stop."""
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise RuntimeError("pipes were asked for")
        try:
            given.write(msgspec.json.encode(order) + b"\n")
            given.flush()
        except OSError:
            return self._dead("it ended before it was asked")
        line, ends = bytearray(), time.monotonic() + time_s
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if stopping():
                    self.end()
                    return None
                if time.monotonic() > ends:
                    return self._dead(f"it took longer than {time_s:.0f} s")
                if selector.select(0.2):
                    piece = os.read(answers.fileno(), READ_BYTES)
                    line += piece
                    if not piece or len(line) > MAX_ANSWER_BYTES:
                        return self._dead("it ended" if not piece else "its answer is too long")
        return msgspec.json.decode(bytes(line), type=Synced | NotSynced)

    def _dead(self, why: str) -> NotSynced:
        self.end()
        return NotSynced(kind=Fault.TRANSIENT, error=f"the process that reads the repository gave no answer: {why}")

    def end(self) -> None:
        """End it."""
        self.lives = False
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass  # what was not written yet is lost with the child, as meant
        self._process.wait()
