"""Scripts of tests, and what becomes of them."""

import os
import textwrap
from pathlib import Path
from typing import Any

from precedent.app import App
from precedent.scripts import listing
from precedent.scripts.listing import Output, ScriptRunShown, ScriptShown
from precedent.scripts.model import Script
from precedent.security.acting import BY_COMMAND_LINE


def deploy(app: App, name: str, source: str, **more: Any) -> None:
    given = Script(name=name, source=textwrap.dedent(source), **more)
    app.script_registry.deploy(given, by=BY_COMMAND_LINE)


def shown(app: App, name: str) -> ScriptShown:
    with app.store.read() as tx:
        return listing.one(tx, name, now=app.clock.now())


def runs(app: App, name: str) -> list[ScriptRunShown]:
    with app.store.read() as tx:
        return listing.runs(tx, name, limit=100)


def last(app: App, name: str) -> ScriptRunShown:
    return runs(app, name)[0]


def printed(app: App, number: int) -> Output:
    with app.store.read() as tx:
        return listing.output(tx, number)


def run(app: App, name: str, source: str, **more: Any) -> tuple[ScriptRunShown, str]:
    """Deploy a script, run it in this process, and return its run with what it printed."""
    deploy(app, name, source, **more)
    app.ask_for_script(name, by=BY_COMMAND_LINE)
    app.run_scripts()
    found = last(app, name)
    output = printed(app, found.id)
    return found, output.head + output.tail


def marked(mark: str) -> list[int]:
    """Return the processes whose command line holds a mark."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal() and int(each.name) != os.getpid():
            try:
                if mark.encode() in (each / "cmdline").read_bytes():
                    found.append(int(each.name))
            except OSError:  # it has ended
                continue
    return found


def folders(app: App) -> list[Path]:
    """Return what is left of folders in which scripts ran."""
    return list(app.settings.scripts_dir.glob("*"))
