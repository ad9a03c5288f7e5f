"""The fields of GitHub Copilot CLI's lines that we use, as types for the decoder.

Source: files of versions 1.0.77 and 1.0.78, described in docs/reference/formats-more.md.
"""

from datetime import datetime

import msgspec

EMPTY = msgspec.Raw()


class Context(msgspec.Struct, gc=False):
    """Where a session runs."""

    cwd: str | None = None
    branch: str | None = None


class ToolRequest(msgspec.Struct, gc=False):
    """A tool call as the model asked for it."""

    toolCallId: str | None = None
    name: str | None = None
    arguments: msgspec.Raw = EMPTY


class ToolError(msgspec.Struct, gc=False):
    """Why a tool failed."""

    code: str | None = None


class Counters(msgspec.Struct, gc=False):
    """Counters of responses; input includes what the caches hold, output includes reasoning."""

    inputTokens: int | None = None
    outputTokens: int | None = None
    cacheReadTokens: int | None = None
    cacheWriteTokens: int | None = None
    model: str | None = None


class Metrics(msgspec.Struct, gc=False):
    """What one model was used for in one run of the agent."""

    usage: Counters | None = None


class Data(msgspec.Struct, gc=False):
    """The `data` of a line, as far as any type's shape concerns us."""

    sessionId: str | None = None
    copilotVersion: str | None = None
    context: Context | None = None
    startTime: datetime | None = None
    selectedModel: str | None = None
    newModel: str | None = None
    chosenModel: str | None = None
    model: str | None = None
    content: msgspec.Raw = EMPTY
    source: str | None = None
    isAutopilotContinuation: bool | None = None
    messageId: str | None = None
    requestId: str | None = None
    chunkIndex: int | None = None
    toolRequests: list[ToolRequest] | None = None
    outputTokens: int | None = None
    toolCallId: str | None = None
    toolName: str | None = None
    arguments: msgspec.Raw = EMPTY
    success: bool | None = None
    result: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    message: msgspec.Raw = EMPTY
    errorType: str | None = None
    title: str | None = None
    agentName: str | None = None
    summaryContent: msgspec.Raw = EMPTY
    compactionTokensUsed: Counters | None = None
    modelMetrics: msgspec.Raw = EMPTY


class Wire(msgspec.Struct, gc=False):
    """One line."""

    type: str | None = None
    id: str | None = None
    timestamp: datetime | None = None
    agentId: str | None = None
    data: Data | None = None


class ToolOutput(msgspec.Struct, gc=False):
    """The `result` of a tool."""

    content: msgspec.Raw = EMPTY


class CallInput(msgspec.Struct, gc=False):
    """The arguments of a tool call that starts a skill or a sub-agent."""

    skill: str | None = None
    agent_type: str | None = None
