"""`precedent friction …`: where work with agents went wrong."""

from typing import Annotated

import msgspec
import typer

from precedent.errors import NotFound
from precedent.processors.friction import rows as service
from precedent.usage import sessions

from .context import context
from .output import instant, iso, print_json, print_table, say

_cli = typer.Typer(
    help="Failing tools, loops, interruptions, rejections, corrections.", no_args_is_help=True, rich_markup_mode=None
)

Person = Annotated[list[str] | None, typer.Option(help="Only this person; may be repeated.")]
Session = Annotated[list[str] | None, typer.Option(help="Only this session id; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COUNTS = ["tool_errors", "loops", "dead_ends", "interruptions", "rejections", "corrections"]
NOTHING = "No friction here. `precedent collect` and `precedent run friction` bring it in, if there is any."


def _filter(person: list[str] | None, session: list[str] | None) -> service.Filter:
    return service.Filter(persons=tuple(person or ()), sessions=tuple(session or ()))


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="friction")


@_cli.command("list")
def list_sessions(
    ctx: typer.Context,
    person: Person = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(help="Sessions at most.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List the sessions that have any friction, the newest first."""
    with context(ctx).app.store.read() as tx:
        found = service.by_session(tx, where=_filter(person, session), limit=limit).rows
    if as_json:
        print_json([{**msgspec.to_builtins(each), "last_at": iso(each.last_at)} for each in found])
    elif found:
        shown = [{**msgspec.to_builtins(each), "last": instant(each.last_at)} for each in found]
        print_table(shown, ["session", "person", "agent", "last", *COUNTS, "failing_tools"])
    else:
        say(NOTHING)


@_cli.command()
def tools(ctx: typer.Context, person: Person = None, session: Session = None, as_json: Json = False) -> None:
    """Count friction by tool, the most failures first."""
    with context(ctx).app.store.read() as tx:
        found = [msgspec.to_builtins(each) for each in service.by_tool(tx, where=_filter(person, session))]
    if as_json:
        print_json(found)
    elif found:
        print_table(found, ["tool", "tool_errors", "loops", "dead_ends", "rejections", "sessions"])
    else:
        say(NOTHING)


@_cli.command()
def show(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(help="Session id or session file.")],
    as_json: Json = False,
) -> None:
    """Show every moment of friction of a session with its line."""
    with context(ctx).app.store.read() as tx:
        found = service.moments(tx, session)
        if not found and not sessions.owned(tx, session):
            raise NotFound(f"no session {session!r}; `precedent sessions list` names them")
    if as_json:
        print_json([{**msgspec.to_builtins(each), "at": iso(each.at)} for each in found])
    elif found:
        shown = [{**msgspec.to_builtins(each), "at": instant(each.at)} for each in found]
        print_table(shown, ["at", "session_file", "line", "kind", "name", "times"])
    else:
        say("This session has no friction.")
