"""How our command is called where the reader sits: by its path on the machine that serves, by its name elsewhere."""

import shlex
import sys
from pathlib import Path

from fastapi import Request

from precedent.app import App
from precedent.http.access import presented

NAME = "precedent"


def is_here(request: Request, program: App) -> bool:
    """Tell whether the reader sits at the machine that serves."""
    return program.site.is_at_this_machine(presented(request))


def command(request: Request, program: App, *, data: bool = False) -> str:
    """Return the beginning of a command, for a shell.

    Paths of this machine are told at this machine only.

    Args:
        request: of the reader.
        program: the one that serves.
        data: the command works on the data of this server.
    """
    if not is_here(request, program):
        return NAME
    own = Path(sys.executable).parent / NAME
    words = [str(own)] if own.exists() else [sys.executable, "-m", "precedent.cli"]
    if data:
        words += ["--data-dir", str(program.settings.data_dir.resolve())]
    return shlex.join(words)
