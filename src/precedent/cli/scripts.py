"""`precedent scripts …`: scheduled scripts."""

import json
import re
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from precedent.errors import BadInput, Busy
from precedent.scripts import claims, listing
from precedent.scripts.listing import Output, ScriptRunShown
from precedent.scripts.model import MAX_SOURCE_BYTES, Outcome, Script, Value
from precedent.security.acting import BY_COMMAND_LINE

from .context import context
from .output import duration, instant, print_json, print_table, safe, say

_cli = typer.Typer(help="Scheduled scripts.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the script.")]
OPEN = "queued", "running"
_STEERING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
"""Sequences of ECMA-48 that colour text, move the cursor or name the window."""
REST_S = 0.5


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="scripts")


@_cli.command()
def deploy(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Python text.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="Name; default: the file's.")] = "",
    schedule: Annotated[str, typer.Option(help="When it runs, as `every 15m`; without it by hand only.")] = "",
    param: Annotated[list[str] | None, typer.Option(help="Parameter as NAME=VALUE; may be repeated.")] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="Secret as VARIABLE=name of the secret; may be repeated.")
    ] = None,
    timeout: Annotated[int, typer.Option(help="Seconds after which it is ended.", min=1)] = 300,
    network: Annotated[bool, typer.Option("--network", help="It may use the network.")] = False,
) -> None:
    """Deploy a script, or replace one of the same name."""
    app = context(ctx).app
    given = Script(
        name=name or file.stem.lower(),
        source=_text(file),
        schedule=schedule,
        parameters={each: _value(text) for each, text in _pairs(param, what="--param").items()},
        secrets=_pairs(secret, what="--secret"),
        timeout_s=timeout,
        network=network,
    )
    now = app.clock.now()
    with app.store.read() as tx:
        known = any(each.name == given.name for each in listing.scripts(tx, now=now))
    if known:
        app.script_registry.change(given.name, given, by=BY_COMMAND_LINE)
    else:
        app.script_registry.deploy(given, by=BY_COMMAND_LINE)
    with app.store.read() as tx:
        found = listing.one(tx, given.name, now=now)
    when = f"next at {instant(found.next[0])}" if found.next else f"`precedent scripts run {found.name}` runs it"
    say(f"Script {found.name} deployed as version {found.version}, SHA-256 {found.sha256}; {when}.")


@_cli.command("list")
def list_scripts(ctx: typer.Context, as_json: Json = False) -> None:
    """List scripts with their newest runs."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = listing.scripts(tx, now=app.clock.now())
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [
            {
                "name": each.name, "version": each.version, "schedule": each.schedule or "by hand",
                "next": instant(each.next[0]) if each.next else "", "last": each.last.state if each.last else "never",
                "paused": each.paused,
            }
            for each in found
        ]  # fmt: skip
        print_table(rows, ["name", "version", "schedule", "next", "last", "paused"])
    else:
        say("No scripts yet. `precedent scripts deploy FILE` makes one.")


@_cli.command()
def show(ctx: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a script: its next times, its versions, its newest run."""
    app = context(ctx).app
    with app.store.read() as tx:
        found, versions = listing.one(tx, name, now=app.clock.now()), listing.versions(tx, name)
    if as_json:
        shown = msgspec.to_builtins(found)
        print_json({"script": shown, "versions": [msgspec.to_builtins(each) for each in versions]})
        return
    say(f"{found.name}: version {found.version}, {found.schedule or 'by hand'}, at most {found.timeout_s} s")
    say(f"network: {'yes' if found.network else 'no'}; paused: {found.paused or 'no'}")
    say(f"next: {', '.join(instant(each) for each in found.next) or 'never by itself'}")
    if found.last:
        say(f"last: {_told(found.last)}")
    rows = [{**msgspec.to_builtins(each), "deployed": instant(each.deployed_at)} for each in versions]
    print_table(rows, ["number", "deployed", "deployed_by", "size_bytes", "sha256"])


