"""Finds what a plugin would run: hooks, servers and commands in texts, from every place where an agent looks for them.

Whoever trusts a plugin is shown this, so nothing may hide: what cannot be read, or not be shown whole, is a finding.

Source: https://code.claude.com/docs/en/plugins-reference, …/hooks and …/skills, as of November 2026: what a manifest
names comes beside the usual file and not instead of it; a skill may have hooks in its head, and commands in its text.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from precedent.errors import BadInput

from .model import MAX_COMMAND_CHARS, MAX_MANIFEST_BYTES, Component, Finding

HOOKS, SERVERS = "hooks", "mcpServers"
USUAL = {HOOKS: "hooks/hooks.json", SERVERS: ".mcp.json"}
OTHERS = {"lspServers": ".lsp.json", "monitors": "monitors/monitors.json"}
"""What runs programs too and is not listed: that it is there is told."""

UNREADABLE, CUT, UNLISTED = "unreadable", "cut", "unlisted"
_BUNDLES = (".mcpb", ".dxt")
_HEAD_RUNS = re.compile(r'hooks|mcpServers|"[^"\n]*\\', re.IGNORECASE)
"""In a head: keys under which something is run, or one that is written so that it cannot be told."""

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)(?:^---|\Z)", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"!`([^`\n]+)`|^[ \t]*```!\s*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
MAX_TEXT = 1_000

Found = Iterator[Component | Finding]


def same(path: str) -> str:
    """Return what is equal for paths that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def running(said: Mapping[str, dict[str, Any]], files: Mapping[str, bytes]) -> Found:
    """Yield what hooks and servers would run.

    Args:
        said: manifests that may name or hold them, each by the path where it stands.
        files: the plugin's, by path.
    """
    at = {same(path): path for path in files}
    for key, usual in USUAL.items():
        seen = set[str]()
        if usual in at:
            yield from _in_file(key, at[usual], files, seen)
        for where, manifest in said.items():
            yield from _said(key, manifest.get(key), where, files, at, seen)
    for key, usual in OTHERS.items():
        there = [at[usual]] if usual in at else [where for where, manifest in said.items() if manifest.get(key)]
        for path in there[:1]:
            yield Finding(flag=UNLISTED, path=path)


def in_text(path: str, text: str) -> Found:
    """Yield what a skill, an agent or a command would run by its head and its text."""
    found = _HEAD.match(text)
    if found is not None and _HEAD_RUNS.search(found[1]):
        yield from _component("hook", "head", path, found[1])
    if commands := ["".join(found.groups("")).strip() for found in _INLINE.finditer(text)]:
        yield from _component("inline", "text", path, "\n".join(commands))


def decoded(data: bytes) -> dict[str, Any]:
    """Return the object that a file holds.

    Raises:
        BadInput: it holds none, or cannot be read.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BadInput(f"it is larger than {MAX_MANIFEST_BYTES >> 20} MiB")
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(str(error)[:200]) from error
    if not isinstance(found, dict):
        raise BadInput("it is no object")
    return found


def _said(
    key: str, said: object, where: str, files: Mapping[str, bytes], at: Mapping[str, str], seen: set[str]
) -> Found:
    """Yield what a manifest names or holds: a path, the thing itself, or a list of either."""
    for each in said if isinstance(said, list) else [said]:
        if isinstance(each, dict):
            yield from _held(key, each, where)
        elif isinstance(each, str):
            if key == SERVERS and ("://" in each or each.lower().endswith(_BUNDLES)):
                yield from _component("mcp", each, where, each)
                continue
            path = at.get(same("/".join(part for part in each.split("/") if part not in {"", "."})))
            if path is None or ".." in each.split("/"):
                yield Finding(flag=UNREADABLE, path=where)
            else:
                yield from _in_file(key, path, files, seen)
        elif each is not None:
            yield Finding(flag=UNREADABLE, path=where)


def _in_file(key: str, path: str, files: Mapping[str, bytes], seen: set[str]) -> Found:
    if path in seen:
        return
    seen.add(path)
    try:
        found = decoded(files[path])
    except BadInput:
        yield Finding(flag=UNREADABLE, path=path)
    else:
        yield from _held(key, found, path)


def _held(key: str, found: dict[str, Any], path: str) -> Found:
    """Yield hooks or servers, which may stand under their key or by themselves."""
    for each in (found.get(key), found):
        if isinstance(each, dict):
            yield from (_hooks if key == HOOKS else _servers)(each, path)
        elif each is not None:
            yield Finding(flag=UNREADABLE, path=path)


def _hooks(found: dict[str, Any], path: str) -> Found:
    for event, matchers in found.items():
        for matcher in matchers if isinstance(matchers, list) else []:
            about = matcher if isinstance(matcher, dict) else {}
            handlers = about.get("hooks")
            for handler in handlers if isinstance(handlers, list) else []:
                run = handler if isinstance(handler, dict) else {}
                said = _words(run.get("command"), run.get("args"), run.get("prompt"), run.get("url"))
                more = {name: value for name, value in run.items() if name not in _KNOWN_OF_HOOKS}
                yield from _component("hook", event, path, _words(said, more), described=str(about.get("matcher", "")))


_KNOWN_OF_HOOKS = frozenset({"type", "command", "args", "prompt", "url", "timeout", "async", "statusMessage", "once"})
_KNOWN_OF_SERVERS = frozenset({"type", "command", "args", "url", "timeout"})


def _servers(found: dict[str, Any], path: str) -> Found:
    for name, server in found.items():
        if isinstance(server, dict) and (server.get("command") or server.get("url")):
            more = {key: value for key, value in server.items() if key not in _KNOWN_OF_SERVERS}
            said = _words(server.get("command"), server.get("args"), server.get("url"), more)
            yield from _component("mcp", name, path, said)


def _words(*given: object) -> str:
    """Return a command line; what is no text and no list of texts stands as JSON, which hides nothing."""
    found: list[str] = []
    for each in given:
        if not each:
            continue
        listed = each if isinstance(each, list) else [each]
        found += [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in listed]
    return " ".join(found)


def _component(kind: str, name: str, path: str, command: str, *, described: str = "") -> Found:
    command = command.replace("\0", "\ufffd")
    if len(command) > MAX_COMMAND_CHARS:
        yield Finding(flag=CUT, path=path)
    yield Component(
        kind=kind, name=plain(name), description=plain(described), path=path, command=command[:MAX_COMMAND_CHARS]
    )


def plain(value: object) -> str:
    """Return text that every database takes, cut to a length; empty for what is none."""
    if not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()[:MAX_TEXT]
