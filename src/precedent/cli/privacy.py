"""`precedent consent …`, `erase …`, `receipts list` and `housekeeping`."""

from typing import Annotated

import msgspec
import typer

from precedent.archive import homes
from precedent.archive.erasing import Receipt, receipts
from precedent.model import Purpose
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import counted, instant, iso, print_json, print_table, say

_consent = typer.Typer(help="What transcripts may be used for.", no_args_is_help=True, rich_markup_mode=None)
_erase = typer.Typer(help="Erase for good, with a receipt.", no_args_is_help=True, rich_markup_mode=None)
_receipts = typer.Typer(help="Proofs of what was erased.", no_args_is_help=True, rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Person = Annotated[str | None, typer.Option(help="Whose transcripts; default: yours.")]
_Project = Annotated[str, typer.Option(help="A working folder and all below it; default: everything.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_consent, name="consent")
    cli.add_typer(_erase, name="erase")
    cli.add_typer(_receipts, name="receipts")
    cli.command()(housekeeping)


@_consent.command("show")
def show_consent(ctx: typer.Context, person: _Person = None, as_json: _Json = False) -> None:
    """Show what a person allows."""
    found = context(ctx).app.wishes.of(person or homes.own().user)
    if as_json:
        print_json([{**msgspec.to_builtins(each), "changed_at": iso(each.changed_at)} for each in found])
        return
    rows = [
        {
            "purpose": each.purpose,
            "project": each.project or "everything",
            "allowed": each.allowed,
            "changed": instant(each.changed_at),
            "by": each.changed_by or "default",
        }
        for each in found
    ]
    print_table(rows, ["purpose", "project", "allowed", "changed", "by"])


@_consent.command()
def allow(ctx: typer.Context, purpose: Purpose, person: _Person = None, project: _Project = "") -> None:
    """Allow transcripts to be used for a purpose."""
    _set(ctx, purpose, person, project, allowed=True)


@_consent.command()
def deny(ctx: typer.Context, purpose: Purpose, person: _Person = None, project: _Project = "") -> None:
    """Deny a purpose; what was derived for it is removed."""
    _set(ctx, purpose, person, project, allowed=False)


@_consent.command()
def forget(ctx: typer.Context, purpose: Purpose, person: _Person = None, project: _Project = "") -> None:
    """Take a rule away; the next wider one holds again."""
    _set(ctx, purpose, person, project, allowed=None)


def _set(ctx: typer.Context, purpose: Purpose, person: str | None, project: str, *, allowed: bool | None) -> None:
    key = person or homes.own().user
    changed = context(ctx).app.wishes.set(key, purpose, project=project, allowed=allowed, by=COMMAND_LINE.name)
    say(f"{counted(changed.withheld, 'result')} removed and withheld, {changed.pending:,} pending again.")


@_erase.command("session")
def erase_session(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(help="Session id or session file.")],
    yes: _Yes = False,
    as_json: _Json = False,
) -> None:
    """Erase a session with everything derived from it; it is not collected again."""
    if not yes:
        typer.confirm(f"Erase {session} and everything derived from it?", abort=True, err=True)
    _proof(context(ctx).app.erase_session(session, by=COMMAND_LINE.name), as_json=as_json)


@_erase.command("person")
def erase_person(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="Who, as `people list` shows them.")],
    yes: _Yes = False,
    as_json: _Json = False,
) -> None:
    """Erase a person with everything of them; nothing of them is collected again."""
    if not yes:
        typer.confirm(f"Erase {key}, every session, figure and account of theirs?", abort=True, err=True)
    _proof(context(ctx).app.erase_person(key, by=COMMAND_LINE.name), as_json=as_json)


def _proof(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        print_json(_shown(receipt))
        return
    say(f"Erased. Receipt {receipt.id}:")
    print_table([{"what": name, "rows": count} for name, count in receipt.counts.items()], ["what", "rows"])


@_receipts.command("list")
def list_receipts(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="Receipts at most.", min=1)] = 50,
    as_json: _Json = False,
) -> None:
    """List receipts, newest first."""
    with context(ctx).app.store.read() as tx:
        found = receipts(tx, limit=limit)
    if as_json:
        print_json([_shown(each) for each in found])
        return
    rows = [
        {
            "receipt": each.id,
            "at": instant(each.at),
            "kind": each.kind,
            "subject": each.subject,
            "by": each.erased_by,
            "rows": sum(each.counts.values()),
        }
        for each in found
    ]
    print_table(rows, ["receipt", "at", "kind", "subject", "by", "rows"])


def _shown(receipt: Receipt) -> dict[str, object]:
    return {**msgspec.to_builtins(receipt), "at": iso(receipt.at)}


def housekeeping(ctx: typer.Context, as_json: _Json = False) -> None:
    """Remove what is too old, compress old transcripts and sweep leftovers, as it is done every night."""
    stats = context(ctx).app.keep_house()
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        rows = [
            {"what": name.replace("_", " "), "count": value}
            for name, value in msgspec.to_builtins(stats).items()
            if name != "errors_detail"
        ]
        print_table(rows, ["what", "count"])
        for each in stats.errors_detail:
            say(f"  {': '.join(each.values())}")
    raise typer.Exit(1 if stats.errors_detail else 0)
