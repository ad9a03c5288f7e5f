"""Writes our part into an agent's settings and takes it out again; whatever else stands there is the person's."""

import difflib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from precedent.errors import BadInput

from .agents import MARK, HookList, OwnFile, Settings, is_ours
from .config import write

BACKUP = ".before-precedent"
"""Ends the name of the copy that is made of settings before our part is written into them."""


class Edit(NamedTuple):
    """A change of a file.

    Attributes:
        path: of the file that is written; where a link led to it, that file.
        before: its content; None when there is no file.
        after: its content then; None when it is removed.
    """

    path: Path
    before: str | None
    after: str | None

    def is_empty(self) -> bool:
        """Tell whether nothing changes."""
        return self.before == self.after

    def difference(self) -> str:
        """Return the change as a person reads it."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            (self.after or "").splitlines(keepends=True),
            str(self.path) if self.before is not None else "(no file)",
            str(self.path) if self.after is not None else "(no file)",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def connected(offer: HookList | OwnFile) -> Edit:
    """Return the change that lets an agent call us; an empty one when it does already.

    Raises:
        BadInput: the settings cannot be understood, so they are not touched.
    """
    path, before = _read(offer.path)
    if isinstance(offer, OwnFile):
        if before is not None and MARK not in before and not is_ours(before):
            raise BadInput(f"{path} is there and is not what `precedent connect` wrote; it is left alone")
        return Edit(path, before, offer.text)
    settings = _parsed(path, before)
    wanted = _added(_without(settings), offer)
    return Edit(path, before, before if settings == wanted else _written(wanted, like=before or ""))


def disconnected(offer: HookList | OwnFile) -> Edit:
    """Return the change that takes our part out again; of settings that are otherwise as they were, every byte.

    Raises:
        BadInput: the settings cannot be understood, or the file is not ours, so it is not touched.
    """
    path, before = _read(offer.path)
    if before is None:
        return Edit(path, None, None)
    if isinstance(offer, OwnFile):
        if MARK not in before and not is_ours(before):
            raise BadInput(f"{path} is not what `precedent connect` wrote; it is left alone")
        return Edit(path, before, None)
    settings = _parsed(path, before)
    left = _without(settings)
    if left == settings:
        return Edit(path, before, before)
    kept = _backup(path)
    if kept is None:
        return Edit(path, before, _written(left, like=before) if left else None)
    same = _bare(_without(_parsed(path, kept))) == _bare(left)
    return Edit(path, before, kept if same else _written(left, like=before))


def apply(edit: Edit, *, connects: bool) -> None:
    """Make a change; before our part comes in for the first time, a copy of the settings is made.

    Raises:
        BadInput: it cannot be written.
    """
    if edit.is_empty():
        return
    backup = edit.path.with_name(edit.path.name + BACKUP)
    try:
        mode = edit.path.stat().st_mode & 0o777 if edit.before is not None else 0o600
        if connects and edit.before is not None and not is_ours(edit.before) and MARK not in edit.before:
            write(backup, edit.before.encode(), mode=mode)
        if edit.after is None:
            edit.path.unlink(missing_ok=True)
        else:
            write(edit.path, edit.after.encode(), mode=mode)
        if not connects:
            backup.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{edit.path} cannot be written: {error.strerror}") from error


def _read(place: object) -> tuple[Path, str | None]:
    path = Path(str(place))
    try:
        path = path.resolve()  # dotfile managers link settings elsewhere; the link is to stay
        return path, path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return path, None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as text: {error}; nothing was changed") from error


def _backup(path: Path) -> str | None:
    try:
        return path.with_name(path.name + BACKUP).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _parsed(path: Path, text: str | None) -> Settings:
    if text is None or not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path} is no plain JSON ({error}); nothing was changed. Mend it, or add the hook by hand: "
            "`--dry-run` on a machine without that file shows it"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("hooks", {}), dict):
        raise BadInput(f"{path} is of another shape than its agent documents; nothing was changed")
    return found


def _added(settings: Settings, offer: HookList) -> Settings:
    hooks: dict[str, Any] = dict(settings.get("hooks", {}))
    for event in offer.events:
        there = hooks.get(event, [])
        if not isinstance(there, list):
            raise BadInput(f"{offer.path}: `hooks.{event}` is no list; nothing was changed")
        hooks[event] = [*there, offer.entry]
    return {**settings, "hooks": hooks}


def _without(settings: Settings) -> Settings:
    """Return settings without our part, and without lists that held nothing else."""
    hooks = settings.get("hooks")
    if not isinstance(hooks, dict):
        return settings
    left: dict[str, Any] = {}
    for event, groups in hooks.items():
        if not isinstance(groups, list):
            left[event] = groups
            continue
        kept = [each for group in groups if (each := _group_without(group)) is not None]
        if kept or not groups:
            left[event] = kept
    if left or not hooks:
        return {**settings, "hooks": left}
    return {name: value for name, value in settings.items() if name != "hooks"}


def _bare(settings: Settings) -> Settings:
    """Return settings without lists of hooks that hold nothing, which say nothing."""
    hooks = {event: groups for event, groups in settings.get("hooks", {}).items() if groups}
    rest = {name: value for name, value in settings.items() if name != "hooks"}
    return {**rest, "hooks": hooks} if hooks else rest


def _group_without(group: Any) -> Any:
    """Return a group of hooks without ours; None when it held nothing else."""
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        return group
    kept = [each for each in group["hooks"] if not (isinstance(each, dict) and is_ours(each.get("command")))]
    if len(kept) == len(group["hooks"]):
        return group
    return {**group, "hooks": kept} if kept else None


def _written(settings: Settings, *, like: str) -> str:
    """Return settings as JSON, indented like a text."""
    found = re.search(r"\n([ \t]+)\S", like)
    indent = found.group(1) if found else "  "
    text = json.dumps(settings, indent=indent, ensure_ascii=False)
    return text + "\n" if not like or like.endswith("\n") else text
