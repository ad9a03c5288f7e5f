"""Unpacks compressed content within bounds: a small file may claim to be a very large one.

What is refused is refused as a whole; the caller keeps nothing of it.
"""

import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

from precedent.errors import BadInput

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BYTES = 200 << 20
MAX_RATIO = 100
FREE_BYTES = 1 << 20
"""Up to here any ratio will do: a small file of much repetition harms nobody."""

STEP_BYTES = 1 << 20
READ_BYTES = 256 << 10
MAX_WINDOW_LOG = 27
"""Of zstd: 128 MiB, what its own command unpacks without being asked for more; the window is kept in memory."""

SUFFIXES = {".zst": "zstd", ".gz": "gzip"}
"""Form by the ending of a file's name."""


class _Step(Protocol):
    """What both libraries' decompressors are to us, for one frame or member."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def unpack(self, data: bytes) -> bytes:
        """Return up to `STEP_BYTES`; what is left of the data is kept for the next call."""
        ...


def form_of(name: str) -> str:
    """Return `zstd` or `gzip` as a file's name says; empty for a plain file."""
    return next((form for suffix, form in SUFFIXES.items() if name.endswith(suffix)), "")


def plain_name(name: str) -> str:
    """Return a name without the ending that says how the file is compressed."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def unpack(
    pieces: Iterable[bytes], *, form: str, max_bytes: int = MAX_BYTES, max_ratio: int = MAX_RATIO
) -> Iterator[bytes]:
    """Yield the content of compressed data, in order, in pieces of at most `STEP_BYTES`.

    Args:
        pieces: the compressed data; several frames or members after one another are one content.
        form: `zstd` or `gzip`.
        max_bytes: of content.
        max_ratio: of content to compressed data read so far; not asked below `FREE_BYTES` of content.

    Raises:
        BadInput: the content is larger than allowed, or the data is damaged or ends in the middle.
    """
    new = _Zstd if form == "zstd" else _Gzip
    step: _Step | None = None
    taken = given = 0
    for piece in pieces:
        taken += len(piece)
        data = piece
        while data or (step is not None and not step.eof):
            if step is None:
                if form == "gzip" and given and not data.strip(b"\0"):
                    break  # tapes and some programs fill up with zeros
                step = new()
            try:
                content = step.unpack(data)
            except (zlib.error, zstd.ZstdError, MemoryError) as error:
                raise BadInput(f"this is no {form} data, or it is damaged: {error}") from error
            data = b""
            given += len(content)
            if given > max_bytes:
                raise BadInput(f"the {form} data holds more than {max_bytes >> 20} MB; nothing of it was kept")
            if given > FREE_BYTES and given > taken * max_ratio:
                raise BadInput(f"the {form} data holds more than {max_ratio} times its size; nothing of it was kept")
            if content:
                yield content
            if step.eof:
                data, step = step.unused_data, None
            elif not content:
                break  # it wants more
    if step is not None or not taken:
        raise BadInput(f"the {form} data ends in the middle; it is read when it is whole")


def unpack_file(descriptor: int, *, form: str, max_bytes: int = MAX_BYTES) -> int:
    """Return a descriptor of a file without a name that holds the whole content; the given one is closed.

    Args:
        descriptor: of the compressed file, at its beginning.
        form: `zstd` or `gzip`.
        max_bytes: of content.

    Raises:
        BadInput: see `unpack`.
        OSError: there is no room for the content.
    """
    with os.fdopen(descriptor, "rb", buffering=0) as packed, tempfile.TemporaryFile(buffering=0) as file:
        for content in unpack(iter(partial(packed.read, READ_BYTES), b""), form=form, max_bytes=max_bytes):
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
        return os.dup(file.fileno())


def pack(data: bytes) -> bytes:
    """Return data compressed with zstd."""
    return zstd.compress(data, level=3)


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def unpack(self, data: bytes) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, STEP_BYTES)


class _Zstd:
    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): MAX_WINDOW_LOG}
        self._inner = zstd.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def unpack(self, data: bytes) -> bytes:
        if not data and self._inner.needs_input:
            return b""
        return self._inner.decompress(data, STEP_BYTES)
