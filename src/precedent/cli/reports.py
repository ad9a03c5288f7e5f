"""`precedent usage …`: figures by day, person, agent, model, project, session, tool; for people, JSON or CSV."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from precedent.errors import BadInput
from precedent.usage import blocks as five_hours
from precedent.usage import time_spent as spent
from precedent.usage.export import Format, format_of
from precedent.usage.export import export as write_export
from precedent.usage.facts import EVENT_KINDS, TOOL_KINDS
from precedent.usage.periods import Period, day, span, zone
from precedent.usage.plugins import plugin_use
from precedent.usage.report import DIMENSIONS, CostMode, Filter, Report, Totals
from precedent.usage.requests import TracedRequest, trace

from .context import context
from .output import Row, counted, dollars, duration, instant, iso, print_csv, print_json, print_table, say

_cli = typer.Typer(help="Tokens, cost, tools and time.", no_args_is_help=True, rich_markup_mode=None)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="usage")


Since = Annotated[str | None, typer.Option(help="First day, as 2026-11-23.")]
Until = Annotated[str | None, typer.Option(help="Last day, included.")]
Zone = Annotated[str, typer.Option(help="Time zone of days, as Europe/Berlin.")]
Person = Annotated[list[str] | None, typer.Option(help="Only this person; may be repeated.")]
Agent = Annotated[list[str] | None, typer.Option(help="Only this agent; may be repeated.")]
Model = Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated.")]
Project = Annotated[list[str] | None, typer.Option(help="Only this project folder; may be repeated.")]
Session = Annotated[list[str] | None, typer.Option(help="Only this session id; may be repeated.")]
Cost = Annotated[CostMode, typer.Option(help="Computed, as the agent recorded it, or recorded where there is one.")]


def _one_format(ctx: typer.Context, param: typer.CallbackParam, value: bool) -> bool:
    """Refuse two formats at once; options are called back in the order they were written."""
    if value and ctx.meta.setdefault("precedent.format", param.name) != param.name:
        raise BadInput("give --json or --csv, not both")
    return value


Json = Annotated[bool, typer.Option("--json", callback=_one_format, help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", callback=_one_format, help="Print CSV.")]


FIGURES = [name for name in Totals.__struct_fields__ if name != "group"]
HEADERS = {
    "cost": "API-equivalent cost",
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_write_5m_tokens": "cache write 5m",
    "cache_write_1h_tokens": "cache write 1h",
    "cache_read_tokens": "cache read",
    "partial_requests": "partial",
    "tool_calls": "tools",
    "web_searches": "searches",
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What all reports share."""

    since: str | None
    until: str | None
    zone: str
    persons: list[str] | None = None
    agents: list[str] | None = None
    models: list[str] | None = None
    projects: list[str] | None = None
    sessions: list[str] | None = None
    cost: CostMode = CostMode.CALCULATE

    def place(self) -> tzinfo:
        """Return the time zone."""
        return zone(self.zone)

    def where(self) -> Filter:
        """Return what the report is about."""
        place = self.place()
        start, end = span(day(self.since) if self.since else None, day(self.until) if self.until else None, place)
        return Filter(
            start=start,
            end=end,
            persons=tuple(self.persons or ()),
            agents=tuple(self.agents or ()),
            models=tuple(self.models or ()),
            projects=tuple(self.projects or ()),
            sessions=tuple(self.sessions or ()),
        )


def _report(ctx: typer.Context, options: Options, ask: Callable[[Report], Any]) -> Any:
    where, place = options.where(), options.place()
    with context(ctx).app.store.read() as tx:
        return ask(Report(tx, where=where, place=place, cost=options.cost))


def _grouped(
    ctx: typer.Context,
    options: Options,
    dimensions: Sequence[str],
    *,
    period: Period = Period.DAY,
    as_json: bool,
    as_csv: bool,
) -> None:
    found: list[Totals] = _report(ctx, options, lambda report: report.by(dimensions, period=period))
    rows = [dict(zip(dimensions, each.group, strict=True)) | each.figures() for each in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, [*dimensions, *FIGURES])
    else:
        show_table(rows, list(dimensions))
        show_remarks(rows, cost=options.cost)


def show_table(rows: list[Row], dimensions: list[str]) -> None:
    """Print sums for people."""
    if not rows:
        say("No usage here: nothing was collected and counted yet, or nothing matches.")
        return
    shown = [{**row, "cost": dollars(row["cost_usd_micros"])} for row in rows]
    columns = [*dimensions, "requests", *FIGURES[1:6], "tool_calls", "cost"]
    print_table(shown, columns, headers=HEADERS)


