"""What parent and extraction child say to each other: frames of a 4-byte length and a MessagePack body."""

import struct
from typing import IO

import msgspec

from precedent.errors import ContractBroken, Misconfigured, Terminal, Transient

from .contract import Done, Later, Reject, Retry, TranscriptRef

HEADER = struct.Struct("<I")
MAX_ERROR_CHARS = 500


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Extract one transcript.

    Attributes:
        path: the archived file.
        reader: `module:attribute` of the agent's reader.
    """

    ref: TranscriptRef
    path: str
    reader: str
    cursor: bytes | None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`extract` raised.

    Attributes:
        kind: `terminal`, `transient`, `misconfigured`, `memory`, `contract` or `unclassified`.
        error: type and message of the exception, without a stack.
    """

    kind: str
    error: str


def failed(error: BaseException, *, said: object = None) -> Failed:
    """Return what an exception of a processor means for the transcript; see docs/reference/errors.md.

    Args:
        error: what was raised.
        said: what to tell of it; None for what it says itself.
    """
    if isinstance(error, MemoryError):
        kind = "memory"
    elif isinstance(error, Misconfigured):
        kind = "misconfigured"
    elif isinstance(error, ContractBroken):
        kind = "contract"
    elif isinstance(error, Terminal):
        kind = "terminal"
    elif isinstance(error, Transient | OSError):
        kind = "transient"
    else:
        kind = "unclassified"
    text = f"{type(error).__name__}: {error if said is None else said}"[:MAX_ERROR_CHARS]
    return Failed(kind=kind, error=text.encode("utf-8", "replace").decode())


Answer = Done | Retry | Later | Reject | Failed


def frame(message: msgspec.Struct) -> bytes:
    """Return a message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(len(body)) + body


def send(stream: IO[bytes], message: msgspec.Struct) -> None:
    """Write one frame."""
    stream.write(frame(message))
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one frame's body; None when the other side is gone."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    body = stream.read(size)
    return body if len(body) == size else None
