"""The fields of Claude Code's lines that we use, as types for the decoder.

Every field is optional and everything not named here is skipped without being built. Parts that most consumers never
look into stay raw JSON. The order of fields is that of most lines: the decoder looks for a name after the one that it
found last. Source: files of versions 1.0.17 to 2.1.235, described in docs/reference/formats.md.
"""

from datetime import datetime

import msgspec

EMPTY = msgspec.Raw()


class CacheCreation(msgspec.Struct, gc=False):
    """Split of the cache writes by lifetime."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ServerToolUse(msgspec.Struct, gc=False):
    """Tools that the model's service ran itself."""

    web_search_requests: int | None = None


class Iteration(msgspec.Struct, gc=False):
    """One inner response; those of an advisor are billed beside the top-level counters."""

    type: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None


class Usage(msgspec.Struct, gc=False):
    """Counters of one response."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    server_tool_use: ServerToolUse | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[Iteration] | None = None


class Block(msgspec.Struct, gc=False):
    """One content block of a message."""

    tool_use_id: str | None = None
    type: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = EMPTY
    text: msgspec.Raw = EMPTY
    thinking: msgspec.Raw = EMPTY
    content: msgspec.Raw = EMPTY
    is_error: bool | None = None


class Message(msgspec.Struct, gc=False):
    """A message as the API has it."""

    model: str | None = None
    id: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    usage: Usage | None = None


class Origin(msgspec.Struct, gc=False):
    """Where a user line comes from, as newer versions say."""

    kind: str | None = None


class Wire(msgspec.Struct, gc=False):
    """One line."""

    isSidechain: bool | None = None
    cwd: str | None = None
    sessionId: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    agentId: str | None = None
    type: str | None = None
    message: Message | None = None
    requestId: str | None = None
    uuid: str | None = None
    timestamp: datetime | None = None
    toolUseResult: msgspec.Raw = EMPTY
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    isApiErrorMessage: bool | None = None
    costUSD: float | None = None
    subtype: str | None = None
    durationMs: float | None = None
    promptSource: str | None = None
    origin: Origin | None = None
    toolDenialKind: str | None = None
    operation: str | None = None
    aiTitle: str | None = None
    customTitle: str | None = None
    data: msgspec.Raw = EMPTY
    attachment: msgspec.Raw = EMPTY
    content: msgspec.Raw = EMPTY


class ProgressMessage(msgspec.Struct, gc=False):
    """A sub-agent's line as the parent's progress line wraps it."""

    type: str | None = None
    uuid: str | None = None
    requestId: str | None = None
    timestamp: datetime | None = None
    message: Message | None = None


class Progress(msgspec.Struct, gc=False):
    """The `data` of a progress line."""

    type: str | None = None
    agentId: str | None = None
    message: ProgressMessage | None = None


class ToolOutcome(msgspec.Struct, gc=False):
    """The `toolUseResult` of a line, as far as any tool's shape concerns us."""

    agentId: str | None = None
    agentType: str | None = None
    resolvedModel: str | None = None
    usage: Usage | None = None
    searchCount: int | None = None
    interrupted: bool | None = None
    answers: dict[str, msgspec.Raw] | None = None


class CallInput(msgspec.Struct, gc=False):
    """The `input` of a tool call that starts a skill or a sub-agent."""

    skill: str | None = None
    command: str | None = None
    subagent_type: str | None = None


class Attachment(msgspec.Struct, gc=False):
    """The `attachment` of a line."""

    type: str | None = None
    prompt: msgspec.Raw = EMPTY
    commandMode: str | None = None
    source_uuid: str | None = None
