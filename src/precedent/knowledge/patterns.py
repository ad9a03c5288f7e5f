r"""Tells which of many patterns match a text, in one pass over it.

Most texts match few of them. RE2 looks for all at once, in a form that matches wherever the pattern does and in more
places: what looks around is dropped, which RE2 cannot do. Only what it finds is searched for with the pattern itself.
The loose forms are made from the patterns, so they cannot drift from them. RE2's `\w` is ASCII, so it is shown an x for
every other letter and digit; a pattern with such letters of its own is always searched for.
"""

import re
from collections.abc import Sequence

import re2  # type: ignore[import-untyped]

_MEMORY_BYTES = 32 << 20  # for the automaton: when it is used up, searching starts it anew and is slow
_FOLDED = str.maketrans("ſıİ\u212a", "siik")  # ASCII letters to `re` when case is ignored
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:<?[=!])|.", re.DOTALL)
_BLANK = r"\s\v\x1c-\x1f"  # what `re` takes for white space, of ASCII


class PatternSet:
    """Patterns that are searched for together.

    Args:
        patterns: without back references and comments.
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)
        self._always = [number for number, each in enumerate(patterns) if not each.pattern.isascii()]
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY_BYTES
        loose = re2.Set.SearchSet(options)
        for each in patterns:
            loose.Add(_loosened(each) if each.pattern.isascii() else r"\z\A.")  # the latter nowhere
        loose.Compile()
        self._search = loose.Match

    def matching(self, text: str) -> list[int]:
        """Return the numbers of the patterns that match somewhere in a text, rising."""
        ascii_text = text if text.isascii() else _FOREIGN.sub(_stand_in, text.translate(_FOLDED))
        possible = sorted([*(self._search(ascii_text) or ()), *self._always])
        return [number for number in possible if self._patterns[number].search(text)]


def _stand_in(found: re.Match[str]) -> str:
    return "x" if found[0].isalnum() else " " if found[0].isspace() else "~"


def _loosened(pattern: re.Pattern[str]) -> str:
    """Return a pattern as RE2 takes it, which matches wherever the pattern does."""
    kept: list[str] = ["(?i)"] if pattern.flags & re.IGNORECASE else []
    skipping = depth = 0
    for found in _PART.finditer(pattern.pattern):
        part = found[0]
        if part.startswith("("):
            depth += 1
            if len(part) > 1 and not skipping:  # a group that looks around
                skipping = depth
        if not skipping and not (part.isspace() and pattern.flags & re.VERBOSE):
            kept.append(_translated(part))
        if part == ")":
            if skipping == depth:
                skipping = 0
            depth -= 1
    return "".join(kept)


def _translated(part: str) -> str:
    if part == "$":  # `re` lets a newline follow
        return r"(?:\n?\z)"
    if part == r"\s":
        return f"[{_BLANK}]"
    return part.replace(r"\s", _BLANK) if part.startswith("[") else part
