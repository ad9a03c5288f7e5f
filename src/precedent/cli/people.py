"""`precedent people …`."""

from typing import Annotated

import typer

from precedent.archive import people

from .context import context
from .output import print_json, print_table, say

_cli = typer.Typer(help="Whose transcripts they are.", no_args_is_help=True, rich_markup_mode=None)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="people")


@_cli.command("list")
def list_people(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List people; a provisional one was made from a folder's name."""
    with context(ctx).app.store.read() as tx:
        rows = [each._asdict() for each in people.listed(tx)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, ["key", "name", "email", "provisional", "transcripts"])
    else:
        say("Nobody yet.")


@_cli.command()
def merge(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="Who is to become the other, as `people list` shows them.")],
    into: Annotated[str, typer.Argument(help="Whom they become.")],
) -> None:
    """Give everything of one person to another, now and for all that is collected later."""
    context(ctx).app.merge_people(key, into=into)
    say(f"{key} is {into} from now on.")
