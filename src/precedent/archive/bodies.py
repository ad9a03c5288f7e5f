"""Keeps the body of an upload in a file without a name, as it comes and unpacked, in bounded memory."""

import os
import tempfile
from contextlib import suppress
from types import TracebackType

from precedent.errors import BadInput, TooLarge, Transient, Unsupported

from .unpacking import unpack_file

FORMS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
"""How a body may be compressed, by what its sender calls it."""


class Body:
    """A body that is being received; a context that closes its file.

    Args:
        encoding: as the sender says how it is compressed.
        max_bytes: of the body as it comes, and again of what it unpacks to.

    Raises:
        Unsupported: it is compressed in another way.
    """

    def __init__(self, *, encoding: str, max_bytes: int) -> None:
        form = FORMS.get(encoding.strip().lower())
        if form is None:
            raise Unsupported(f"the content encoding {encoding!r} is not known; send it plain, gzip or zstd")
        self._form, self._max_bytes = form, max_bytes
        self._file = tempfile.TemporaryFile(buffering=0)  # closed at the end of the context
        self._size = 0
        self._unpacked = -1

    def add(self, data: bytes | bytearray) -> None:
        """Append what has come.

        Raises:
            TooLarge: it is more than is taken.
            Transient: the disk is full.
        """
        self._size += len(data)
        if self._size > self._max_bytes:
            raise TooLarge(f"the body is larger than {self._max_bytes >> 20} MiB; send the source in smaller parts")
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise Transient(f"the upload cannot be kept now ({error.strerror}); try again later") from error

    def content(self) -> int:
        """Return a descriptor of the whole content, at its beginning; it is closed with the body.

        Raises:
            TooLarge: it unpacks to more than is taken, or is a bomb.
            BadInput: it is damaged.
            Transient: the disk is full.
        """
        if not self._form:
            return self._file.fileno()
        try:
            os.lseek(self._file.fileno(), 0, os.SEEK_SET)
            packed = os.dup(self._file.fileno())
            self._unpacked = unpack_file(packed, form=self._form, max_bytes=self._max_bytes)
        except OSError as error:
            raise Transient(f"the upload cannot be kept now ({error.strerror}); try again later") from error
        except BadInput as error:
            if " holds more than " in str(error):
                raise TooLarge(str(error)) from error
            raise
        return self._unpacked

    def __enter__(self) -> "Body":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._unpacked >= 0:
            with suppress(OSError):
                os.close(self._unpacked)
