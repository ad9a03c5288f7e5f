"""`precedent collect`."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from precedent.archive.collect import CollectStats

from .choosing import Whose, chosen_homes
from .context import context
from .output import bar, counted, print_json, say, say_first


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(collect)


def collect(
    ctx: typer.Context,
    home: Annotated[
        list[Path] | None, typer.Option(help="A home to collect from instead of yours; may be repeated.")
    ] = None,
    user: Whose = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Collect from everybody's home; needs root.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Copy what is new in people's transcripts into the archive, scrubbed of secrets."""
    chosen = chosen_homes(home, user=user, all_users=all_users)
    with bar("Collecting") as progress:
        stats = context(ctx).app.collect(chosen, progress=lambda now: progress.show(_line(now)))
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(_line(stats))
        say_first([f"{detail['file']}: {detail['error']}" for detail in stats.errors_detail])
    raise typer.Exit(1 if stats.files_failed else 0)


def _line(stats: CollectStats) -> str:
    parts = [f"{counted(stats.files_copied, 'transcript')} copied ({stats.bytes_read / 1e6:,.1f} MB)"]
    for count, what in (
        (stats.files_skipped, "unchanged"),
        (stats.redactions, "secrets scrubbed"),
        (stats.files_private, "left private"),
        (stats.files_withdrawn, "withdrawn"),
        (stats.files_deleted, "of deleted sessions left alone"),
        (stats.files_unknown, "no transcripts"),
        (stats.files_refused, "refused as unsafe"),
        (stats.files_failed, "failed"),
        (stats.users_erased, "homes of erased persons left alone"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)
