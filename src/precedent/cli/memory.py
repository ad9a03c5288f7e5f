"""`precedent memory …`: people's notes for their agents, and what is read from them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from precedent.knowledge.notes import listing
from precedent.security.principals import COMMAND_LINE

from .choosing import Whose, chosen_homes
from .context import context
from .output import counted, instant, print_json, print_table, safe, say, say_first

_cli = typer.Typer(help="People's notes for their agents.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="memory")


@_cli.command()
def run(
    ctx: typer.Context,
    home: Annotated[
        list[Path] | None, typer.Option(help="A home to look in instead of yours; may be repeated.")
    ] = None,
    user: Whose = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Look in everybody's home; needs root.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Look for notes in homes, and read what is new in everybody's."""
    chosen = chosen_homes(home, user=user, all_users=all_users)
    stats = context(ctx).app.read_notes(chosen)
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        parts = [f"notes of {counted(stats.users_processed, 'person')}"]
        for count, what in (
            (stats.notes_new, "new"), (stats.notes_changed, "changed"), (stats.notes_skipped, "unchanged"),
            (stats.notes_removed, "gone"), (stats.notes_private, "left private"),
            (stats.notes_refused, "refused as unsafe or too large"), (stats.redactions, "secrets scrubbed"),
            (stats.items_new, "new items"), (stats.items_approved, "of them approved"),
            (stats.items_withdrawn, "items withdrawn"), (stats.failures, "failures"),
            (stats.users_erased, "homes of erased persons left alone"),
        ):  # fmt: skip
            if count:
                parts.append(f"{count:,} {what}")
        say(", ".join(parts))
        say_first([f"{detail['place']}: {detail['error']}" for detail in stats.errors_detail])
    raise typer.Exit(1 if stats.failures else 0)


@_cli.command("list")
def list_notes(
    ctx: typer.Context,
    person: Annotated[str, typer.Option(help="Only of the person of this key.")] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Also notes that are gone.")] = False,
    limit: Annotated[int, typer.Option(help="Notes at most.", min=1)] = 100,
    as_json: Json = False,
) -> None:
    """List notes, the newest first."""
    with context(ctx).app.store.read() as tx:
        found = listing.paged(tx, COMMAND_LINE, person=person, removed=removed, limit=limit).rows
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [{**msgspec.to_builtins(each), "changed_at": instant(each.changed_at)} for each in found]
        print_table(rows, ["id", "person", "path", "folder", "changed_at", "is_read", "items", "error"])
    else:
        say("No notes here. `precedent memory run` looks for them.")


@_cli.command()
def show(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="Number of the note.", min=1)],
    as_json: Json = False,
) -> None:
    """Show a note with what was cut out of it."""
    with context(ctx).app.store.read() as tx:
        found = listing.shown(tx, COMMAND_LINE, number)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    say(f"{found.note.person} {found.note.path}")
    for line in found.text.splitlines():
        typer.echo(safe(line))
    print_table([msgspec.to_builtins(each) for each in found.statements], ["item_id", "line", "quote"])
