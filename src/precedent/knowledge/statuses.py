"""What may become of an item: the one table of transitions, and the one place that enforces it."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from precedent.errors import Conflict

from .model import Item, Status


class Action(StrEnum):
    """What people and time do to items; as the audit log names it, with `knowledge_` before it."""

    FIND = "find"
    PROPOSE = "propose"
    EDIT = "edit"
    APPROVE = "approve"
    REJECT = "reject"
    MANDATE = "mandate"
    UNMANDATE = "unmandate"
    REVOKE = "revoke"
    EXPIRE = "expire"
    REOPEN = "reopen"
    MERGE = "merge"
    SUPERSEDE = "supersede"
    WITHDRAW = "withdraw"


class Transition(NamedTuple):
    """What an action does.

    Attributes:
        before: the statuses in which it may be done.
        after: the status it leads to; None leaves it.
    """

    before: frozenset[Status]
    after: Status | None


_ANY = frozenset(Status)
_OPEN = frozenset({Status.PENDING, Status.APPROVED})

TRANSITIONS: dict[Action, Transition] = {
    Action.EDIT: Transition(_OPEN, Status.PENDING),
    Action.APPROVE: Transition(frozenset({Status.PENDING}), Status.APPROVED),
    Action.REJECT: Transition(frozenset({Status.PENDING}), Status.REJECTED),
    Action.MANDATE: Transition(frozenset({Status.APPROVED}), None),
    Action.UNMANDATE: Transition(frozenset({Status.APPROVED}), None),
    Action.REVOKE: Transition(frozenset({Status.APPROVED}), Status.REVOKED),
    Action.EXPIRE: Transition(frozenset({Status.APPROVED}), Status.EXPIRED),
    Action.REOPEN: Transition(frozenset({Status.REJECTED, Status.REVOKED, Status.EXPIRED}), Status.PENDING),
    Action.MERGE: Transition(_OPEN, Status.MERGED),
    Action.SUPERSEDE: Transition(_OPEN, None),
    Action.WITHDRAW: Transition(_OPEN, Status.PENDING),
}
"""Everything that may be done to an item that exists. A mandate is a flag on an approved item, so whatever leaves
`approved` leaves the mandate behind."""


def after(item: Item, action: Action) -> Status:
    """Return the status that an action leads to.

    Raises:
        Conflict: it cannot be done to an item in this status.
    """
    found = TRANSITIONS[action]
    if item.status not in found.before:
        allowed = ", ".join(sorted(found.before))
        raise Conflict(
            f"item {item.id} is {item.status}; to {action} it, it must be {allowed}",
            state={"status": item.status.value, "version": item.version},
        )
    return found.after or item.status


def moved(item: Item, action: Action, *, by: str, now: int) -> Item:
    """Return an item as an action leaves it: its status, and the approval and the mandate that hang on that.

    Args:
        item: with the words that it has then; an approval pins these.
        action: what is done.
        by: who does it.
        now: UTC microseconds.

    Raises:
        Conflict: it cannot be done to an item in this status.
    """
    status = after(item, action)
    item = msgspec.structs.replace(item, status=status, mandatory=item.mandatory and status is Status.APPROVED)
    if action is Action.APPROVE:
        return msgspec.structs.replace(item, approved_hash=item.content_hash, approved_by=by, approved_at=now)
    if action is Action.REOPEN:
        item = msgspec.structs.replace(item, superseded_by=None)  # nothing else has its place any more
    if status is Status.PENDING:
        return msgspec.structs.replace(item, approved_hash="", approved_by="", approved_at=None)
    return item
