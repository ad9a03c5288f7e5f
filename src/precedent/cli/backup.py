"""`precedent backup` and `precedent restore`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from precedent.archive.backup import BackupStats, check
from precedent.clock import SECOND

from .context import context
from .output import bar, instant, iso, print_json, say

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(backup)
    cli.command()(restore)


def backup(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="File to write, or a folder to write one into.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read the backup back afterwards.")] = False,
    as_json: _Json = False,
) -> None:
    """Write everything into one file, as it is at this instant, while everything goes on."""
    app = context(ctx).app
    if path.is_dir():
        now = datetime.fromtimestamp(app.clock.now() // SECOND, UTC)
        path = path / f"precedent-{now:%Y%m%dT%H%M%SZ}.tar"
    with bar("Backing up"):
        stats = app.back_up(path)
        if verify:
            check(path)
    _tell(stats, "Backed up", as_json=as_json)


def restore(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A backup.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every restored transcript again and compare it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the backup; write nothing.")] = False,
    as_json: _Json = False,
) -> None:
    """Bring a backup into an empty data folder and database; one that is not whole is refused before that."""
    with bar("Restoring") as progress:
        if dry_run:
            stats = check(path)
        else:
            shown = lambda done, total: progress.show("Restoring", done=done, total=total)  # noqa: E731
            stats = context(ctx).app.restore(path, read_back=verify, progress=shown)
    _tell(stats, "Whole" if dry_run else "Restored", as_json=as_json)


def _tell(stats: BackupStats, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**msgspec.to_builtins(stats), "made_at": iso(stats.made_at)})
        return
    say(
        f"{what}: {stats.rows:,} rows of {stats.tables} tables and {stats.transcripts:,} transcripts "
        f"({stats.transcript_bytes / 1e6:,.1f} MB) of {instant(stats.made_at)}; {stats.path}, "
        f"{stats.file_bytes / 1e6:,.1f} MB."
    )
