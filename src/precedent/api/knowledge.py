"""Routes of knowledge: what there is of it, and what reviewers decide."""

from typing import Annotated

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from precedent.knowledge import bundle as bundles
from precedent.knowledge import rows
from precedent.knowledge.bundle import Bundle
from precedent.knowledge.model import Evidence, Item, Status
from precedent.knowledge.visibility import sees_words, visible
from precedent.security.principals import Role, Scope
from precedent.store.schema import knowledge_item

from .access import Acting, Caller, Program, allow
from .structs import StructRoutes

routes = StructRoutes(prefix="/api/knowledge", tags=["knowledge"])
READER, REVIEWER = allow(Role.VIEWER), allow(Role.REVIEWER, scope=Scope.WRITE)


class ItemsQuery(BaseModel):
    """Which items."""

    status: Annotated[list[Status], Field(description="Only of this status; may be repeated.")] = []


class Items(msgspec.Struct, kw_only=True):
    """Items, by id."""

    rows: list[Item]


class ItemShown(msgspec.Struct, kw_only=True):
    """An item with its evidence."""

    item: Item
    evidence: list[Evidence]


class Verdict(BaseModel):
    """What a reviewer decides."""

    content_hash: Annotated[str | None, Field(description="Of the item as the reviewer saw it.")] = None
    reason: Annotated[str, Field(max_length=1000, description="Why, for the history.")] = ""


@routes.add("GET", "", READER)
def list_items(program: Program, caller: Caller, question: Annotated[ItemsQuery, Query()]) -> Items:
    """List items."""
    where = [visible(caller, now=program.clock.now())]
    if question.status:
        where.append(knowledge_item.c.status.in_([each.value for each in question.status]))
    with program.store.read() as tx:
        return Items(rows=rows.items(tx, *where, limit=1000))


@routes.add("GET", "/bundle", READER)
def get_bundle(program: Program, caller: Caller) -> Bundle:
    """Return what the caller's agents are given."""
    with program.store.read() as tx:
        return bundles.bundle(tx, caller.user_id, now=program.clock.now())


@routes.add("GET", "/{number}", READER)
def get_item(program: Program, caller: Caller, number: int) -> ItemShown:
    """Return one item with its evidence."""
    with program.store.read() as tx:
        item = rows.item(tx, number, visible(caller, now=program.clock.now()))
        evidence = [each for each in rows.evidence(tx, [number]) if sees_words(caller, each.user_id)]
    return ItemShown(item=item, evidence=evidence)


@routes.add("POST", "/{number}/approve", REVIEWER)
def approve(program: Program, by: Acting, number: int, verdict: Verdict) -> Item:
    """Approve exactly the words that the reviewer saw."""
    return program.review.approve(number, by=by, expected=verdict.content_hash)


@routes.add("POST", "/{number}/reject", REVIEWER)
def reject(program: Program, by: Acting, number: int, verdict: Verdict) -> Item:
    """Reject an item."""
    return program.review.reject(number, by=by, expected=verdict.content_hash, reason=verdict.reason)


@routes.add("POST", "/{number}/revoke", REVIEWER)
def revoke(program: Program, by: Acting, number: int, verdict: Verdict) -> Item:
    """Take an approval back."""
    return program.review.revoke(number, by=by, expected=verdict.content_hash, reason=verdict.reason)
