"""`precedent first-look`: what `make run` does."""

import sys
from pathlib import Path

import typer

from precedent import samples
from precedent.app import App
from precedent.archive import homes
from precedent.settings import Settings
from precedent.usage.report import Report

from . import reports
from .context import Context, context
from .output import bar, say

SAMPLES_FOLDER = "samples"


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("first-look")(first_look)


def first_look(ctx: typer.Context) -> None:
    """Collect your transcripts, count them and show the figures; with sample transcripts when you have none."""
    here = context(ctx)
    with bar("Collecting your transcripts") as progress:
        here.app.collect([homes.own()], progress=lambda stats: progress.show(f"{stats.files_copied:,} transcripts"))
    if here.app.is_empty():
        say("You have no transcripts of a coding agent yet: these are sample transcripts of an invented team.")
        here = Context({**here.given, "data_dir": here.settings.data_dir / SAMPLES_FOLDER})
        ctx.obj = here
        here.app.collect([homes.given(home) for home in samples.homes()])
    with bar("Counting") as progress:
        stats = here.app.run_processor(
            "usage", progress=lambda now: progress.show("Counting", done=now.processed, total=max(1, now.scanned))
        )
    _show(here.app, ctx)
    if stats.errors:
        say(f"{stats.errors:,} transcripts could not be counted; `precedent dead list` will say why.")
    folder = here.settings.data_dir
    say(f"More figures: `precedent --data-dir {folder} usage --help`.")
    say(f"To keep collecting, and for pages in a browser: `{_called()} serve`, then open {_address(here.settings)}.")


def _called() -> str:
    """Return our command as it was called: after `make run` it is on no path."""
    return sys.argv[0] if Path(sys.argv[0]).name == "precedent" else "precedent"


def _address(settings: Settings) -> str:
    return settings.public_url or f"{'https' if settings.tls_cert else 'http'}://{settings.host}:{settings.port}/"


def _show(app: App, ctx: typer.Context) -> None:
    with app.store.read() as tx:
        report = Report(tx)
        by_model = report.by(["agent", "model"])
        by_day = report.by(["date"])[-14:]
    say("")
    for dimensions, found in ((["date"], by_day), (["agent", "model"], by_model)):
        rows = [dict(zip(dimensions, each.group, strict=True)) | each.figures() for each in found]
        reports.show_table(rows, dimensions)
    reports.show_remarks(rows)
