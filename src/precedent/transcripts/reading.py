"""Reads a transcript from a position to its end: bytes in, events out, every line accounted for."""

import io
from collections.abc import Iterator

import msgspec

from .contract import Reader
from .events import Event
from .lines import MAX_LINE_BYTES, ByteStream, cut
from .tally import Tally

BOM = b"\xef\xbb\xbf"


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a reading stopped, with all that is needed to go on.

    Attributes:
        offset: the first byte that was not consumed.
        newlines: how many newlines stand before it.
        state: the parser's own.
    """

    offset: int = 0
    newlines: int = 0
    state: bytes = b""


START = Position()
"""The beginning of a transcript."""


class Reading:
    """One pass over a transcript; iterate it once, then take `tally` and `position`.

    A last line without a newline is read if it is a whole JSON object and left for later otherwise.
    """

    def __init__(
        self, stream: ByteStream, reader: Reader, *, start: Position = START, max_line: int = MAX_LINE_BYTES
    ) -> None:
        self._lines = cut(stream, offset=start.offset, max_line=max_line)
        self._start = start
        self._parser = reader.parser(start.state)
        self._offset, self._newlines = start.offset, start.newlines
        self.torn_bytes = 0

    @property
    def tally(self) -> Tally:
        """Counts over the lines read so far."""
        return self._parser.tally

    @property
    def position(self) -> Position:
        """Where a later reading goes on."""
        return Position(self._offset, self._newlines, self._parser.state())

    def __iter__(self) -> Iterator[Event]:
        """Yield events in the order of the file."""
        tally, parse = self._parser.tally, self._parser.parse
        for offset, data, ended, size in self._lines:
            if not ended and (data is None or not is_object(data)):
                self.torn_bytes = size
                return
            number = self._newlines + 1
            # The place is advanced first, so that a consumer that stops within a line has not consumed it twice.
            self._newlines += ended
            self._offset = offset + size + ended
            tally.lines += 1
            if data is None:
                tally.broken += 1
                tally.defect("line too long", offset=offset, line=number)
                continue
            text = data[3:] if offset == 0 and data.startswith(BOM) else data
            if not text or text.isspace():
                tally.blank += 1
                continue
            before = tally.ignored + tally.unknown
            events = parse(text, offset=offset, line=number)
            if events:
                tally.spoken += 1
                yield from events
            elif tally.ignored + tally.unknown == before:
                tally.broken += 1


def is_object(data: bytes | bytearray) -> bool:
    """Tell whether bytes are one whole JSON object: no proper prefix of an object is one."""
    stripped = data.strip()
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return False
    try:
        msgspec.json.decode(stripped, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def read_bytes(data: bytes, reader: Reader, *, start: Position = START) -> Reading:
    """Read a transcript held in memory, from a position on."""
    return Reading(io.BytesIO(data[start.offset :]), reader, start=start)
