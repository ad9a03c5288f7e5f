"""Scans what agents would read of a plugin for orders to them and for what nobody sees."""

import re
from collections.abc import Iterator, Sequence

from precedent.knowledge.scanning import scan

from .contents import Entry
from .model import Finding

AT_ONCE = 200_000
"""Characters; the scan's own copies of a text are several times as large."""

OVERLAP = 5_000
"""Characters that two stretches share, so that nothing hides where they meet."""

MAX_CHARS = 8 << 20
"""Of one plugin, about 3 s; files that come after are told as `unscanned`."""

UNSCANNED = "unscanned"
_TEXTS = (".md", ".json", ".txt")
_ORDERS = frozenset({"directive", "secrecy", "exfiltration"})
"""What is told of files that are no text: all else stands in pictures by chance."""

_WRITTEN = _ORDERS | {"bidirectional", "tag"}
"""What is told of characters that are written as their numbers: programs write the others so for good reasons."""

_FILLED = re.compile(r"[\W_]{50,}")
"""What has no letters and could keep the words of an order further apart than `OVERLAP`."""

_NUMBERED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(000[0-9a-fA-F]{5}))")


def scanned(files: Sequence[Entry], *, said: Sequence[str], where: str) -> list[Finding]:
    """Return what is suspicious in all files and their paths, whatever they are called: an agent may read any.

    Args:
        files: the plugin's.
        said: what else agents are told of it.
        where: that stands.
    """
    found = [Finding(flag=flag, path=where) for flag in sorted(set(_flags("\n".join(said))))]
    left = MAX_CHARS
    # Those of text by their name first: a large file of another kind must not use up what they need.
    for path, _, data in sorted(files, key=lambda each: not each.path.lower().endswith(_TEXTS)):
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        if len(text) > left:
            found.append(Finding(flag=UNSCANNED, path=path))
            continue
        left -= len(text)
        flags = {*_flags(text), *(each for each in _flags(path) if each in _ORDERS)}
        if "\0" in text:
            # A text is one to an agent for all that is in it; two bytes a letter are read as one.
            flags |= set(_flags(text.replace("\0", "")))
            flags &= flags if path.lower().endswith(_TEXTS) else _ORDERS
        found += [Finding(flag=flag, path=path) for flag in sorted(flags)]
    return found


def _flags(text: str) -> Iterator[str]:
    yield from _flags_of(text)
    plain = _NUMBERED.sub(lambda found: chr(int("".join(found.groups("")), 16)), text)
    # Halves of a character are put together.
    plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for each in {plain, _FILLED.sub(" ", plain)} - {text}:
        yield from (flag for flag in _flags_of(each) if flag in _WRITTEN)


def _flags_of(text: str) -> Iterator[str]:
    for start in range(0, max(len(text), 1), AT_ONCE - OVERLAP):
        yield from ({each.name for each in scan(text[start : start + AT_ONCE])} - {"long"})
