"""Where each agent reads rules from, and our block in them; whatever else stands there is the person's."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from precedent.errors import BadInput, NotFound
from precedent.knowledge.marker import BEGIN, END

from .agents import Machine
from .connecting import Edit


class Target(NamedTuple):
    """A file that an agent reads rules from.

    Attributes:
        path: of the file.
        own: the whole file is ours; else a block in it.
    """

    path: Path
    own: bool


_HOMES: dict[str, Callable[[Machine], Target]] = {
    "claude-code": lambda at: Target(
        Path(at.folder(".claude", variable="CLAUDE_CONFIG_DIR") / "rules" / "precedent.md"), own=True
    ),
    "codex": lambda at: Target(Path(at.folder(".codex", variable="CODEX_HOME") / "AGENTS.md"), own=False),
    "copilot-cli": lambda at: Target(
        Path(at.folder(".copilot", variable="COPILOT_HOME") / "copilot-instructions.md"), own=False
    ),
    "gemini-cli": lambda at: Target(Path(at.folder(".gemini") / "GEMINI.md"), own=False),
    "opencode": lambda at: Target(
        Path(at.folder(".config", variable="XDG_CONFIG_HOME") / "opencode" / "AGENTS.md"), own=False
    ),
    "pi": lambda at: Target(Path(at.folder(".pi", "agent", variable="PI_CODING_AGENT_DIR") / "AGENTS.md"), own=False),
}
_PROJECT = {
    "claude-code": (".claude/rules/precedent.md", True),
    "codex": ("AGENTS.md", False),
    "copilot-cli": (".github/copilot-instructions.md", False),
    "gemini-cli": ("GEMINI.md", False),
    "opencode": ("AGENTS.md", False),
    "pi": ("AGENTS.md", False),
}
AGENTS = tuple(_HOMES)
"""Agents that read rules."""


def target(agent: str, machine: Machine, *, into: Path | None = None) -> Target:
    """Return where an agent reads rules from: of its person, or of the project in a folder.

    Raises:
        NotFound: it reads none that we know of.
    """
    if agent not in _HOMES:
        raise NotFound(f"{agent!r} reads no rules that we know of; agents that do: {', '.join(AGENTS)}")
    if into is None:
        return _HOMES[agent](machine)
    name, own = _PROJECT[agent]
    return Target(into / name, own=own)


def written(place: Target, block: str) -> Edit:
    """Return the change that puts our block there, or with an empty one takes it away.

    Args:
        place: the file.
        block: text between our marks, or nothing.

    Raises:
        BadInput: our marks are not whole in it, or it is no text; it is not touched.
    """
    path, before = _read(place.path)
    if place.own:
        if before is not None and BEGIN not in before:
            raise BadInput(f"{path} is there and is not what `precedent pull` wrote; it is left alone")
        return Edit(path, before, block or None)
    start, end = _place(path, before or "")
    head, tail = (before or "")[:start], (before or "")[end:]
    if not block:
        after = head.rstrip("\n") + ("\n" if head.strip() else "") + tail.lstrip("\n") if start != end else before
        return Edit(path, before, after if after and after.strip() else (None if start != end else before))
    if start == end and head.strip():
        head = head.rstrip("\n") + "\n\n"
    return Edit(path, before, head + block + tail)


def _place(path: Path, text: str) -> tuple[int, int]:
    """Return where our block stands; the end twice when there is none."""
    begins, ends = text.count(BEGIN), text.count(END)
    if not begins and not ends:
        return len(text), len(text)
    start, end = text.find(BEGIN), text.find(END)
    if (begins, ends) != (1, 1) or end < start:
        raise BadInput(
            f"{path}: the marks of our block are not whole ({begins} of {BEGIN}, {ends} of {END}); take them out by "
            "hand, then pull again"
        )
    end += len(END)
    return start, end + 1 if text[end : end + 1] == "\n" else end


def _read(place: Path) -> tuple[Path, str | None]:
    try:
        path = place.resolve()  # dotfile managers link such files elsewhere; the link is to stay
        return path, path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return place.resolve(), None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{place} cannot be read as text: {error}; nothing was changed") from error
