"""Checks the numbers that transcripts claim."""

from collections.abc import Callable

MAX_COUNT = 1 << 53  # beyond it a JSON number is no exact integer, and no counter is that large


def count(value: int | None, *, note: Callable[[str], None], field: str) -> int:
    """Return a counter as a non-negative integer; null is 0, nonsense is 0 and noted."""
    if not value:
        return 0
    if 0 < value <= MAX_COUNT:
        return value
    note(f"impossible number at {field}")
    return 0
