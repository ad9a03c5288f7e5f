"""Due instants of schedules. Pure: no clock, no settings, no input or output; instants are UTC microseconds."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from precedent.clock import SECOND

NEWEST_S = 8 * 86_400

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule(Protocol):
    """When something is due."""

    @property
    def starts_at_once(self) -> bool:
        """Whether what never ran is due at its newest instant that has passed."""
        ...

    def after(self, instant: int) -> int:
        """Return the first due instant after an instant."""
        ...

    def following(self, settled: int) -> int:
        """Return the first due instant after a settled one, which may come from another schedule."""
        ...


class Every:
    """Due whenever an interval has elapsed, whatever the clocks on the wall say.

    The instants are the multiples of the interval since 1970, all moved by a part of it that follows from the name: so
    any number of schedulers agree on them without speaking to each other, and jobs of one interval do not start
    together.
    """

    starts_at_once = True

    def __init__(self, interval_s: int, *, name: str) -> None:
        self._interval = interval_s * SECOND
        self._offset = spread(name, interval_s) * SECOND

    def after(self, instant: int) -> int:
        """See `Schedule`."""
        return instant + self._interval - (instant - self._offset) % self._interval

    def following(self, settled: int) -> int:
        """See `Schedule`; a changed interval never makes two instants come closer than it."""
        if (settled - self._offset) % self._interval:
            return self.after(settled + self._interval - 1)
        return settled + self._interval


class Wall:
    """Due when clocks on the wall of a zone show certain times.

    A time that the clocks skip is due when they have been changed; one that they show twice is due the first time.

    Args:
        expressions: five cron fields each, due when any of them is.
        zone: of the wall.
    """

    starts_at_once = False

    def __init__(self, expressions: tuple[str, ...], *, zone: ZoneInfo | None = None) -> None:
        self._expressions = expressions
        # The library knows that UTC has no changes only by this very object.
        self._zone = UTC if zone is None or zone.key == "UTC" else zone

    def after(self, instant: int) -> int:
        """See `Schedule`."""
        start = (_EPOCH + timedelta(seconds=instant // SECOND)).astimezone(self._zone)
        return min(self._first(each, start, instant) for each in self._expressions)

    def following(self, settled: int) -> int:
        """See `Schedule`."""
        return self.after(settled)

    @staticmethod
    def _first(expression: str, start: datetime, instant: int) -> int:
        for found in CronSim(expression, start):
            due_at = (found - _EPOCH) // timedelta(seconds=1) * SECOND
            if due_at > instant:  # in an hour that is shown twice the library begins with its first showing
                return due_at
        raise ValueError(f"{expression} is never due")


def spread(name: str, size: int) -> int:
    """Return a number from 0 to below `size` that is always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % size


def latest(schedule: Schedule, *, last: int | None, now: int) -> int | None:
    """Return the newest due instant that has passed since the last settled one; None when there is none.

    What was never due begins with the newest instant of `NEWEST_S`, or now.
    """
    if last is None:
        return _newest(schedule.after(now - NEWEST_S * SECOND), schedule, now) or now
    return _newest(schedule.following(min(last, now)), schedule, now)


def _newest(first: int, schedule: Schedule, now: int) -> int | None:
    found, instant = None, first
    while instant <= now:
        found, instant = instant, schedule.after(instant)
    return found


def upcoming(schedule: Schedule, *, after: int, count: int = 5) -> list[int]:
    """Return the next due instants, the nearest first."""
    return list(islice(instants(schedule, after=after), count))


def instants(schedule: Schedule, *, after: int) -> Iterator[int]:
    """Yield due instants after an instant, without end."""
    while True:
        after = schedule.after(after)
        yield after
