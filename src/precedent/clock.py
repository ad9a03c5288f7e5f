"""Time and chance, injected wherever they matter."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

SECOND = 1_000_000
"""Microseconds in a second."""

DAY = 86_400 * SECOND


class Clock(NamedTuple):
    """Sources of time and chance.

    Attributes:
        now: UTC microseconds since the epoch.
        random: uniform in [0, 1).
    """

    now: Callable[[], int] = lambda: time.time_ns() // 1000
    random: Callable[[], float] = random.random
