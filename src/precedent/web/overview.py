"""`/`: whether all is well, what was used, what waits, what was learned."""

from datetime import timedelta
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.clock import DAY
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.http.questions import Filtered, persons_seen
from precedent.knowledge import listing
from precedent.knowledge.model import Item, Status
from precedent.pipeline import backlog
from precedent.pipeline.backlog import Backlog
from precedent.security import visibility
from precedent.security.principals import Principal, Role, Scope
from precedent.telemetry.health import Check, worst
from precedent.usage import sessions as service
from precedent.usage.report import Report, Totals

from .addresses import address
from .asking import today
from .contract import Entry, Group, Pages
from .drawing import Spark, sparkline
from .next_steps import next_step
from .places import command
from .rendering import done, render
from .usage_tables import tokens

routes = PageRoutes()
TEAM = allow(Role.VIEWER)
OPERATE = allow(Role.ADMIN, scope=Scope.WRITE)
WEEK, MONTH = 7, 30
NEWEST = 5
WEEK_US = WEEK * DAY


class Used(NamedTuple):
    """What was used in the last days."""

    days: int
    totals: Totals
    tokens: int
    spark: Spark


class Knowledge(NamedTuple):
    """What was learned.

    Attributes:
        newest: of what was approved this week.
        this_week: how many items that are.
        approved: how many there are in all.
        pending: how many wait.
    """

    newest: list[Item]
    this_week: int
    approved: int
    pending: int


@routes.add("GET", "/", TEAM)
def overview(request: Request, program: Program, caller: Caller) -> HTMLResponse:
    """Show everything at a glance."""
    member = caller.role.includes(Role.MEMBER)
    now = program.clock.now()
    with program.store.read() as tx:
        month = _used(Report(tx, where=_days(program, MONTH).filter(None)), program, MONTH)
        week = _used(Report(tx, where=_days(program, WEEK).filter(None)), program, WEEK)
        knowledge = _knowledge(tx, caller, now)
        processors = backlog.processors(tx, now=now) if member else []
        visible = None if visibility.aggregates_only(caller) else persons_seen(caller, single=True)
        where = service.Where(visible=() if visibility.aggregates_only(caller) else visible)
        newest = service.sessions(tx, where=where, limit=NEWEST).rows
        step = next_step(tx, caller, pending=knowledge.pending, now=now)
    checks = program.health.checks()
    return render(
        request,
        "overview.html",
        empty=program.is_empty(),
        demo=bool(program.demo_homes()),
        may_begin=program.may_begin_demo(),
        people=program.accounts.any(),
        week=week,
        month=month,
        usage_href=address("/usage", _days(program, MONTH)),
        knowledge=knowledge,
        reviews=caller.role.includes(Role.REVIEWER),
        pipeline=_pipeline(processors) if member else None,
        processors=processors,
        health=worst(checks),
        broken=any(each.result == "fault" for each in checks),
        faults=_faults(checks) if member else [],
        newest=newest,
        everybody=visible is None,
        admin=caller.role is Role.ADMIN,
        step=step,
        command=command(request, program),
        server_command=command(request, program, data=True),
    )


@routes.add("POST", "/demo", OPERATE)
def begin_demo(request: Request, program: Program, acting: Acting) -> RedirectResponse:
    """Have an invented team's sample transcripts collected, to look around."""
    program.begin_demo(by=acting)
    return done(request, "/", "Demo data is on its way; it takes about half a minute.")


@routes.add("POST", "/demo/end", OPERATE)
def end_demo(request: Request, program: Program, acting: Acting) -> RedirectResponse:
    """Erase the demo data with its persons."""
    program.end_demo(by=acting)
    return done(request, "/", "The demo data is gone.")


def _days(program: App, days: int) -> Filtered:
    return Filtered.model_validate({"since": (today(program) - timedelta(days=days - 1)).isoformat()})


def _used(report: Report, program: App, days: int) -> Used:
    by_day = {each.group[0]: each for each in report.by(["date"])}
    first = today(program) - timedelta(days=days - 1)
    values = [by_day.get((first + timedelta(days=each)).isoformat(), Totals()) for each in range(days)]
    totals = report.totals()
    return Used(days, totals, tokens(totals), sparkline([each.cost_usd_micros or 0 for each in values]))


def _knowledge(tx: Any, caller: Principal, now: int) -> Knowledge:
    counts = listing.counted(tx, caller, where=listing.Filter(), now=now)
    learned = listing.Filter(statuses=(Status.APPROVED,), approved_since=now - WEEK_US)
    found = listing.listed(tx, caller, where=learned, now=now, limit=NEWEST, after=None).rows
    this_week = listing.counted(tx, caller, where=learned, now=now).get(Status.APPROVED, 0)
    return Knowledge(found, this_week, counts.get(Status.APPROVED, 0), counts.get(Status.PENDING, 0))


class Pipeline(NamedTuple):
    """What all processors together have still to do."""

    due: int
    failed: int
    lag_us: int
    paused: int


def _pipeline(processors: list[Backlog]) -> Pipeline:
    return Pipeline(
        due=sum(each.backlog for each in processors),
        failed=sum(each.dead for each in processors),
        lag_us=max((each.lag_us for each in processors), default=0),
        paused=sum(bool(each.paused_reason) for each in processors),
    )


def _faults(checks: list[Check]) -> list[Check]:
    """Return what is not well, the worst first."""
    return sorted((each for each in checks if each.result != "ok"), key=lambda each: each.result != "fault")


PAGES = Pages(routes, (Entry("Overview", "/", "overview", Group.FIGURES, TEAM),))
