"""What a place that keeps transcripts provides."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Archive(Protocol):
    """Append-only objects, each known by a key; the catalogue says how long each one is.

    Bytes beyond the catalogue's length come from a write that was never committed and mean nothing. Several threads may
    call it at a time, each for objects of its own.
    """

    def append(self, key: str, *, at: int, data: Iterable[bytes]) -> int:
        """Write data at a length, dropping what stands beyond it, and return the new length.

        Raises:
            BadInput: the key is no plain relative name, or the object is shorter than `at`.
        """
        ...

    def sync(self, keys: Iterable[str]) -> None:
        """Return when these objects are safe on disk."""
        ...

    def read(self, key: str, *, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is fine."""
        ...

    def path(self, key: str) -> Path:
        """Return a local file with the object's content, for an extraction child to open."""
        ...

    def alone(self, name: str, *, wait_s: float = float("inf")) -> AbstractContextManager[None]:
        """Return a block that one at a time enters for each name, in whatever process; the others wait so long.

        The death of a process ends its block.

        Raises:
            BadInput: the name is not plain.
            Transient: another one held it for too long.
        """
        ...
