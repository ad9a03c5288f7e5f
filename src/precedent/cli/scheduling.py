"""`precedent scheduler` and `precedent schedule`."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from precedent import lifeline
from precedent.clock import SECOND
from precedent.jobs.records import Job, named

from .context import context
from .output import iso, print_json, print_table, safe, say

schedule_cli = typer.Typer(help="When jobs are due.", no_args_is_help=True, rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TIMES = 5


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(scheduler)
    cli.add_typer(schedule_cli, name="schedule")


def scheduler(ctx: typer.Context) -> None:
    """Start each job when it is due, over HTTP, and nothing else; several may run."""
    # The HTTP client is heavy and only this command needs it.
    from precedent.scheduler.loop import run_until_told  # noqa: PLC0415
    from precedent.telemetry.logs import begin  # noqa: PLC0415

    lifeline.hold()
    app = context(ctx).app
    settings = app.settings
    begin(settings, process="scheduler")
    run_until_told(
        app.jobs.values(),
        url=settings.api_url,
        token=settings.scheduler_token,
        tick_s=settings.tick_s,
        tracing=app.tracing,
    )


@schedule_cli.command("list")
def schedule_list(ctx: typer.Context, as_json: _Json = False) -> None:
    """List every job with its schedule and its next time."""
    here = context(ctx).app
    now = here.clock.now()
    rows = [
        {
            "job": job.name, "schedule": job.schedule, "next": iso(_times(job, now, count=1)[0]),
            "variable": job.variable, "method": job.method, "path": job.path, "timeout_s": job.timeout_s,
            "catch_up": job.catch_up.value, "overlap": job.overlap.value,
        }
        for job in here.jobs.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]))


@schedule_cli.command("next")
def schedule_next(
    ctx: typer.Context,
    job: Annotated[str | None, typer.Argument(help="Name of a job; all without it.")] = None,
    as_json: _Json = False,
) -> None:
    """Show the next five times of jobs."""
    here = context(ctx).app
    now = here.clock.now()
    chosen = [named(here.jobs, job)] if job else list(here.jobs.values())
    rows = [{"job": each.name, "at": iso(at)} for each in chosen for at in _times(each, now)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ["job", "at"])


@schedule_cli.command("check")
def schedule_check(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help='A schedule, as "daily 07:00 Europe/Berlin".')],
    name: Annotated[str, typer.Option(help="The job it is for, which ~ and every follow from.")] = "job",
    as_json: _Json = False,
) -> None:
    """Show the next five times of a schedule, or what is wrong with it and where."""
    # Time zones and cron fields: other commands do without.
    from precedent.schedules import Fault, parse, upcoming  # noqa: PLC0415

    try:
        times = upcoming(parse(text, name=name), after=context(ctx).app.clock.now(), count=TIMES)
    except Fault as fault:
        if as_json:
            print_json({"ok": False, "column": fault.column, "message": fault.message, "next": []})
        else:
            say(f"{safe(fault.text)}\n{' ' * (fault.column - 1)}^ column {fault.column}: {fault.message}")
        raise typer.Exit(2) from fault
    if as_json:
        print_json({"ok": True, "column": None, "message": "", "next": [iso(at) for at in times]})
        return
    zone = text.split()[-1] if re.search(" [A-Za-z_]+/[A-Za-z_/+-]+$", text.rstrip()) else ""
    print_table([{"at": iso(at), "there": _there(at, zone)} for at in times], ["at", *(["there"] if zone else [])])


def _times(job: Job, now: int, *, count: int = TIMES) -> list[int]:
    # As above.
    from precedent.schedules import parse, upcoming  # noqa: PLC0415

    return upcoming(parse(job.schedule, name=job.name), after=now, count=count)


def _there(at: int, zone: str) -> str:
    """Return an instant as clocks in a zone show it."""
    # As above.
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M %Z")
