"""`/usage`: what was used, by whom, with what, when; every figure leads to the sessions and lines it comes from."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field, model_validator

from precedent.errors import Forbidden
from precedent.http.access import Caller, PageRoutes, Program, allow
from precedent.http.questions import Cursor, Filtered, persons_seen
from precedent.security import visibility
from precedent.security.principals import Principal, Role
from precedent.usage.hours import by_hour
from precedent.usage.report import Report
from precedent.usage.requests import trace

from .addresses import address
from .asking import NO_FILTERS, chips, choices, dated, given_fields, presets, today
from .contract import Entry, Group, Pages
from .drawing import heat
from .rendering import render
from .usage_tables import WAYS, chart, divided

routes = PageRoutes()
TEAM = allow(Role.VIEWER)
OWN = allow(Role.MEMBER)
ROWS = 200
"""Rows of a table at most; the CSV has all."""
BY = "^(" + "|".join(WAYS) + ")$"


class UsageQuery(Filtered):
    """What the page is about; empty fields of a form are as if they were not there."""

    by: str = Field("model", pattern=BY)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class RequestsQuery(Filtered):
    """Which requests."""

    after: Cursor | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class EventsQuery(Filtered):
    """Sessions in which something was used."""

    kind: str = Field(pattern="^(tool|mcp|skill|subagent|command)$")
    name: str = Field(max_length=500, pattern=r"^[^\x00]+$")


@routes.add("GET", "/usage", TEAM)
def usage(request: Request, program: Program, caller: Caller, question: Annotated[UsageQuery, Query()]) -> HTMLResponse:
    """Show usage with its trend, its hours and one table."""
    asked, now = dated(question, program), today(program)
    team_only = visibility.aggregates_only(caller)
    if question.by == "person" and team_only:
        raise Forbidden("your role sees sums over the team, not single persons or sessions")
    where = asked.filter(_visible(caller, asked, question.by))
    with program.store.read() as tx:
        report = Report(tx, where=where, place=asked.place())
        totals = report.totals()
        by_model = report.by(["date", "model"])
        rows = divided(report, question.by, asked=asked, caller=caller)
        hours = by_hour(report.quarter_hours(), place=asked.place())
        unfiltered = asked.model_copy(update=NO_FILTERS).filter(where.visible)
        shown = choices(Report(tx, where=unfiltered), caller, "person", "project", "agent", "model")
    ways = {name: each for name, each in WAYS.items() if name != "person" or not team_only}
    return render(
        request,
        "usage.html",
        asked=asked,
        by=question.by,
        way=WAYS[question.by],
        tabs=[(address("/usage", asked, by=name), each.label, name == question.by) for name, each in ways.items()],
        presets=presets("/usage", asked, program, by=question.by),
        chips=chips("/usage", asked, by=question.by),
        totals=totals,
        rows=rows[:ROWS],
        left=max(0, len(rows) - ROWS),
        chart=chart(by_model, since=asked.since or now, until=min(asked.until or now, now)),
        heat=heat(hours, unit="requests") if totals.requests else None,
        choices=shown,
        export=address("/api/export/usage", asked) if caller.role is Role.ADMIN else "",
        requests_href="" if team_only else address("/usage/requests", asked),
    )


@routes.add("GET", "/usage/requests", OWN)
def requests(
    request: Request, program: Program, caller: Caller, question: Annotated[RequestsQuery, Query()]
) -> HTMLResponse:
    """List single requests, each with the line of the transcript that it stands on."""
    asked = dated(question, program)
    where = asked.filter(persons_seen(caller, single=True))
    with program.store.read() as tx:
        page = trace(tx, where, limit=100, after=question.after)
    first = address("/usage/requests", asked) if question.after else ""
    following = address("/usage/requests", asked, after=page.next) if page.next else ""
    return render(
        request, "usage_requests.html", asked=asked, page=page, first=first, following=following,
        chips=chips("/usage/requests", asked), back=address("/usage", asked),
    )  # fmt: skip


@routes.add("GET", "/usage/events", OWN)
def events(
    request: Request, program: Program, caller: Caller, question: Annotated[EventsQuery, Query()]
) -> HTMLResponse:
    """List the sessions in which a tool, skill, sub-agent or command was used, those with the most first."""
    asked = dated(question, program)
    with program.store.read() as tx:
        report = Report(tx, where=asked.filter(persons_seen(caller, single=True)), place=asked.place())
        found = report.events([question.kind], ["session", "person"])
    mine = sorted((each for each in found if each.name == question.name), key=lambda each: -each.events)
    return render(
        request, "usage_events.html", asked=asked, kind=question.kind, name=question.name, rows=mine[:ROWS],
        left=max(0, len(mine) - ROWS), back=address("/usage", asked, by=question.kind),
    )  # fmt: skip


def _visible(caller: Principal, asked: Filtered, by: str) -> tuple[int, ...] | None:
    return persons_seen(caller, single=by == "person" or bool(asked.person or asked.session))


PAGES = Pages(routes, (Entry("Usage", "/usage", "chart", Group.FIGURES, TEAM),))