@_cli.command()
def run(ctx: typer.Context, name: Name, as_json: Json = False) -> None:
    """Run a script now, here or by the worker that runs scripts just now, and print what it prints."""
    app = context(ctx).app
    number = claims.ask(app.store, name, by=BY_COMMAND_LINE, now=app.clock.now())
    while True:
        with app.store.read() as tx:
            found = listing.run(tx, number)
        if found.state not in OPEN:
            break
        try:
            app.run_scripts()
        except Busy:  # whoever runs scripts takes it, or leaves it to us
            time.sleep(REST_S)
    with app.store.read() as tx:
        printed = listing.output(tx, number)
    if as_json:
        print_json({"run": msgspec.to_builtins(found), "output": msgspec.to_builtins(printed)})
    else:
        _print(printed)
        say(_told(found))
    raise typer.Exit(0 if found.state == Outcome.DONE else 1)


@_cli.command()
def history(
    ctx: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1, max=500)] = 20,
    as_json: Json = False,
) -> None:
    """List the runs of a script, newest first."""
    with context(ctx).app.store.read() as tx:
        found = listing.runs(tx, name, limit=limit)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    rows: list[dict[str, Any]] = [
        {
            "run": each.id, "version": each.version, "state": each.state, "exit": each.exit_code,
            "started": instant(each.started_at), "by": each.requested_by, "bytes": each.output_bytes,
            "took": "" if each.duration_us is None else duration(each.duration_us), "reason": each.reason,
        }
        for each in found
    ]  # fmt: skip
    print_table(rows, ["run", "version", "state", "exit", "started", "took", "by", "bytes", "reason"])


@_cli.command()
def output(
    ctx: typer.Context, number: Annotated[int, typer.Argument(help="Number of the run.")], as_json: Json = False
) -> None:
    """Print what a run has printed up to now."""
    with context(ctx).app.store.read() as tx:
        found = listing.output(tx, number)
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        _print(found)


@_cli.command()
def pause(ctx: typer.Context, name: Name, reason: Annotated[str, typer.Option(help="Why.")] = "paused by hand") -> None:
    """Keep a script from being run by its schedule."""
    context(ctx).app.script_registry.pause(name, reason, by=BY_COMMAND_LINE)
    say(f"Script {name} paused.")


@_cli.command()
def resume(ctx: typer.Context, name: Name) -> None:
    """Let a script be run by its schedule again."""
    context(ctx).app.script_registry.resume(name, by=BY_COMMAND_LINE)
    say(f"Script {name} resumed.")


@_cli.command()
def remove(ctx: typer.Context, name: Name) -> None:
    """Remove a script with its versions and runs."""
    context(ctx).app.script_registry.remove(name, by=BY_COMMAND_LINE)
    say(f"Script {name} removed.")


def _print(found: Output) -> None:
    """Print what a script printed, without what would command the terminal."""
    dropped = f"\n[{found.dropped_bytes:,} bytes dropped]\n" if found.dropped_bytes else ""
    text = safe(_STEERING.sub("", f"{found.head}{dropped}{found.tail}".replace("\r\n", "\n")))
    typer.echo(text, nl=bool(text) and not text.endswith("\n"))


def _told(each: ScriptRunShown) -> str:
    took = f" after {duration(each.duration_us)}" if each.duration_us is not None else ""
    return f"run {each.id}: {each.state}{took}{f' ({each.reason})' if each.reason else ''}"


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        data = opened.read(MAX_SOURCE_BYTES + 1)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is no UTF-8 text") from error


def _pairs(given: list[str] | None, *, what: str) -> dict[str, str]:
    found = {}
    for each in given or []:
        name, sign, value = each.partition("=")
        if not sign:
            raise BadInput(f"{what} {each!r} has no =; write NAME=VALUE")
        found[name] = value
    return found


def _value(text: str) -> Value:
    """Return a number or truth value where the text is one, else the text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, bool | int | float) else text
