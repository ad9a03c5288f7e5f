r"""Cuts a byte stream into lines with their offsets, in bounded memory.

Only `\n` ends a line: a JSON string may hold U+2028 and other separators that text modes would cut at.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 128 << 20


class ByteStream(Protocol):
    """What lines are cut from: a file opened for reading in binary mode will do."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        ...


class Line(NamedTuple):
    """One line without its newline.

    Attributes:
        offset: where the line starts, in bytes of the stream's origin.
        data: the line; None when it is longer than the limit.
        ended: a newline followed; false for a torn or unterminated last line.
        size: length in bytes without the newline, also when `data` is None.
    """

    offset: int
    data: bytes | bytearray | None
    ended: bool
    size: int


def cut(stream: ByteStream, *, offset: int = 0, max_line: int = MAX_LINE_BYTES) -> Iterator[Line]:
    r"""Yield the lines of a stream in order.

    Args:
        stream: positioned at `offset`.
        offset: the place in the origin that the stream starts at.
        max_line: longest line in bytes that is delivered; a longer one is skipped in constant memory.
    """
    pending = bytearray()
    skipped = 0  # bytes of an overlong line already thrown away
    while chunk := stream.read(CHUNK_BYTES):
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            if pending or skipped:
                size = skipped + len(pending) + len(piece)
                if size > max_line:
                    yield Line(offset, None, True, size)
                else:
                    pending += piece
                    yield Line(offset, pending, True, size)
                pending, skipped = bytearray(), 0
            else:
                size = len(piece)
                yield Line(offset, piece if size <= max_line else None, True, size)
            offset += size + 1
        if skipped or len(pending) + len(rest) > max_line:
            skipped += len(pending) + len(rest)
            pending = bytearray()
        else:
            pending += rest
    if skipped:
        yield Line(offset, None, False, skipped)
    elif pending:
        yield Line(offset, pending, False, len(pending))
