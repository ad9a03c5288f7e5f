"""Finds what a plugin would run: hooks and servers, from every place where an agent looks for them.

Whoever trusts a plugin is shown this, so nothing may hide: what cannot be read, or not be shown whole, is a finding.

Source: https://code.claude.com/docs/en/plugins-reference, …/hooks and …/plugins/mods, as of November 2026: what a
manifest names comes beside the usual file and not instead of it.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from precedent.errors import BadInput

from .model import MAX_MANIFEST_BYTES, Finding
from .texts import Found, component

HOOKS, SERVERS = "hooks", "mcpServers"
USUAL = {HOOKS: "hooks/hooks.json", SERVERS: ".mcp.json"}
OTHERS = {
    "lspServers": ".lsp.json", "monitors": "monitors/monitors.json", "settings": "settings.json",
    "workflows": "workflows/",
}  # fmt: skip
"""What runs programs too and is not listed: that it is there is told."""

UNREADABLE, UNLISTED, FETCHED = "unreadable", "unlisted", "fetched"
OVERLOOKED = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""Characters that file systems of macOS do not see."""

_BUNDLES = (".mcpb", ".dxt")
_TRIED = "experimental"
"""Key of a manifest that holds what may change yet, monitors among it."""


def same(path: str) -> str:
    """Return what is equal for paths that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", OVERLOOKED.sub("", path)).casefold())


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
        there = [path for plain, path in at.items() if plain == usual or (usual[-1] == "/" and plain.startswith(usual))]
        there = there[:1] + [where for where, manifest in said.items() if manifest.get(key) or _tried(manifest, key)]
        yield from (Finding(flag=UNLISTED, path=path) for path in there)


def _tried(manifest: Mapping[str, Any], key: str) -> object:
    tried = manifest.get(_TRIED)
    return tried.get(key) if isinstance(tried, dict) else None


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
                yield from component("mcp", each, where, each)
                # The servers of a bundle stand in an archive, and one from elsewhere is another tomorrow.
                yield Finding(flag=FETCHED if "://" in each else UNLISTED, path=where)
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
            handlers = matcher.get("hooks") if isinstance(matcher, dict) else None
            if not isinstance(handlers, list):  # a module of functions, or what we do not know
                yield from component("hook", event, path, _words(matcher))
                continue
            for handler in handlers:
                run = handler if isinstance(handler, dict) else {"command": handler}
                said = _words(run.get("command"), run.get("args"), run.get("prompt"), run.get("url"))
                more = {name: value for name, value in run.items() if name not in _KNOWN_OF_HOOKS}
                described = str(matcher.get("matcher", ""))
                yield from component("hook", event, path, _words(said, more), described=described)


_KNOWN_OF_HOOKS = frozenset({"type", "command", "args", "prompt", "url", "timeout", "async", "statusMessage", "once"})
_KNOWN_OF_SERVERS = frozenset({"type", "command", "args", "url", "timeout"})


def _servers(found: dict[str, Any], path: str) -> Found:
    for name, server in found.items():
        # That key holds servers, and may be the name of one.
        if isinstance(server, dict) and (name != SERVERS or server.get("command") or server.get("url")):
            more = {key: value for key, value in server.items() if key not in _KNOWN_OF_SERVERS}
            said = _words(server.get("command"), server.get("args"), server.get("url"), more)
            yield from component("mcp", name, path, said or "nothing that is known")


def _words(*given: object) -> str:
    """Return a command line; what is no text and no list of texts stands as JSON, which hides nothing."""
    found: list[str] = []
    for each in given:
        if not each:
            continue
        listed = each if isinstance(each, list) else [each]
        found += [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in listed]
    return " ".join(found)
