"""Routes of pairs: items that may say the same or the opposite."""

from typing import Annotated

import msgspec
from fastapi import Path, Query
from pydantic import Field

from precedent.http.access import Acting, Caller, Program, allow
from precedent.http.questions import Paged
from precedent.knowledge.model import Item
from precedent.knowledge.pairs import Pair, Resolution
from precedent.security.principals import Role, Scope
from precedent.usage.paging import Page

from .knowledge_questions import MAX_REASON, Wording
from .structs import StructRoutes

routes = StructRoutes(prefix="/api/knowledge", tags=["knowledge"])
READER, JUDGE = allow(Role.REVIEWER), allow(Role.REVIEWER, scope=Scope.WRITE)


class PairsQuery(Paged):
    """Which part of the list."""


class Decision(Wording):
    """What becomes of two items; the words are those of a merge."""

    resolution: Annotated[Resolution, Field(description="What is decided.")]
    reason: Annotated[str, Field(max_length=MAX_REASON, description="Why, for the history.")] = ""


class Decided(msgspec.Struct, kw_only=True):
    """The item that a merge made; null of other decisions."""

    made: Item | None


@routes.add("GET", "/pairs", READER)
def list_pairs(program: Program, caller: Caller, question: Annotated[PairsQuery, Query()]) -> Page[Pair]:
    """List pairs that wait for a decision."""
    return program.pairs.listed(caller, limit=question.limit, after=question.after)


@routes.add("POST", "/pairs/{number}/decide", JUDGE)
def decide(
    program: Program,
    by: Acting,
    number: Annotated[int, Path(ge=0, le=2**63 - 1, description="Its number.")],
    given: Decision,
) -> Decided:
    """Decide about a pair, and apply it."""
    made = program.pairs.decide(number, given.resolution, by=by, wording=given.draft(), reason=given.reason)
    return Decided(made=made)
