"""Finds what is installed: readers and processors, ours and other people's, by entry point."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from precedent.errors import ContractBroken, NotFound, PrecedentError
from precedent.pipeline.contract import Processor, purpose_of
from precedent.transcripts.contract import Reader

READERS = "precedent.readers"
PROCESSORS = "precedent.processors"


class Plugin(NamedTuple):
    """One installed reader or processor.

    Attributes:
        group: entry-point group.
        name: under which it is registered.
        path: `module:attribute`.
    """

    group: str
    name: str
    path: str


def installed(group: str) -> list[Plugin]:
    """Return what is registered under a group, by name."""
    return sorted(Plugin(point.group, point.name, point.value) for point in _points() if point.group == group)


def distribution(plugin: Plugin) -> str:
    """Return the package that brought a plugin, with its version."""
    for point in _points():
        if (point.group, point.name) == (plugin.group, plugin.name) and point.dist:
            return f"{point.dist.name} {point.dist.version}"
    return "unknown"


@cache
def _points() -> tuple[EntryPoint, ...]:
    """What a process starts with stays: looking through all packages takes as long as many a command."""
    found = entry_points()
    return tuple(found.select(group=READERS)) + tuple(found.select(group=PROCESSORS))


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
            purpose_of(found)
            return found, plugin
    known = ", ".join(plugin.name for plugin in plugins)
    raise NotFound(f"no processor {name!r} is installed; there are: {known}")


class Processors(NamedTuple):
    """The installed processors.

    Attributes:
        usable: by name.
        faults: why each of the others cannot be used, by name.
    """

    usable: dict[str, Processor]
    faults: dict[str, str]


def processors() -> Processors:
    """Return the installed processors; one that cannot be loaded takes none of the others with it."""
    found = Processors({}, {})
    for plugin in installed(PROCESSORS):
        try:
            found.usable[plugin.name] = processor(plugin.name)[0]
        except PrecedentError as error:
            found.faults[plugin.name] = str(error)
    return found


def readers() -> dict[str, tuple[Reader, Plugin]]:
    """Return the installed readers by agent name."""
    return {plugin.name: (load(plugin), plugin) for plugin in installed(READERS)}
