"""`precedent knowledge pairs …`: items that may say the same or the opposite."""

from typing import Annotated

import msgspec
import typer

from precedent.knowledge.drafts import Draft
from precedent.knowledge.pairs import Resolution
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import print_json, print_table, say

_cli = typer.Typer(help="Items that may say the same or the opposite.", no_args_is_help=True, rich_markup_mode=None)


def add(cli: typer.Typer) -> None:
    """Add the commands to the group."""
    cli.add_typer(_cli, name="pairs")


@_cli.command("list")
def list_pairs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="Pairs at most.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List pairs that wait for a decision."""
    found = context(ctx).app.pairs.listed(COMMAND_LINE, limit=limit).rows
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [
            {
                "id": each.id, "relation": each.relation, "differences": "; ".join(each.differences),
                "first": f"{each.first.id}: {each.first.title}", "second": f"{each.second.id}: {each.second.title}",
            }
            for each in found
        ]  # fmt: skip
        print_table(rows, ["id", "relation", "differences", "first", "second"])
    else:
        say("Nothing waits for a decision.")


@_cli.command()
def decide(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="Id of the pair.", min=1)],
    resolution: Annotated[Resolution, typer.Argument(help="What becomes of the two.")],
    title: Annotated[str | None, typer.Option(help="Of a merge, in short.")] = None,
    content: Annotated[str | None, typer.Option(help="Of a merge, in full.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
) -> None:
    """Decide about a pair, and apply it."""
    given = {name: value for name, value in {"title": title, "content": content}.items() if value is not None}
    made = context(ctx).app.pairs.decide(
        number, resolution, by=BY_COMMAND_LINE, wording=msgspec.convert(given, Draft), reason=reason
    )
    say(f"Pair {number} is decided: {resolution.value}.")
    if made is not None:
        say(f"{made.id} has the place of both and waits for review: {made.title}")
