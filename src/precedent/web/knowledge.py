"""`/knowledge`: what the team knows, one item with what it rests on, and what may be done with it."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field, model_validator

from precedent.app import App
from precedent.errors import BadInput
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.http.questions import Cursor, Question, Text
from precedent.knowledge import learning, listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import MAX_QUESTION, Item, Status
from precedent.knowledge.search import search_items
from precedent.security.acting import By
from precedent.security.principals import Principal, Role, Scope

from .addresses import address
from .addresses import session as session_address
from .asking import given_fields
from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .learned import drawn
from .rendering import done, render

routes = PageRoutes()
READER = allow(Role.VIEWER)
MEMBER = allow(Role.MEMBER, scope=Scope.WRITE)
PER_PAGE = 50
PAGE = "/knowledge"
Number = Annotated[int, Path(ge=0, le=2**63 - 1)]
SHOWN_FIRST = (Status.APPROVED, Status.PENDING)
"""Tabs that are there also when no item is of their status."""


class KnowledgeQuery(Question):
    """Which items."""

    status: Status | None = Status.APPROVED
    q: Annotated[str, Field(max_length=MAX_QUESTION, pattern=r"^[^\x00]*$")] = ""
    domain: Text = ""
    after: Cursor | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


@routes.add("GET", PAGE, READER)
def items(
    request: Request, program: Program, caller: Caller, asked: Annotated[KnowledgeQuery, Query()]
) -> HTMLResponse:
    """List items of a status, or those that fit words, the best first."""
    now = program.clock.now()
    every = Filter(domains=(asked.domain,) if asked.domain else ())
    where = msgspec.structs.replace(every, statuses=(asked.status,) if asked.status else ())
    following = None
    with program.store.read() as tx:
        counts = listing.counted(tx, caller, where=every, now=now)
        if asked.q.strip():
            found = search_items(tx, caller, asked.q, where=where, now=now, limit=PER_PAGE, meanings=program.meanings)
        else:
            page = listing.listed(tx, caller, where=where, now=now, limit=PER_PAGE, after=asked.after)
            found, following = page.rows, page.next
    tabs = [
        (
            address(PAGE, q=asked.q, domain=asked.domain, status=each),
            f"{each} ({counts.get(each, 0):,})",
            each is asked.status,
        )
        for each in Status
        if each in counts or each in SHOWN_FIRST
    ]
    return render(
        request,
        "knowledge.html",
        items=found,
        asked=asked,
        tabs=tabs,
        domains=[("", "All"), *[(each.name, each.name) for each in program.domains.listed()]],
        following=address(PAGE, q=asked.q, domain=asked.domain, status=asked.status, after=following)
        if following
        else "",
        first=address(PAGE, q=asked.q, domain=asked.domain, status=asked.status) if asked.after else "",
    )


@routes.add("GET", "/knowledge/{number:int}", READER)
def item(request: Request, program: Program, caller: Caller, number: Number) -> HTMLResponse:
    """Show one item with its evidence, why it is as sure as it is, and its history."""
    now = program.clock.now()
    with program.store.read() as tx:
        found = listing.shown(tx, caller, number, now=now)
        history = listing.history(tx, caller, number, now=now)
        effect = learning.effect_of(tx, caller, number, now=now).effect
    tells = found.item.status is Status.APPROVED or effect.delivered_at is not None
    return render(
        request,
        "item.html",
        found=found,
        item=found.item,
        history=history[::-1],
        pairs=program.pairs.of(caller, number),
        judges=judges(caller, found.item),
        may_edit=caller.role.includes(Role.MEMBER),
        said_at=said_at,
        effect=effect if tells else None,
        line=drawn(effect, now=now),
    )


@routes.add("POST", "/knowledge/{number:int}/{act}", MEMBER)
def act_on(
    request: Request, program: Program, acting: Acting, number: Number, act: str, form: Form
) -> RedirectResponse:
    """Do something with an item, as it was seen."""
    said = judge(program, acting, number, act, form)
    back = form.text("back") or f"{PAGE}/{number}"
    if back != "/review" and not back.startswith(f"{PAGE}/"):
        raise BadInput("a page of knowledge leads back to a page of knowledge")
    return done(request, back, said)


def judge(program: App, by: By, number: int, act: str, form: Fields) -> str:
    """Do what a form asks for and say what was done.

    Raises:
        BadInput: nothing of this name can be done.
        Conflict: the item is another by now than the one that was seen.
    """
    review, seen, reason = program.review, form.text("content_hash") or None, form.text("reason")
    plain: dict[str, tuple[Callable[..., Item], str]] = {
        "reject": (review.reject, "rejected"),
        "reopen": (review.reopen, "in review again"),
        "revoke": (review.revoke, "revoked; it leaves every agent with the next pull"),
        "mandate": (review.mandate, "in every bundle"),
        "unmandate": (review.unmandate, "no longer in every bundle"),
    }
    if act in plain:
        do, said = plain[act]
        return f"“{do(number, by=by, expected=seen, reason=reason).title}” is {said}."
    if act == "approve":
        found = review.approve(number, by=by, expected=seen, flags_seen=form.all("flag"))
        return f"“{found.title}” is approved."
    if act == "edit":
        draft = Draft(title=form.text("title"), content=form.text("content", most=20_000))
        changed = review.edit(number, draft, by=by, expected=seen, reason=reason)
        return f"“{changed.title}” is changed and waits for review."
    if act == "vote":
        value = form.text("value")
        if value not in {"1", "0", "-1"}:
            raise BadInput("a vote is 1, 0 or -1")
        review.vote(number, int(value), by=by)
        return "Your vote is counted."
    raise BadInput(f"nothing is called {act[:40]!r}")


def judges(who: Principal, item: Item) -> bool:
    """Tell whether somebody may judge an item: reviewers, and the person of a personal one."""
    return who.role.includes(Role.REVIEWER) or (item.owner is not None and item.owner == who.user_id)


def said_at(evidence: Any) -> str:
    """Return the address of the place in a transcript where something was said; empty without one."""
    if not evidence.session_file:
        return ""
    return f"{session_address(evidence.session, person=evidence.person, line=evidence.line)}#line-{evidence.line}"


PAGES = Pages(routes, (Entry("Knowledge", PAGE, "book", Group.KNOWLEDGE, READER),))
