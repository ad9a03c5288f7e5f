"""Days, weeks and months in a person's time zone, as ranges of quarter hours."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from precedent.clock import SECOND
from precedent.errors import BadInput

from .rollups import BUCKET


class Period(StrEnum):
    """How long a row of a report is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Range(NamedTuple):
    """One period: its first day as ISO date, and its quarter hours from `start` up to `end`."""

    label: str
    start: int
    end: int


def zone(name: str) -> tzinfo:
    """Return a time zone by IANA name.

    Raises:
        BadInput: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"no time zone {name!r}; use an IANA name such as Europe/Berlin or UTC") from error


def day(text: str) -> date:
    """Return a day given as `2026-11-23` or `20261123`.

    Raises:
        BadInput: it is no day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no date; write it as 2026-11-23") from error


def first_instant(when: date, place: tzinfo) -> int:
    """Return when a day begins, in UTC microseconds."""
    midnight = datetime(when.year, when.month, when.day, tzinfo=place)
    return round(midnight.timestamp()) * SECOND


def span(since: date | None, until: date | None, place: tzinfo) -> tuple[int | None, int | None]:
    """Return the first instant of a day and the one after another day, in UTC microseconds; None without the day.

    Raises:
        BadInput: the first day is after the last.
    """
    if since and until and since > until:
        raise BadInput(f"since {since} is after until {until}; give the earlier day first")
    after = until + timedelta(days=1) if until and until < date.max else until
    return first_instant(since, place) if since else None, first_instant(after, place) if after else None


def ranges(period: Period, *, first: int, last: int, place: tzinfo) -> list[Range]:
    """Return the periods that cover the quarter hours from `first` to `last`, both included."""
    begin = _moment(first, place).date()
    if period is Period.WEEK:
        begin -= timedelta(days=begin.weekday())
    elif period is Period.MONTH:
        begin = begin.replace(day=1)
    found: list[Range] = []
    while not found or found[-1].end <= last:
        after = _next(begin, period)
        found.append(Range(begin.isoformat(), _bucket(begin, place), _bucket(after, place)))
        begin = after
    return found


def _next(begin: date, period: Period) -> date:
    if period is Period.DAY:
        return begin + timedelta(days=1)
    if period is Period.WEEK:
        return begin + timedelta(days=7)
    return (begin.replace(day=28) + timedelta(days=4)).replace(day=1)


def _bucket(when: date, place: tzinfo) -> int:
    return first_instant(when, place) // BUCKET


def _moment(bucket: int, place: tzinfo) -> datetime:
    return datetime.fromtimestamp(bucket * BUCKET // SECOND, UTC).astimezone(place)
