"""The compressed form of an archived transcript: blocks of zstd with an index, so that reading from a place is cheap.

The file is a plain zstd file to any program: independent frames of `BLOCK_BYTES` of content, then a skippable frame
that says how long each is. Source of the layout: zstd's "seekable format", contrib/seekable_format in its repository.
"""

import os
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import IO, Protocol

from precedent.errors import BadInput

SUFFIX = ".zst"
BLOCK_BYTES = 1 << 20
LEVEL = 9
"""Of zstd: transcripts become a seventh to a tenth; a higher one takes much longer for a little."""

_SKIPPABLE = struct.Struct("<II")
_ENTRY = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")
_INDEX_MAGIC, _FOOTER_MAGIC = 0x184D2A5E, 0x8F92EAB1
_MAX_BLOCK_BYTES = 16 << 20


class _Zstd(Protocol):
    def compress(self, data: bytes, level: int | None = None) -> bytes: ...

    def decompress(self, data: bytes) -> bytes: ...


def packed_path(path: Path) -> Path:
    """Return where the compressed form of a file stands."""
    return path.with_name(path.name + SUFFIX)


def pack(pieces: Iterable[bytes], into: IO[bytes]) -> int:
    """Write content in its compressed form and return how many bytes that is."""
    zstd = _zstd()
    sizes: list[tuple[int, int]] = []
    written = 0
    for block in _blocks(pieces):
        frame = zstd.compress(block, LEVEL)
        into.write(frame)
        written += len(frame)
        sizes.append((len(frame), len(block)))
    index = b"".join(_ENTRY.pack(*each) for each in sizes) + _FOOTER.pack(len(sizes), 0, _FOOTER_MAGIC)
    into.write(_SKIPPABLE.pack(_INDEX_MAGIC, len(index)) + index)
    return written + _SKIPPABLE.size + len(index)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= BLOCK_BYTES:
            yield bytes(waiting[:BLOCK_BYTES])
            del waiting[:BLOCK_BYTES]
    if waiting:
        yield bytes(waiting)


class PackedFile:
    """A compressed transcript, opened; close it.

    Args:
        path: of the compressed file.

    Raises:
        OSError: it cannot be read.
        BadInput: it is not whole, or not in our form.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            sizes = self._index()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._frames = list(accumulate((size for size, _ in sizes), initial=0))
        self._places = list(accumulate((size for _, size in sizes), initial=0))
        self._block = -1, b""

    @property
    def length(self) -> int:
        """Bytes of content."""
        return self._places[-1]

    def read(self, start: int, size: int) -> bytes:
        """Return up to some bytes of content from a place; no more than to the end of a block; empty at the end."""
        if start >= self.length or size <= 0:
            return b""
        number = min(start // BLOCK_BYTES, len(self._frames) - 2)
        if self._block[0] != number:
            self._block = number, self._unpacked(number)
        within = start - self._places[number]
        return self._block[1][within : within + size]

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the content between two places, block by block."""
        while start < end and (data := self.read(start, end - start)):
            start += len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _unpacked(self, number: int) -> bytes:
        zstd = _zstd()
        start, end = self._frames[number], self._frames[number + 1]
        try:
            data = zstd.decompress(os.pread(self._descriptor, end - start, start))
        except Exception as error:  # the library's own error, which is another class in each form of it
            raise self._bad(f"block {number} is damaged") from error
        if len(data) != self._places[number + 1] - self._places[number]:
            raise self._bad(f"block {number} has another length than the index says")
        return data

    def _index(self) -> list[tuple[int, int]]:
        size = os.fstat(self._descriptor).st_size
        footer = os.pread(self._descriptor, _FOOTER.size, max(0, size - _FOOTER.size))
        if len(footer) < _FOOTER.size:
            raise self._bad("it is too short")
        count, _, magic = _FOOTER.unpack(footer)
        length = count * _ENTRY.size + _FOOTER.size
        start = size - length - _SKIPPABLE.size
        if magic != _FOOTER_MAGIC or start < 0:
            raise self._bad("it has no index at its end")
        if _SKIPPABLE.unpack(os.pread(self._descriptor, _SKIPPABLE.size, start)) != (_INDEX_MAGIC, length):
            raise self._bad("its index does not fit")
        entries = os.pread(self._descriptor, count * _ENTRY.size, start + _SKIPPABLE.size)
        sizes = [(packed, content) for packed, content in _ENTRY.iter_unpack(entries)]
        whole = all(content == BLOCK_BYTES for _, content in sizes[:-1])
        if (
            sum(packed for packed, _ in sizes) != start
            or not whole
            or any(each > _MAX_BLOCK_BYTES for _, each in sizes)
        ):
            raise self._bad("its index does not fit")
        return sizes

    def _bad(self, why: str) -> BadInput:
        return BadInput(f"compressed transcript {self._name} cannot be used: {why}")


def _zstd() -> _Zstd:
    # Most transcripts are not compressed; who meets one pays for the library.
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415

    return zstd
