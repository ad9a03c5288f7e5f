"""Starts a push in a process of its own, for hooks that call the command line; loads next to nothing."""

import json
from pathlib import Path

from precedent.errors import BadInput
from precedent.faults import reach

from . import hook


def in_background(home: Path, *, agent: str, path: Path | None) -> None:
    """Note that something is to be sent and start sending it in a process of its own.

    Raises:
        BadInput: neither can be done.
    """
    told = json.dumps({"transcript_path": str(path)} if path else {}).encode()
    try:
        hook.spool(str(home), agent, told)
        reach("push.spooled")
        hook.start()
    except OSError as error:
        raise BadInput(f"the push cannot be started: {error}") from error
