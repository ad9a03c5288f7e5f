"""Lets the threads of this process write in the order in which they came."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from precedent.errors import Transient

WAIT_S = 60.0


class Turns:
    """A lock that is handed over first come, first served, which `threading.Lock` does not promise."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn and have it in the block; a thread that has it must not take it again.

        Raises:
            Transient: the turn did not come in `WAIT_S`.
        """
        mine = threading.Lock()
        with self._guard:
            if self._taken:
                mine.acquire()
                self._waiting.append(mine)
            self._taken = True
        if not mine.acquire(timeout=WAIT_S) and self._give_up(mine):
            raise Transient(f"the database was busy with other writers for {WAIT_S:g} s; try again")
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._taken = False

    def _give_up(self, mine: threading.Lock) -> bool:
        """Leave the queue; false when the turn came at the last moment."""
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return True
        return False
