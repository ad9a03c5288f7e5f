"""`/review`: one item after the other to be judged, by single keys; `/contradictions`: what does not go together."""

from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field, model_validator

from precedent.errors import BadInput
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.http.questions import Cursor, Question
from precedent.knowledge import listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Status
from precedent.knowledge.pairs import Resolution
from precedent.security.principals import Role, Scope

from .addresses import address
from .asking import given_fields
from .contract import Entry, Group, Pages
from .forms import Form
from .knowledge import judge, said_at
from .rendering import done, render

routes = PageRoutes()
REVIEWER, WRITE = allow(Role.REVIEWER), allow(Role.REVIEWER, scope=Scope.WRITE)
QUEUE, PAIRS = 30, 20
VERDICTS = ("approve", "reject", "edit")
Number = Annotated[int, Path(ge=0, le=2**63 - 1)]


class ReviewQuery(Question):
    """Which item of the queue.

    Attributes:
        item: that is looked at; the first one unless it is named.
        undo: that was judged last.
    """

    item: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    undo: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class PairsQuery(Question):
    """Which part of the list."""

    after: Cursor | None = None


@routes.add("GET", "/review", REVIEWER)
def queue(request: Request, program: Program, caller: Caller, asked: Annotated[ReviewQuery, Query()]) -> HTMLResponse:
    """Show the item that is to be judged now, with its neighbours in the queue."""
    now, where = program.clock.now(), Filter(statuses=(Status.PENDING,))
    with program.store.read() as tx:
        waiting = listing.listed(tx, caller, where=where, now=now, limit=QUEUE, after=None).rows
        left = sum(listing.counted(tx, caller, where=where, now=now).values())
        numbers = [each.id for each in waiting]
        number = asked.item if asked.item in numbers else numbers[0] if numbers else 0
        found = listing.shown(tx, caller, number, now=now) if numbers else None
    place = numbers.index(number) if numbers else 0
    return render(
        request,
        "review.html",
        waiting=waiting,
        left=left,
        found=found,
        pairs=program.pairs.of(caller, number) if numbers else [],
        before=numbers[place - 1] if place else 0,
        after=numbers[place + 1] if place + 1 < len(numbers) else 0,
        undo=asked.undo,
        said_at=said_at,
    )


@routes.add("POST", "/review/{number:int}/{act}", WRITE)
def verdict(
    request: Request, program: Program, acting: Acting, number: Number, act: str, form: Form
) -> RedirectResponse:
    """Judge an item and go on with the next, or take the last verdict back."""
    if act == "undo":
        item = program.review.reopen(number, by=acting, reason="undone at once")
        return done(request, address("/review", item=item.id), f"“{item.title}” is in review again.")
    if act not in VERDICTS:
        raise BadInput(f"a verdict is {', '.join(VERDICTS)} or undo")
    said = judge(program, acting, number, act, form)
    following = form.text("next")
    next_one = following if following.isdecimal() and following != "0" else ""
    return done(request, address("/review", item=next_one, undo="" if act == "edit" else number), said)


@routes.add("GET", "/contradictions", REVIEWER)
def contradictions(
    request: Request, program: Program, caller: Caller, asked: Annotated[PairsQuery, Query()]
) -> HTMLResponse:
    """Show pairs of items that may say the same or the opposite, side by side."""
    page = program.pairs.listed(caller, limit=PAIRS, after=asked.after)
    following = address("/contradictions", after=page.next) if page.next else ""
    return render(
        request,
        "contradictions.html",
        pairs=page.rows,
        following=following,
        first="/contradictions" if asked.after else "",
    )


@routes.add("POST", "/contradictions/{number:int}", WRITE)
def decide(request: Request, program: Program, acting: Acting, number: Number, form: Form) -> RedirectResponse:
    """Decide about a pair."""
    try:
        resolution = Resolution(form.text("resolution"))
    except ValueError as error:
        raise BadInput(f"a decision is {', '.join(Resolution)}") from error
    wording = None
    if resolution is Resolution.MERGE:
        wording = Draft(title=form.text("title"), content=form.text("content", most=20_000))
    program.pairs.decide(number, resolution, by=acting, wording=wording, reason=form.text("reason"))
    return done(request, "/contradictions", "Decided; the items say so in their histories.")


PAGES = Pages(
    routes,
    (
        Entry("Review", "/review", "review", Group.KNOWLEDGE, REVIEWER),
        Entry("Contradictions", "/contradictions", "conflict", Group.KNOWLEDGE, REVIEWER),
    ),
)
