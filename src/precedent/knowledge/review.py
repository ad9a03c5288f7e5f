"""What people decide about items; each decision is one transaction with its version and its audit entry."""

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import Conflict
from precedent.security import audit
from precedent.security.acting import By
from precedent.store import Store

from . import rows, versions
from .model import Item, Status
from .statuses import Action, after
from .visibility import visible


class Review:
    """Judges items.

    Every method takes `by`, who must see the item; whether their role may judge is the caller's to check.
    `expected` is the content hash or version that the judge had before their eyes: what changed meanwhile is refused.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def approve(self, number: int, *, by: By, expected: str | None = None) -> Item:
        """Approve exactly the words that the judge saw.

        Raises:
            NotFound: they see no such item.
            Conflict: it is not pending, or its words changed.
        """
        now = self._clock.now()

        def change(item: Item) -> Item:
            return msgspec.structs.replace(
                item, approved_hash=item.content_hash, approved_by=by.principal.name, approved_at=now
            )

        return self._act(number, Action.APPROVE, by=by, expected=expected, change=change)

    def reject(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Reject; what is found again in these words stays rejected."""
        return self._act(number, Action.REJECT, by=by, expected=expected, reason=reason)

    def revoke(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Take an approval back: the item leaves every bundle."""
        return self._act(number, Action.REVOKE, by=by, expected=expected, reason=reason)

    def _act(
        self,
        number: int,
        action: Action,
        *,
        by: By,
        expected: str | None = None,
        reason: str = "",
        change: Callable[[Item], Item] = lambda item: item,
    ) -> Item:
        now = self._clock.now()
        with self._store.write() as tx:
            item = rows.item(tx, number, visible(by.principal, now=now))
            if expected is not None and expected != item.content_hash:
                raise Conflict(
                    f"item {number} was changed meanwhile; look at it again",
                    state={"content_hash": item.content_hash, "version": item.version},
                )
            return self._write(tx, item, action, by=by, now=now, reason=reason, change=change)

    def _write(
        self,
        tx: sa.Connection,
        item: Item,
        action: Action,
        *,
        by: By,
        now: int,
        reason: str,
        change: Callable[[Item], Item],
    ) -> Item:
        status = after(item, action)
        changed = msgspec.structs.replace(
            change(item), status=status, mandatory=item.mandatory and status is Status.APPROVED
        )
        changed = versions.write(tx, changed, action, by=by.principal.name, now=now, reason=reason)
        act = by.act(f"knowledge_{action}", f"knowledge:{item.id}", reason=reason, content_hash=changed.content_hash)
        audit.record(tx, act, now=now)
        return changed
