"""Reads a part of an archived file."""

from pathlib import Path


class PartOfFile:
    """The bytes of a file from `start` to `end`; opened at the first read, closed at the last."""

    def __init__(self, path: Path, *, start: int, end: int) -> None:
        self._path, self._place, self._end = path, start, end
        self._file = path.open("rb", buffering=0) if start < end else None
        if self._file is not None:
            self._file.seek(start)
        self.bytes_read = 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        if self._file is None:
            return b""
        data = self._file.read(min(size, self._end - self._place)) or b""
        self._place += len(data)
        self.bytes_read += len(data)
        if not data or self._place >= self._end:
            self._file.close()
            self._file = None
        return data
