"""When a failed transcript is tried again, and when it goes to the dead letter."""

from collections.abc import Callable
from typing import NamedTuple

MAX_ATTEMPTS = {"terminal": 1, "contract": 1, "rejected": 1, "unclassified": 5, "memory": 5, "transient": 20}
"""Attempts by error class before the dead letter. A configuration fault never counts: it pauses the processor."""

FIRST_DELAY_S = 60
MAX_DELAY_S = 6 * 3600


class Verdict(NamedTuple):
    """What becomes of a failed transcript.

    Attributes:
        dead: it goes to the dead letter.
        delay_s: seconds until the next attempt.
    """

    dead: bool
    delay_s: float


def judge(kind: str, *, attempts: int, random: Callable[[], float], after_s: float | None = None) -> Verdict:
    """Decide after the given number of failed attempts, this one included.

    Args:
        kind: error class, a key of `MAX_ATTEMPTS`.
        attempts: failed attempts so far, at least 1.
        random: uniform in [0, 1); spreads retries over half to all of the delay.
        after_s: what the failure itself asked for; the delay is never shorter.
    """
    if attempts >= MAX_ATTEMPTS[kind]:
        return Verdict(dead=True, delay_s=0)
    full = min(MAX_DELAY_S, FIRST_DELAY_S * 2 ** (attempts - 1))
    return Verdict(dead=False, delay_s=max(after_s or 0, full * (0.5 + random() / 2)))
