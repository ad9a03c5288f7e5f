"""`/learned`: what approved items changed, the clearest effect first."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import model_validator

from precedent.http.access import Caller, PageRoutes, Program, allow
from precedent.http.questions import Question
from precedent.knowledge import learning
from precedent.knowledge.effect import Effect
from precedent.knowledge.learning import Summary
from precedent.knowledge.verdicts import Verdict
from precedent.security.principals import Role

from .addresses import address
from .asking import given_fields
from .contract import Entry, Group, Pages
from .drawing import Timeline, timeline
from .rendering import render
from .writing import count

routes = PageRoutes()
READER = allow(Role.VIEWER)
PAGE = "/learned"


class LearnedQuery(Question):
    """Which items."""

    verdict: Verdict | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


@routes.add("GET", PAGE, READER)
def learned(
    request: Request, program: Program, caller: Caller, asked: Annotated[LearnedQuery, Query()]
) -> HTMLResponse:
    """List approved items with how often the same had to be said again before and after they were delivered."""
    now = program.clock.now()
    with program.store.read() as tx:
        found = learning.learned(tx, caller, now=now)
    summary = learning.summed(found)
    tabs = [(address(PAGE), f"All ({len(found):,})", asked.verdict is None)]
    tabs += [
        (address(PAGE, verdict=each), f"{each.words.capitalize()} ({number:,})", each is asked.verdict)
        for each, number in summary.counts.items()
        if number or each is asked.verdict
    ]
    shown = [each for each in found if asked.verdict in {None, each.effect.verdict}]
    return render(
        request,
        "learned.html",
        rows=[(each, drawn(each.effect, now=now)) for each in shown],
        summary=summary,
        in_short=in_short(summary),
        tabs=tabs,
        any=bool(found),
        looked_at=learning.LOOKED_AT,
        reviews=caller.role.includes(Role.REVIEWER),
    )


def in_short(summary: Summary) -> str:
    """Return what was learned in a sentence."""
    counts = summary.counts
    less, delivered = counts[Verdict.LESS], sum(counts.values()) - counts[Verdict.UNDELIVERED]
    if not delivered:
        return "No agent was given anything of it yet: connect a laptop with precedent connect, then precedent pull."
    if delivered == 1:
        them = "The one statement that agents were given is"
    else:
        them = f"{less or 'None'} of the {delivered:,} statements that agents were given {'is' if less < 2 else 'are'}"
    if not less:
        return f"{them}{' not' if delivered == 1 else ''} clearly said less often so far."
    return f"{them} said less often: something did not have to be said again about {count(summary.fewer, 'time')}."


def drawn(effect: Effect, *, now: int) -> Timeline:
    """Return the drawing of an effect."""
    spans = [(each.at, each.sessions, each.said) for each in effect.timeline]
    return timeline(spans, delivered_at=effect.delivered_at, until=max(now, spans[-1][0] + 1))


PAGES = Pages(routes, (Entry("Learned", PAGE, "spark", Group.KNOWLEDGE, READER),))
