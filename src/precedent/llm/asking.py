"""Asks a model through the process that speaks to it; see `child`."""

import os
import selectors
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

import msgspec

from precedent.errors import Exhausted, Misconfigured, Transient

from .contract import Answered, Connection, Failed, Question

PASSED = (
    "ALL_PROXY", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "NO_PROXY", "PATH", "PYTHONPATH", "SSL_CERT_DIR",
    "SSL_CERT_FILE", "TMPDIR",
)  # fmt: skip
"""Of our environment; no key of a vendor is among them: the one that is used is a setting."""

GRACE_S = 30.0
"""Beyond a question's own time, after which the process is taken for dead."""

MAX_ANSWER_BYTES = 4 << 20


class Asker:
    """Asks one model; a context that ends its process.

    Args:
        connection: which model.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._child: _Child | None = None

    def ask(self, question: Question) -> Answered:
        """Return what the model answered.

        Raises:
            Misconfigured: a setting is wrong, or the vendor refuses us.
            Exhausted: it wants to be left alone for a while.
            Transient: it cannot be reached, or failed.
        """
        try:
            if self._child is None:
                self._child = _Child(self.connection)
            self._child.write(question)
            line = self._child.line(within_s=self.connection.timeout_s + GRACE_S)
            found = msgspec.json.decode(line, type=Answered | Failed)
        except (OSError, msgspec.DecodeError) as error:
            self._end()
            raise Transient(f"the process that asks {self.connection.name} gave no answer: {error}") from error
        if isinstance(found, Answered):
            return found
        said = f"{self.connection.name}: {found.error}"
        if not found.transient:
            raise Misconfigured(said)
        if found.retry_after_s:
            raise Exhausted(said, retry_after_s=found.retry_after_s)
        raise Transient(said)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


class _Child:
    def __init__(self, connection: Connection) -> None:
        given, self._input = os.pipe()
        self._output, taken = os.pipe()
        self._process = subprocess.Popen(  # our own interpreter and module
            [sys.executable, "-m", "precedent.llm.child"],
            env={name: value for name, value in os.environ.items() if name in PASSED},
            stdin=given,
            stdout=taken,
        )
        os.close(given)
        os.close(taken)
        self.write(connection)

    def write(self, what: msgspec.Struct) -> None:
        data = memoryview(msgspec.json.encode(what) + b"\n")
        while data:
            data = data[os.write(self._input, data) :]

    def line(self, *, within_s: float) -> bytes:
        """Return the next line.

        Raises:
            OSError: the process ended, or says nothing for too long, or far too much.
        """
        ends, found = time.monotonic() + within_s, bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while not found.endswith(b"\n"):
                left = ends - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError(f"nothing within {within_s:.0f} s")
                piece = os.read(self._output, 1 << 16)
                if not piece or len(found) > MAX_ANSWER_BYTES:
                    raise BrokenPipeError("it ended" if not piece else "the answer is too long")
                found += piece
        return bytes(found)

    def end(self) -> None:
        os.close(self._input)
        os.close(self._output)
        self._process.kill()
        self._process.wait()
