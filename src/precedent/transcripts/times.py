"""Times that transcripts claim."""

from datetime import UTC, datetime


def micros(moment: datetime) -> int:
    """Return UTC microseconds since the epoch; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)
