"""Routes of knowledge: what there is of it, and what people decide."""

from typing import Annotated

import msgspec
from fastapi import Path, Query, Request

from precedent.http.access import Acting, Caller, Program, allow
from precedent.http.looking import note_look
from precedent.http.questions import persons_seen
from precedent.knowledge import learning, listing
from precedent.knowledge.bundle import Bundle
from precedent.knowledge.domains import Domain
from precedent.knowledge.learning import Learned, Summary
from precedent.knowledge.listing import Change, Shown
from precedent.knowledge.model import Item, Status
from precedent.knowledge.review import Verdict
from precedent.knowledge.search import FoundTurn, search_items, search_turns
from precedent.security.principals import Role, Scope
from precedent.usage.paging import Page

from .knowledge_questions import (
    Approval,
    Batch,
    Counted,
    DomainDescription,
    Edit,
    ItemsQuery,
    Judgement,
    Proposal,
    SearchQuery,
    TurnsQuery,
    Vote,
    Withdrawal,
)
from .runs import LAST_INSTANT
from .structs import Removed, StructRoutes

routes = StructRoutes(prefix="/api/knowledge", tags=["knowledge"])
READER, MEMBER = allow(Role.VIEWER), allow(Role.MEMBER, scope=Scope.WRITE)
MEMBER_READS = allow(Role.MEMBER)
Number = Annotated[int, Path(ge=0, le=2**63 - 1, description="Its number.")]
REVIEWER, ADMIN = allow(Role.REVIEWER, scope=Scope.WRITE), allow(Role.ADMIN, scope=Scope.WRITE)


class Counts(msgspec.Struct, kw_only=True):
    """How many items there are by status."""

    counts: dict[Status, int]


class Items(msgspec.Struct, kw_only=True):
    """Items, by id."""

    rows: list[Item]


class Turns(msgspec.Struct, kw_only=True):
    """What people typed."""

    rows: list[FoundTurn]


class Changes(msgspec.Struct, kw_only=True):
    """Versions of an item, the oldest first."""

    rows: list[Change]


class Effects(msgspec.Struct, kw_only=True):
    """What approved items changed, those with the clearest effect first, and all of it together."""

    rows: list[Learned]
    summary: Summary


class Verdicts(msgspec.Struct, kw_only=True):
    """What became of each item of a batch."""

    rows: list[Verdict]


class Withdrawn(msgspec.Struct, kw_only=True):
    """Ids of the items that were taken back, or would be."""

    ids: list[int]


class Votes(msgspec.Struct, kw_only=True):
    """The sum of all votes on an item."""

    votes: int


class DomainList(msgspec.Struct, kw_only=True):
    """Domains, by name."""

    rows: list[Domain]


@routes.add("GET", "", READER)
def list_items(program: Program, caller: Caller, question: Annotated[ItemsQuery, Query()]) -> Page[Item]:
    """List items, the newest first."""
    now = program.clock.now()
    with program.store.read() as tx:
        return listing.listed(tx, caller, where=question.filter, now=now, limit=question.limit, after=question.after)


@routes.add("POST", "", MEMBER)
def propose(program: Program, by: Acting, proposal: Proposal) -> Item:
    """Propose an item."""
    return program.proposing.propose(proposal.draft(), by=by, personal=proposal.personal)


@routes.add("GET", "/bundle", READER)
def get_bundle(program: Program, caller: Caller) -> Bundle:
    """Return what the caller's agents are given."""
    return program.bundle(caller)


@routes.add("GET", "/count", READER)
def count_items(program: Program, caller: Caller, question: Annotated[Counted, Query()]) -> Counts:
    """Count items by status."""
    with program.store.read() as tx:
        return Counts(counts=listing.counted(tx, caller, where=question.filter, now=program.clock.now()))


@routes.add("GET", "/search", READER)
def search(program: Program, caller: Caller, question: Annotated[SearchQuery, Query()]) -> Items:
    """Find items by words, and by meaning where embeddings are configured, the best first."""
    now = program.clock.now()
    with program.store.read() as tx:
        found = search_items(
            tx, caller, question.q, where=question.filter, now=now, limit=question.limit, meanings=program.meanings
        )
    return Items(rows=found)


@routes.add("GET", "/turns", MEMBER_READS)
def turns(request: Request, program: Program, caller: Caller, question: Annotated[TurnsQuery, Query()]) -> Turns:
    """Find what people typed like items, the best first: the caller's own, and everybody's for admins."""
    persons = persons_seen(caller, single=True)
    with program.store.read() as tx:
        found = search_turns(tx, question.q, persons=persons, limit=question.limit, meanings=program.meanings)
    if persons is None:
        note_look(request, program, caller, "search_turns", "transcripts")
    return Turns(rows=found)


@routes.add("GET", "/at", READER)
def items_at(
    program: Program,
    caller: Caller,
    at: Annotated[int, Query(ge=0, le=LAST_INSTANT, description="UTC microseconds.")],
) -> Items:
    """Return what agents were given at an instant."""
    with program.store.read() as tx:
        return Items(rows=listing.known_at(tx, caller, at=at, now=program.clock.now()))


