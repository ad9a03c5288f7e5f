"""`precedent prices …`."""

from pathlib import Path
from typing import Annotated

import typer

from precedent.usage import price_tables
from precedent.usage.ledger import Ledger

from .context import context
from .output import print_json, print_table, say

_cli = typer.Typer(help="The price table.", no_args_is_help=True, rich_markup_mode=None)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="prices")


@_cli.command("list")
def list_prices(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Part of a model's name; empty for all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List prices in USD per million tokens, one row per model and period."""
    with context(ctx).app.store.read() as tx:
        table = price_tables.PriceTables().current(tx)
    rows = [
        {
            "model": model.id,
            "vendor": model.vendor,
            "from": period.since.isoformat() if period.since else "",
            "to": period.until.isoformat() if period.until else "",
            "input": str(period.input),
            "output": str(period.output),
            "cache_write_5m": str(period.cache_write_5m or ""),
            "cache_write_1h": str(period.cache_write_1h or ""),
            "cache_read": str(period.cache_read or ""),
            "tiers": [f"above {tier.above}" for tier in period.tiers],
        }
        for model in table.models()
        if name.casefold() in model.id or model is table.row(name)
        for period in model.periods
    ]
    if as_json:
        print_json({"version": table.version, "prices": rows})
    elif rows:
        say(f"Price table {table.version}; USD per million tokens.")
        print_table(rows, list(rows[0]))
    else:
        say(f"Price table {table.version} has no model named like {name!r}.")


@_cli.command()
def update(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="Price table, see docs/reference/prices.md.")]
) -> None:
    """Put another price table in force and price everything anew."""
    app = context(ctx).app
    with app.store.write() as tx:
        table = price_tables.install(tx, file, now=app.clock.now())
        changed = Ledger().reprice(tx)
        app.audited(tx, "update_prices", "prices", details={"version": table.version, "requests": changed})
    say(f"Price table {table.version} is in force; {changed:,} requests were priced anew.")


@_cli.command()
def reset(ctx: typer.Context) -> None:
    """Put the shipped price table in force again and price everything anew."""
    app = context(ctx).app
    with app.store.write() as tx:
        price_tables.uninstall(tx)
        changed = Ledger().reprice(tx)
        app.audited(tx, "reset_prices", "prices", details={"requests": changed})
    say(f"The shipped price table is in force; {changed:,} requests were priced anew.")
