"""What parent and extraction child say to each other: frames of a 4-byte length and a MessagePack body."""

import struct
from typing import IO

import msgspec

from .contract import Done, Later, Reject, Retry, TranscriptRef

HEADER = struct.Struct("<I")


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
