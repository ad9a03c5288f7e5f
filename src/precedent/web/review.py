"""`/review`: one item after the other to be judged, by single keys, or several at once; `/contradictions`: pairs."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field, model_validator

from precedent.errors import BadInput, PrecedentError
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.http.questions import Cursor, Question
from precedent.knowledge import exact, listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Status
from precedent.knowledge.pairs import Resolution
from precedent.knowledge.review import MAX_BATCH
from precedent.knowledge.statuses import Action
from precedent.security.principals import Role, Scope

from .addresses import address
from .asking import given_fields
from .contract import Entry, Group, Pages
from .forms import Form
from .knowledge import judge, said_at
from .next_steps import delivery
from .rendering import done, render

routes = PageRoutes()
LOOK = allow(Role.ADMIN, scope=Scope.JOBS)
REVIEWER, WRITE = allow(Role.REVIEWER), allow(Role.REVIEWER, scope=Scope.WRITE)
QUEUE, PAIRS = 30, 20
VERDICTS = ("approve", "reject", "edit")
Number = Annotated[int, Path(ge=0, le=2**63 - 1)]
AT_ONCE = {
    "approve": (Action.APPROVE, "", "approved"),
    "reject": (Action.REJECT, "", "rejected"),
    "duplicate": (Action.REJECT, "duplicate", "rejected as duplicates"),
}
"""What may be done with several: the action, its reason, and how it is told."""
MARKED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
"""How the form names an item: by its id and the hash of the words that were seen."""


class ReviewQuery(Question):
    """Which item of the queue.

    Attributes:
        item: that is looked at; the first one unless it is named.
        undo: what was judged last: ids with commas between them.
    """

    item: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    undo: Annotated[str, Field(max_length=20 * MAX_BATCH, pattern=r"^([0-9]{1,18}(,[0-9]{1,18})*)?$")] = ""

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
        delivered = exact.parts(tx, found.item, now=now) if found else []
        step = delivery(tx, caller, now=now)
    place = numbers.index(number) if numbers else 0
    return render(
        request,
        "review.html",
        waiting=waiting,
        left=left,
        found=found,
        delivered=delivered,
        pairs=program.pairs.of(caller, number) if numbers else [],
        before=numbers[place - 1] if place else 0,
        after=numbers[place + 1] if place + 1 < len(numbers) else 0,
        undo=asked.undo.split(",") if asked.undo else [],
        said_at=said_at,
        step=step,
        looks=caller.may(roles=LOOK.roles, scope=LOOK.scope),
    )


@routes.add("POST", "/review/{number:int}/{act}", WRITE)
def verdict(
    request: Request, program: Program, acting: Acting, number: Number, act: str, form: Form
) -> RedirectResponse:
    """Judge an item and go on with the next."""
    if act not in VERDICTS:
        raise BadInput(f"a verdict is {', '.join(VERDICTS)}")
    said = judge(program, acting, number, act, form)
    following = form.text("next")
    next_one = following if following.isdecimal() and following != "0" else ""
    return done(request, address("/review", item=next_one, undo="" if act == "edit" else number), said)


@routes.add("POST", "/review/batch", WRITE)
def batch(request: Request, program: Program, acting: Acting, form: Form) -> HTMLResponse | RedirectResponse:
    """Ask back about the items that are marked, then judge each by itself and tell of those that could not be."""
    if form.text("act") not in AT_ONCE:
        raise BadInput(f"what may be done with several is {', '.join(AT_ONCE)}")
    action, reason, said = AT_ONCE[form.text("act")]
    marked = _marked(form.all("item"))
    if not marked:
        return done(request, "/review", "Nothing is marked: mark statements in the queue first.", bad=True)
    sure = form.text("sure") == "yes"
    verdicts = program.review.batch(action, marked, by=acting, reason=reason, dry_run=not sure)
    judged = [each.id for each in verdicts if not each.error]
    refused = [each for each in verdicts if each.error]
    if sure and not refused:
        undo = ",".join(map(str, judged))
        return done(request, address("/review", undo=undo), f"{_statements(len(judged))} {said}.")
    hashes = dict(marked)
    now = program.clock.now()
    with program.store.read() as tx:
        found = listing.some(tx, acting.principal, [number for number, _ in marked], now=now)
    return render(
        request, "review_batch.html", act=form.text("act"), said=said, sure=sure, refused=refused, titles=found,
        judged=[(found[number], hashes[number]) for number in judged],
    )  # fmt: skip


@routes.add("POST", "/review/undo", WRITE)
def undo(request: Request, program: Program, acting: Acting, form: Form) -> RedirectResponse:
    """Take one's own last verdicts back; what somebody has touched since stays as it is."""
    given = form.all("item")
    if not given or len(given) > MAX_BATCH or not all(re.fullmatch(r"[0-9]{1,18}", each) for each in given):
        raise BadInput(f"name 1 to {MAX_BATCH} items whose verdict is taken back")
    taken, left = [], []
    for number in map(int, given):
        try:
            taken.append(program.review.undo(number, by=acting))
        except PrecedentError as error:
            left.append(str(error))
    said = f"“{taken[0].title}” is" if len(taken) == 1 else f"{_statements(len(taken))} are"
    told = [f"{said} in review again."] if taken else []
    return done(
        request, address("/review", item=taken[0].id if taken else ""), " ".join([*told, *left]), bad=bool(left)
    )


def _marked(given: Sequence[str]) -> list[tuple[int, str]]:
    """Return the items that a form names, each with the hash of the words that were seen."""
    found = [MARKED.fullmatch(each) for each in given]
    if not all(found):
        raise BadInput("an item is named by its id and its hash")
    return list(dict.fromkeys((int(each[1]), each[2]) for each in found if each))


def _statements(count: int) -> str:
    return f"{count} statement{'' if count == 1 else 's'}"


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
