"""Reads what a script says of itself in its head: the inline metadata of PEP 723, in a comment of TOML."""

import re
import tomllib
from typing import NamedTuple

from precedent.errors import BadInput

_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""As the specification of inline script metadata gives it, https://packaging.python.org/en/latest/specifications/."""

_WANTED = re.compile(r"\s*(>=|>|==|~=|<=|<|!=)\s*([0-9]+(?:\.[0-9]+)*)(\.\*)?\s*")


class Header(NamedTuple):
    """What a script needs.

    Attributes:
        requires_python: as written; empty for any.
        dependencies: as written.
    """

    requires_python: str = ""
    dependencies: tuple[str, ...] = ()

    def suits(self, version: tuple[int, ...]) -> bool:
        """Tell whether a Python of this version will do."""
        return all(_suits(each, version) for each in self.requires_python.split(",") if each.strip())


def header(source: str) -> Header:
    """Return what a script needs.

    Raises:
        BadInput: its head is broken.
    """
    blocks = [each for each in _BLOCK.finditer(source) if each["type"] == "script"]
    if not blocks:
        return Header()
    if len(blocks) > 1:
        raise BadInput("the script has two heads of the type script; one is allowed")
    lines = blocks[0]["content"].splitlines()
    text = "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"the head of the script is no TOML: {error}") from error
    python, dependencies = found.get("requires-python", ""), found.get("dependencies", [])
    if not isinstance(python, str) or not isinstance(dependencies, list):
        raise BadInput("requires-python in the head of the script is text, dependencies is a list")
    if not all(isinstance(each, str) for each in dependencies):
        raise BadInput("dependencies in the head of the script are texts")
    if not all(_WANTED.fullmatch(each) for each in python.split(",") if each.strip()):
        raise BadInput(f"requires-python in the head of the script is {python!r}; write it as >=3.11")
    return Header(python, tuple(dependencies))


def _suits(wanted: str, version: tuple[int, ...]) -> bool:
    found = _WANTED.fullmatch(wanted)
    if found is None:
        return False
    sign, parts = found[1], tuple(map(int, found[2].split(".")))
    ours = (*version, 0, 0, 0)[: max(len(parts), 3)]
    theirs = (*parts, 0, 0, 0)[: max(len(parts), 3)]
    begins = ours[: len(parts)] == parts
    match sign:
        case ">=":
            return ours >= theirs
        case ">":
            return ours > theirs
        case "<=":
            return ours <= theirs
        case "<":
            return ours < theirs
        case "~=":
            return ours >= theirs and ours[: len(parts) - 1] == parts[:-1]
        case "==":
            return begins if found[3] else ours == theirs
    return not (begins if found[3] else ours == theirs)
