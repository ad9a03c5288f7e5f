"""`precedent serve`, `api` and `worker`."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from precedent import lifeline

from .context import context
from .output import say

_AllUsers = Annotated[bool, typer.Option("--all-users", help="Collect from everybody's home; needs root.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(serve)
    cli.command()(api)
    cli.command()(worker)


def serve(ctx: typer.Context, all_users: _AllUsers = False) -> None:
    """Serve everything on this machine until stopped with Ctrl-C or SIGTERM: API, worker and scheduler."""
    # Only this command needs it.
    from precedent.serve import serve as run  # noqa: PLC0415

    settings = context(ctx).settings
    run(settings, everybody=all_users, say=say if sys.stderr.isatty() or settings.log_format == "text" else _say_json)


def _say_json(message: str) -> None:
    """Tell it as the children tell what they do: who reads their log reads ours."""
    line = {
        "time": datetime.now(UTC).isoformat(),
        "level": "info",
        "event": message,
        "process": "serve",
        "pid": os.getpid(),
    }
    say(json.dumps(line))


def api(ctx: typer.Context) -> None:
    """Serve the HTTP interface alone; several may serve one database."""
    # The web framework is heavy and only this command needs it.
    from precedent.server.serving import serve as run  # noqa: PLC0415
    from precedent.telemetry.logs import begin  # noqa: PLC0415

    lifeline.hold()
    begin(context(ctx).settings, process="api")
    run(context(ctx).app)


def worker(ctx: typer.Context, all_users: _AllUsers = False) -> None:
    """Do queued runs, and nothing else; several may work on one database."""
    # Only this command needs it.
    from precedent.archive import homes  # noqa: PLC0415
    from precedent.jobs.worker import be_nice, work_until_told  # noqa: PLC0415
    from precedent.telemetry.logs import begin  # noqa: PLC0415

    chosen = homes.everybody if all_users else lambda: [homes.own()]
    chosen()  # a fault in the choice is said now and not in a log
    lifeline.hold()
    here = context(ctx).app
    begin(here.settings, process="worker")
    be_nice(here.settings.worker_niceness)
    here.open_telemetry()
    with here.watching():
        work_until_told(lambda: here.worker(chosen))
