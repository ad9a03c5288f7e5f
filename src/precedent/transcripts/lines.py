r"""Cuts a byte stream into lines with their offsets, in bounded memory.

Only `\n` ends a line: a JSON string may hold U+2028 and other separators that text modes would cut at.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 128 << 10  # measured: larger ones fall out of the cache, at 1 MiB cutting takes three times as long
MAX_LINE_BYTES = 128 << 20
"""A longer line is skipped."""
MAX_WHOLE_BYTES = 32 << 20
"""As much as a model takes in one request, and as much as is decoded at a time: it takes three times its size, at worst
nine times. Of a longer line the long strings are cut first; a longer document is not read as one."""


class ByteStream(Protocol):
    """What lines are cut from: a file opened for reading in binary mode will do."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        ...


Line = tuple[int, bytes | bytearray | None, bool, int]
"""Offset of the line, its bytes, whether a newline followed, its length; see `cut`."""


class Block(NamedTuple):
    """Lines that follow each other; one of the two parts may be missing.

    Attributes:
        first: a line that began in an earlier chunk, or the unterminated last one; it comes before the others.
        offset: where the others start.
        lines: the others, without their newlines: each ended by one, none longer than a chunk or the limit.
    """

    first: Line | None
    offset: int
    lines: list[bytes]


def cut(stream: ByteStream, *, offset: int = 0, max_line: int = MAX_LINE_BYTES) -> Iterator[Line]:
    r"""Yield the lines of a stream in order: where each starts, its bytes, whether it is ended, how long it is.

    The offset is counted in bytes of the stream's origin; the bytes come without the newline and are None when the
    line is longer than the limit; a torn or unterminated last line is not ended; the length is known for all.

    Args:
        stream: positioned at `offset`.
        offset: the place in the origin that the stream starts at.
        max_line: longest line in bytes that is delivered; a longer one is skipped in constant memory.
    """
    for first, start, lines in cut_blocks(stream, offset=offset, max_line=max_line):
        if first is not None:
            yield first
        place = start
        for data in lines:
            yield place, data, True, len(data)
            place += len(data) + 1


def cut_blocks(stream: ByteStream, *, offset: int = 0, max_line: int = MAX_LINE_BYTES) -> Iterator[Block]:
    """Yield the same lines as `cut`, as many at a time as a chunk holds: cut by one call for all of them."""
    pending = bytearray()
    skipped = 0  # bytes of an overlong line already thrown away
    # What lies within one chunk is within the limit.
    while chunk := stream.read(min(CHUNK_BYTES, max(1, max_line))):
        place, first = 0, None
        if (pending or skipped) and (end := chunk.find(b"\n")) >= 0:
            pending += chunk[:end]
            size = skipped + len(pending)
            first = offset, pending if size <= max_line else None, True, size
            offset += size + 1
            pending, skipped, place = bytearray(), 0, end + 1
        start, before, lines = offset, place, list[bytes]()
        # `split` looks at every byte by itself and takes twice as long.
        while (end := chunk.find(b"\n", place)) >= 0:
            lines.append(chunk[place:end])
            place = end + 1
        offset += place - before
        rest = len(chunk) - place
        if skipped or len(pending) + rest > max_line:
            skipped += len(pending) + rest
            pending = bytearray()
        elif rest:
            pending += chunk[place:]
        if first is not None or lines:
            yield Block(first, start, lines)
    if skipped or pending:
        yield Block((offset, None if skipped else pending, False, skipped or len(pending)), offset, [])
