"""The `precedent` command.

Exit codes: 0 done · 1 something failed · 2 the call or a setting is wrong · 3 the same thing is already running.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from precedent.errors import Busy, PrecedentError, Terminal

from . import admin, collecting, first_look, people, pricing, reports, running, serving, sessions
from .context import Context
from .output import say

cli = typer.Typer(
    name="precedent",
    help="Exact usage figures from the transcripts of coding agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        # Only this option needs the package's metadata.
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"precedent {version('precedent')}")
        raise typer.Exit


@cli.callback()
def top(
    ctx: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder that holds everything [PRECEDENT_DATA_DIR; ./precedent-data].")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Set what all commands share."""
    ctx.obj = Context({"data_dir": data_dir})
    ctx.call_on_close(lambda: _close(ctx.obj))


def _close(context: Context) -> None:
    if "app" in context.__dict__:
        context.app.close()


collecting.register(cli)
running.register(cli)
serving.register(cli)
first_look.register(cli)
cli.add_typer(reports.cli, name="usage")
cli.add_typer(sessions.cli, name="sessions")
cli.add_typer(pricing.cli, name="prices")
cli.add_typer(people.cli, name="people")
cli.add_typer(running.dead_cli, name="dead")
admin.register(cli)


def main() -> None:
    """Run the command; a fault of ours is one line for a person and an exit code for a program."""
    os.umask(0o077)  # transcripts and what is derived from them are nobody else's to read
    try:
        cli()
    except Busy as error:
        say(f"precedent: {error}")
        sys.exit(3)
    except Terminal as error:
        say(f"precedent: {error}")
        sys.exit(2)
    except PrecedentError as error:
        say(f"precedent: {error}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        sys.stderr.close()
        sys.exit(1)


__all__ = ["cli", "main"]
