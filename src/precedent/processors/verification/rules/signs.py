"""Finds which cues a sentence shows: nearly none shows more than two of seventy."""

from precedent.knowledge.patterns import PatternSet

from .cues import AGAINST, CORRECTIONS, DEFINITIONS, FOR, Cue

_ALL = (*CORRECTIONS, *DEFINITIONS, *FOR, *AGAINST)
_PATTERNS = PatternSet([cue.pattern for cue in _ALL])
_KEYBOARD = str.maketrans("‘’‚‛“”„–—", "''''\"\"\"--")  # noqa: RUF001  # as people's editors make them


def plain_text(text: str) -> str:
    """Return a sentence on one line, with the quotes and dashes of a keyboard."""
    return " ".join(text.split()).translate(_KEYBOARD)


def shown(text: str) -> list[Cue]:
    """Return the cues that a sentence shows, in the order of the tables; `text` comes from `plain_text`."""
    return [_ALL[number] for number in _PATTERNS.matching(text)]
