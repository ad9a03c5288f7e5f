"""Times that transcripts claim."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST = (datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
LATEST = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""Between them, in UTC microseconds, a session can have been: one odd clock must not stretch everybody's reports."""


def instant(moment: datetime) -> int | None:
    """Return UTC microseconds since the epoch, a time without a zone being UTC; None for an impossible time."""
    try:
        at = (moment - _EPOCH) // _MICROSECOND
    except TypeError:  # asking every time for its zone takes longer
        at = (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    return at if EARLIEST <= at < LATEST else None


def micros(
    moment: datetime | None, *, otherwise: int | None, note: Callable[[str], None], field: str = "timestamp"
) -> int | None:
    """Return UTC microseconds since the epoch.

    Args:
        moment: a time without a zone is UTC.
        otherwise: returned when there is no time, or an impossible one.
        note: told of an impossible time.
        field: name of the field.
    """
    if moment is None:
        return otherwise
    at = instant(moment)
    if at is None:
        note(f"impossible time at {field}")
        return otherwise
    return at


def epoch_micros(milliseconds: float | None, *, note: Callable[[str], None], field: str) -> int | None:
    """Return UTC microseconds of milliseconds since the epoch; None without a time, None and a note for nonsense."""
    if milliseconds is None:
        return None
    if EARLIEST <= milliseconds * 1000 < LATEST:  # false for NaN too
        return round(milliseconds * 1000)
    note(f"impossible time at {field}")
    return None
