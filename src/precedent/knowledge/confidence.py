"""How sure an item is: a pure function of its evidence, computed when it is read, with its reasons."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

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
    reasons = [Reason(text=f"a {best}", adds=BASE[best])]
    return Confidence(value=sum(each.adds for each in reasons), reasons=tuple(reasons))
