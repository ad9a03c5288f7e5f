"""Checks of an installation, each with what to do when it fails; those of health are the API's."""

from pathlib import Path

from precedent import plugins
from precedent.app import App
from precedent.errors import PrecedentError
from precedent.scripts import isolation
from precedent.security.authentication import MIN_SECRET
from precedent.settings import SETTINGS
from precedent.telemetry.health import Check, checks, disk
from precedent.transcripts.contract import Reader, StoreReader
from precedent.usage.prices import PriceTable


def examine(app: App) -> list[Check]:
    """Run every check; none changes anything but the database's schema."""
    found = [disk(app.settings.data_dir, low_bytes=app.settings.low_disk_mb << 20)]
    try:
        revision = app.store.revision()
        found.append(Check("database", "ok", f"{app.store.url.render_as_string()}, schema {revision}"))
        found += _work(app)
        found.append(_disk(app))
    except PrecedentError as error:
        found.append(Check("database", "fault", str(error)))
    found.append(_scheduler(app))
    found += _embeddings(app)
    found.append(_scripts())
    found += [_plugin(plugin) for group in (plugins.READERS, plugins.PROCESSORS) for plugin in plugins.installed(group)]
    found += [_sources(name, reader) for name, (reader, _) in plugins.readers().items()]
    table = PriceTable.shipped()
    found.append(Check("prices", "ok", f"table {table.version}, {len(table.models())} models"))
    return found


def _embeddings(app: App) -> list[Check]:
    try:
        found = app.encoder
    except PrecedentError as error:
        return [Check("embeddings", "fault", str(error))]
    return [Check("embeddings", "ok", f"vectors of {found.dimensions} numbers")] if found else []


def _scripts() -> Check:
    """Tell what a script would be kept apart by, here and for this user."""
    shut = isolation.possible()
    missing = [name for name, held in shut._asdict().items() if not held and name != "user"]
    told = f"kept apart by: {shut.isolation}"
    if missing:
        return Check("scripts", "warning", f"{told}. The system gives us no namespaces for {', '.join(missing)}")
    return Check("scripts", "ok", told)


def _disk(app: App) -> Check:
    room = app.disk.usage()
    if room.reason:
        return Check("disk", "fault", f"{room.reason}. Nothing is collected or uploaded until then")
    used = f"{room.used_bytes / 1e6:,.0f} MB used, " if room.used_bytes else ""
    return Check("disk", "ok", f"{used}{room.free_bytes / 1e9:,.0f} GB free")


def _work(app: App) -> list[Check]:
    """Check what the API's health checks; whether anybody works and calls only where a server ever ran."""
    app.processing.register_all()
    seen = app.health.figures()
    return checks(seen, records=app.jobs.values(), serving=seen.scheduler_at is not None or seen.workers > 0)


def _scheduler(app: App) -> Check:
    """Tell whether the scheduler's secret lets it in."""
    token, variable = app.settings.scheduler_token, SETTINGS["scheduler_token"].variable
    if not token:
        return Check(
            "scheduler token", "ok", f"{variable} is not set; `precedent serve` makes a secret up for its processes"
        )
    if len(token) < MIN_SECRET:
        return Check(
            "scheduler token", "fault", f"{variable} has {len(token)} characters; it lets nobody in below {MIN_SECRET}"
        )
    # The HTTP client is heavy and only this check needs it.
    from precedent.scheduler.server import Kind, ask_memory  # noqa: PLC0415

    url = app.settings.api_url
    match ask_memory(url, token):
        case Kind.DONE:
            return Check("scheduler token", "ok", f"{url} knows {variable}")
        case Kind.REFUSED:
            return Check("scheduler token", "fault", f"{url} does not know {variable}; it must be the same for both")
        case _:
            return Check("scheduler token", "warning", f"no server of ours answers at {url}; is API_URL right?")


def _plugin(plugin: plugins.Plugin) -> Check:
    name = f"{plugin.group.removeprefix('precedent.').rstrip('s')} plugin {plugin.name}"
    try:
        plugins.load(plugin)
    except PrecedentError as error:
        return Check(name, "fault", str(error))
    return Check(name, "ok", plugins.distribution(plugin))


def _sources(agent: str, reader: Reader) -> Check:
    stores = reader.stores if isinstance(reader, StoreReader) else ()
    there = [root for root in (*reader.roots, *stores) if (Path.home() / root).is_dir()]
    if not there:
        return Check(f"transcripts of {agent}", "ok", "none in this home")
    return Check(f"transcripts of {agent}", "ok", ", ".join(f"~/{root}" for root in there))
