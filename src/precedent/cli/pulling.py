"""`precedent pull`: approved knowledge into the files that agents read."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from .output import counted, print_json, say
from .pushing import machine


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(pull)


def pull(
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent's file; may be repeated.")] = None,
    into: Annotated[Path | None, typer.Option(help="A project's folder instead of your home.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes and make none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Bring your team's approved knowledge into the files that your agents read."""
    # The web client is heavy, and only this command needs it.
    from precedent.client import pulling  # noqa: PLC0415

    stats, edits = pulling.pull(Path.home(), machine(), agents=agent or (), into=into, dry_run=dry_run)
    if dry_run and not as_json:
        typer.echo("".join(edit.difference() for edit in edits), nl=False)
    if as_json:
        print_json(msgspec.to_builtins(stats))
        return
    for each in stats.warnings:
        say(f"warning: {each}")
    if stats.stale:
        say("The server cannot be asked, and what was there is too old: it was taken out.")
    else:
        say(f"{counted(stats.items, 'item')} of knowledge, revision {stats.revision}.")
    for path in stats.files_changed:
        say(f"{path} {'would change' if dry_run else 'changed'}.")
