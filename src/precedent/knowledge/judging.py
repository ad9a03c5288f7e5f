"""Who may judge an item, and what they must have seen of it."""

from collections.abc import Callable, Collection

import sqlalchemy as sa

from precedent.errors import Conflict, Forbidden, NotFound
from precedent.security.acting import By

from .model import Item
from .visibility import sees_queue

Change = Callable[[sa.Connection, Item], Item]
"""Makes of an item what it becomes, or refuses."""


def unchanged(_: sa.Connection, item: Item) -> Item:
    """Leave an item as it is."""
    return item


def approvable(flags: Collection[str]) -> Change:
    """Return what leaves an item as it is, and refuses one in which something is suspicious that is not in `flags`."""

    def change(_: sa.Connection, item: Item) -> Item:
        if unseen := sorted(set(item.flags) - set(flags)):
            raise Conflict(
                f"item {item.id} is flagged ({', '.join(unseen)}); approve it by itself and name what you saw",
                state={"flags": ", ".join(item.flags), "content_hash": item.content_hash},
            )
        return item

    return change


def check_seen(item: Item, by: By, expected: str | None) -> None:
    """Let somebody judge what is theirs to judge and still says what they saw.

    Raises:
        NotFound: as `check_judge`.
        Forbidden: as `check_judge`.
        Conflict: its words changed.
    """
    check_judge(item, by)
    if expected is not None and expected != item.content_hash:
        raise Conflict(
            f"item {item.id} was changed meanwhile; look at it again",
            state={"content_hash": item.content_hash, "version": item.version},
        )


def check_judge(item: Item, by: By) -> None:
    """Let reviewers judge what is the team's, and owners what is theirs.

    Raises:
        NotFound: somebody else's personal item; nobody is to know of it.
        Forbidden: they review nothing.
    """
    if item.owner is not None:
        if item.owner != by.principal.user_id:
            raise NotFound(f"no knowledge item {item.id}")
    elif not sees_queue(by.principal):
        raise Forbidden("team knowledge is judged by reviewers")
