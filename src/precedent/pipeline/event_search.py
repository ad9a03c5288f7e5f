"""Finds places in a transcript: the event of a line, and events that hold some words."""

import time

import msgspec

from precedent.transcripts.events import Event

from .event_pages import EventPages, Named

MAX_HITS = 50
MAX_S = 2.0
"""A search stops after so long and says how far it came."""
AROUND = 80
"""Characters that are shown before and after what was found."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An event that holds the words.

    Attributes:
        number: of events before it.
        before: text before the words, then they themselves as they stand there, then text after them.
    """

    number: int
    line: int
    before: str
    found: str
    after: str


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        next: the `after` with which to search on; None when all was searched.
    """

    hits: list[Hit]
    next: int | None


def number_of(pages: EventPages, named: Named, *, line: int) -> int:
    """Return how many events stand before the first one of a line, or of a later one where that has none."""
    number = 0
    with pages.walk(named, line=line) as events:
        for number, event in events:  # the number is wanted after the end
            if event.line >= line:
                return number
    return number


def line_at(pages: EventPages, named: Named, *, byte_offset: int) -> int:
    """Return the line of the first event at a place of the file or after it, else of the last one; 1 without any."""
    line = 1
    with pages.walk(named) as events:
        for _, event in events:
            line = event.line
            if event.offset >= byte_offset:
                break
    return line


def search(pages: EventPages, named: Named, *, words: str, after: int = 0) -> Hits:
    """Return events that hold words, whatever their case, in the order of their lines.

    Args:
        pages: reads the transcript.
        named: it.
        words: to be found as they are; at least one character.
        after: how many events to pass over.
    """
    wanted, found, ends = words.casefold(), list[Hit](), time.monotonic() + MAX_S
    with pages.walk(named, after=after) as events:
        for number, event in events:
            hit = _hit(number, event, wanted)
            if hit is not None:
                found.append(hit)
            if len(found) == MAX_HITS or time.monotonic() > ends:
                return Hits(hits=found, next=number + 1)
    return Hits(hits=found, next=None)


def _hit(number: int, event: Event, wanted: str) -> Hit | None:
    for text in _texts(event):
        at = text.casefold().find(wanted)
        if at >= 0:
            # Folding may change lengths; what is shown is cut from the text itself and may be some characters off.
            end = at + len(wanted)
            before, found, after = text[max(0, at - AROUND) : at], text[at:end], text[end : end + AROUND]
            return Hit(number=number, line=event.line, before=_plain(before), found=_plain(found), after=_plain(after))
    return None


def _texts(event: Event) -> list[str]:
    calls = [bytes(each.input).decode("utf-8", "replace") for each in event.calls]
    return [event.text, event.name, *(each.name for each in event.calls), *calls]


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
