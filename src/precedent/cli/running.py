"""`precedent run`, `status` and `dead`."""

from typing import Annotated, Any

import msgspec
import typer

from precedent.clock import SECOND
from precedent.jobs.records import PREFIX
from precedent.jobs.runs import RunRecord
from precedent.pipeline import backlog
from precedent.pipeline.stats import RunStats

from .context import context
from .output import bar, counted, duration, instant, iso, print_json, print_table, say, say_first

dead_cli = typer.Typer(help="Transcripts that were given up on.", no_args_is_help=True, rich_markup_mode=None)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(run)
    cli.command()(status)
    cli.command()(runs)
    cli.add_typer(dead_cli, name="dead")


def run(
    ctx: typer.Context,
    processor: Annotated[str, typer.Argument(help="Name of an installed processor, for example usage.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Run a processor over the transcripts that are due."""
    app = context(ctx).app
    with bar(f"Running {processor}") as progress:

        def show(stats: RunStats) -> None:
            progress.show(_line(stats), done=stats.processed + stats.errors, total=max(stats.scanned, 1))

        stats = app.run_processor(processor, progress=show)
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(f"{processor}: {_line(stats)}")
        say_first([f"{detail['session']}: {detail['error']}" for detail in stats.errors_detail])
        if stats.paused:
            say(f"  paused: {stats.paused}. Mend it, then `precedent resume {processor}`.")
    raise typer.Exit(1 if stats.errors or stats.paused else 0)


def _line(stats: RunStats) -> str:
    parts = [f"{counted(stats.processed, 'transcript')} processed, {counted(stats.items_extracted, 'item')}"]
    for count, what in (
        (stats.skipped, "unchanged"),
        (stats.reprocessed, "of them again for a new version"),
        (stats.capped, "left for the next run"),
        (stats.later, "not yet"),
        (stats.errors, "failed"),
        (stats.dead, "given up on (see `precedent dead list`)"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)


def status(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what each processor has done, has still to do and has given up on."""
    app = context(ctx).app
    found = app.processing.backlogs()
    with app.store.read() as tx:
        transcripts, size = backlog.archive_size(tx)
    last = app.runs.last_begun(PREFIX + each.processor for each in found)
    rows = [{**msgspec.to_builtins(each), **_last(last.get(PREFIX + each.processor))} for each in found]
    if as_json:
        print_json({"transcripts": transcripts, "archived_bytes": size, "processors": rows})
        return
    say(f"{transcripts:,} transcripts archived, {size / 1e6:,.1f} MB, in {app.settings.archive_dir}")
    shown = [
        {
            **row,
            "lag": duration(each.lag_us) if each.lag_us else "none",
            "last_run": instant(newest.started_at if (newest := last.get(PREFIX + each.processor)) else None),
        }
        for row, each in zip(rows, found, strict=True)
    ]
    columns = ["processor", "version", "done", "backlog", "waiting", "outdated", "dead", "lag", "last_run"]
    print_table(shown, [*columns, "last_outcome"])
    for each in found:
        if each.paused_reason:
            say(f"{each.processor} is paused: {each.paused_reason}. `precedent resume {each.processor}` resumes it.")


def _last(run: RunRecord | None) -> dict[str, str | None]:
    if run is None:
        return {"last_run": None, "last_outcome": None}
    return {"last_run": iso(run.started_at), "last_outcome": run.state}


def runs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the newest runs of the collector and the processors, with what they did or why they failed."""
    found = [
        {
            "run": each.id,
            "job": each.name,
            "requested_by": each.requested_by,
            "started_at": iso(each.started_at),
            "seconds": round(
                ((each.finished_at or each.heartbeat_at) - (each.started_at or each.requested_at)) / SECOND, 1
            ),
            "outcome": each.state,
            "counts": msgspec.json.decode(each.counts),
            "error": each.error,
        }
        for each in context(ctx).app.runs.latest(limit=limit)
    ]
    if as_json:
        print_json(found)
    elif found:
        shown = [{**each, "error": each["error"] or _first_error(each["counts"])} for each in found]
        print_table(shown, ["run", "job", "started_at", "seconds", "outcome", "error"])
    else:
        say("Nothing has run yet.")


def _first_error(counts: dict[str, Any]) -> str:
    details = counts.get("errors_detail") or [{}]
    return str(details[0].get("error", ""))


@dead_cli.command("list")
def dead_list(
    ctx: typer.Context,
    waiting: Annotated[bool, typer.Option("--waiting", help="Also those that will be tried again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List transcripts that were given up on, with the reason."""
    with context(ctx).app.store.read() as tx:
        found = [
            {**msgspec.to_builtins(each), "next_attempt_at": iso(each.next_attempt_at)}
            for each in backlog.failed(tx, waiting=waiting)
        ]
    if as_json:
        print_json(found)
    elif found:
        columns = ["processor", "session_file", "attempts", *(["next_attempt_at"] if waiting else [])]
        print_table(found, [*columns, "error_class", "error"])
    else:
        say("Nothing was given up on.")


_Sessions = Annotated[list[str] | None, typer.Argument(help="Session files as `dead list` shows them.")]
_Processor = Annotated[str | None, typer.Option(help="Only of this processor.")]
_All = Annotated[bool, typer.Option("--all", help="All of them.")]


@dead_cli.command("retry")
def dead_retry(
    ctx: typer.Context, session: _Sessions = None, processor: _Processor = None, every: _All = False
) -> None:
    """Try transcripts again, from their first attempt."""
    app = context(ctx).app
    chosen = backlog.chosen(session, every=every)
    with app.store.write() as tx:
        count = backlog.retry(tx, chosen, processor=processor, now=app.clock.now())
        app.audited(tx, "retry_dead_letters", _named(processor), details={"transcripts": count, "sessions": chosen})
    say(f"{counted(count, 'transcript')} will be tried again in the next run.")


def _named(processor: str | None) -> str:
    """Name, for the audit log, whose dead letters they are."""
    return f"processor:{processor or '*'}"


@dead_cli.command("drop")
def dead_drop(ctx: typer.Context, session: _Sessions = None, processor: _Processor = None, every: _All = False) -> None:
    """Take transcripts off the list without processing them; they come back when their content is replaced."""
    chosen = backlog.chosen(session, every=every)
    app = context(ctx).app
    with app.store.write() as tx:
        count = backlog.drop(tx, chosen, processor=processor)
        app.audited(tx, "drop_dead_letters", _named(processor), details={"transcripts": count, "sessions": chosen})
    say(f"{counted(count, 'transcript')} dropped from the list; the archive keeps them.")
