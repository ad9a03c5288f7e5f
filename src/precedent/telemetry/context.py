"""What a line of the log belongs to: the request or run that is under way here.

Kept apart from the log itself, so that a command that writes none does not load it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_bound: ContextVar[Mapping[str, str | int] | None] = ContextVar("precedent_log", default=None)


@contextmanager
def bound(**values: str | int) -> Iterator[None]:
    """Add values to every line that this thread or task writes in the block."""
    token = _bound.set({**(_bound.get() or {}), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def current() -> Mapping[str, str | int]:
    """Return what is bound here."""
    return _bound.get() or {}
