"""`precedent push`, `connect` and `disconnect`."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from precedent.client.background import in_background
from precedent.errors import BadInput, Busy, PrecedentError, Transient

from .output import bar, counted, print_json, say, say_first

if TYPE_CHECKING:
    from precedent.client.agents import Machine
    from precedent.client.pushing import PushStats


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(push)
    cli.command()(connect)
    cli.command()(disconnect)


def push(
    session: Annotated[Path | None, typer.Option(help="Send this transcript alone.")] = None,
    agent: Annotated[str, typer.Option(help="The agent that wrote it.")] = "",
    background: Annotated[bool, typer.Option("--background", help="Return at once and send afterwards.")] = False,
    linger: Annotated[
        bool, typer.Option("--linger", help="Keep trying for half an hour while the server cannot be reached.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Send what is new in your agents' transcripts to your team's server, scrubbed of secrets."""
    if session is not None and not agent:
        raise BadInput("--session needs --agent, which says who wrote it")
    home = Path.home()
    if background:
        in_background(home, agent=agent, path=session and session.absolute())
        return
    # The web client and the rules for secrets are heavy, and only this command needs them.
    from precedent import plugins  # noqa: PLC0415
    from precedent.client import pushing  # noqa: PLC0415

    readers = {name: reader for name, (reader, _) in plugins.readers().items()}
    try:
        if linger and session is None:
            stats = pushing.push_until_done(home, readers=readers)
            _pull_quietly(home)
        else:
            with bar("Pushing") as progress:
                stats = pushing.push(
                    home,
                    readers=readers,
                    only=pushing.Named(session, agent) if session else None,
                    progress=lambda now: None if quiet else progress.show(_line(now)),
                )
    except (Busy, Transient):
        if quiet:
            raise typer.Exit(1) from None
        raise
    if as_json:
        print_json(msgspec.to_builtins(stats))
    elif not quiet:
        say(_line(stats))
        say_first([f"{detail['file']}: {detail['error']}" for detail in stats.errors_detail])
    raise typer.Exit(1 if stats.transcripts_failed else 0)


def _pull_quietly(home: Path) -> None:
    """Bring what was approved or revoked meanwhile, for the next session of agents that are connected."""
    from precedent.client import pulling  # noqa: PLC0415  # as above

    if pulling.remembered(home):
        with suppress(PrecedentError):  # nobody is there to be told; `precedent pull` tells it
            pulling.pull(home, machine())


_Agent = Annotated[str, typer.Argument(help="The agent, as `precedent plugins` names it.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change and make none.")]


def connect(
    agent: _Agent = "",
    server: Annotated[str, typer.Option(help="URL of your team's server.")] = "",
    token: Annotated[str, typer.Option(help="Your token with the scope `upload`; `-` reads it from the input.")] = "",
    dry_run: _DryRun = False,
) -> None:
    """Tell where to push to, and let an agent start a push at the end of its sessions; knowledge comes back with it."""
    from precedent.client import agents, connecting, pulling  # noqa: PLC0415  # as above

    if not agent and not server:
        raise BadInput("name an agent, or a server with --server URL --token -")
    if server:
        _connect_server(server, token, dry_run=dry_run)
    if not agent:
        return
    here = machine()
    if agent not in agents.AGENTS:
        _by_clock(agent)
        return
    edit = connecting.connected(agents.offer(agent, here))
    if not dry_run:
        pulling.remember(Path.home(), agent)
    if edit.is_empty():
        say(f"{edit.path} calls Precedent already.")
    elif dry_run:
        typer.echo(edit.difference(), nl=False)
    else:
        connecting.apply(edit, connects=True)
        say(f"{edit.path}: {agent} starts a push at the end of a session now.")
        say("What the team approves comes back with it; `precedent pull` brings it now.")
        if agent == "codex":
            say("Codex runs a new hook after you have trusted it: it asks when it starts next, or see /hooks.")


def disconnect(
    agent: _Agent = "",
    server: Annotated[bool, typer.Option("--server", help="Forget the server and its token.")] = False,
    dry_run: _DryRun = False,
) -> None:
    """Take out of an agent's settings what `connect` wrote."""
    from precedent.client import agents, config, connecting, pulling  # noqa: PLC0415  # as above

    if not agent and not server:
        raise BadInput("name an agent, or say --server")
    if agent:
        edit = connecting.disconnected(agents.offer(agent, machine()))
        if edit.is_empty():
            say(f"{edit.path} does not call Precedent.")
        elif dry_run:
            typer.echo(edit.difference(), nl=False)
        else:
            connecting.apply(edit, connects=False)
            say(f"{edit.path}: our part is gone.")
        if not dry_run and (path := pulling.forget(Path.home(), machine(), agent)) is not None:
            say(f"{path}: what was pulled is gone.")
    if server and not dry_run:
        (Path.home() / config.FILE).unlink(missing_ok=True)
        say("The server and its token are forgotten here; revoke the token if nobody else uses it.")


def _connect_server(server: str, token: str, *, dry_run: bool) -> None:
    from precedent.client import config  # noqa: PLC0415  # as above
    from precedent.client.remote import Remote, Server  # noqa: PLC0415

    if token == "-":  # noqa: S105  # a sign for the input, no token
        asks = sys.stdin.isatty()
        token = typer.prompt("Token", hide_input=True, err=True) if asks else typer.get_text_stream("stdin").readline()
    url, secret = config.checked(server, token)
    if dry_run:
        say(f"{Path.home() / config.FILE} would name {url} and the token.")
        return
    trial = config.Connection(server=url, token=secret, device="connect")
    try:
        with Server(trial) as there:
            there.stands(Remote("claude-code", "connection"))
    except Transient as error:
        say(f"{error} The connection is written down all the same.")
    config.save(Path.home(), server=url, token=secret)
    say(f"Connected to {url}. `precedent push` sends what is new.")


def _by_clock(agent: str) -> None:
    from precedent import plugins  # noqa: PLC0415  # as above
    from precedent.client import agents  # noqa: PLC0415

    if agent not in plugins.readers():
        known = ", ".join(sorted({*plugins.readers(), *agents.AGENTS}))
        raise BadInput(f"no agent {agent!r}; there are: {known}")
    say(f"{agent} offers nothing that could start a push; let the system's clock do it:")
    typer.echo(agents.clock_line(machine()))


def machine() -> "Machine":
    """Return this machine."""
    from precedent.client import agents, hook  # noqa: PLC0415  # as above

    return agents.Machine(
        platform=agents.Platform.of(sys.platform),
        home=Path.home(),
        environment=os.environ,
        python=sys.executable,
        hook=hook.__file__,
    )


def _line(stats: "PushStats") -> str:
    parts = [f"{counted(stats.transcripts_sent, 'transcript')} sent ({stats.bytes_sent / 1e6:,.1f} MB)"]
    for count, what in (
        (stats.transcripts_unchanged, "unchanged"),
        (stats.redactions, "secrets scrubbed"),
        (stats.transcripts_private, "left private"),
        (stats.transcripts_withdrawn, "withdrawn"),
        (stats.transcripts_refused, "refused"),
        (stats.transcripts_failed, "failed"),
        (stats.notes_sent, "notes sent"),
        (stats.notes_removed, "notes taken back"),
        (stats.notes_private, "notes left private"),
        (stats.notes_refused, "notes refused"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)
