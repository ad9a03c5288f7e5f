"""Whether something is said less often than before, or whether chance explains it: pure, on counts alone."""

from enum import StrEnum
from math import exp, lgamma, log

import msgspec

CHANCE = 0.05
"""A change that chance alone brings about more often than this is none."""


class Verdict(StrEnum):
    """What came of an item."""

    LESS = "less"
    """The same is said less often since."""
    MORE = "more"
    """It is said more often since."""
    SAME = "same"
    """There were sessions enough to see a change, and no clear one is to be seen."""
    TOO_EARLY = "too_early"
    """Too little was said, or too few sessions were held since, to tell a change from chance."""
    UNDELIVERED = "undelivered"
    """No agent was given it yet."""

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    Verdict.LESS: "said less often",
    Verdict.MORE: "said more often",
    Verdict.SAME: "no clear difference",
    Verdict.TOO_EARLY: "too early to tell",
    Verdict.UNDELIVERED: "not delivered yet",
}


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side of the comparison.

    Attributes:
        again: how often somebody had to say it again; once a session at most.
        sessions: in how many sessions they could have.
    """

    again: int
    sessions: int


def judged(before: Side, after: Side, *, undecided: int = 0) -> Verdict:
    """Return whether two sides differ by more than chance.

    Had nothing changed, each saying would have fallen on a side in proportion to its sessions, so how many fell on the
    second is binomial: the exact conditional test of two Poisson rates.
    """
    sessions = before.sessions + after.sessions
    if not before.sessions or not after.sessions:
        return Verdict.TOO_EARLY
    share, said = after.sessions / sessions, before.again + after.again
    if _at_most(after.again, said, share) < CHANCE:
        doubted = _at_most(after.again + undecided, said + undecided, share)
        return Verdict.LESS if doubted < CHANCE else Verdict.TOO_EARLY
    if after.again and 1 - _at_most(after.again - 1, said, share) < CHANCE:
        return Verdict.MORE
    return Verdict.SAME if _at_most(0, said, share) < CHANCE else Verdict.TOO_EARLY


def _at_most(most: int, times: int, share: float) -> float:
    """Return how likely at most so many of some independent events of this probability happen."""
    if share >= 1:
        return float(most >= times)
    return min(
        1.0,
        sum(
            exp(
                lgamma(times + 1) - lgamma(each + 1) - lgamma(times - each + 1)
                + each * log(share) + (times - each) * log(1 - share)
            )
            for each in range(most + 1)
        ),
    )  # fmt: skip


def telling_after(before: Side) -> int:
    """Return after how many sessions without a word chance is out of the question."""
    return int(before.sessions * (CHANCE ** (-1 / before.again) - 1)) + 1
