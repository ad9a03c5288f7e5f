"""Scans what agents would read of a plugin for orders to them and for what nobody sees."""

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


def scanned(files: Sequence[Entry], *, said: Sequence[str], where: str) -> list[Finding]:
    """Return what is suspicious in all files that are text, whatever they are called: an agent may be told to read any.

    Args:
        files: the plugin's.
        said: what else agents are told of it.
        where: that stands.
    """
    found = [Finding(flag=flag, path=where) for flag in sorted(set(_flags("\n".join(said))))]
    left = MAX_CHARS
    # Those of text by their name first: a large file of another kind must not use up what they need.
    for path, _, data in sorted(files, key=lambda each: not each.path.lower().endswith((".md", ".json", ".txt"))):
        if b"\0" in data:
            continue
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        if len(text) > left:
            found.append(Finding(flag=UNSCANNED, path=path))
            continue
        left -= len(text)
        found += [Finding(flag=flag, path=path) for flag in sorted(set(_flags(text)))]
    return found


def _flags(text: str) -> Iterator[str]:
    for start in range(0, max(len(text), 1), AT_ONCE - OVERLAP):
        yield from ({each.name for each in scan(text[start : start + AT_ONCE])} - {"long"})
