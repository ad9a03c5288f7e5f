"""A clock that a test holds, and times as agents write them."""

from datetime import UTC, datetime, timedelta

from precedent.clock import SECOND, Clock

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When everything in a test begins."""

START_US = round(START.timestamp()) * SECOND
"""The same in microseconds since the epoch."""


class ManualTime:
    """Time stands still until it is advanced, and chance is what the test says.

    Args:
        now: UTC microseconds.
        chance: what `Clock.random` returns, in [0, 1); spreads the delays of retries.
    """

    def __init__(self, now: int = START_US, *, chance: float = 0.5) -> None:
        self.now, self.chance = now, chance

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * SECOND)

    @property
    def clock(self) -> Clock:
        """What the program is given."""
        return Clock(now=lambda: self.now, random=lambda: self.chance)


def stamp(at: float) -> str:
    """Return the instant that is `at` seconds after the start, as the agents write it."""
    return (START + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(at: float) -> int:
    """Return the same instant in milliseconds since the epoch."""
    return START_US // 1000 + round(at * 1000)
