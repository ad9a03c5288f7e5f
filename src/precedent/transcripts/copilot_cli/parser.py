"""Turns GitHub Copilot CLI's lines into events."""

from collections.abc import Sequence

import msgspec

from precedent.transcripts.counters import count
from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolCall, ToolResult
from precedent.transcripts.record_lines import events_of_line
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import micros

from .billing import Billing, tokens, vector
from .wire import CallInput, Data, ToolError, ToolOutput, Wire

MAX_OPEN_CALLS = 512  # calls whose result may still come; an older one is joined by its id alone
IGNORED = frozenset(
    {
        "assistant.intent", "assistant.reasoning", "assistant.turn_end", "assistant.turn_start", "assistant.usage",
        "external_tool.completed", "external_tool.requested", "hook.end", "hook.start", "pending_messages.modified",
        "permission.completed", "permission.requested", "session.compaction_start", "session.context_changed",
        "session.handoff", "session.idle", "session.mode_changed", "session.permissions_changed",
        "session.plan_changed", "session.snapshot_rewind", "session.task_complete", "session.truncation",
        "session.usage_checkpoint", "session.usage_info", "session.workspace_file_changed", "skill.invoked",
        "subagent.completed", "subagent.deselected", "subagent.failed", "subagent.selected", "subagent.started",
        "system.message", "tool.execution_partial_result", "tool.execution_progress", "tool.user_requested",
    }
)  # fmt: skip
"""Known types that repeat what other lines say or say nothing that counts."""
REJECTIONS = frozenset({"denied", "rejected"})


class State(msgspec.Struct):
    """What a later reading needs to know of the lines before it."""

    billing: Billing
    session_id: str = ""
    at: int | None = None
    cwd: str = ""
    branch: str = ""
    version: str = ""
    model: str = ""
    calls: dict[str, str] = {}
    """Open calls: id to tool name."""


class CopilotParser:
    """Parser of one transcript; see `transcripts.contract.Parser`."""

    def __init__(self, state: bytes = b"") -> None:
        self.tally = Tally()
        self._state = msgspec.msgpack.decode(state, type=State) if state else State(billing=Billing())

    def state(self) -> bytes:
        """Return what a new parser needs to continue."""
        return msgspec.msgpack.encode(self._state)

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        """Return the events of one line."""
        return events_of_line(
            data,
            _DECODER,
            tally=self.tally,
            offset=offset,
            line=line,
            events=lambda wire: _Line(self._state, self.tally, offset, line, wire).events(),
            type_of=lambda wire: wire.type,
        )


