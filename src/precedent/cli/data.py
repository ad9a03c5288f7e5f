"""`precedent data …`: tables of other systems."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from precedent.errors import BadInput
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.tables import listing
from precedent.tables.model import Source, TableSpec

from .context import context
from .output import counted, instant, print_csv, print_json, print_table, say, say_first

_cli = typer.Typer(help="Tables of other systems, kept fresh.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Definition = Annotated[str, typer.Argument(help="JSON, as the HTTP interface takes it; - reads standard input.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="data")


@_cli.command("sources")
def list_sources(ctx: typer.Context, as_json: Json = False) -> None:
    """List where tables are read from."""
    with context(ctx).app.store.read() as tx:
        rows = [msgspec.to_builtins(each) for each in listing.sources(tx)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, ["name", "kind", "place", "secret"])
    else:
        say("No sources yet. `precedent data add-source JSON` makes one.")


@_cli.command("add-source")
def add_source(ctx: typer.Context, definition: Definition) -> None:
    """Make a source, or replace one of the same name."""
    given, app = _converted(definition, Source), context(ctx).app
    with app.store.read() as tx:
        known = any(each.name == given.name for each in listing.sources(tx))
    if known:
        app.data_registry.change_source(given.name, given, by=BY_COMMAND_LINE)
    else:
        app.data_registry.add_source(given, by=BY_COMMAND_LINE)
    say(f"Source {given.name} {'changed' if known else 'made'}.")


@_cli.command("remove-source")
def remove_source(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name of the source.")]) -> None:
    """Remove a source that no table is read from."""
    context(ctx).app.data_registry.remove_source(name, by=BY_COMMAND_LINE)
    say(f"Source {name} removed.")


@_cli.command("tables")
def list_tables(ctx: typer.Context, as_json: Json = False) -> None:
    """List tables with what became of them."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = listing.tables(tx, now=app.clock.now())
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [
            {
                "name": each.name, "source": each.source, "mode": each.mode, "schedule": each.schedule,
                "rows": each.rows, "bytes": each.size_bytes,
                "published": instant(each.published_at) if each.published_at else "never",
                "state": each.paused or each.error or "ok",
            }
            for each in found
        ]  # fmt: skip
        print_table(rows, ["name", "source", "mode", "schedule", "rows", "bytes", "published", "state"])
    else:
        say("No tables yet. `precedent data add JSON` makes one.")


@_cli.command()
def add(ctx: typer.Context, definition: Definition) -> None:
    """Make a table, or replace one of the same name."""
    given, app = _converted(definition, TableSpec), context(ctx).app
    with app.store.read() as tx:
        known = any(each.name == given.name for each in listing.tables(tx, now=app.clock.now()))
    if known:
        app.data_registry.change(given.name, given, by=BY_COMMAND_LINE)
    else:
        app.data_registry.add(given, by=BY_COMMAND_LINE)
    say(f"Table {given.name} {'changed' if known else 'made'}; `precedent data refresh {given.name}` reads it now.")


@_cli.command()
def show(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name of the table.")], as_json: Json = False
) -> None:
    """Show a table: its columns, what stands in them, and the last looks at its source."""
    app = context(ctx).app
    with app.store.read() as tx:
        found, looks = listing.table(tx, name, now=app.clock.now()), listing.refreshes(tx, name, limit=10)
    if as_json:
        print_json({"table": msgspec.to_builtins(found), "refreshes": [msgspec.to_builtins(each) for each in looks]})
        return
    say(f"{found.name}: {found.rows:,} rows, {found.size_bytes:,} bytes, version {found.version}")
    if found.error:
        say(f"{found.error_kind}: {found.error}")
    kinds = {each.name: each.type for each in found.columns}
    print_table(
        [{"type": kinds.get(each.name, ""), **msgspec.to_builtins(each)} for each in found.profile],
        ["name", "type", "nulls", "distinct", "min", "max"],
    )
    shown = [{**msgspec.to_builtins(each), "finished": instant(each.finished_at)} for each in looks]
    print_table(shown, ["finished", "outcome", "rows", "size_bytes", "changes", "error"])


@_cli.command()
def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name of the table.")]) -> None:
    """Remove a table with its history and files."""
    context(ctx).app.data_registry.remove(name, by=BY_COMMAND_LINE)
    say(f"Table {name} removed.")


@_cli.command()
def pause(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the table.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "paused by hand",
) -> None:
    """Keep a table from being read by the schedule."""
    context(ctx).app.data_registry.pause(name, reason, by=BY_COMMAND_LINE)
    say(f"Table {name} paused.")


@_cli.command()
def resume(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name of the table.")]) -> None:
    """Let a table be read by the schedule again."""
    context(ctx).app.data_registry.pause(name, "", by=BY_COMMAND_LINE)
    say(f"Table {name} resumed.")


@_cli.command()
def refresh(
    ctx: typer.Context,
    tables: Annotated[list[str] | None, typer.Argument(help="Tables to read whether they are due or not.")] = None,
    as_json: Json = False,
) -> None:
    """Read the tables that are due, or those that are named."""
    stats = context(ctx).app.refresh_tables(tables or None)
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(
            f"{counted(stats.tables_due, 'table')} read: {stats.published} published with {stats.rows:,} rows, "
            f"{stats.unchanged} unchanged, {stats.failed} failed"
        )
        say_first([f"{each['table']}: {each['error']}" for each in stats.errors_detail])
    raise typer.Exit(1 if stats.failed else 0)


@_cli.command()
def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="One SELECT in DuckDB's SQL; - reads it from standard input.")],
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1, max=10_000)] = 10_000,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask about tables and usage figures."""
    found = context(ctx).app.ask(COMMAND_LINE, sys.stdin.read() if sql == "-" else sql, max_rows=limit)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows: list[dict[str, Any]] = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    if as_csv:
        print_csv(rows, found.columns)
    else:
        print_table(rows, found.columns)
    if found.truncated:
        say(f"There are more rows than {limit:,}.")


@_cli.command()
def pull(
    into: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("precedent-tables"),
    tables: Annotated[list[str] | None, typer.Option("--table", help="Only this table; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Bring the tables that are for you from the server into a folder; only what is new is loaded."""
    # The web client is heavy, and only this command needs it.
    from precedent.client import tables as client  # noqa: PLC0415

    stats = client.pull(Path.home(), into, only=tables or ())
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(
            f"{counted(stats.tables, 'table')} in {into}: {counted(stats.files_loaded, 'file')} loaded "
            f"({stats.bytes_loaded:,} bytes), {stats.files_kept} kept, {stats.files_removed} removed"
        )


def _converted(text: str, kind: type[Any]) -> Any:
    given = sys.stdin.read() if text == "-" else text
    try:
        return msgspec.convert(json.loads(given), kind)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"this is not what is wanted: {error}") from error
