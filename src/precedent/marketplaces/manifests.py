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

from .contents import Entry
from .front_matter import front_matter
from .model import (
    MAX_ABOUT_BYTES,
    MAX_ABOUTS_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_MARKETPLACE_BYTES,
    MAX_PLUGIN_BYTES,
    MAX_PLUGINS,
    About,
    Component,
    Finding,
    PluginFile,
)  # fmt: skip
from .running import UNREADABLE, decoded, running, same
from .scanned import scanned
from .texts import component, in_text, plain
from .trees import Tree, unfit

MARKETPLACE = ".claude-plugin/marketplace.json"
PLUGIN = ".claude-plugin/plugin.json"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9_-])?")
KINDS = ("skill", "agent", "command")
MAX_COMPONENTS = 1_000


def plugins(tree: Tree) -> Iterator[tuple[str, list[Entry], About]]:
    """Yield the name, the files and the description of each plugin; what is wrong is told to the tree."""
    data = tree.read(MARKETPLACE, most=MAX_MANIFEST_BYTES)
    if data is None:
        if MARKETPLACE not in tree.blobs:
            tree.told(f"there is no {MARKETPLACE}")
        return
    try:
        manifest = decoded(data)
    except BadInput as error:
        tree.told(f"{MARKETPLACE} cannot be read: {error}")
        return
    listed = manifest.get("plugins")
    if not isinstance(listed, list):
        tree.told(f"{MARKETPLACE} has no list of plugins")
        return
    if len(listed) > MAX_PLUGINS:
        tree.told(f"{MARKETPLACE} lists {len(listed)} plugins; the first {MAX_PLUGINS} are read")
    root = plain(_object(manifest.get("metadata")).get("pluginRoot"))
    seen: set[str] = set()
    together = told = 0
    for entry in listed[:MAX_PLUGINS]:
        name = plain(_object(entry).get("name"))
        if not NAME.fullmatch(name) or unfit(name.encode(), name) or name in seen:
            tree.told(f"a plugin of the name {name[:100]!r} was left out: the name is none, or stands twice")
            continue
        seen.add(name)
        folder = _folder(root, entry.get("source"))
        if folder is None:
            tree.told(f"{name} is kept elsewhere and was left out: {str(entry.get('source'))[:200]}")
            continue
        try:
            files, about = _plugin(tree, name, folder, entry)
        except TooLarge as error:
            tree.told(str(error))
            continue
        if together + about.size_bytes > MAX_MARKETPLACE_BYTES:
            tree.told(f"{name} was left out: plugins are larger than {MAX_MARKETPLACE_BYTES >> 20} MiB together")
            continue
        told += (size := len(msgspec.json.encode(about)))
        if size > MAX_ABOUT_BYTES or told > MAX_ABOUTS_BYTES:
            tree.told(f"{name} was left out: there is more to tell of it and of those before it than anybody reads")
            continue
        together += about.size_bytes
        yield name, files, about


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
    bytes_of = {each.path: each.data for each in files}
    own, findings = _own_manifest(tree, bytes_of)
    given = {**entry, **own}
    brought = [*running({MARKETPLACE: entry, PLUGIN: own}, bytes_of), *_described(given, bytes_of), *_held(own)]
    components = [each for each in brought if isinstance(each, Component)]
    findings += [each for each in brought if isinstance(each, Finding)]
    if len(components) > MAX_COMPONENTS:
        raise TooLarge(f"{name} brings more than {MAX_COMPONENTS:,} things and was left out")
    said = [plain(given.get(key)) for key in ("description", "version", "homepage")]
    author = plain(_object(given.get("author")).get("name") or given.get("author"))
    findings += scanned(files, said=[*said, author], where=MARKETPLACE)
    return files, About(
        description=said[0],
        version=said[1],
        author=author,
        homepage=said[2],
        files=[
            PluginFile(
                path=each.path, size_bytes=len(each.data), sha256=hashlib.sha256(each.data).hexdigest(),
                executable=each.executable,
            )
            for each in files
        ],
        components=components,
        findings=list(dict.fromkeys(findings)),
        size_bytes=total,
    )  # fmt: skip


def _own_manifest(tree: Tree, files: Mapping[str, bytes]) -> tuple[dict[str, Any], list[Finding]]:
    """Return the plugin's own manifest, and that it cannot be read."""
    for path in files:
        if same(path) == PLUGIN:
            try:
                return decoded(files[path]), []
            except BadInput as error:
                tree.told(f"{path} cannot be read: {error}")
                return {}, [Finding(flag=UNREADABLE, path=path)]
    return {}, []


def _described(given: dict[str, Any], files: Mapping[str, bytes]) -> Iterator[Component | Finding]:
    """Yield the skills, agents and commands of a plugin, and what any of its texts would run."""
    elsewhere = {kind: tuple(_paths(given.get(f"{kind}s"))) for kind in KINDS}
    for path, data in files.items():
        named = any(path in places for places in elsewhere.values())
        if not named and not same(path).endswith(".md"):
            continue
        text = data.decode("utf-8", "replace")
        yield from in_text(path, text)
        parts = PurePosixPath(same(path)).parts
        kind = parts[0].removesuffix("s") if len(parts) > 1 and parts[0] in {f"{kind}s" for kind in KINDS} else ""
        for other, places in elsewhere.items():
            kind = other if any(path == place or path.startswith(f"{place}/") for place in places) else kind
        if not kind or (kind == "skill" and (parts[-1] != "skill.md" or len(parts) == 1)):
            continue
        head, names = front_matter(text), PurePosixPath(path)
        usual = names.parent.name if kind == "skill" else names.stem
        yield Component(
            kind=kind, name=plain(head.get("name") or usual), description=plain(head.get("description")), path=path
        )


def _held(own: dict[str, Any]) -> Iterator[Component | Finding]:
    """Yield the commands whose texts stand in a manifest."""
    for name, command in _object(own.get("commands")).items():
        held = _object(command)
        if text := held.get("content"):
            yield from in_text(PLUGIN, str(text))
            yield Component(kind="command", name=plain(name), description=plain(held.get("description")), path=PLUGIN)
        if held.get("allowedTools"):
            yield from component("grant", name, PLUGIN, msgspec.json.encode(held["allowedTools"]).decode())


def _paths(said: object) -> Iterator[str]:
    """Yield the files and folders that a manifest names for skills, agents or commands."""
    if isinstance(said, dict):
        said = [_object(each).get("source") for each in said.values()]
    for each in said if isinstance(said, list) else [said]:
        if isinstance(each, str) and (path := "/".join(part for part in each.split("/") if part not in {"", "."})):
            yield path


def _folder(root: str, source: object) -> str | None:
    """Return the folder of a plugin in the repository, empty for all of it; None when it is somewhere else."""
    if not isinstance(source, str):
        return None
    path = source if source.startswith("./") or not root else f"{root}/{source}"
    if "://" in path or path.startswith(("/", "~")) or "\\" in path or "@" in path:
        return None
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return None if ".." in parts else "/".join(parts)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
