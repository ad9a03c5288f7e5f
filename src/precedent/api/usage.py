"""Reports on usage: `/api/usage…`, the figures of `precedent usage …`."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query
from pydantic import Field

from precedent.app import App
from precedent.errors import BadInput
from precedent.http.access import Caller, Program, allow
from precedent.http.questions import Dated, Filtered, Paged, persons_seen
from precedent.security.principals import Role
from precedent.usage import blocks as five_hours
from precedent.usage.facts import TOOL_KINDS, EventKind
from precedent.usage.paging import Page, cut
from precedent.usage.periods import Period
from precedent.usage.plugins import PluginUse, plugin_use
from precedent.usage.report import DIMENSIONS, CostMode, EventTotals, Filter, Report, Totals
from precedent.usage.requests import TracedRequest, trace
from precedent.usage.time_spent import TimeSpent, time_spent

from .structs import StructRoutes

routes = StructRoutes(prefix="/api/usage", tags=["usage"])
TEAM = allow(Role.VIEWER)
OWN = allow(Role.MEMBER)
T = TypeVar("T")

SINGLE = frozenset({"person", "session"})
"""Dimensions that tell of single persons."""
PERIODS = {period.value: period for period in Period}
"""Names of dates that say how long one is."""
_NAMES = "|".join([*DIMENSIONS, *PERIODS])
BY = rf"^({_NAMES})(,({_NAMES}))*$"
ABOUT_BY = f"Dimensions joined by commas, each once: {', '.join(DIMENSIONS)}; `day`, `week`, `month`: dates so long."


class UsageTable(msgspec.Struct, kw_only=True):
    """Sums by dimensions.

    Attributes:
        by: the dimensions of each row's `group`, in their order; dates are the first day of their period.
        rows: in the order of their groups.
        next: the `after` of the next page; null on the last one.
    """

    by: list[str]
    rows: list[Totals]
    next: str | None


class EventTable(msgspec.Struct, kw_only=True):
    """Counts of events by name.

    Attributes:
        by: the dimensions of each row's `group`.
        rows: by group, the most frequent first.
        next: the `after` of the next page; null on the last one.
    """

    by: list[str]
    rows: list[EventTotals]
    next: str | None


class Priced(Filtered):
    """A report with cost."""

    cost: CostMode = Field(
        CostMode.CALCULATE, description="From tokens, as the agent recorded it, or the latter first."
    )


class ByQuery(Priced, Paged):
    """Sums by dimensions."""

    by: str = Field("date", pattern=BY, max_length=200, description=ABOUT_BY)
    period: Period = Field(Period.DAY, description="Length of a date.")


class ToolsQuery(Filtered, Paged):
    """Counts of events."""

    kind: list[EventKind] = Field(
        [EventKind(kind) for kind in TOOL_KINDS], max_length=20, description="Only this kind; may be repeated."
    )
    by: str = Field("", pattern=f"{BY}|^$", max_length=200, description=ABOUT_BY)
    period: Period = Field(Period.DAY, description="Length of a date.")


class TimeQuery(Dated, Paged):
    """Time spent."""

    period: Period = Field(Period.DAY, description="Length of a row.")


class BlocksQuery(Dated, Paged):
    """Five-hour blocks."""


class RequestsQuery(Filtered, Paged):
    """Single requests."""


def _dimensions(by: str, period: Period) -> tuple[list[str], Period]:
    """Return dimensions as the reports name them and the length of dates."""
    given = [name for name in by.split(",") if name]
    periods = [PERIODS[name] for name in given if name in PERIODS]
    found = ["date" if name in PERIODS else name for name in given]
    if len(set(found)) != len(found):
        raise BadInput(f"each dimension stands once and there is one date at most; not {by!r}")
    return found, periods[0] if periods else period


def _group(names: list[str]) -> Any:
    """Return the type of a group: as many values as there are dimensions."""
    return Annotated[tuple[str, ...], msgspec.Meta(min_length=len(names), max_length=len(names))]


def _report(program: App, where: Filter, question: Filtered, cost: CostMode, ask: Callable[[Report], T]) -> T:
    with program.store.read() as tx:
        return ask(Report(tx, where=where, place=question.place(), cost=cost))


def _where(caller: Any, question: Filtered, dimensions: list[str]) -> Filter:
    single = bool(SINGLE.intersection(dimensions) or question.person or question.session)
    return question.filter(persons_seen(caller, single=single))


@routes.add("GET", "", TEAM)
def by_dimensions(program: Program, caller: Caller, question: Annotated[ByQuery, Query()]) -> UsageTable:
    """Sum usage up by dimensions.

    Whoever may not see everybody's figures is shown their own when the answer would tell of single persons or sessions.
    """
    names, period = _dimensions(question.by, question.period)
    where = _where(caller, question, names)
    found = _report(program, where, question, question.cost, lambda report: report.by(names, period=period))
    rows = cut(found, limit=question.limit, after=question.after, key=lambda row: row.group, kind=_group(names))
    return UsageTable(by=names, rows=rows.rows, next=rows.next)


@routes.add("GET", "/totals", TEAM)
def totals(program: Program, caller: Caller, question: Annotated[Priced, Query()]) -> Totals:
    """Sum everything up."""
    return _report(program, _where(caller, question, []), question, question.cost, Report.totals)


@routes.add("GET", "/tools", TEAM)
def tools(program: Program, caller: Caller, question: Annotated[ToolsQuery, Query()]) -> EventTable:
    """Count tool calls, MCP tools, skills and sub-agents, with how they ended; other kinds on request."""
    names, period = _dimensions(question.by, question.period)
    where = _where(caller, question, names)
    kinds = [kind.value for kind in question.kind]
    found = _report(
        program, where, question, CostMode.CALCULATE, lambda report: report.events(kinds, names, period=period)
    )
    rows = cut(
        found,
        limit=question.limit,
        after=question.after,
        key=lambda row: (row.group, -row.events, row.kind, row.name),
        kind=tuple[_group(names), int, str, str],  # type: ignore[misc]  # made for this question
    )
    return EventTable(by=names, rows=rows.rows, next=rows.next)


class PluginTable(msgspec.Struct, kw_only=True):
    """What was done with plugins: each, followed by its pieces.

    Attributes:
        rows: the most used plugin first.
    """

    rows: list[PluginUse]


class PluginsQuery(Dated):
    """A stretch of days."""


@routes.add("GET", "/plugins", TEAM)
def plugins(program: Program, question: Annotated[PluginsQuery, Query()]) -> PluginTable:
    """Count calls, people, sessions and errors by plugin, and by skill, agent, command and tool of each."""
    start, end = question.instants()
    with program.store.read() as tx:
        return PluginTable(rows=plugin_use(tx, since=start, until=end))


@routes.add("GET", "/time", OWN)
def time(program: Program, caller: Caller, question: Annotated[TimeQuery, Query()]) -> Page[TimeSpent]:
    """Show user-active, agent and wall time by person; the three are never mixed."""
    start, end = question.instants()
    visible = persons_seen(caller, single=True)
    with program.store.read() as tx:
        found = time_spent(
            tx, start=start, end=end, place=question.place(), period=question.period, visible=visible
        )  # fmt: skip
    return cut(
        found, limit=question.limit, after=question.after, key=lambda row: (row.date, row.person), kind=tuple[str, str]
    )


@routes.add("GET", "/blocks", OWN)
def blocks(program: Program, caller: Caller, question: Annotated[BlocksQuery, Query()]) -> Page[five_hours.Block]:
    """Estimate the five-hour windows of subscriptions."""
    start, end = question.instants()
    with program.store.read() as tx:
        found = five_hours.blocks(tx, start=start, end=end, visible=persons_seen(caller, single=True))
    return cut(
        found,
        limit=question.limit,
        after=question.after,
        key=lambda row: (row.start, row.person, row.agent),
        kind=tuple[int, str, str],
    )


@routes.add("GET", "/requests", OWN)
def requests(program: Program, caller: Caller, question: Annotated[RequestsQuery, Query()]) -> Page[TracedRequest]:
    """List single requests with the transcript and line they stand on, oldest first."""
    where = question.filter(persons_seen(caller, single=True))
    with program.store.read() as tx:
        return trace(tx, where, limit=question.limit, after=question.after)