@routes.add("GET", "/effects", READER)
def effects(program: Program, caller: Caller) -> Effects:
    """Return how often the same had to be said again before and after items were delivered."""
    with program.store.read() as tx:
        found = learning.learned(tx, caller, now=program.clock.now())
    return Effects(rows=found, summary=learning.summed(found))


@routes.add("GET", "/domains", READER)
def list_domains(program: Program) -> DomainList:
    """List domains."""
    return DomainList(rows=program.domains.listed())


@routes.add("PUT", "/domains/{name}", ADMIN)
def put_domain(program: Program, by: Acting, name: str, given: DomainDescription) -> Domain:
    """Add a domain, or describe it anew."""
    return program.domains.put(name, by=by, description=given.description)


@routes.add("DELETE", "/domains/{name}", ADMIN)
def remove_domain(program: Program, by: Acting, name: str) -> Removed:
    """Remove a domain that no item is sorted into."""
    program.domains.remove(name, by=by)
    return Removed(removed=name)


@routes.add("POST", "/batch", REVIEWER)
def judge_batch(program: Program, by: Acting, batch: Batch) -> Verdicts:
    """Approve or reject several items; flagged ones are never approved here."""
    items = [(each.id, each.content_hash) for each in batch.items]
    return Verdicts(rows=program.review.batch(batch.action, items, by=by, reason=batch.reason))


@routes.add("POST", "/withdraw", REVIEWER)
def withdraw(program: Program, by: Acting, given: Withdrawal) -> Withdrawn:
    """Take back everything that rests on what a person or a session said."""
    ids = program.review.revoke_from(by=by, **given.model_dump())
    return Withdrawn(ids=ids)


@routes.add("GET", "/{number:int}", READER)
def get_item(program: Program, caller: Caller, number: Number) -> Shown:
    """Return one item with its evidence."""
    with program.store.read() as tx:
        return listing.shown(tx, caller, number, now=program.clock.now())


@routes.add("GET", "/{number:int}/history", READER)
def get_history(program: Program, caller: Caller, number: Number) -> Changes:
    """Return every version of an item, the oldest first."""
    with program.store.read() as tx:
        return Changes(rows=listing.history(tx, caller, number, now=program.clock.now()))


@routes.add("GET", "/{number:int}/effect", READER)
def get_effect(program: Program, caller: Caller, number: Number) -> Learned:
    """Return one item with how often the same had to be said again before and after it was delivered."""
    with program.store.read() as tx:
        return learning.effect_of(tx, caller, number, now=program.clock.now())


@routes.add("PATCH", "/{number:int}", MEMBER)
def edit(program: Program, by: Acting, number: Number, given: Edit) -> Item:
    """Edit an item: it returns to review."""
    return program.review.edit(number, given.draft(), by=by, expected=given.content_hash, reason=given.reason)


@routes.add("POST", "/{number:int}/approve", MEMBER)
def approve(program: Program, by: Acting, number: Number, given: Approval) -> Item:
    """Approve exactly the words that the judge saw."""
    return program.review.approve(number, by=by, expected=given.content_hash, flags_seen=given.flags_seen)


@routes.add("POST", "/{number:int}/reject", MEMBER)
def reject(program: Program, by: Acting, number: Number, given: Judgement) -> Item:
    """Reject an item."""
    return program.review.reject(number, by=by, expected=given.content_hash, reason=given.reason)


@routes.add("POST", "/{number:int}/reopen", MEMBER)
def reopen(program: Program, by: Acting, number: Number, given: Judgement) -> Item:
    """Put an item that was rejected, revoked or has expired back into the queue."""
    return program.review.reopen(number, by=by, expected=given.content_hash, reason=given.reason)


@routes.add("POST", "/{number:int}/mandate", REVIEWER)
def mandate(program: Program, by: Acting, number: Number, given: Judgement) -> Item:
    """Put an approved item into every bundle."""
    return program.review.mandate(number, by=by, expected=given.content_hash, reason=given.reason)


@routes.add("POST", "/{number:int}/unmandate", REVIEWER)
def unmandate(program: Program, by: Acting, number: Number, given: Judgement) -> Item:
    """Take a mandate back."""
    return program.review.unmandate(number, by=by, expected=given.content_hash, reason=given.reason)


@routes.add("POST", "/{number:int}/revoke", MEMBER)
def revoke(program: Program, by: Acting, number: Number, given: Judgement) -> Item:
    """Take an approval back."""
    return program.review.revoke(number, by=by, expected=given.content_hash, reason=given.reason)


@routes.add("PUT", "/{number:int}/vote", MEMBER)
def vote(program: Program, by: Acting, number: Number, given: Vote) -> Votes:
    """Say whether an item helped."""
    return Votes(votes=program.review.vote(number, given.value, by=by))
