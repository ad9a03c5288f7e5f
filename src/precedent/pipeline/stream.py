"""Reads a part of an archived file, also of one that was compressed."""

import os
from pathlib import Path
from typing import BinaryIO

from precedent.transcripts.packed import PackedFile, packed_path

TRIES = 3
"""A file may be compressed, or unpacked again, while we look for it."""


class PartOfFile:
    """The bytes of a file from `start` to `end`; opened at the first read, closed at the last.

    Beside a file, or in its place, may stand its compressed form; then that is read where the file is missing or too
    short.

    Raises:
        OSError: there is neither, or it cannot be read.
        BadInput: the compressed form is damaged.
    """

    def __init__(self, path: Path, *, start: int, end: int) -> None:
        self._place, self._end = start, end
        self._file: BinaryIO | PackedFile | None = _opened(path, end) if start < end else None
        if self._file is not None and not isinstance(self._file, PackedFile):
            self._file.seek(start)
        self.bytes_read = 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        if self._file is None:
            return b""
        wanted = min(size, self._end - self._place)
        if isinstance(self._file, PackedFile):
            data = self._file.read(self._place, wanted)
        else:
            data = self._file.read(wanted) or b""
        self._place += len(data)
        self.bytes_read += len(data)
        if not data or self._place >= self._end:
            self._file.close()
            self._file = None
        return data

    def close(self) -> None:
        """Close the file when it was not read to its end."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(path: Path, end: int) -> BinaryIO | PackedFile:
    for _ in range(TRIES):
        try:
            plain = path.open("rb", buffering=0)
        except FileNotFoundError:
            try:
                return PackedFile(packed_path(path))
            except FileNotFoundError:
                continue
        if os.fstat(plain.fileno()).st_size >= end:
            return plain
        try:
            packed = PackedFile(packed_path(path))
        except FileNotFoundError:
            return plain
        plain.close()
        return packed
    raise FileNotFoundError(f"the archived transcript {path.name} is gone")
