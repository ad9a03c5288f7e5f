"""Finds what is installed: readers and processors, ours and other people's, by entry point."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from precedent.errors import ContractBroken, NotFound
from precedent.pipeline.contract import Processor
from precedent.transcripts.contract import Reader

READERS = "precedent.readers"
PROCESSORS = "precedent.processors"


class Plugin(NamedTuple):
    """One installed reader or processor.

    Attributes:
        group: entry-point group.
        name: under which it is registered.
        path: `module:attribute`.
        distribution: the package that brought it, with its version.
    """

    group: str
    name: str
    path: str
    distribution: str


def installed(group: str) -> list[Plugin]:
    """Return what is registered under a group, by name."""
    found = [_plugin(point) for point in entry_points(group=group)]
    return sorted(found, key=lambda plugin: plugin.name)


def _plugin(point: EntryPoint) -> Plugin:
    origin = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
    return Plugin(point.group, point.name, point.value, origin)


def load(plugin: Plugin) -> Any:
    """Import a plugin's object.

    Raises:
        ContractBroken: it cannot be imported.
    """
    point = EntryPoint(name=plugin.name, value=plugin.path, group=plugin.group)
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ContractBroken(f"{plugin.group} {plugin.name!r} ({plugin.path}) cannot be loaded: {error}") from error


def processor(name: str) -> tuple[Processor, Plugin]:
    """Return an installed processor.

    Raises:
        NotFound: there is none of that name; the message lists those there are.
        ContractBroken: it does not provide what a processor must.
    """
    plugins = installed(PROCESSORS)
    for plugin in plugins:
        if plugin.name == name:
            found = load(plugin)
            if not isinstance(found, Processor) or found.name != name:
                raise ContractBroken(f"processor {name!r} ({plugin.path}) does not fulfil the contract")
            return found, plugin
    known = ", ".join(plugin.name for plugin in plugins)
    raise NotFound(f"no processor {name!r} is installed; there are: {known}")


def readers() -> dict[str, tuple[Reader, Plugin]]:
    """Return the installed readers by agent name."""
    return {plugin.name: (load(plugin), plugin) for plugin in installed(READERS)}
