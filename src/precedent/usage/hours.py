"""When in a week agents are at work: requests by weekday and hour, in a person's time zone."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from precedent.clock import SECOND

from .rollups import BUCKET

DAYS, HOURS = 7, 24


def by_hour(quarters: Iterable[tuple[int, int]], *, place: tzinfo = UTC) -> list[list[int]]:
    """Add up what `Report.quarter_hours` gives.

    Returns: a list for each weekday, Monday first, with a number for each hour.
    """
    found = [[0] * HOURS for _ in range(DAYS)]
    for bucket, requests in quarters:
        at = datetime.fromtimestamp(bucket * BUCKET // SECOND, place)
        found[at.weekday()][at.hour] += requests
    return found
