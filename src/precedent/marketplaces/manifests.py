"""Finds the plugins of a repository and what they bring, as Claude Code lays them out.

Source: https://code.claude.com/docs/en/plugins-reference and …/plugin-marketplaces, as of November 2026.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from precedent.errors import BadInput, TooLarge
from precedent.knowledge.scanning import scan

from .contents import Entry
from .front_matter import front_matter
from .model import MAX_PLUGIN_BYTES, MAX_PLUGINS, About, Component, Finding, PluginFile
from .trees import Tree

MARKETPLACE = ".claude-plugin/marketplace.json"
PLUGIN = ".claude-plugin/plugin.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
MAX_MANIFEST_BYTES = 1 << 20
MAX_TEXT = 1_000
MAX_COMPONENTS = 1_000
SCANNED_CHARS = 200_000
"""Of each file; more than that no agent is given at once."""

READ_BY_AGENTS = frozenset({".md", ".txt", ".json", ".toml", ".yaml", ".yml"})


def plugins(tree: Tree) -> Iterator[tuple[str, list[Entry], About]]:
    """Yield the name, the files and the description of each plugin; what is wrong is told to the tree."""
    manifest = _json(tree, MARKETPLACE)
    if manifest is None:
        if MARKETPLACE not in tree.blobs:
            tree.told(f"there is no {MARKETPLACE}")
        return
    listed = manifest.get("plugins")
    if not isinstance(listed, list):
        tree.told(f"{MARKETPLACE} has no list of plugins")
        return
    if len(listed) > MAX_PLUGINS:
        tree.told(f"{MARKETPLACE} lists {len(listed)} plugins; the first {MAX_PLUGINS} are read")
    root = _text(_object(manifest.get("metadata")).get("pluginRoot"))
    seen: set[str] = set()
    for entry in listed[:MAX_PLUGINS]:
        name = _text(_object(entry).get("name"))
        if not NAME.fullmatch(name) or name in seen:
            tree.told(f"a plugin of the name {name[:100]!r} was left out: the name is none, or stands twice")
            continue
        seen.add(name)
        folder = _folder(root, entry.get("source"))
        if folder is None:
            tree.told(f"{name} is kept elsewhere and was left out: {str(entry.get('source'))[:200]}")
            continue
        try:
            yield (name, *_plugin(tree, name, folder, entry))
        except TooLarge as error:
            tree.told(str(error))


def _plugin(tree: Tree, name: str, folder: str, entry: dict[str, Any]) -> tuple[list[Entry], About]:
    """Return the files of a plugin and what it says of itself; what stands in its own manifest comes first.

    Raises:
        TooLarge: it is larger than is taken.
    """
    files, total = [], 0
    for path, whole in sorted(tree.below(folder).items()):
        data = tree.read(whole)
        if data is None:
            continue
        total += len(data)
        if total > MAX_PLUGIN_BYTES:
            raise TooLarge(f"{name} is larger than {MAX_PLUGIN_BYTES >> 20} MiB and was left out")
        files.append(Entry(path, tree.blobs[whole].executable, data))
    if not files:
        tree.told(f"{name} was left out: there is nothing in {folder or 'the repository'}")
    given = {**entry, **(_json(tree, f"{folder}/{PLUGIN}" if folder else PLUGIN) or {})}
    return files, About(
        description=_text(given.get("description")),
        version=_text(given.get("version")),
        author=_text(_object(given.get("author")).get("name") or given.get("author")),
        homepage=_text(given.get("homepage")),
        files=[
            PluginFile(
                path=each.path, size_bytes=len(each.data), sha256=hashlib.sha256(each.data).hexdigest(),
                executable=each.executable,
            )
            for each in files
        ],
        components=list(_components(tree, given, {each.path: each.data for each in files}))[:MAX_COMPONENTS],
        findings=list(_findings(files)),
        size_bytes=total,
    )  # fmt: skip


def _components(tree: Tree, given: dict[str, Any], files: Mapping[str, bytes]) -> Iterator[Component]:
    """Yield what a plugin brings; hooks and servers with what they would run."""
    for path, data in files.items():
        parts = PurePosixPath(path).parts
        if parts[0] == "skills" and parts[-1] == "SKILL.md" and len(parts) > 2:
            yield _described("skill", parts[-2], path, data)
        elif parts[0] in {"agents", "commands"} and path.endswith(".md"):
            yield _described(parts[0].removesuffix("s"), PurePosixPath(path).stem, path, data)
    yield from _running(tree, given.get("hooks"), files, key="hooks", usual="hooks/hooks.json")
    yield from _running(tree, given.get("mcpServers"), files, key="mcpServers", usual=".mcp.json")


def _running(tree: Tree, said: object, files: Mapping[str, bytes], *, key: str, usual: str) -> Iterator[Component]:
    """Yield hooks or servers, from where the manifest says that they stand, or from their usual place."""
    path = str(PurePosixPath(said)).removeprefix("./") if isinstance(said, str) else usual
    inline = said if isinstance(said, dict) else None
    found = inline if inline is not None else _decoded(tree, files.get(path), path)
    if found is not None:
        where = path if inline is None else PLUGIN
        yield from (_hooks if key == "hooks" else _servers)(_object(found.get(key)) or found, where)


def _described(kind: str, name: str, path: str, data: bytes) -> Component:
    head = front_matter(data.decode("utf-8", "replace"))
    return Component(
        kind=kind, name=_text(head.get("name") or name), description=_text(head.get("description")), path=path
    )


def _hooks(found: dict[str, Any], path: str) -> Iterator[Component]:
    for event, matchers in found.items():
        for matcher in matchers if isinstance(matchers, list) else []:
            hooks = _object(matcher).get("hooks")
            for hook in hooks if isinstance(hooks, list) else []:
                run = _object(hook)
                command = " ".join(str(run[key]) for key in ("command", "prompt", "url") if run.get(key))
                yield Component(
                    kind="hook", name=_text(event), description=_text(_object(matcher).get("matcher")), path=path,
                    command=command[:MAX_TEXT],
                )  # fmt: skip


def _servers(found: dict[str, Any], path: str) -> Iterator[Component]:
    for name, server in found.items():
        run = _object(server)
        arguments = run.get("args")
        words = [run.get("command") or run.get("url") or "", *(arguments if isinstance(arguments, list) else [])]
        yield Component(kind="mcp", name=_text(name), path=path, command=" ".join(map(str, words))[:MAX_TEXT])


def _findings(files: list[Entry]) -> Iterator[Finding]:
    for path, _, data in files:
        if PurePosixPath(path).suffix.lower() in READ_BY_AGENTS:
            text = data.decode("utf-8", "replace")[:SCANNED_CHARS]
            for flag in sorted({each.name for each in scan(text)} - {"long"}):
                yield Finding(flag=flag, path=path)


def _folder(root: str, source: object) -> str | None:
    """Return the folder of a plugin in the repository, empty for all of it; None when it is somewhere else."""
    if not isinstance(source, str):
        return None
    path = source if source.startswith("./") or not root else f"{root}/{source}"
    if "://" in path or path.startswith(("/", "~")) or "\\" in path or "@" in path:
        return None
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return None if ".." in parts else "/".join(parts)


def _json(tree: Tree, path: str) -> dict[str, Any] | None:
    return _decoded(tree, tree.read(path, most=MAX_MANIFEST_BYTES), path)


def _decoded(tree: Tree, data: bytes | None, path: str) -> dict[str, Any] | None:
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
        if not isinstance(found, dict):
            raise BadInput("it is no object")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadInput) as error:
        tree.told(f"{path} cannot be read: {str(error)[:200]}")
        return None
    return found


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Return text that every database takes, cut to a length."""
    plain = (
        str(value).replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str | int | float) else ""
    )
    return plain[:MAX_TEXT]
