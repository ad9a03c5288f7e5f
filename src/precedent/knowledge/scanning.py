"""What is suspicious in text that agents are to be given; looked at when it is written, edited and approved."""

import re
from typing import NamedTuple

_RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "invisible",
        "characters that nobody sees",
        re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"),
    ),
    ("directive", "an order to the agent", re.compile(r"(?i)\b(ignore|disregard)\b.{0,30}\b(instructions?|rules)\b")),
)


class Flag(NamedTuple):
    """One thing that is suspicious.

    Attributes:
        name: of the rule.
        text: what it means, for people.
        start: where it is, in characters.
        end: where it ends.
    """

    name: str
    text: str
    start: int
    end: int


def scan(text: str) -> tuple[Flag, ...]:
    """Return everything suspicious in a text, in order."""
    found = [Flag(name, what, *each.span()) for name, what, rule in _RULES for each in rule.finditer(text)]
    return tuple(sorted(found, key=lambda flag: (flag.start, flag.end, flag.name)))
