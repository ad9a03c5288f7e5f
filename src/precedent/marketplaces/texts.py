"""Finds what a skill, an agent or a command runs: by its head, and before an agent reads its text.

Source: https://code.claude.com/docs/en/skills, and Claude Code 2.1.332 as observed: a command may span lines and stand
anywhere in one, a head may begin after any white space, and what stands for arguments is taken away first.
"""

import re
from collections.abc import Iterator

from .model import MAX_COMMAND_CHARS, Component, Finding

CUT, FORCED = "cut", "forced"
MAX_TEXT = 1_000

Found = Iterator[Component | Finding]

_HEAD = re.compile(r"[\s\ufeff]*---[\s\ufeff]*?\n(.*?)(?:^---\s*?$|\Z)", re.DOTALL | re.MULTILINE)
_HEAD_RUNS = re.compile(r'hooks|mcpServers|"[^"\n]*\\', re.IGNORECASE)
"""In a head: keys under which something is run, or one that is written so that it cannot be told."""

_HEAD_GRANTS = re.compile(r"allowed-?tools", re.IGNORECASE)

_HEAD_FORCES = re.compile(r"force-?for-?plugin", re.IGNORECASE)
"""In the head of an output style: it is part of every session, and nobody chooses it."""

_RUN = re.compile(r"!`(?=([^`]+)`)|```!(?=(.*?)```)", re.DOTALL)
"""Looks ahead, so that what is none to an agent does not swallow what begins within it."""

_STANDS_FOR = re.compile(r"\$(?:\{[^{}\n]{0,200}\}|\w+(?:\[\d+\])?)")
"""Arguments and places, of which nothing may be left when the commands are looked for."""


def in_text(path: str, text: str) -> Found:
    """Yield what a skill, an agent or a command would run by its head and its text, and what it may use unasked."""
    found = _HEAD.match(text)
    if found is not None and _HEAD_RUNS.search(found[1]):
        yield from component("hook", "head", path, found[1])
    elif found is not None and _HEAD_GRANTS.search(found[1]):
        yield from component("grant", "head", path, found[1])
    if found is not None and _HEAD_FORCES.search(found[1]):
        yield Finding(flag=FORCED, path=path)
    if commands := list(dict.fromkeys(_commands(text))):
        yield from component("inline", "text", path, "\n".join(commands))


def _commands(text: str) -> Iterator[str]:
    seen = set[str]()
    for each in (text, _STANDS_FOR.sub("", text)):
        for run in _RUN.finditer(each):
            command = "".join(run.groups("")).strip()
            if command not in seen:
                seen |= {command, _STANDS_FOR.sub("", command)}
                yield command


def component(kind: str, name: str, path: str, command: str, *, described: str = "") -> Found:
    """Yield something that is run, and that it is longer than is shown."""
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
