"""`precedent mcp`: the team's knowledge as tools for an agent."""

from pathlib import Path

import typer


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("mcp")(serve)


def serve() -> None:
    """Offer search, get and propose over standard input and output, as the Model Context Protocol has it."""
    # The library takes seconds to load, and only this command needs it.
    from precedent.client import tools  # noqa: PLC0415

    tools.serve(Path.home())
