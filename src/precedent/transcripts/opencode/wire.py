"""The fields of OpenCode's session export that we use, as types for the decoder.

Source: the agent's published message schema and exports of versions 1.2, described in docs/reference/formats-more.md.
"""

import msgspec

EMPTY = msgspec.Raw()


class Times(msgspec.Struct, gc=False):
    """Milliseconds since the epoch."""

    created: float | None = None
    completed: float | None = None


class Cache(msgspec.Struct, gc=False):
    """Tokens that went through a cache."""

    read: int | None = None
    write: int | None = None


class Counters(msgspec.Struct, gc=False):
    """Counters of one response; `input` excludes what the cache holds, `reasoning` stands beside `output`."""

    total: int | None = None
    input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    cache: Cache | None = None


class Failure(msgspec.Struct, gc=False):
    """Why a message ended early."""

    name: str | None = None


class Folder(msgspec.Struct, gc=False):
    """Where a message was answered."""

    cwd: str | None = None


class MessageInfo(msgspec.Struct, gc=False):
    """A message without its parts."""

    id: str | None = None
    sessionID: str | None = None
    role: str | None = None
    time: Times | None = None
    modelID: str | None = None
    path: Folder | None = None
    cost: float | None = None
    tokens: Counters | None = None
    finish: str | None = None
    error: Failure | None = None
    summary: msgspec.Raw = EMPTY


class Metadata(msgspec.Struct, gc=False):
    """What a tool says beside its output; a sub-agent's tool names its session."""

    sessionId: str | None = None


class ToolState(msgspec.Struct, gc=False):
    """How far a tool call got."""

    status: str | None = None
    input: msgspec.Raw = EMPTY
    output: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    metadata: Metadata | None = None


class Part(msgspec.Struct, gc=False):
    """One part of a message."""

    type: str | None = None
    text: msgspec.Raw = EMPTY
    synthetic: bool | None = None
    ignored: bool | None = None
    tool: str | None = None
    callID: str | None = None
    state: ToolState | None = None
    tokens: Counters | None = None
    cost: float | None = None
    command: str | None = None
    prompt: msgspec.Raw = EMPTY


class Message(msgspec.Struct, gc=False):
    """A message."""

    info: MessageInfo | None = None
    parts: list[Part] | None = None


class SessionInfo(msgspec.Struct, gc=False):
    """A session without its messages."""

    id: str | None = None
    parentID: str | None = None
    directory: str | None = None
    title: str | None = None
    version: str | None = None
    time: Times | None = None


class Wire(msgspec.Struct, gc=False):
    """A whole session."""

    info: SessionInfo | None = None
    messages: list[msgspec.Raw] | None = None


class Shape(msgspec.Struct, gc=False, rename={"role": "_role"}):
    """What tells what a line is: an export, a message or the part of a dump."""

    messages: msgspec.Raw = EMPTY
    parts: msgspec.Raw = EMPTY
    role: msgspec.Raw = EMPTY


class CallInput(msgspec.Struct, gc=False):
    """The input of a tool call that starts a skill or a sub-agent."""

    name: str | None = None
    subagent_type: str | None = None
