"""What people decide about items; each decision is one transaction with its version and its audit entry."""

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, Forbidden, PrecedentError
from precedent.security import audit
from precedent.security.acting import By
from precedent.store import Store
from precedent.store.schema import knowledge_item, knowledge_vote

from . import pairing, rows, versions
from .drafts import Draft, applied
from .judging import Change, approvable, check_judge, check_seen, unchanged
from .listing import item_ids_of
from .model import Item, Status, content_hash
from .statuses import Action, after, moved
from .visibility import sees_queue, visible

MAX_BATCH = 200
HOUSEKEEPING = "housekeeping"
UNDONE = "undone"
"""The reason of what takes a verdict back."""
VERDICTS = frozenset({Action.APPROVE, Action.REJECT, Action.MANDATE})
"""What may be taken back by whoever did it, as long as nothing else was done since."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a batch.

    Attributes:
        id: of the item.
        status: that it has now; empty when it could not be judged.
        error: why not.
    """

    id: int
    status: str = ""
    error: str = ""


class Review:
    """Judges items.

    Every method takes `by`, who must see the item. A team's item is judged by reviewers, a personal one by its owner.
    `expected` is the content hash that the judge had before their eyes: what changed meanwhile is refused.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def edit(self, number: int, draft: Draft, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Change an item; new words or an audience take an approval back, so it is reviewed again.

        Raises:
            NotFound: they see no such item.
            Forbidden: it is not theirs to edit.
            Conflict: it cannot be edited any more, or its words changed.
            BadInput: see `drafts.applied`.
        """

        def change(tx: sa.Connection, item: Item) -> Item:
            changed = applied(tx, item, draft)
            if content_hash(changed.title, changed.content) != item.content_hash:
                changed = msgspec.structs.replace(changed, edited_by=by.principal.name)
            return changed

        return self._act(number, Action.EDIT, by=by, expected=expected, reason=reason, change=change)

    def approve(self, number: int, *, by: By, expected: str | None = None, flags_seen: Collection[str] = ()) -> Item:
        """Approve exactly the words that the judge saw.

        Args:
            number: of the item.
            by: who judges.
            expected: content hash of the words they saw.
            flags_seen: what they saw flagged and approve nevertheless.

        Raises:
            NotFound: they see no such item.
            Forbidden: it is not theirs to judge.
            Conflict: it is not pending, its words changed, or something suspicious in it was not seen.
        """
        return self._act(number, Action.APPROVE, by=by, expected=expected, change=approvable(flags_seen))

    def reject(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Reject; what is found again in these words stays rejected."""
        return self._act(number, Action.REJECT, by=by, expected=expected, reason=reason)

    def reopen(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Put an item that was rejected, revoked or has expired back into the queue."""
        return self._act(number, Action.REOPEN, by=by, expected=expected, reason=reason)

    def mandate(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Put an approved item into every bundle."""
        return self._mandated(number, Action.MANDATE, by=by, expected=expected, reason=reason)

    def unmandate(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Take a mandate back; the item stays approved."""
        return self._mandated(number, Action.UNMANDATE, by=by, expected=expected, reason=reason)

    def revoke(self, number: int, *, by: By, expected: str | None = None, reason: str = "") -> Item:
        """Take an approval back: the item leaves every bundle."""
        return self._act(number, Action.REVOKE, by=by, expected=expected, reason=reason)

    def undo(self, number: int, *, by: By) -> Item:
        """Take one's own last verdict back: the item waits again.

        Raises:
            NotFound: they see no such item.
            Forbidden: it is not theirs to judge.
            Conflict: the last that was done with it is no verdict of theirs.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            item = rows.item(tx, number, visible(by.principal, now=now), lock=True)
            check_judge(item, by)
            last = versions.last(tx, number)
            if last.by != by.principal.name or last.action not in VERDICTS:
                raise Conflict(
                    f"item {number} was last touched by {last.by} ({last.action}); your verdict stands no more"
                )
            if item.status is Status.APPROVED:
                item = self._write(tx, item, Action.REVOKE, by=by, now=now, reason=UNDONE)
            return self._write(tx, item, Action.REOPEN, by=by, now=now, reason=UNDONE)

    def batch(
        self,
        action: Action,
        items: Sequence[tuple[int, str]],
        *,
        by: By,
        reason: str = "",
        dry_run: bool = False,
    ) -> list[Verdict]:
        """Approve or reject several items, each by itself; flagged ones are never approved here.

        Args:
            action: approve or reject.
            items: ids, each with the content hash that the judge saw.
            by: who judges.
            reason: for the history.
            dry_run: only tell what would become of each.

        Raises:
            BadInput: it is another action, or there are too many.
        """
        if action not in {Action.APPROVE, Action.REJECT}:
            raise BadInput("a batch approves or rejects")
        if len(items) > MAX_BATCH:
            raise BadInput(f"a batch has at most {MAX_BATCH} items")
        found = []
        change = approvable(()) if action is Action.APPROVE else unchanged
        for number, expected in items:
            try:
                if dry_run:
                    item = self._tried(number, action, by=by, expected=expected, change=change)
                else:
                    item = self._act(number, action, by=by, expected=expected, reason=reason, change=change)
            except PrecedentError as error:
                found.append(Verdict(id=number, error=str(error)))
            else:
                found.append(Verdict(id=number, status=item.status.value))
        return found

    def revoke_from(
        self, *, by: By, person: str = "", session: str = "", since: int = 0, reason: str = "", dry_run: bool = False
    ) -> list[int]:
        """Take back everything that rests on what a person or a session said since an instant, in one transaction.

        What is approved is revoked, what waits is rejected.

        Returns:
            The ids of the items; with `dry_run` those it would be.

        Raises:
            BadInput: neither person nor session is named.
            Forbidden: they review nothing.
        """
        if not person and not session:
            raise BadInput("name a person or a session")
        if not sees_queue(by.principal):
            raise Forbidden("this is for reviewers")
        now, actions = self._clock.now(), {Status.APPROVED: Action.REVOKE, Status.PENDING: Action.REJECT}
        with self._store.write() as tx:
            ids = item_ids_of(
                tx, persons=[person] if person else (), sessions=[session] if session else (), since=since
            )
            found = rows.items(tx, knowledge_item.c.id.in_(ids), visible(by.principal, now=now))
            found = [item for item in found if item.status in actions]
            if not dry_run:
                for item in found:
                    self._write(tx, item, actions[item.status], by=by, now=now, reason=reason)
        return [item.id for item in found]

    def vote(self, number: int, value: int, *, by: By) -> int:
        """Say whether an item helped: 1, -1, or 0 for neither; return the sum of all votes.

        Raises:
            NotFound: they see no such item.
            BadInput: the caller is no person, or it is another value.
        """
        user_id, now, table = by.principal.user_id, self._clock.now(), knowledge_vote
        if user_id is None or value not in {-1, 0, 1}:
            raise BadInput("a person votes with 1, -1 or 0")
        with self._store.write() as tx:
            rows.item(tx, number, visible(by.principal, now=now))
            tx.execute(table.delete().where(table.c.item_id == number, table.c.user_id == user_id))
            if value:
                tx.execute(table.insert().values(item_id=number, user_id=user_id, value=value, at=now))
            return int(tx.scalar(sa.select(sa.func.sum(table.c.value)).where(table.c.item_id == number)) or 0)

    def _mandated(self, number: int, action: Action, *, by: By, expected: str | None, reason: str) -> Item:
        def change(_: sa.Connection, item: Item) -> Item:
            if item.owner is not None:
                raise Conflict(f"item {number} is personal; a mandate is for everybody")
            return msgspec.structs.replace(item, mandatory=action is Action.MANDATE)

        return self._act(number, action, by=by, expected=expected, reason=reason, change=change)

    def _act(
        self,
        number: int,
        action: Action,
        *,
        by: By,
        expected: str | None = None,
        reason: str = "",
        change: Change = unchanged,
    ) -> Item:
        now = self._clock.now()
        with self._store.write() as tx:
            item = rows.item(tx, number, visible(by.principal, now=now), lock=True)
            check_seen(item, by, expected)
            return self._write(tx, item, action, by=by, now=now, reason=reason, change=change)

    def _tried(self, number: int, action: Action, *, by: By, expected: str, change: Change) -> Item:
        """Return an item as an action would leave it, and leave it as it is."""
        now = self._clock.now()
        with self._store.read() as tx:
            item = rows.item(tx, number, visible(by.principal, now=now))
            check_seen(item, by, expected)
            after(item, action)
            return moved(change(tx, item), action, by=by.principal.name, now=now)

    def _write(
        self,
        tx: sa.Connection,
        item: Item,
        action: Action,
        *,
        by: By,
        now: int,
        reason: str,
        change: Change = unchanged,
    ) -> Item:
        after(item, action)  # whether it may be done is told before what is wrong with the change
        changed = moved(change(tx, item), action, by=by.principal.name, now=now)
        changed = versions.write(tx, changed, action, by=by.principal.name, now=now, reason=reason)
        if changed.content_hash != item.content_hash:
            pairing.pair_anew(tx, changed, now=now)
        act = by.act(f"knowledge_{action}", f"knowledge:{item.id}", reason=reason, content_hash=changed.content_hash)
        audit.record(tx, act, now=now)
        return changed


def expire(store: Store, *, now: int) -> int:
    """Expire approved items whose time has passed; return how many."""
    item = knowledge_item.c
    with store.write() as tx:
        found = rows.items(tx, item.status == Status.APPROVED.value, item.valid_until <= now)
        for each in found:
            gone = moved(each, Action.EXPIRE, by=HOUSEKEEPING, now=now)
            versions.write(tx, gone, Action.EXPIRE, by=HOUSEKEEPING, now=now, reason="its time has passed")
    return len(found)
