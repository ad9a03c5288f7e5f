"""`precedent plugins`, `doctor`, `config show`, `pause` and `resume`."""

from typing import Annotated

import msgspec
import typer

from precedent import doctor as checks
from precedent import plugins as installed
from precedent import settings as all_settings
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import print_json, print_table, say

config_cli = typer.Typer(help="Settings.", no_args_is_help=True, rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(plugins)
    cli.command()(doctor)
    cli.command()(pause)
    cli.command()(resume)
    cli.add_typer(config_cli, name="config")


def plugins(as_json: _Json = False) -> None:
    """List the installed readers and processors."""
    found = [
        {"group": plugin.group, "name": plugin.name, "path": plugin.path, "from": installed.distribution(plugin)}
        for group in (installed.READERS, installed.PROCESSORS)
        for plugin in installed.installed(group)
    ]
    if as_json:
        print_json(found)
    else:
        print_table(found, ["group", "name", "path", "from"])


def doctor(ctx: typer.Context, as_json: _Json = False) -> None:
    """Check that everything works, and say what to do where it does not."""
    found = checks.examine(context(ctx).app)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    else:
        print_table(
            [{"check": each.name, "result": each.result, "detail": each.detail} for each in found],
            ["check", "result", "detail"],
        )
    raise typer.Exit(1 if any(each.result == "fault" for each in found) else 0)


def pause(
    ctx: typer.Context,
    processor: Annotated[str, typer.Argument(help="Name of a processor.")],
    reason: Annotated[str, typer.Option(help="Shown in the status.")] = "paused by hand",
) -> None:
    """Keep a processor from running."""
    context(ctx).app.processing.pause(processor, reason, by=COMMAND_LINE.name)
    say(f"{processor} is paused.")


def resume(ctx: typer.Context, processor: Annotated[str, typer.Argument(help="Name of a processor.")]) -> None:
    """Let a paused processor run again."""
    context(ctx).app.processing.pause(processor, "", by=COMMAND_LINE.name)
    say(f"{processor} runs again.")


@config_cli.command("show")
def config_show(
    ctx: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="Show where each value comes from.")] = False,
    as_json: _Json = False,
) -> None:
    """Show all settings; passwords are hidden."""
    here = context(ctx)
    found = all_settings.origins(here.settings, **here.given)
    names = ["name", "value", "variable", *(["origin"] if origin else []), "description"]
    rows = [{name: getattr(each, name) for name in names} for each in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, names)
