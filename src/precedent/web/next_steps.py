"""What somebody may best do next, so that one page leads on to the other."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.knowledge import bundle, listing
from precedent.knowledge.model import Status
from precedent.security.principals import Principal, Role


class Step(NamedTuple):
    """One thing to do: why, and the page on which it is done."""

    text: str
    href: str
    label: str


def delivery(tx: sa.Connection, caller: Principal, *, now: int) -> Step | None:
    """Return how one's agents are given what is approved; None when they are, or nothing is."""
    if caller.user_id is None or bundle.has_reached(tx, caller.user_id):
        return None
    approved = listing.Filter(statuses=(Status.APPROVED,))
    count = listing.counted(tx, caller, where=approved, now=now).get(Status.APPROVED, 0)
    if not count:
        return None
    what = "1 approved statement has" if count == 1 else f"{count:,} approved statements have"
    return Step(f"{what} not reached your agents yet.", "/connect", "Connect your agents")


def next_step(tx: sa.Connection, caller: Principal, *, pending: int, now: int) -> Step | None:
    """Return what to do next: judge what waits, then have it delivered."""
    if pending and caller.role.includes(Role.REVIEWER):
        what = "1 statement waits" if pending == 1 else f"{pending:,} statements wait"
        return Step(f"{what} for review: what people corrected, confirmed or defined.", "/review", "Review")
    return delivery(tx, caller, now=now)
