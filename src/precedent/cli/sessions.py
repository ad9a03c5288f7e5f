"""`precedent sessions …`."""

from typing import Annotated

import msgspec
import typer

from precedent.errors import NotFound
from precedent.security.principals import COMMAND_LINE
from precedent.usage import sessions as service

from .context import context
from .output import counted, dollars, duration, instant, iso, print_json, print_table, say

_cli = typer.Typer(help="Collected sessions.", no_args_is_help=True, rich_markup_mode=None)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="sessions")


@_cli.command("list")
def list_sessions(
    ctx: typer.Context,
    person: Annotated[list[str] | None, typer.Option(help="Only of this person; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(help="Sessions at most.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List sessions, the last active first."""
    with context(ctx).app.store.read() as tx:
        where = service.Where(persons=tuple(person or ()))
        found = service.sessions(tx, where=where, limit=limit).rows
    if as_json:
        print_json(
            [
                {**msgspec.to_builtins(each), "first_at": iso(each.first_at), "last_at": iso(each.last_at)}
                for each in found
            ]
        )
    elif found:
        shown = [
            {
                "session": each.session,
                "person": each.person,
                "agent": each.agent,
                "last": instant(each.last_at),
                "active": duration(each.active_us),
                "requests": each.requests,
                "cost": dollars(each.cost_usd_micros),
                "title": each.title or each.project,
            }
            for each in found
        ]
        print_table(shown, ["session", "person", "agent", "last", "active", "requests", "cost", "title"])
    else:
        say("No sessions yet. `precedent collect` and `precedent run usage` bring them in.")


@_cli.command()
def show(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(help="Session id or session file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a session's transcripts: how each line was accounted for, and every fault with its place."""
    with context(ctx).app.store.read() as tx:
        found = service.details(tx, [each.transcript_id for each in service.owned(tx, session)])
    if not found:
        raise NotFound(f"no session {session!r}; `precedent sessions list` names them")
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    for each in found:
        rows = [
            {"what": name.replace("_", " "), "value": value}
            for name, value in msgspec.to_builtins(each).items()
            if name not in {"session_file", "defects", "shares_with"}
        ]
        say(each.session_file)
        print_table(rows, ["what", "value"])
        for relative in each.shares_with:
            say(f"  shares requests with {relative}")
        for defect in each.defects:
            say(f"  {defect}")


@_cli.command()
def delete(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(help="Session id or session file.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a session from the archive with everything derived from it; requests that kept copies share stay."""
    if not yes:
        typer.confirm(f"Delete {session} and everything derived from it?", abort=True, err=True)
    receipt = context(ctx).app.erase_session(session, by=COMMAND_LINE.name)
    count = counted(receipt.counts.get("transcript", 0), "transcript")
    say(f"{count} deleted; the session will not be collected again. Receipt {receipt.id}.")
