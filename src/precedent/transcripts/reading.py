"""Reads a transcript from a position to its end: bytes in, events out, every line accounted for."""

import io
from collections.abc import Iterator, Sequence
from typing import cast

import msgspec

from .contract import DocumentParser, LinesParser, Reader
from .decode import is_utf8
from .documents import BOM, Extent, may_start_document, measure
from .events import Event
from .lines import CHUNK_BYTES, MAX_LINE_BYTES, MAX_WHOLE_BYTES, ByteStream, Line, cut, cut_blocks
from .shortening import shorten
from .tally import Tally


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


_EDGE = 64  # bytes at the ends of an object within which its braces stand

START = Position()
"""The beginning of a transcript."""


class Reading:
    """One pass over a transcript; iterate it once, then take `tally` and `position`.

    A last line without a newline is read if it is a whole JSON object and left for later otherwise. So is one object
    over many lines, where the agent writes such; it may be as long as a line.
    """

    def __init__(
        self, stream: ByteStream, reader: Reader, *, start: Position = START, max_line: int = MAX_LINE_BYTES
    ) -> None:
        self._stream, self._max_line = stream, max_line
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
        """Yield events in the order of the file; the position is after the line of the one that was yielded last."""
        yield from self._leading()
        if self.torn_bytes:
            return
        for line in cut(self._stream, offset=self._offset, max_line=self._max_line):
            yield from self._line(line)

    def batches(self) -> Iterator[Sequence[Event]]:
        """Yield the same events, those of many lines at a time; the position is after what was yielded last.

        Faster than one by one when the parser is a `LinesParser`.
        """
        if leading := self._leading():
            yield leading
        if self.torn_bytes:
            return
        # Asking for the protocol itself takes as long as ten lines.
        parser = cast(LinesParser, self._parser) if hasattr(self._parser, "parse_lines") else None
        for first, _, lines in cut_blocks(self._stream, offset=self._offset, max_line=self._max_line):
            events = [] if first is None else list(self._line(first))
            if parser is not None:
                self._lines(parser, lines, events)
            else:
                for data in lines:
                    events += self._line((self._offset, data, True, len(data)))
            if events:
                yield events

    def _leading(self) -> Sequence[Event]:
        """Return the events of the object over many lines that the transcript begins with, if it does."""
        # Looking for the method first: asking for the protocol takes as long as ten lines.
        if self._start.offset == 0 and hasattr(self._parser, "document") and isinstance(self._parser, DocumentParser):
            return self._document(self._parser)
        return ()

    def _lines(self, parser: LinesParser, lines: list[bytes], events: list[Event]) -> None:
        """Parse whole lines that follow each other: ordinary ones together, each of the others by itself."""
        tally, waiting, place = parser.tally, iter(lines), 0
        while place < len(lines):
            accounted = tally.ignored + tally.unknown
            parsed = parser.parse_lines(waiting, offset=self._offset, line=self._newlines + 1)
            events += parsed.events
            place += parsed.lines
            tally.lines += parsed.lines
            tally.spoken += parsed.spoken
            tally.broken += parsed.lines - parsed.spoken - (tally.ignored + tally.unknown - accounted)
            self._newlines += parsed.lines
            self._offset = parsed.offset
            if place < len(lines):
                data = lines[place]
                events += self._line((self._offset, data, True, len(data)))
                place += 1

    def _line(self, found: Line) -> Sequence[Event]:
        """Account for a line and return its events; a torn one is left for later."""
        offset, data, ended, size = found
        if not ended and (data is None or not is_object(data)):
            self.torn_bytes = size
            return ()
        parser, number = self._parser, self._newlines + 1
        tally = parser.tally
        # The place is advanced first, so that a consumer that stops within a line has not consumed it twice.
        self._newlines += ended
        self._offset = offset + size + ended
        tally.lines += 1
        if data is None:
            tally.broken += 1
            tally.defect("line too long", offset=offset, line=number)
            return ()
        text: bytes | bytearray | None = data if offset or not data.startswith(BOM) else data[len(BOM) :]
        if not text or text.isspace():
            tally.blank += 1
            return ()
        if len(text) > MAX_WHOLE_BYTES and (text := self._shortened(text, offset, number)) is None:
            tally.broken += 1
            return ()
        accounted = tally.ignored + tally.unknown
        events = parser.parse(text, offset=offset, line=number)
        if events:
            tally.spoken += 1
        else:
            tally.broken += accounted == tally.ignored + tally.unknown
        return events

    def _shortened(self, data: bytes | bytearray, offset: int, line: int) -> bytes | None:
        """Cut the long strings of a line that is too large to be decoded as it stands."""
        if not is_utf8(data):
            self.tally.defect("invalid UTF-8", offset=offset, line=line)
        found = shorten(data, most=MAX_WHOLE_BYTES)
        if found is None:
            self.tally.defect("too large to decode", offset=offset, line=line)
        return found

    def _document(self, parser: DocumentParser) -> Sequence[Event]:
        """Read the object over many lines that the content starts with, if it does; the stream then is after it."""
        content, more = bytearray(), b"?"
        while more and b"\n" not in content and len(content) <= min(self._max_line, MAX_WHOLE_BYTES):
            content += (more := self._stream.read(CHUNK_BYTES))
        extent = Extent(0)
        if may_start_document(content.split(b"\n", 1)[0]):
            while more and len(content) <= min(self._max_line, MAX_WHOLE_BYTES):
                content += (more := self._stream.read(CHUNK_BYTES))
            extent = Extent(0) if more else measure(content)
        self._stream = _Joined(content[extent.end :], self._stream)
        if extent.torn:
            self.torn_bytes = len(content)
        return self._parsed(parser, content[: extent.end]) if extent.end and not extent.torn else ()

    def _parsed(self, parser: DocumentParser, data: bytearray) -> list[Event]:
        """Account for a document's lines: one is spoken where an event starts; the rest belong to them."""
        tally, newlines = parser.tally, data.count(b"\n")
        self._offset, self._newlines = len(data), newlines
        lines = newlines + (not data.endswith(b"\n"))
        unknown = tally.unknown
        body = data[len(BOM) :] if data.startswith(BOM) else data
        found = parser.document(body.rstrip(), offset=len(data) - len(body), line=1)
        spoken = len({event.line for event in found or ()})
        tally.lines += lines
        tally.spoken += spoken
        tally.broken += found is None
        tally.unknown = min(tally.unknown, unknown + lines - spoken - (found is None))
        tally.ignored += lines - spoken - (found is None) - (tally.unknown - unknown)
        return list(found or ())


class _Joined:
    """What was read already, then the rest of a stream."""

    def __init__(self, before: bytearray, stream: ByteStream) -> None:
        self._before, self._place, self._stream = bytes(before), 0, stream

    def read(self, size: int, /) -> bytes:
        if self._place >= len(self._before):
            self._before = b""
            return self._stream.read(size)
        data = self._before[self._place : self._place + size]
        self._place += len(data)
        return data


def is_object(data: bytes | bytearray) -> bool:
    """Tell whether bytes are one whole JSON object: no proper prefix of an object is one."""
    # Both ends first, without a copy: the data may be as long as a line.
    if not (data[:_EDGE].lstrip().startswith(b"{") and data[-_EDGE:].rstrip().endswith(b"}")):
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def read_bytes(data: bytes, reader: Reader, *, start: Position = START) -> Reading:
    """Read a transcript held in memory, from a position on."""
    return Reading(io.BytesIO(data[start.offset :]), reader, start=start)
