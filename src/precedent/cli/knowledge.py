"""`precedent knowledge …`: what people corrected, confirmed or defined."""

from typing import Annotated

import msgspec
import typer

from precedent.knowledge import rows
from precedent.knowledge.model import Status
from precedent.knowledge.visibility import visible
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.store.schema import knowledge_item

from .context import context
from .output import print_json, print_table, say

_cli = typer.Typer(help="Knowledge and its review.", no_args_is_help=True, rich_markup_mode=None)

Number = Annotated[int, typer.Argument(help="Id of the item.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NOTHING = "No knowledge here. `precedent collect` and `precedent run verification` find it, if there is any."


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="knowledge")


@_cli.command("list")
def list_items(
    ctx: typer.Context,
    status: Annotated[list[Status] | None, typer.Option(help="Only of this status; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """List items."""
    app = context(ctx).app
    where = [visible(COMMAND_LINE, now=app.clock.now())]
    if status:
        where.append(knowledge_item.c.status.in_([each.value for each in status]))
    with app.store.read() as tx:
        found = [msgspec.to_builtins(each) for each in rows.items(tx, *where)]
    if as_json:
        print_json(found)
    elif found:
        print_table(found, ["id", "status", "title"])
    else:
        say(NOTHING)


@_cli.command()
def approve(ctx: typer.Context, number: Number) -> None:
    """Approve an item as it stands."""
    item = context(ctx).app.review.approve(number, by=BY_COMMAND_LINE)
    say(f"Approved {item.id}: {item.title}")