def show_remarks(rows: list[Row], *, cost: CostMode = CostMode.CALCULATE) -> None:
    """Say what the figures leave out: nothing is left out silently."""
    unpriced = sorted({model for row in rows for model in row["unpriced_models"]})
    if unpriced:
        names = ", ".join(unpriced)
        what = "for which no cost was recorded" if cost is CostMode.DISPLAY else "of models without a known price"
        say(f"The cost leaves out requests {what}: {names}.")
    partial, requests = sum(row["partial_requests"] for row in rows), sum(row["requests"] for row in rows)
    if partial:
        share = 100 * partial / requests
        say(f"{partial:,} of {requests:,} requests ({share:.1f} %) never recorded their final output tokens.")
    if not rows:
        return
    if defects := sum(row["defects"] for row in rows):
        where = "`precedent sessions list` counts them by session, `precedent sessions show ID` names their lines"
        say(f"The transcripts have {counted(defects, 'fault')}; {where}.")
    say("Cost is API-equivalent: what these tokens cost at list price, whatever your subscription.")


@_cli.command()
def totals(
    ctx: typer.Context, since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None,
    agent: Agent = None, model: Model = None, project: Project = None, session: Session = None,
    cost: Cost = CostMode.CALCULATE, as_json: Json = False, as_csv: Csv = False,
) -> None:  # fmt: skip
    """Sum everything up."""
    options = Options(
        since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
        sessions=session, cost=cost,
    )  # fmt: skip
    found: Totals = _report(ctx, options, Report.totals)
    if as_json:
        print_json(found.figures())
    elif as_csv:
        print_csv([found.figures()], FIGURES)
    else:
        rows = [found.figures()] if found.requests or found.tool_calls else []
        show_table(rows, [])
        show_remarks(rows, cost=options.cost)


@_cli.command("by")
def by(
    ctx: typer.Context,
    dimensions: Annotated[str, typer.Argument(help=f"One or more of {', '.join(DIMENSIONS)}, joined by commas.")],
    period: Annotated[Period, typer.Option(help="Length of a date.")] = Period.DAY,
    since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None, agent: Agent = None,
    model: Model = None, project: Project = None, session: Session = None, cost: Cost = CostMode.CALCULATE,
    as_json: Json = False, as_csv: Csv = False,
) -> None:  # fmt: skip
    """Sum up by any dimensions, for example `by person,model`."""
    names = [name.strip() for name in dimensions.split(",")]
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown or len(set(names)) != len(names):
        raise BadInput(f"dimensions are {', '.join(DIMENSIONS)}, each once; not {dimensions!r}")
    options = Options(
        since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
        sessions=session, cost=cost,
    )  # fmt: skip
    _grouped(ctx, options, names, period=period, as_json=as_json, as_csv=as_csv)


def _add_shortcut(name: str, dimensions: Sequence[str], period: Period, about: str) -> None:
    def shortcut(
        ctx: typer.Context, since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None,
        agent: Agent = None, model: Model = None, project: Project = None, session: Session = None,
        cost: Cost = CostMode.CALCULATE, as_json: Json = False, as_csv: Csv = False,
    ) -> None:  # fmt: skip
        options = Options(
            since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
            sessions=session, cost=cost,
        )  # fmt: skip
        _grouped(ctx, options, dimensions, period=period, as_json=as_json, as_csv=as_csv)

    shortcut.__doc__ = about
    _cli.command(name)(shortcut)


_add_shortcut("daily", ["date"], Period.DAY, "Sum up by day.")
_add_shortcut("weekly", ["date"], Period.WEEK, "Sum up by week; weeks begin on Monday.")
_add_shortcut("monthly", ["date"], Period.MONTH, "Sum up by month.")
_add_shortcut("session", ["session", "person"], Period.DAY, "Sum up by session, sub-agents included.")


@_cli.command()
def tools(
    ctx: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option(help=f"Only this kind: {', '.join(EVENT_KINDS)}; may be repeated.")
    ] = None,
    by: Annotated[str, typer.Option(help="Dimensions to split by, joined by commas.")] = "",
    since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None, agent: Agent = None,
    model: Model = None, project: Project = None, session: Session = None, as_json: Json = False,
    as_csv: Csv = False,
) -> None:  # fmt: skip
    """Count tool calls, MCP tools, skills and sub-agents, with how they ended; other kinds on request."""
    kinds = kind or list(TOOL_KINDS)
    dimensions = [name.strip() for name in by.split(",") if name.strip()]
    if wrong := [each for each in kinds if each not in EVENT_KINDS]:
        raise BadInput(f"kinds are {', '.join(EVENT_KINDS)}; not {', '.join(wrong)}")
    if wrong := [each for each in dimensions if each not in DIMENSIONS]:
        raise BadInput(f"dimensions are {', '.join(DIMENSIONS)}; not {', '.join(wrong)}")
    options = Options(
        since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
        sessions=session,
    )  # fmt: skip
    found = _report(ctx, options, lambda report: report.events(kinds, dimensions))
    rows = [
        dict(zip(dimensions, each.group, strict=True))
        | {name: getattr(each, name) for name in each.__struct_fields__ if name != "group"}
        for each in found
    ]
    columns = [*dimensions, "kind", "name", "events", "errors", "rejected", "interrupted"]
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, columns)
    elif rows:
        print_table(rows, columns)
    else:
        say("No such events.")


def _stretch(since: str | None, until: str | None, zone_name: str) -> tuple[int | None, int | None]:
    """Return the first instant of some days and the one after the last."""
    return span(day(since) if since else None, day(until) if until else None, zone(zone_name))


