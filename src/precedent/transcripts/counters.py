"""Checks the numbers that transcripts claim."""

from collections.abc import Callable

MAX_SECONDS = 86_400.0  # of one turn
MAX_USD = 1_000_000.0  # of one request
MAX_COUNT = 1 << 53  # beyond it a JSON number is no exact integer, and no counter is that large


def millionths(value: float | None, *, most: float, note: Callable[[str], None], field: str) -> int | None:
    """Return an amount in millionths, for example seconds in microseconds; None when there is none.

    Args:
        value: the amount as it stands there; nonsense is None and noted.
        most: the largest amount that makes sense.
        note: told of nonsense.
        field: name of the field.
    """
    if value is None:
        return None
    if 0 <= value <= most:  # false for NaN and infinity too
        return round(value * 1_000_000)
    note(f"impossible number at {field}")
    return None


def count(value: int | None, *, note: Callable[[str], None], field: str) -> int:
    """Return a counter as a non-negative integer; null is 0, nonsense is 0 and noted."""
    if not value:
        return 0
    if 0 < value <= MAX_COUNT:
        return value
    note(f"impossible number at {field}")
    return 0
