"""Reads the head of a Markdown file: the few forms of YAML in which skills, agents and commands say what they are.

A key with a plain or quoted text on its line, or a text in the indented lines after `>` or `|`. Lists and everything
else is left alone: nothing here needs it, and a whole reader of YAML is a large target for hostile files.
"""

import re

MAX_LINES = 200
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):(?:\s+(.*))?$")


def front_matter(text: str) -> dict[str, str]:
    """Return the texts of the head by key, in small letters; empty when there is no head."""
    lines = text.removeprefix("\ufeff").splitlines()[: MAX_LINES + 1]
    if not lines or lines[0].rstrip() != "---":
        return {}
    try:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.rstrip() in {"---", "..."})
    except StopIteration:
        return {}
    found: dict[str, str] = {}
    number = 1
    while number < end:
        key = _KEY.match(lines[number])
        number += 1
        if key is None:
            continue
        value = (key[2] or "").strip()
        if value[:1] in {">", "|"}:
            block = []
            while number < end and (not lines[number].strip() or lines[number][:1] in {" ", "\t"}):
                block.append(lines[number].strip())
                number += 1
            value = (" " if value[0] == ">" else "\n").join(block).strip()
        found[key[1].lower()] = _plain(value)
    return found


def _plain(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in {'"', "'"}:
        return value[1:-1].replace("''", "'") if value[0] == "'" else value[1:-1].replace('\\"', '"')
    return value.split(" #", 1)[0].rstrip()
