"""`precedent import-state`."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from precedent.pipeline.importing import OLD_TABLE, TABLE, ImportStats

from .context import context
from .output import counted, print_json, say, say_first


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("import-state")(import_state)


def import_state(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="DuckDB file of the other installation; it is only read.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be brought in, and write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Bring in what the processors of another installation have done, so that it is not done again."""
    stats = context(ctx).app.import_state(file, dry_run=dry_run)
    if as_json:
        print_json(msgspec.to_builtins(stats))
        return
    if not stats.tables:
        say(f"{file} holds neither {TABLE} nor {OLD_TABLE}: there is nothing to bring in.")
        return
    say(_line(stats))
    say_first([f"{detail['table']}: {detail['error']}" for detail in stats.details])


def _line(stats: ImportStats) -> str:
    parts = [f"{counted(stats.rows, 'row')} read, {stats.imported:,} brought in"]
    for count, what in (
        (stats.waiting, "of these wait for their session to be collected"),
        (stats.present, "already there"),
        (stats.deleted, "of deleted sessions left out"),
        (stats.unusable, "unusable"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ("Nothing was written. It would be: " if stats.dry_run else "") + ", ".join(parts)
