"""Times that transcripts claim in milliseconds since the epoch."""

from collections.abc import Callable

MAX_MILLISECONDS = 253_402_300_800_000  # the year 10000, where the standard library's calendar ends


def epoch_micros(milliseconds: float | None, *, note: Callable[[str], None], field: str) -> int | None:
    """Return UTC microseconds; None when there is no time, and None and a note when it is nonsense."""
    if milliseconds is None:
        return None
    if 0 < milliseconds < MAX_MILLISECONDS:  # false for NaN too
        return round(milliseconds * 1000)
    note(f"impossible time at {field}")
    return None
