"""Reads a transcript from a position to its end: bytes in, events out, every line accounted for."""

import io
from collections.abc import Iterator

import msgspec

from .contract import DocumentParser, Reader
from .documents import BOM, Extent, may_start_document, measure
from .events import Event
from .lines import CHUNK_BYTES, MAX_LINE_BYTES, ByteStream, cut
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
        """Yield events in the order of the file."""
        tally, parse = self._parser.tally, self._parser.parse
        if self._start.offset == 0 and isinstance(self._parser, DocumentParser):
            yield from self._document(self._parser)
        if self.torn_bytes:
            return
        for offset, data, ended, size in cut(self._stream, offset=self._offset, max_line=self._max_line):
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

    def _document(self, parser: DocumentParser) -> Iterator[Event]:
        """Read the object over many lines that the content starts with, if it does; the stream then is after it."""
        content, more = bytearray(), b"?"
        while more and b"\n" not in content and len(content) <= self._max_line:
            content += (more := self._stream.read(CHUNK_BYTES))
        extent = Extent(0)
        if may_start_document(content.split(b"\n", 1)[0]):
            while more and len(content) <= self._max_line:
                content += (more := self._stream.read(CHUNK_BYTES))
            extent = Extent(0) if more else measure(content)
        self._stream = _Joined(content[extent.end :], self._stream)
        if extent.torn:
            self.torn_bytes = len(content)
        elif extent.end:
            yield from self._parsed(parser, content[: extent.end])

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
        self._before, self._stream = bytes(before), stream

    def read(self, size: int, /) -> bytes:
        data, self._before = self._before, b""
        return data or self._stream.read(size)


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
