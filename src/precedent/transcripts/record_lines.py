"""Reads a line of an agent that writes one record a line, and accounts for it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from .decode import LineDecoder
from .events import Event
from .tally import Tally

W = TypeVar("W", bound=msgspec.Struct)


def events_of_line(
    data: bytes | bytearray,
    decoder: LineDecoder[W],
    *,
    tally: Tally,
    offset: int,
    line: int,
    events: Callable[[W], Sequence[Event] | None],
    type_of: Callable[[W], str | None],
) -> Sequence[Event]:
    """Return the events of a line; the tally accounts for one that gives none.

    Args:
        data: the line; two records glued on it are both read.
        decoder: of the agent's records.
        tally: of the reading.
        offset: where the line starts.
        line: its number.
        events: returns what a record says, nothing for bookkeeping, None for a type never seen.
        type_of: names such a type; a record without one is a defect.
    """
    found: list[Event] = []
    known = False
    for wire in decoder.decode(data, tally=tally, offset=offset, line=line):
        said = events(wire)
        if said is None:
            if name := type_of(wire):
                tally.unknown_type(name)
            else:
                tally.defect("no type", offset=offset, line=line)
            return ()
        known = True
        found.extend(said)
    if known and not found:
        tally.ignored += 1
    return found
