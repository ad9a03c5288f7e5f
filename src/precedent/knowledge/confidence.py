"""How sure an item is: a pure function of its evidence, computed when it is read, with its reasons."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from precedent.clock import SECOND

from .model import Kind

BASE: dict[Kind, int] = {
    Kind.CORRECTION: 900,
    Kind.DEFINITION: 900,
    Kind.CONFIRMATION: 600,
    Kind.NOTE: 500,
    Kind.PROPOSAL: 500,
}
"""Thousandths, by how somebody came to say it."""
MANDATED = 1_000
MOST = 990
"""What no evidence exceeds: only a mandate is certain."""

FURTHER_PERSON = 100
"""Part of what is missing, thousandths, that each further person adds; own repeats add nothing."""
APPROVED = 300
"""The same of an approval."""

HALF_LIFE_US = 365 * 86_400 * SECOND
FLOOR: dict[Kind, int] = {Kind.DEFINITION: 300, Kind.CORRECTION: 200}
"""Thousandths below which freshness does not fall: what a word means ages less than how something is done."""
LOWEST = 100


class Said(NamedTuple):
    """What of a piece of evidence counts."""

    kind: Kind
    user_id: int
    said_at: int | None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the sum.

    Attributes:
        text: for people.
        adds: thousandths.
    """

    text: str
    adds: int


class Confidence(msgspec.Struct, frozen=True, kw_only=True):
    """How sure.

    Attributes:
        value: thousandths, 0 to 1000.
        reasons: they add up to it.
    """

    value: int
    reasons: tuple[Reason, ...]


def confidence(evidence: Sequence[Said], *, approved: bool, mandatory: bool) -> Confidence:
    """Return how sure an item with this evidence is."""
    if mandatory:
        return Confidence(value=MANDATED, reasons=(Reason(text="mandated", adds=MANDATED),))
    if not evidence:
        return Confidence(value=0, reasons=())
    best = max(evidence, key=lambda each: BASE[each.kind]).kind
    reasons, value = [Reason(text=f"a {best}", adds=BASE[best])], BASE[best]
    steps = [("said by a further person", FURTHER_PERSON)] * (len({each.user_id for each in evidence}) - 1)
    steps += [("approved by a reviewer", APPROVED)] if approved else []
    for text, share in steps:
        adds = (MOST - value) * share // 1000
        reasons.append(Reason(text=text, adds=adds))
        value += adds
    return Confidence(value=value, reasons=tuple(reasons))


def freshness(evidence: Sequence[Said], *, now: int) -> int | None:
    """Return how recently an item was last said, thousandths; None when nobody knows when.

    It halves each year, down to a floor by kind.
    """
    dated = [(each.said_at, each.kind) for each in evidence if each.said_at is not None]
    if not dated:
        return None
    at, _ = max(dated, key=lambda each: each[0])
    floor = max(FLOOR.get(kind, LOWEST) for _, kind in dated)
    return max(floor, round(1000 * math.pow(0.5, max(0, now - at) / HALF_LIFE_US)))
