"""What people propose by themselves: for the team, to be reviewed, or for themselves alone."""

import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Exhausted
from precedent.security import audit
from precedent.security.acting import By
from precedent.store import Store
from precedent.store.schema import knowledge_evidence, knowledge_item

from . import pairing, versions
from .drafts import Draft, applied
from .intake import Source, add_evidence
from .model import MAX_QUOTE, Finding, Item, Kind, Origin, Place, Status
from .statuses import Action

MAX_PENDING = 100
"""Proposals of one person that wait for review."""

RETRY_S = 3600.0
DETECTOR = "person"


class Proposing:
    """Takes proposals.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def propose(self, draft: Draft, *, by: By, personal: bool = False) -> Item:
        """Propose an item; a personal one reaches its owner's agents only, and they approve it themselves.

        Raises:
            BadInput: title or content is missing or wrong, or the caller is no person.
            Exhausted: too many proposals of theirs wait.
        """
        user_id, now = by.principal.user_id, self._clock.now()
        if user_id is None:
            raise BadInput("only a person proposes; log in or use a token of yours")
        with self._store.write() as tx:
            self._check_cap(tx, user_id)
            blank = Item(id=0, title="", content="", origin=Origin.PROPOSAL, owner=user_id if personal else None)
            item = applied(tx, blank, draft)
            if not item.title or not item.content:
                raise BadInput("a proposal needs a title and a content")
            item = versions.write(tx, item, Action.PROPOSE, by=by.principal.name, now=now)
            pairing.pair(tx, item, now=now)
            said = Finding(
                kind=Kind.PROPOSAL, title=item.title, content=item.content, quote=item.content[:MAX_QUOTE],
                place=Place(line=0, byte_offset=0, turn="", start=0, end=0, said_at=now), detector=DETECTOR,
            )  # fmt: skip
            source = Source(user_id, f"proposal:{item.id}", origin=Origin.PROPOSAL, by=by.principal.name)
            add_evidence(tx, item.id, said, source, now=now)
            act = by.act("knowledge_propose", f"knowledge:{item.id}", content_hash=item.content_hash, personal=personal)
            audit.record(tx, act, now=now)
        return item

    def _check_cap(self, tx: sa.Connection, user_id: int) -> None:
        item, said = knowledge_item.c, knowledge_evidence.c
        waiting = (
            sa.select(sa.func.count())
            .select_from(knowledge_item.join(knowledge_evidence, said.item_id == item.id))
            .where(said.user_id == user_id, said.kind == Kind.PROPOSAL.value, item.status == Status.PENDING.value)
        )
        if (tx.scalar(waiting) or 0) >= MAX_PENDING:
            raise Exhausted(
                f"{MAX_PENDING} proposals of yours wait for review; propose more when some are judged",
                retry_after_s=RETRY_S,
            )
