"""What is suspicious in text that agents are to be given; looked at when it is written, edited and approved.

`characters` knows what nobody sees or takes for another, `folding` undoes disguises, `phrases` knows orders to agents.
"""

from typing import NamedTuple

from precedent.knowledge.patterns import PatternSet

from .characters import CHARACTERS
from .folding import folded
from .phrases import LITERAL, MAX_CHARS, PHRASES

__all__ = ["NAMES", "SOURCE", "Flag", "scan"]

SOURCE = "source"
"""The words are clean, but what stood around them was not; set by whoever cut them out."""


class Flag(NamedTuple):
    """One thing that is suspicious.

    Attributes:
        name: of the rule.
        text: what it means, for people.
        start: where it is, in characters; the beginning when it shows only once disguises are undone.
        end: where it ends.
    """

    name: str
    text: str
    start: int
    end: int


NAMES = tuple(dict.fromkeys([SOURCE, "long", *[rule.name for rule in (*CHARACTERS, *LITERAL, *PHRASES)]]))
"""Of all rules."""


_LITERAL = PatternSet([rule.pattern for rule in LITERAL])
_PHRASES = PatternSet([rule.pattern for rule in PHRASES])


def scan(text: str) -> tuple[Flag, ...]:
    """Return everything suspicious in a text, in order."""
    as_it_stands = (*CHARACTERS, *(LITERAL[number] for number in _LITERAL.matching(text)))
    found = [Flag(rule.name, rule.text, *each.span()) for rule in as_it_stands for each in rule.pattern.finditer(text)]
    for plain in folded(text):
        found += [Flag(PHRASES[number].name, PHRASES[number].text, 0, len(text)) for number in _PHRASES.matching(plain)]
    if len(text) > MAX_CHARS:
        found.append(Flag("long", "longer than a statement needs to be", MAX_CHARS, len(text)))
    return tuple(sorted(dict.fromkeys(found), key=lambda flag: (flag.start, flag.end, flag.name)))
