"""`precedent serve`."""

from typing import Annotated

import typer

from .context import context
from .output import say


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(serve)


def serve(
    ctx: typer.Context,
    all_users: Annotated[bool, typer.Option("--all-users", help="Collect from everybody's home; needs root.")] = False,
) -> None:
    """Collect and run processors at their cadences until stopped with Ctrl-C or SIGTERM."""
    # The engine is heavy and only this command needs it.
    from precedent.serve import serve as run  # noqa: PLC0415

    run(context(ctx).app, everybody=all_users, say=say)
