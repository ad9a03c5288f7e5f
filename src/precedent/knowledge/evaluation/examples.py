"""Our own labelled examples, which stand beside this module."""

from importlib.resources import files
from typing import TypeVar

import msgspec

T = TypeVar("T")


def examples(name: str, kind: type[T]) -> list[T]:
    """Return the examples of a file, one of a line."""
    text = files(__package__).joinpath(name).read_bytes()
    return [msgspec.json.decode(line, type=kind) for line in text.splitlines() if line]
