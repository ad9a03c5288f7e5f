"""The fields of Codex's lines that we use, as types for the decoder.

Three layouts share one type: the envelope `{timestamp, type, payload}`, the bare items of 2025, and the events that
`codex exec --json` prints. Source: files of versions 0.118.0 to 0.147.0, described in docs/reference/formats.md.
"""

from datetime import datetime

import msgspec

EMPTY = msgspec.Raw()


class Counters(msgspec.Struct, gc=False):
    """Token counters; cached and cache-written tokens are part of the input, reasoning is part of the output."""

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    total_tokens: int | None = None


class TokenInfo(msgspec.Struct, gc=False):
    """The `info` of a token count: cumulative counters and those of the last response."""

    total_token_usage: Counters | None = None
    last_token_usage: Counters | None = None


class ThreadSettings(msgspec.Struct, gc=False):
    """Settings of the thread from here on."""

    model: str | None = None
    service_tier: str | None = None


class Git(msgspec.Struct, gc=False):
    """Repository of a session."""

    branch: str | None = None


class Piece(msgspec.Struct, gc=False):
    """One piece of a message."""

    type: str | None = None
    text: msgspec.Raw = EMPTY


class Payload(msgspec.Struct, gc=False):
    """What a line says; which fields are set depends on its type."""

    type: str | None = None
    id: str | None = None
    timestamp: datetime | None = None
    role: str | None = None
    name: str | None = None
    namespace: str | None = None
    call_id: str | None = None
    turn_id: str | None = None
    cwd: str | None = None
    model: str | None = None
    cli_version: str | None = None
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    service_tier: str | None = None
    reason: str | None = None
    status: str | None = None
    exit_code: int | None = None
    success: bool | None = None
    duration_ms: float | None = None
    git: Git | None = None
    info: TokenInfo | None = None
    thread_settings: ThreadSettings | None = None
    source: msgspec.Raw = EMPTY
    content: msgspec.Raw = EMPTY
    message: msgspec.Raw = EMPTY
    arguments: msgspec.Raw = EMPTY
    input: msgspec.Raw = EMPTY
    output: msgspec.Raw = EMPTY
    result: msgspec.Raw = EMPTY


class Item(msgspec.Struct, gc=False):
    """An item of `codex exec --json`."""

    id: str | None = None
    type: str | None = None
    text: msgspec.Raw = EMPTY
    server: str | None = None
    tool: str | None = None
    exit_code: int | None = None
    status: str | None = None


class Wire(msgspec.Struct, gc=False):
    """One line, in any layout."""

    timestamp: datetime | None = None
    type: str | None = None
    payload: Payload | None = None
    ordinal: int | None = None
    # bare items of 2025
    record_type: str | None = None
    id: str | None = None
    instructions: msgspec.Raw = EMPTY
    git: Git | None = None
    role: str | None = None
    name: str | None = None
    call_id: str | None = None
    content: msgspec.Raw = EMPTY
    arguments: msgspec.Raw = EMPTY
    output: msgspec.Raw = EMPTY
    # codex exec --json
    thread_id: str | None = None
    usage: Counters | None = None
    item: Item | None = None


class SpawnSource(msgspec.Struct):
    """The `source` of a session that another one spawned."""

    subagent: msgspec.Raw = EMPTY


class Spawn(msgspec.Struct):
    """The `subagent` of a source."""

    thread_spawn: "ThreadSpawn | None" = None


class ThreadSpawn(msgspec.Struct):
    """Who spawned a thread."""

    parent_thread_id: str | None = None
    agent_path: str | None = None
    agent_role: str | None = None


class ToolOutput(msgspec.Struct):
    """The JSON that some versions put into a tool's output string."""

    metadata: "OutputMetadata | None" = None


class OutputMetadata(msgspec.Struct):
    """How a command ended."""

    exit_code: int | None = None
