"""The `precedent` command.

Exit codes: 0 done · 1 something failed · 2 the call or a setting is wrong · 3 the same thing is already running.
"""

import gc
import os
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from precedent.errors import Busy, PrecedentError, Terminal

COMMANDS = {
    "collect": "collecting",
    "import-state": "importing",
    "run": "running",
    "status": "running",
    "runs": "running",
    "serve": "serving",
    "api": "serving",
    "worker": "serving",
    "scheduler": "scheduling",
    "schedule": "scheduling",
    "first-look": "first_look",
    "usage": "reports",
    "sessions": "sessions",
    "secrets": "secrets",
    "friction": "friction",
    "knowledge": "knowledge",
    "memory": "memory",
    "data": "data",
    "marketplaces": "marketplaces",
    "scripts": "scripts",
    "eval": "evaluating",
    "review": "reviewing",
    "push": "pushing",
    "pull": "pulling",
    "mcp": "tools",
    "connect": "pushing",
    "disconnect": "pushing",
    "prices": "pricing",
    "people": "people",
    "consent": "privacy",
    "erase": "privacy",
    "receipts": "privacy",
    "housekeeping": "privacy",
    "backup": "backup",
    "restore": "backup",
    "accounts": "accounts",
    "admin": "accounts",
    "token": "accounts",
    "teams": "accounts",
    "dead": "running",
    "audit": "auditing",
    "plugins": "admin",
    "doctor": "admin",
    "config": "admin",
    "pause": "admin",
    "resume": "admin",
}
"""The module that holds each command and adds it to an application with `register`, in the order of the help."""


class _Commands(MutableMapping[str, Any]):
    """The commands, each imported when it is asked for: a call pays for the command it makes and for no other."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            holder = typer.Typer()
            import_module(f".{COMMANDS[name]}", __package__).register(holder)
            self._loaded.update(typer.main.get_group(holder).commands)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS or name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]


class _Group(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()


cli = typer.Typer(
    name="precedent",
    help="Exact usage figures and reviewed knowledge from the transcripts of coding agents.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        # Only this option needs the package's metadata.
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"precedent {version('precedent')}")
        raise typer.Exit


@cli.callback()
def top(
    ctx: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder that holds everything [PRECEDENT_DATA_DIR; ./precedent-data].")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Set what all commands share."""
    # The whole program hangs on this; help and version do without.
    from .context import Context  # noqa: PLC0415

    ctx.obj = Context({"data_dir": data_dir})
    ctx.call_on_close(ctx.obj.close)


def main() -> None:
    """Run the command; a fault of ours is one line for a person and an exit code for a program."""
    os.umask(0o077)  # transcripts and what is derived from them are nobody else's to read
    # Ledger rows by the ten thousand make the collector look for cycles that are not there: a third of a run's time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        cli()
    except Busy as error:
        _fail(error, code=3)
    except Terminal as error:
        _fail(error, code=2)
    except PrecedentError as error:
        _fail(error, code=1)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        sys.stderr.close()
        sys.exit(1)


def _fail(error: PrecedentError, *, code: int) -> None:
    # Printing safely loads what tables and bars need.
    from .output import say  # noqa: PLC0415

    say(f"precedent: {error}")
    sys.exit(code)


__all__ = ["cli", "main"]
