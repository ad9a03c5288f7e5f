"""The fields of Pi's lines that we use, as types for the decoder.

Source: files of format version 3 and older ones, described in docs/reference/formats-more.md.
"""

from datetime import datetime

import msgspec

EMPTY = msgspec.Raw()


class Cost(msgspec.Struct, gc=False):
    """What a response cost, in dollars."""

    total: float | None = None


class Usage(msgspec.Struct, gc=False):
    """Counters of one response; each token stands in one of them."""

    input: int | None = None
    output: int | None = None
    cacheRead: int | None = None
    cacheWrite: int | None = None
    cost: Cost | None = None


class Piece(msgspec.Struct, gc=False):
    """One piece of a message's content."""

    type: str | None = None
    id: str | None = None
    name: str | None = None
    text: msgspec.Raw = EMPTY
    arguments: msgspec.Raw = EMPTY


class Content(msgspec.Struct, gc=False):
    """A message's content, wrapped to be decoded piece by piece."""

    pieces: list[Piece] | None = None


class Message(msgspec.Struct, gc=False):
    """A message of any role."""

    role: str | None = None
    content: msgspec.Raw = EMPTY
    model: str | None = None
    usage: Usage | None = None
    stopReason: str | None = None
    errorMessage: msgspec.Raw = EMPTY
    timestamp: float | None = None
    toolCallId: str | None = None
    toolName: str | None = None
    isError: bool | None = None
    command: msgspec.Raw = EMPTY
    summary: msgspec.Raw = EMPTY
    customType: str | None = None


class Wire(msgspec.Struct, gc=False):
    """One line."""

    type: str | None = None
    id: str | None = None
    timestamp: datetime | None = None
    cwd: str | None = None
    branchedFrom: str | None = None
    parentSession: str | None = None
    modelId: str | None = None
    customType: str | None = None
    name: str | None = None
    summary: msgspec.Raw = EMPTY
    content: msgspec.Raw = EMPTY
    message: Message | None = None


class CallInput(msgspec.Struct, gc=False):
    """The arguments of a tool call that starts a skill or a sub-agent."""

    skill: str | None = None
    agent: str | None = None
