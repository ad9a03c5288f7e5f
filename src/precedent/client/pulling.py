"""Brings approved knowledge from the server into the files that a person's agents read."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from precedent.errors import BadInput, Misconfigured, NotFound, Transient
from precedent.knowledge.model import content_hash

from . import config, rules_files
from .agents import Machine
from .connecting import Edit
from .remote import Server

FOLDER = ".precedent/pull"
AGENTS, LAST = "agents", "last.json"


class Item(msgspec.Struct, frozen=True):
    """What of an item of a bundle is checked; see `knowledge.bundle`."""

    id: int
    hash: str
    title: str
    content: str


class Pulled(msgspec.Struct, frozen=True):
    """A bundle as it came; see `knowledge.bundle`."""

    revision: int
    items: list[Item]
    stale_after: int
    text: str
    warnings: list[str] = []


class PullStats(msgspec.Struct, kw_only=True):
    """What a pull did.

    Attributes:
        revision: of the bundle; None when the server could not be asked.
        items: that agents are given now.
        files_changed: files that were written or removed.
        stale: what was there is too old and was taken out, as the server could not be asked.
        warnings: of the bundle.
    """

    revision: int | None = None
    items: int = 0
    files_changed: list[str] = []
    stale: bool = False
    warnings: list[str] = []


def pull(
    home: Path,
    machine: Machine,
    *,
    agents: Sequence[str] = (),
    into: Path | None = None,
    dry_run: bool = False,
    now: int | None = None,
) -> tuple[PullStats, list[Edit]]:
    """Ask the server and bring every file in line, so that what was revoked is gone; return the changes made.

    Args:
        home: the person's home.
        machine: theirs.
        agents: whose files; default those that are connected.
        into: a project's folder instead of the home.
        dry_run: only tell what would change.
        now: UTC microseconds; default the machine's time.

    Raises:
        Misconfigured: no server or no agent is connected.
        NotFound: an agent reads no rules.
        BadInput: the bundle is damaged, or a file cannot be changed without harm; nothing of it was changed.
        Transient: the server cannot be asked, and what is there may still be used.
    """
    chosen = list(agents) or remembered(home)
    if not chosen:
        raise Misconfigured("no agent is connected; `precedent connect AGENT` connects one, or name it with --agent")
    places = dict.fromkeys(rules_files.target(agent, machine, into=into) for agent in chosen)
    now = time.time_ns() // 1000 if now is None else now
    stats = PullStats()
    try:
        with Server(config.load(home)) as there:
            found = checked(there.bundle(Pulled))
    except Transient:
        last = _last(home)
        if last is None or now < last.stale_after:
            raise
        found, stats.stale = msgspec.structs.replace(last, items=[], text=""), True
    edits = [each for place in places if not (each := rules_files.written(place, found.text)).is_empty()]
    stats.items, stats.warnings = len(found.items), list(found.warnings)
    stats.revision = None if stats.stale else found.revision
    stats.files_changed = [str(edit.path) for edit in edits]
    if not dry_run:
        for edit in edits:
            _apply(edit)
        config.write(home / FOLDER / LAST, msgspec.json.encode(found), mode=0o600)
    return stats, edits


def checked(found: Pulled) -> Pulled:
    """Return a bundle whose items are what was approved.

    Raises:
        BadInput: an item's words are not those of its hash.
    """
    for each in found.items:
        if content_hash(each.title, each.content) != each.hash:
            raise BadInput(f"item {each.id} of the bundle is not what was approved; nothing was changed")
    return found


def remember(home: Path, agent: str) -> None:
    """Have pulls write an agent's rules from now on; one that reads none is passed over."""
    known = remembered(home)
    if agent in rules_files.AGENTS and agent not in known:
        config.write(home / FOLDER / AGENTS, "".join(f"{each}\n" for each in [*known, agent]).encode(), mode=0o600)


def forget(home: Path, machine: Machine, agent: str) -> Path | None:
    """Take our block out of an agent's rules and have pulls write it no more; return the file that changed."""
    left = [each for each in remembered(home) if each != agent]
    if (home / FOLDER / AGENTS).exists():
        config.write(home / FOLDER / AGENTS, "".join(f"{each}\n" for each in left).encode(), mode=0o600)
    try:
        place = rules_files.target(agent, machine)
    except NotFound:
        return None
    if any(rules_files.target(each, machine) == place for each in left):
        return None
    edit = rules_files.written(place, "")
    if edit.is_empty():
        return None
    _apply(edit)
    return edit.path


def remembered(home: Path) -> list[str]:
    """Return the agents whose rules pulls write."""
    try:
        names = (home / FOLDER / AGENTS).read_text("utf-8").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [name for name in names if name in rules_files.AGENTS]


def _last(home: Path) -> Pulled | None:
    try:
        return msgspec.json.decode((home / FOLDER / LAST).read_bytes(), type=Pulled)
    except (OSError, msgspec.DecodeError):
        return None


def _apply(edit: Edit) -> None:
    try:
        mode = edit.path.stat().st_mode & 0o777 if edit.before is not None else 0o600
        if edit.after is None:
            edit.path.unlink(missing_ok=True)
        else:
            config.write(edit.path, edit.after.encode(), mode=mode)
    except OSError as error:
        raise BadInput(f"{edit.path} cannot be written: {error.strerror}; pull again then") from error
