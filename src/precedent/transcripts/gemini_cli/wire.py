"""The fields of Gemini CLI's records that we use, as types for the decoder.

A line is a header, a message or a patch; a whole session may also stand in one object. One type takes all of them.
Source: files of 2026 in both layouts, described in docs/reference/formats-more.md.
"""

from datetime import datetime

import msgspec

EMPTY = msgspec.Raw()


class Counters(msgspec.Struct, gc=False):
    """Counters of one response; `cached` is part of `input`, the others stand beside each other."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    thoughts: int | None = None
    tool: int | None = None
    total: int | None = None


class Piece(msgspec.Struct, gc=False):
    """One part of a message's content."""

    text: msgspec.Raw = EMPTY
    thought: bool | None = None


class Content(msgspec.Struct, gc=False):
    """A message's content, wrapped to be decoded piece by piece."""

    pieces: list[Piece] | None = None


class Call(msgspec.Struct, gc=False):
    """A tool call together with what came of it."""

    id: str | None = None
    name: str | None = None
    status: str | None = None
    agentId: str | None = None
    args: msgspec.Raw = EMPTY
    result: msgspec.Raw = EMPTY


class Patch(msgspec.Struct, gc=False):
    """What a `$set` line changes."""

    sessionId: str | None = None
    summary: str | None = None
    messages: list[msgspec.Raw] | None = None


class Wire(msgspec.Struct, gc=False, rename={"patch": "$set", "rewind_to": "$rewindTo"}):
    """One line, one message of a list, or a whole session."""

    type: str | None = None
    id: str | None = None
    timestamp: datetime | None = None
    content: msgspec.Raw = EMPTY
    displayContent: msgspec.Raw = EMPTY
    model: str | None = None
    tokens: Counters | None = None
    toolCalls: list[Call] | None = None
    sessionId: str | None = None
    projectHash: str | None = None
    kind: str | None = None
    startTime: datetime | None = None
    summary: str | None = None
    messages: list[msgspec.Raw] | None = None
    patch: Patch | None = None
    rewind_to: str | None = None


class CallInput(msgspec.Struct, gc=False):
    """The arguments of a tool call that starts a skill or a sub-agent."""

    name: str | None = None
    agent_name: str | None = None
