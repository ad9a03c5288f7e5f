"""`precedent marketplaces …`: plugins for agents, where they come from and what of them is trusted."""

from typing import Annotated, Any

import msgspec
import typer

from precedent.marketplaces import catalogue
from precedent.marketplaces.model import Marketplace, PluginState
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import counted, instant, print_json, print_table, say, say_first

_cli = typer.Typer(help="Plugins for agents, from git.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the marketplace.")]
Plugin = Annotated[str, typer.Argument(help="Name of the plugin.")]
Ref = Annotated[str | None, typer.Option(help="Branch or tag.")]
Pin = Annotated[str | None, typer.Option(help="Full id of a commit, which is kept to.")]
Secret = Annotated[str | None, typer.Option(help="Name of the secret that opens it.")]
Login = Annotated[str | None, typer.Option(help="User name that goes with the secret.")]
Teams = Annotated[list[str] | None, typer.Option("--team", help="Only for this team; may be repeated.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_cli, name="marketplaces")


@_cli.command("list")
def list_marketplaces(ctx: typer.Context, as_json: Json = False) -> None:
    """List marketplaces with what became of them."""
    with context(ctx).app.store.read() as tx:
        found = catalogue.marketplaces(tx)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        rows = [
            {
                "name": each.name, "url": each.url, "commit": each.commit_id[:12],
                "checked": instant(each.checked_at) if each.checked_at else "never",
                "plugins": ", ".join(f"{count} {state}" for state, count in each.plugins.items()),
                "state": each.error or ("ok" if each.enabled else "switched off"),
            }
            for each in found
        ]  # fmt: skip
        print_table(rows, ["name", "url", "commit", "checked", "plugins", "state"])
    else:
        say("No marketplaces yet. `precedent marketplaces add NAME URL` makes one.")


@_cli.command()
def show(ctx: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a marketplace: its plugins, and what was wrong with it."""
    with context(ctx).app.store.read() as tx:
        (found,) = catalogue.marketplaces(tx, name=name)
        plugins = catalogue.plugins(tx, COMMAND_LINE, of=name)
    if as_json:
        print_json(
            {"marketplace": msgspec.to_builtins(found), "plugins": [msgspec.to_builtins(each) for each in plugins]}
        )
        return
    say(f"{found.name}: {found.url} {found.pin or found.ref or 'head'} at {found.commit_id or 'nothing read yet'}")
    if found.error:
        say(f"{found.error_kind}: {found.error}")
    say_first(found.defects)
    _print_plugins(plugins)


@_cli.command()
def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="URL of the git repository, over http or https.")],
    ref: Ref = None,
    pin: Pin = None,
    secret: Secret = None,
    login: Login = None,
    team: Teams = None,
) -> None:
    """Make a marketplace; `sync` reads it."""
    given = Marketplace(
        name=name, url=url, ref=ref or "", pin=pin or "", secret=secret or "", login=login or "", teams=team or []
    )
    context(ctx).app.marketplaces.add(given, by=BY_COMMAND_LINE)
    say(f"Marketplace {name} made; `precedent marketplaces sync {name}` reads it now.")


@_cli.command()
def update(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str | None, typer.Option(help="Another URL; another host loses the secret.")] = None,
    ref: Ref = None,
    pin: Pin = None,
    secret: Secret = None,
    login: Login = None,
    team: Teams = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="For everybody instead of teams.")] = False,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Sync and serve it, or not.")] = None,
) -> None:
    """Change a marketplace; what is not given stays."""
    app = context(ctx).app
    with app.store.read() as tx:
        (found,) = catalogue.marketplaces(tx, name=name)
    asked: dict[str, Any] = {"url": url, "ref": ref, "pin": pin, "secret": secret, "login": login, "enabled": enabled}
    values = {key: value for key, value in asked.items() if value is not None}
    before = {key: getattr(found, key) for key in ("url", "ref", "pin", "login", "enabled", "teams")}
    before |= ({"pin": ""} if ref else {}) | ({"ref": ""} if pin else {})
    teams = [] if everybody else team if team else before["teams"]
    given = Marketplace(**{"name": name, **before, **values, "teams": teams})
    app.marketplaces.change(name, given, by=BY_COMMAND_LINE)
    say(f"Marketplace {name} changed.")


@_cli.command()
def remove(ctx: typer.Context, name: Name) -> None:
    """Remove a marketplace with its plugins; they are served no longer."""
    context(ctx).app.marketplaces.remove(name, by=BY_COMMAND_LINE)
    say(f"Marketplace {name} removed.")


@_cli.command()
def sync(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Marketplaces; default: all that are on.")] = None,
    as_json: Json = False,
) -> None:
    """Look for what is new in marketplaces."""
    stats = context(ctx).app.sync_marketplaces(names or None)
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(
            f"{counted(stats.marketplaces, 'marketplace')}: {stats.unchanged} unchanged, {stats.failed} failed, "
            f"{stats.synced} read with {counted(stats.plugins, 'plugin')}"
        )
        say_first([f"{each['marketplace']}: {each['error']}" for each in stats.errors_detail])
    raise typer.Exit(1 if stats.failed else 0)


@_cli.command("plugins")
def list_plugins(
    ctx: typer.Context,
    of: Annotated[str, typer.Option("--marketplace", help="Only of this marketplace.")] = "",
    text: Annotated[str, typer.Option(help="Only with this text in name, description or components.")] = "",
    state: Annotated[PluginState | None, typer.Option(help="Only in this state.")] = None,
    as_json: Json = False,
) -> None:
    """List plugins with what they bring."""
    with context(ctx).app.store.read() as tx:
        found = catalogue.plugins(tx, COMMAND_LINE, of=of, text=text, state=state)
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        _print_plugins(found)
    else:
        say("No plugins. `precedent marketplaces sync` looks for them.")


@_cli.command()
def trust(
    ctx: typer.Context,
    name: Name,
    plugin: Plugin,
    content_hash: Annotated[str, typer.Option("--hash", help="Digest of what you saw; nothing is asked then.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let a plugin be served as it is; first everything is shown that it would run, and what is suspicious."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = catalogue.plugin(tx, name, plugin, COMMAND_LINE)
    for each in found.about.components:
        if each.command:
            does = "lets tools be used without asking" if each.kind == "grant" else "runs"
            say(f"{each.kind} {each.name} in {each.path} {does}:")
            # A line of a command must not pass for one of ours.
            say("\n".join(f"  | {line}" for line in each.command.splitlines()))
    for finding in found.about.findings:
        say(f"{finding.flag}: {finding.path}")
    if not content_hash and not yes:
        typer.confirm(f"Serve {plugin} of {name} as {found.content_hash[:12]}?", abort=True, err=True)
    app.marketplaces.trust(name, plugin, content_hash=content_hash or found.content_hash, by=BY_COMMAND_LINE)
    say(f"{plugin} of {name} is served as {found.content_hash[:12]}.")


@_cli.command()
def block(ctx: typer.Context, name: Name, plugin: Plugin) -> None:
    """Serve a plugin no longer."""
    context(ctx).app.marketplaces.block(name, plugin, by=BY_COMMAND_LINE)
    say(f"{plugin} of {name} is served no longer.")


def _print_plugins(found: list[catalogue.PluginShown]) -> None:
    rows = []
    for each in found:
        kinds = [component.kind for component in each.about.components]
        rows.append(
            {
                "marketplace": each.marketplace, "plugin": each.name,
                "state": "gone" if each.gone else each.state.value,
                "version": each.about.version, "hash": each.content_hash[:12],
                "brings": ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)),
                "findings": ", ".join(dict.fromkeys(finding.flag for finding in each.about.findings)),
            }
        )  # fmt: skip
    print_table(rows, ["marketplace", "plugin", "state", "version", "hash", "brings", "findings"])