@_cli.command()
def plugins(
    ctx: typer.Context, since: Since = None, until: Until = None, zone: Zone = "UTC", as_json: Json = False
) -> None:
    """Count calls, people, sessions and errors by plugin, and by skill, agent, command and tool of each."""
    start, end = _stretch(since, until, zone)
    with context(ctx).app.store.read() as tx:
        found = plugin_use(tx, since=start, until=end)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [{**msgspec.to_builtins(each), "last": instant(each.last_at) if each.last_at else ""} for each in found]
        print_table(rows, ["plugin", "kind", "name", "calls", "people", "sessions", "errors", "last"])
    else:
        say("No plugin was used.")


@_cli.command()
def time(
    ctx: typer.Context, period: Annotated[Period, typer.Option(help="Length of a row.")] = Period.DAY,
    since: Since = None, until: Until = None, zone: Zone = "UTC", as_json: Json = False, as_csv: Csv = False,
) -> None:  # fmt: skip
    """Show user-active, agent and wall time by person; the three are never mixed."""
    options = Options(since=since, until=until, zone=zone)
    where, place = options.where(), options.place()
    with context(ctx).app.store.read() as tx:
        found = spent.time_spent(tx, start=where.start, end=where.end, place=place, period=period)
    rows = [msgspec.to_builtins(each) for each in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, list(spent.TimeSpent.__struct_fields__))
    elif rows:
        names = {"user_active_us": "user active", "agent_us": "agents", "wall_us": "wall"}
        shown = [{name: duration(row[name]) if name in names else row[name] for name in row} for row in rows]
        print_table(shown, list(spent.TimeSpent.__struct_fields__), headers=names)
    else:
        say("No activity here yet.")


@_cli.command()
def blocks(
    ctx: typer.Context, since: Since = None, until: Until = None, zone: Zone = "UTC", as_json: Json = False,
    as_csv: Csv = False,
) -> None:  # fmt: skip
    """Estimate the five-hour windows of subscriptions."""
    options = Options(since=since, until=until, zone=zone)
    where, place = options.where(), options.place()
    with context(ctx).app.store.read() as tx:
        found = five_hours.blocks(tx, start=where.start, end=where.end)
    columns = ["person", "agent", "start", "end", "last_at", "requests", "tokens", "cost_usd_micros", "estimate"]
    if as_json or as_csv:
        rows = [
            {**msgspec.to_builtins(each), **{name: iso(getattr(each, name)) for name in ("start", "end", "last_at")}}
            for each in found
        ]
        if as_json:
            print_json(rows)
        else:
            print_csv(rows, columns)
    elif found:
        shown = [
            {
                "person": each.person,
                "agent": each.agent,
                "start": instant(each.start, place),
                "last": instant(each.last_at, place),
                "requests": each.requests,
                "tokens": each.tokens,
                "cost": dollars(each.cost_usd_micros),
            }
            for each in found
        ]
        print_table(shown, ["person", "agent", "start", "last", "requests", "tokens", "cost"])
        say("These windows are an estimate from the times of requests; agents do not record the official ones.")
    else:
        say("No requests here yet.")


@_cli.command()
def requests(
    ctx: typer.Context, since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None,
    agent: Agent = None, model: Model = None, project: Project = None, session: Session = None,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 1000,
    as_json: Json = False, as_csv: Csv = False,
) -> None:  # fmt: skip
    """List single requests with the transcript and line they stand on."""
    options = Options(
        since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
        sessions=session,
    )  # fmt: skip
    with context(ctx).app.store.read() as tx:
        found = trace(tx, options.where(), limit=limit).rows
    rows = [{**msgspec.to_builtins(each), "at": iso(each.at)} for each in found]
    columns = list(TracedRequest.__struct_fields__)
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, columns)
    elif rows:
        shown = [{**row, "cost": dollars(row["cost_usd_micros"])} for row in rows]
        print_table(shown, ["at", "session_file", "line", "model", *FIGURES[1:6], "cost"], headers=HEADERS)
    else:
        say("No such requests.")


@_cli.command()
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; an older one is replaced when the new one is whole.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="Format, when the file's name does not say it.")
    ] = None,
    since: Since = None, until: Until = None, zone: Zone = "UTC", person: Person = None, agent: Agent = None,
    model: Model = None, project: Project = None, session: Session = None,
) -> None:  # fmt: skip
    """Write every request with its place to a file: CSV, NDJSON or Parquet."""
    options = Options(
        since=since, until=until, zone=zone, persons=person, agents=agent, models=model, projects=project,
        sessions=session,
    )  # fmt: skip
    where, kind = options.where(), form or format_of(file)
    try:
        with (
            tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".precedent-") as folder,
            context(ctx).app.store.read() as tx,
        ):
            found = write_export(tx, where, to=Path(folder, "export"), form=kind)
            Path(folder, "export").replace(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}") from error
    say(f"{counted(found.rows, 'request')} in {file}, {found.size_bytes:,} bytes.")
