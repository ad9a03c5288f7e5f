"""Serves trusted plugins by git over HTTP, each request in a process of its own; see `serve_child`."""

import gzip
import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from precedent import children
from precedent.errors import BadInput, Exhausted, TooLarge, Transient

from .model import Offer, Served, ServeOrder

MAX_BODY_BYTES = 1 << 20
"""Of a request: a client names the commits that it has."""

TIME_S = 60.0
AT_A_TIME = 2
WAIT_S = 10.0


class Serving:
    """Answers git clients.

    Args:
        root: folder of all marketplaces.
        contents: folder of the contents of plugins.
    """

    def __init__(self, root: Path, contents: Path) -> None:
        self._root, self._contents = root, contents
        self._free = threading.BoundedSemaphore(AT_A_TIME)

    def answer(self, person: str, offers: Sequence[Offer], *, body: bytes | None) -> bytes:
        """Return the body of an answer.

        Args:
            person: whose repository it is.
            offers: what they are given now.
            body: of a request for a pack; None for the list of refs.

        Raises:
            BadInput: it is no request of git.
            Exhausted: too many are being answered.
            Transient: the process died.
        """
        if not self._free.acquire(timeout=WAIT_S):
            raise Exhausted(f"{AT_A_TIME} requests of git are being answered already", retry_after_s=WAIT_S)
        try:
            name = hashlib.sha256(person.encode()).hexdigest()[:32]
            order = ServeOrder(
                repository=str((self._root / "served" / f"{name}.git").resolve()),
                contents=str(self._contents.resolve()),
                offers=list(offers),
                body=body,
            )
            return _asked(order)
        finally:
            self._free.release()


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return the body of a request as it was before it was packed.

    Raises:
        BadInput: it is packed in a way that is not known, or broken.
        TooLarge: it is more than is taken.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise BadInput(f"a body packed with {encoding[:40]} is not taken; gzip is")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            found = file.read(MAX_BODY_BYTES + 1)
    except (OSError, EOFError) as error:
        raise BadInput("the body is no gzip") from error
    if len(found) > MAX_BODY_BYTES:
        raise TooLarge(f"the request is larger than {MAX_BODY_BYTES >> 20} MiB")
    return found


def _asked(order: ServeOrder) -> bytes:
    process = subprocess.Popen(
        [sys.executable, "-m", "precedent.marketplaces.serve_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=children.environment() | {"HOME": "/nonexistent"},
    )
    try:
        answer, _ = process.communicate(msgspec.json.encode(order), timeout=TIME_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Transient(f"the request of git was not answered within {TIME_S:.0f} s") from None
    try:
        found = msgspec.json.decode(answer, type=Served)
    except msgspec.DecodeError:
        raise Transient(f"the process that answers git ended without an answer ({process.returncode})") from None
    if found.error:
        raise BadInput(found.error)
    return found.body
