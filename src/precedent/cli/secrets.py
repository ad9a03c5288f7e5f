"""`precedent secrets …`: where redaction left its marks."""

from typing import Annotated

import msgspec
import typer

from precedent.processors.secrets import rows as service

from .context import context
from .output import instant, iso, print_json, print_table, say

_cli = typer.Typer(help="Where secrets were scrubbed.", no_args_is_help=True, rich_markup_mode=None)

Person = Annotated[list[str] | None, typer.Option(help="Only this person; may be repeated.")]
Rule = Annotated[list[str] | None, typer.Option(help="Only this rule; may be repeated.")]
Session = Annotated[list[str] | None, typer.Option(help="Only this session id; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NOTHING = "No marks here. `precedent collect` and `precedent run secrets` bring them in, if there are any."


def _filter(person: list[str] | None, rule: list[str] | None, session: list[str] | None) -> service.Filter:
    return service.Filter(persons=tuple(person or ()), rules=tuple(rule or ()), sessions=tuple(session or ()))


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="secrets")


@_cli.command("list")
def list_places(
    ctx: typer.Context,
    person: Person = None,
    rule: Rule = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(help="Places at most.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List the places where secrets were scrubbed, the newest first."""
    with context(ctx).app.store.read() as tx:
        found = service.marked(tx, where=_filter(person, rule, session), limit=limit).rows
    if as_json:
        print_json([{**msgspec.to_builtins(each), "at": iso(each.at)} for each in found])
    elif found:
        shown = [{**msgspec.to_builtins(each), "at": instant(each.at)} for each in found]
        print_table(shown, ["at", "person", "session_file", "line", "rule", "speaker", "tool", "project", "marks"])
    else:
        say(NOTHING)


@_cli.command()
def by(
    ctx: typer.Context,
    dimensions: Annotated[str, typer.Argument(help=f"One or more of {', '.join(service.DIMENSIONS)}; with commas.")],
    person: Person = None,
    rule: Rule = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Count marks by rule, person, place."""
    names = [name.strip() for name in dimensions.split(",")]
    with context(ctx).app.store.read() as tx:
        found = service.totals(tx, names, where=_filter(person, rule, session))
    rows = [
        dict(zip(names, each.group, strict=True))
        | {"marks": each.marks, "places": each.places, "sessions": each.sessions, "last_at": each.last_at}
        for each in found
    ]
    if as_json:
        print_json([{**row, "last_at": iso(each.last_at)} for row, each in zip(rows, found, strict=True)])
    elif rows:
        shown = [{**row, "last": instant(each.last_at)} for row, each in zip(rows, found, strict=True)]
        print_table(shown, [*names, "marks", "places", *(["sessions"] if "session" not in names else []), "last"])
    else:
        say(NOTHING)
