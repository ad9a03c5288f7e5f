"""Checks of an installation, each with what to do when it fails."""

import os
import shutil
from pathlib import Path

import msgspec

from precedent import plugins
from precedent.app import App
from precedent.errors import PrecedentError
from precedent.usage.prices import PriceTable

LOW_DISK_BYTES = 1 << 30


class Check(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        result: `ok`, `warning` or `fault`.
    """

    name: str
    result: str
    detail: str


def examine(app: App) -> list[Check]:
    """Run every check; none changes anything but the database's schema."""
    found = [_data_folder(app.settings.data_dir)]
    try:
        revision = app.store.revision()
        found.append(Check("database", "ok", f"{app.store.url.render_as_string()}, schema {revision}"))
        found += _work(app)
    except PrecedentError as error:
        found.append(Check("database", "fault", str(error)))
    found += [_plugin(plugin) for group in (plugins.READERS, plugins.PROCESSORS) for plugin in plugins.installed(group)]
    found += [_sources(name, reader.roots) for name, (reader, _) in plugins.readers().items()]
    table = PriceTable.shipped()
    found.append(Check("prices", "ok", f"table {table.version}, {len(table.models())} models"))
    return found


def _data_folder(folder: Path) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        return Check("data folder", "fault", f"{folder} cannot be made: {error.strerror}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("data folder", "fault", f"{folder} cannot be written; change its owner, or use --data-dir")
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Check("data folder", "warning", f"{folder} has only {free / 1e6:,.0f} MB free")
    return Check("data folder", "ok", f"{folder.resolve()}, {free / 1e9:,.0f} GB free")


def _work(app: App) -> list[Check]:
    found = []
    for each in app.processing.backlogs():
        state = f"{each.done:,} done, {each.backlog:,} due, {each.waiting:,} waiting, {each.dead:,} given up on"
        if each.paused_reason:
            found.append(Check(f"processor {each.processor}", "fault", f"paused: {each.paused_reason}"))
        else:
            found.append(Check(f"processor {each.processor}", "warning" if each.dead else "ok", state))
    return found


def _plugin(plugin: plugins.Plugin) -> Check:
    name = f"{plugin.group.removeprefix('precedent.').rstrip('s')} plugin {plugin.name}"
    try:
        plugins.load(plugin)
    except PrecedentError as error:
        return Check(name, "fault", str(error))
    return Check(name, "ok", plugin.distribution)


def _sources(agent: str, roots: tuple[str, ...]) -> Check:
    there = [root for root in roots if (Path.home() / root).is_dir()]
    if not there:
        return Check(f"transcripts of {agent}", "ok", "none in this home")
    return Check(f"transcripts of {agent}", "ok", ", ".join(f"~/{root}" for root in there))
