"""Who uses which plugin, and how it goes: what transcripts name `plugin:name`, and tools of a plugin's MCP servers."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store.schema import transcript, usage_event, usage_name

from .facts import EventKind

KINDS = (EventKind.SKILL.value, EventKind.SUBAGENT.value, EventKind.COMMAND.value, EventKind.MCP.value)
_SERVER = re.compile(r"mcp__plugin_(?P<plugin>.+?)_(?P<server>[^_]+)__(?P<tool>.+)")
"""A tool of a plugin's MCP server, as Claude Code 2 names it; see docs/reference/formats.md."""

_PARTS = 400
ERROR = 2


class Piece(NamedTuple):
    """A piece of a plugin: which plugin's, and what it is called there."""

    plugin: str
    name: str


class PluginUse(msgspec.Struct, kw_only=True):
    """What was done with a piece of a plugin, or with all of it when `kind` and `name` are empty.

    Attributes:
        kind: `skill`, `subagent`, `command` or `mcp`.
        calls: how often.
        people: by how many.
        sessions: in how many.
        errors: calls that ended with an error.
        last_at: when last, UTC microseconds; null when no time is known.
    """

    plugin: str
    kind: str = ""
    name: str = ""
    calls: int = 0
    people: int = 0
    sessions: int = 0
    errors: int = 0
    last_at: int | None = None


def piece(kind: str, name: str) -> Piece | None:
    """Return the piece of a plugin that a name means; None when it means none."""
    if kind == EventKind.MCP.value:
        found = _SERVER.fullmatch(name)
        return Piece(found["plugin"], f"{found['server']}/{found['tool']}") if found else None
    plugin, colon, rest = name.removeprefix("/").partition(":")
    return Piece(plugin, rest) if plugin and colon and rest else None


def plugin_use(
    tx: sa.Connection, *, only: Collection[str] | None = None, since: int | None = None, until: int | None = None
) -> list[PluginUse]:
    """Return what was done with each plugin, the most used first, each followed by its pieces.

    Args:
        tx: the view to read.
        only: plugins of these names; without it all.
        since: only at or after this instant, UTC microseconds.
        until: only before this one.
    """
    names: dict[int, tuple[str, Piece]] = {}
    for row in tx.execute(sa.select(usage_name).where(usage_name.c.kind.in_(KINDS))):
        if (meant := piece(row.kind, row.name)) is not None and (only is None or meant.plugin in only):
            names[row.id] = row.kind, meant
    seen: dict[tuple[str, str, str], _Seen] = {}
    for row in _events(tx, sorted(names), since, until):
        kind, (plugin, name) = names[row.name_id]
        for key in ((plugin, "", ""), (plugin, kind, name)):
            seen.setdefault(key, _Seen()).add(row)
    found = [
        PluginUse(
            plugin=plugin, kind=kind, name=name, calls=each.calls, people=len(each.people),
            sessions=len(each.sessions), errors=each.errors, last_at=each.last_at,
        )
        for (plugin, kind, name), each in seen.items()
    ]  # fmt: skip
    calls = {each.plugin: each.calls for each in found if not each.kind}
    return sorted(found, key=lambda each: (-calls[each.plugin], each.plugin, bool(each.kind), -each.calls, each.name))


class _Seen:
    """What is known of one row of the answer."""

    def __init__(self) -> None:
        self.calls, self.errors = 0, 0
        self.last_at: int | None = None
        self.people: set[int] = set()
        self.sessions: set[tuple[int, str]] = set()

    def add(self, row: "sa.Row[Any]") -> None:
        self.calls += row.calls
        self.errors += row.errors
        self.people.add(row.user_id)
        self.sessions.add((row.user_id, row.native_id))
        self.last_at = max(filter(None, (self.last_at, row.last_at)), default=None)


def _events(tx: sa.Connection, names: list[int], since: int | None, until: int | None) -> "list[sa.Row[Any]]":
    """Return events by name, person and session."""
    event = usage_event.c
    found: list[sa.Row[Any]] = []
    for start in range(0, len(names), _PARTS):
        query = (
            sa.select(
                event.name_id,
                transcript.c.user_id,
                transcript.c.native_id,
                sa.func.count().label("calls"),
                sa.func.sum(sa.case((event.outcome == ERROR, 1), else_=0)).label("errors"),
                sa.func.max(event.at).label("last_at"),
            )
            .join(transcript, transcript.c.id == event.transcript_id)
            .where(event.name_id.in_(names[start : start + _PARTS]))
            .group_by(event.name_id, transcript.c.user_id, transcript.c.native_id)
        )
        if since is not None:
            query = query.where(event.at >= since)
        if until is not None:
            query = query.where(event.at < until)
        found += tx.execute(query).all()
    return found
