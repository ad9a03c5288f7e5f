"""Calls to the system that fail: a disk that is full from some write on, one that fails once, no descriptors left."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FULL, BROKEN, NO_DESCRIPTORS = errno.ENOSPC, errno.EIO, errno.EMFILE
LASTS = frozenset({FULL, NO_DESCRIPTORS})
"""Nobody gets anything from the n-th call on; other faults hit the n-th call alone."""

MOST = 400
"""More calls of one kind than any work in these tests makes."""


class Fault:
    """A function of `os` of which the n-th call fails.

    Attributes:
        hit: whether it was reached.
    """

    def __init__(self, name: str, number: int, nth: int) -> None:
        self._real: Callable[..., Any] = getattr(os, name)
        self._number, self._left, self._lock = number, nth, threading.Lock()
        self.hit = False

    def __call__(self, *args: Any, **named: Any) -> Any:
        with self._lock:
            self._left -= 1
            fails = self._left == 0 or (self._left < 0 and self._number in LASTS)
        if fails:
            self.hit = True
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*args, **named)


@contextmanager
def failing(name: str, number: int, nth: int) -> Iterator[Fault]:
    """Have the n-th call of a function of `os` fail in the block, in every thread of this process."""
    fault = Fault(name, number, nth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, fault)
        yield fault


def every(faults: list[tuple[str, int, int]]) -> pytest.MarkDecorator:
    """Run a test with each of these faults: function, error, and which of its calls fail (1: each, 3: each third)."""
    ids = [f"{name}-{errno.errorcode[number]}" for name, number, _ in faults]
    return pytest.mark.parametrize(("name", "number", "step"), faults, ids=ids)