class _Line:
    """Reads one line in the light of the lines before it."""

    def __init__(self, state: State, tally: Tally, offset: int, line: int, wire: Wire) -> None:
        self.state, self.tally, self.offset, self.line, self.wire = state, tally, offset, line, wire
        self.data = wire.data or Data()
        state.at = micros(wire.timestamp, otherwise=state.at, note=self.note)

    def note(self, reason: str) -> None:
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def events(self) -> Sequence[Event] | None:
        """Return the line's events; None for a type never seen."""
        data = self.data
        match self.wire.type:
            case "user.message":
                return (self._said(),)
            case "assistant.message":
                return (self._reply(),)
            case "tool.execution_start":
                return self._started()
            case "tool.execution_complete":
                return (self._result(),)
            case "system.notification":
                return (self._event(Kind.NOTICE, Speaker.SYSTEM, name="notification", parts=(data.content,)),)
            case "abort":
                return (self._event(Kind.INTERRUPTION, Speaker.HUMAN, id=self.wire.id or ""),)
            case kind if kind in IGNORED:
                return ()
        return self._session()

    def _session(self) -> Sequence[Event] | None:
        data, state = self.data, self.state
        match self.wire.type:
            case "session.start" | "session.resume":
                return (self._context(),)
            case "session.model_change" | "session.auto_mode_resolved":
                state.model = data.chosenModel or data.newModel or state.model
                return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)
            case "session.shutdown":
                key = self._key("run")
                found = state.billing.report(
                    data.modelMetrics, key=key, tally=self.tally, offset=self.offset, line=self.line
                )
                return (self._event(Kind.REPLY, Speaker.AGENT, requests=found),) if found else ()
            case "session.compaction_complete":
                return (self._summary(),)
            case "session.title_changed":
                return (self._event(Kind.TITLE, Speaker.SYSTEM, name=data.title),) if data.title else ()
            case "session.error":
                return (self._event(Kind.ERROR, Speaker.AGENT, name=data.errorType or "", parts=(data.message,)),)
            case "session.info" | "session.warning":
                return (self._event(Kind.NOTICE, Speaker.SYSTEM, parts=(data.message,)),)
        return None

    def _key(self, what: str) -> str:
        """Name a request alike in every copy of the file."""
        return f"copilot:{self.state.session_id}:{what}:{self.wire.id or self.offset}"

    def _context(self) -> Event:
        data, state = self.data, self.state
        if self.wire.type == "session.start" and data.sessionId != state.session_id:
            state.session_id, state.billing, state.model = data.sessionId or "", Billing(), ""
        state.version = data.copilotVersion or state.version
        state.model = data.selectedModel or state.model
        if data.context is not None:
            state.cwd, state.branch = data.context.cwd or state.cwd, data.context.branch or state.branch
        return self._event(Kind.CONTEXT, Speaker.SYSTEM)

    def _said(self) -> Event:
        """A prompt that names a source, or continues on autopilot, was sent by a machine."""
        data, source = self.data, self.data.source or ""
        if self.wire.agentId or source.startswith("agent-"):
            return self._event(Kind.INSTRUCTION, Speaker.AGENT, id=self.wire.id or "", parts=(data.content,))
        if data.isAutopilotContinuation or source not in {"", "user"}:
            return self._event(Kind.NOTICE, Speaker.SYSTEM, name=source or "autopilot", parts=(data.content,))
        return self._event(Kind.PROMPT, Speaker.HUMAN, id=self.wire.id or "", parts=(data.content,))

    def _reply(self) -> Event:
        data, state = self.data, self.state
        state.model = data.model or state.model
        said = count(data.outputTokens, note=self.note, field="data.outputTokens")
        state.billing.message(said, id=f"{data.messageId}:{data.chunkIndex or 0}" if data.messageId else "")
        calls = []
        for number, asked in enumerate(data.toolRequests or ()):
            call_id = asked.toolCallId or f"{self._key('call')}:{number}"
            calls.append(self._call(call_id, asked.name or "", asked.arguments))
        parts = (data.content,) if memoryview(data.content).nbytes > 2 else ()
        return self._event(Kind.REPLY, Speaker.AGENT, id=self.wire.id or "", calls=tuple(calls), parts=parts)

    def _started(self) -> Sequence[Event]:
        """Only a call that no reply asked for, such as one that a person started, is told by its start."""
        data = self.data
        if not data.toolCallId or data.toolCallId in self.state.calls:
            return ()
        call = self._call(data.toolCallId, data.toolName or "", data.arguments)
        return (self._event(Kind.REPLY, Speaker.AGENT, calls=(call,)),)

    def _call(self, call_id: str, name: str, arguments: msgspec.Raw) -> ToolCall:
        calls = self.state.calls
        calls[call_id] = name
        if len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
        return ToolCall(id=call_id, name=name, target=_target(arguments), input=arguments)

    def _result(self) -> Event:
        data = self.data
        call_id, outcome = data.toolCallId or "", Outcome.OK
        if not data.success:
            outcome = Outcome.REJECTED if _error_code(data.error) in REJECTIONS else Outcome.ERROR
        name = self.state.calls.get(call_id, "")
        result = ToolResult(call_id=call_id, name=name, request_key="", outcome=outcome)
        return self._event(Kind.RESULT, Speaker.TOOL, results=(result,), parts=_output(data.result))

    def _summary(self) -> Event:
        used = self.data.compactionTokensUsed
        requests: tuple[Request, ...] = ()
        if used is not None and any(billed := vector(used, note=self.note)):
            model = used.model or self.state.model
            requests = (Request(key=self._key("summary"), model=model, tokens=tokens(billed)),)
        return self._event(Kind.SUMMARY, Speaker.SYSTEM, requests=requests, parts=(self.data.summaryContent,))

    def _event(
        self,
        kind: Kind,
        speaker: Speaker,
        *,
        id: str = "",
        name: str = "",
        requests: tuple[Request, ...] = (),
        calls: tuple[ToolCall, ...] = (),
        results: tuple[ToolResult, ...] = (),
        parts: tuple[str | msgspec.Raw, ...] = (),
    ) -> Event:
        state, agent_id = self.state, self.wire.agentId or ""
        if agent_id and speaker is Speaker.AGENT and kind is Kind.REPLY:
            speaker = Speaker.SUBAGENT
        return Event(
            offset=self.offset,
            line=self.line,
            kind=kind,
            speaker=speaker,
            at=state.at,
            id=id,
            cwd=state.cwd,
            branch=state.branch,
            version=state.version,
            model=state.model,
            name=name,
            sidechain=bool(agent_id),
            session_id=state.session_id,
            agent_id=agent_id,
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def _target(arguments: msgspec.Raw) -> str:
    try:
        found = _CALL_INPUT.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ""
    return found.skill or found.agent_type or ""


def _error_code(error: msgspec.Raw) -> str:
    try:
        return _ERROR.decode(error).code or ""
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ""


def _output(result: msgspec.Raw) -> tuple[msgspec.Raw, ...]:
    try:
        return (_OUTPUT.decode(result).content,)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ()


_DECODER = LineDecoder(Wire)
_CALL_INPUT = msgspec.json.Decoder(CallInput)
_ERROR = msgspec.json.Decoder(ToolError)
_OUTPUT = msgspec.json.Decoder(ToolOutput)
