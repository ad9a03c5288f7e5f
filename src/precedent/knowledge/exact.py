"""What of an item is delivered, character by character, with what nobody sees or takes for another made visible.

The page of the queue and the command show this alike. Whoever approves approves these bytes.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import sqlalchemy as sa

from . import bundle
from .model import Item
from .scanning import SOURCE, Flag, scan
from .scanning.characters import CHARACTERS

LOOK_ALIKE = "look-alike"
_CHARACTERS = frozenset(rule.name for rule in CHARACTERS)
_UNSEEN = [rule.pattern for rule in CHARACTERS if rule.name != LOOK_ALIKE]


class Piece(NamedTuple):
    """A run of characters that is shown in one way.

    Attributes:
        text: as it stands; empty when it must not be shown as it is.
        code: of a character that is told by its number, such as `U+200B`; empty of plain text.
        name: what Unicode calls that character; empty of plain text.
        flags: what the scan finds suspicious in it, for people.
    """

    text: str
    code: str
    name: str
    flags: tuple[str, ...]

    @property
    def shown(self) -> str:
        """As a terminal shows it, in one line."""
        return f"{self.text}<{self.code}>" if self.code else self.text.replace("\n", "<U+000A>")


class Part(NamedTuple):
    """One text that is delivered.

    Attributes:
        label: what it is.
        size_bytes: in UTF-8.
        pieces: the text, in order.
        flags: what the scan finds at no place of its own, as it shows only once disguises are undone.
    """

    label: str
    size_bytes: int
    pieces: list[Piece]
    flags: tuple[str, ...]

    @property
    def told(self) -> dict[str, str]:
        """What is suspicious, each with the text that it stands at; empty without a place."""
        found = dict.fromkeys(self.flags, "")
        for each in self.pieces:
            for flag in each.flags:
                found[flag] = found.get(flag, "") + each.shown
        return found


def parts(tx: sa.Connection, item: Item, *, now: int) -> list[Part]:
    """Return what is delivered of an item: title and content to agents that search, the line to files of rules."""
    joined = f"{item.title}\n{item.content}"
    apart = {flag.name for text in (item.title, item.content) for flag in scan(text)}
    across = [flag for flag in scan(joined) if flag.name not in apart]
    found = [
        part("Title", item.title),
        part("Content", item.content),
        part("Line in files of rules", bundle.line(tx, item, now=now)),
    ]
    more = tuple(dict.fromkeys(f"{flag.name}: {flag.text}, in title and content together" for flag in across))
    if SOURCE in item.flags:
        more += (f"{SOURCE}: what stood around these words is suspicious",)
    return [found[0], found[1]._replace(flags=found[1].flags + more), found[2]]


def part(label: str, text: str) -> Part:
    """Return a text with what the scan finds in it at its place."""
    flags = scan(text)
    placed = [flag for flag in flags if (flag.start, flag.end) != (0, len(text)) or flag.name in _CHARACTERS]
    whole = tuple(dict.fromkeys(_told(flag) for flag in flags if flag not in placed))
    return Part(label, len(text.encode("utf-8", "replace")), pieces(text, placed), whole)


def pieces(text: str, flags: Sequence[Flag] = ()) -> list[Piece]:
    """Return a text in pieces; each character that is not seen, or is taken for another, is one by itself.

    Args:
        text: any text; line breaks stay as they are.
        flags: what is marked at its place.
    """
    coded = _coded(text)
    ends = {0, len(text), *(each for flag in flags for each in (flag.start, flag.end))}
    ends |= {end for place in coded for end in (place, place + 1)}
    borders = sorted(each for each in ends if each <= len(text))
    found = []
    for start, end in pairwise(borders):
        marked = tuple(dict.fromkeys(_told(flag) for flag in flags if flag.start <= start and end <= flag.end))
        if start in coded:
            each = text[start]
            name = unicodedata.name(each, "a character without a name")
            found.append(Piece(each if coded[start] else "", f"U+{ord(each):04X}", name, marked))
        else:
            found.append(Piece(text[start:end], "", "", marked))
    return found


def escaped(text: str) -> str:
    """Return a text as one line for a terminal: what is not seen, or is taken for another, by its number."""
    return "".join(each.shown for each in pieces(text))


def _coded(text: str) -> dict[int, bool]:
    """Return the places of characters that are told by their numbers, and whether they can be shown beside those."""
    found = {place: False for place, each in enumerate(text) if not each.isprintable() and each != "\n"}
    for pattern in _UNSEEN:
        found |= {place: False for match in pattern.finditer(text) for place in range(*match.span())}
    for rule in CHARACTERS:
        if rule.name == LOOK_ALIKE:
            places = [place for match in rule.pattern.finditer(text) for place in range(*match.span())]
            found |= {place: True for place in places if not text[place].isascii()}
    return found


def _told(flag: Flag) -> str:
    return f"{flag.name}: {flag.text}"
