"""Turns Claude Code's lines into events."""

from collections.abc import Callable, Sequence

import msgspec

from precedent.transcripts.counters import MAX_SECONDS, count, millionths
from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolCall, ToolResult, decode_text
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import micros

from .requests import SYNTHETIC_MODEL, identity, requests_of, standin, starts_object
from .speech import denial, spoken
from .wire import Attachment, Block, CallInput, Progress, ToolOutcome, Wire

MAX_OPEN_CALLS = 512  # calls whose result may still come; an older one is joined by its id alone
AGENT_TOOLS = frozenset({"Agent", "Task"})
LOOKED_INTO = AGENT_TOOLS | {"WebSearch", "AskUserQuestion", "Bash", "PowerShell"}
REJECTIONS = ("The user doesn't want to proceed", "User rejected", "The user doesn't want to take this action")

BOOKKEEPING = frozenset(
    {
        "agent-name", "ai-title", "atis-latch", "custom-title", "file-history-snapshot", "last-prompt", "mode",
        "permission-mode", "pr-link", "progress", "queue-operation", "summary", "system", "worktree-state",
        "attachment",
    }
)  # fmt: skip
"""Known types; those of them that say something are handled before this list is asked."""


class State(msgspec.Struct, array_like=True):
    """What a later reading needs to know of the lines before it."""

    at: int | None = None
    calls: dict[str, tuple[str, str, str]] = {}
    """Open calls: id to (tool name, request key, target)."""
    agents: set[str] = set()
    """Sub-agents whose responses stand in this file."""
    searched: set[str] = set()
    """Calls whose searches were counted: a resumed session may repeat lines."""


class ClaudeCodeParser:
    """Parser of one transcript; see `transcripts.contract.Parser`."""

    def __init__(self, state: bytes = b"") -> None:
        self.tally = Tally()
        self._state = msgspec.msgpack.decode(state, type=State) if state else State()

    def state(self) -> bytes:
        """Return what a new parser needs to continue."""
        return msgspec.msgpack.encode(self._state)

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        """Return the events of one line."""
        wires = _DECODER.decode(data, tally=self.tally, offset=offset, line=line)
        if len(wires) == 1:
            return self._events(wires[0], data, offset, line)
        before = self.tally.ignored, self.tally.unknown
        events = [event for wire in wires for event in self._events(wire, data, offset, line)]
        # Glued objects share one line, which is accounted for once.
        self.tally.ignored, self.tally.unknown = before
        if wires and not events:
            self.tally.ignored += 1
        return events

    def _events(self, wire: Wire, data: bytes | bytearray, offset: int, line: int) -> Sequence[Event]:
        if wire.timestamp is not None:
            self._state.at = micros(wire.timestamp)
        place = _Place(wire, offset, line, self._state.at)
        match wire.type:
            case "assistant" if wire.message is not None:
                return self._assistant(wire, place, data)
            case "user" if wire.message is not None:
                return self._user(wire, place)
            case "progress" if b"agent_progress" in data:
                events = self._progress(wire, place, data)
            case _:
                events = self._said_by_harness(wire, place)
        if not events:
            if wire.type in BOOKKEEPING:
                self.tally.ignored += 1
            elif wire.type in {"user", "assistant"} or not wire.type:
                self.tally.defect("no message" if wire.type else "no type", offset=offset, line=line)
            else:
                self.tally.unknown_type(wire.type)
        return events

    def _assistant(self, wire: Wire, place: "_Place", data: bytes | bytearray) -> Sequence[Event]:
        message = wire.message
        assert message is not None  # noqa: S101  # the caller matched on it
        sidechain = bool(wire.isSidechain)
        speaker = Speaker.SUBAGENT if sidechain or wire.agentId else Speaker.AGENT
        if wire.agentId:
            self._state.agents.add(wire.agentId)
        blocks = message.content if isinstance(message.content, list) else ()
        parts: tuple[str | msgspec.Raw, ...]
        if isinstance(message.content, str):
            parts = (message.content,)
        else:
            parts = tuple(block.text for block in blocks if block.type == "text")
        if wire.isApiErrorMessage or message.model == SYNTHETIC_MODEL:
            name = "api_error" if wire.isApiErrorMessage else "synthetic"
            return (place.event(Kind.ERROR, speaker, name=name, parts=parts),)
        key = identity(message, request_id=wire.requestId, uuid=wire.uuid, data=data)
        requests = requests_of(
            message,
            key=key,
            sidechain=sidechain,
            recorded_cost_usd=wire.costUSD,
            note=lambda reason: self.tally.defect(reason, offset=place.offset, line=place.line),
        )
        calls = tuple(self._call(block, key) for block in blocks if block.type == "tool_use" and block.id)
        return (place.event(Kind.REPLY, speaker, parts=parts, requests=requests, calls=calls),)

    def _call(self, block: Block, request_key: str) -> ToolCall:
        call_id, name, target = block.id or "", block.name or "", ""
        if name in AGENT_TOOLS or name == "Skill":
            try:
                asked = _CALL_INPUT.decode(block.input)
                target = (asked.skill or asked.command or "") if name == "Skill" else asked.subagent_type or ""
            except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
                target = ""
        calls = self._state.calls
        calls[call_id] = (name, request_key, target)
        if len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
        return ToolCall(id=call_id, name=name, target=target, input=block.input)

    def _user(self, wire: Wire, place: "_Place") -> Sequence[Event]:
        message = wire.message
        assert message is not None  # noqa: S101  # the caller matched on it
        content = message.content
        if isinstance(content, list):
            results = [block for block in content if block.type == "tool_result"]
            if results:
                return self._results(wire, results, place)
            text = "\n".join(decode_text(block.text) for block in content if block.type == "text")
            pictured = any(block.type in {"image", "document"} for block in content)
        else:
            text, pictured = content or "", False
        if wire.isCompactSummary:
            return (place.event(Kind.SUMMARY, Speaker.SYSTEM, parts=(text,)),)
        machine = wire.origin is not None and wire.origin.kind not in {None, "human"}
        if wire.isMeta or machine or wire.promptSource == "system":
            return (place.event(Kind.NOTICE, Speaker.SYSTEM, name="meta", parts=(text,)),)
        if wire.isSidechain or wire.agentId:
            return (place.event(Kind.INSTRUCTION, Speaker.AGENT, parts=(text,)),)
        speech = spoken(text)
        if speech:
            return (place.event(speech.kind, speech.speaker, name=speech.name, parts=(speech.text,)),)
        if pictured:
            return (place.event(Kind.PROMPT, Speaker.HUMAN),)
        return (place.event(Kind.NOTICE, Speaker.SYSTEM, name="injected", parts=(text,)),)

    def _results(self, wire: Wire, blocks: list[Block], place: "_Place") -> Sequence[Event]:
        results: list[ToolResult] = []
        answers: list[str] = []
        requests: list[Request] = []
        for block in blocks:
            call_id = block.tool_use_id or ""
            name, request_key, target = self._state.calls.pop(call_id, ("", "", ""))
            detail = _outcome_detail(wire) if name in LOOKED_INTO or not name else _NOTHING
            outcome = _outcome(wire, block, detail)
            if outcome is Outcome.REJECTED:
                answers.append(denial(decode_text(block.content) or decode_text(wire.toolUseResult)))
            if name == "AskUserQuestion" and detail.answers:
                answers.extend(decode_text(answer) for answer in detail.answers.values())
            agent_id = detail.agentId or "" if name in AGENT_TOOLS else ""

            def note(reason: str) -> None:
                self.tally.defect(reason, offset=place.offset, line=place.line)

            if agent_id and agent_id not in self._state.agents:
                reported = standin(detail, agent_id=agent_id, note=note)
                requests.extend([reported] if reported else [])
            results.append(
                ToolResult(
                    call_id=call_id,
                    name=name,
                    request_key=request_key,
                    outcome=outcome,
                    searches=self._searches(call_id, detail, note) if name == "WebSearch" else 0,
                    agent_id=agent_id,
                    agent_type=(detail.agentType or target) if agent_id else "",
                )
            )
        parts = tuple(block.content for block in blocks)
        event = place.event(Kind.RESULT, Speaker.TOOL, results=tuple(results), requests=tuple(requests), parts=parts)
        said = tuple(answer for answer in answers if answer)
        if not said or wire.isSidechain:
            return (event,)
        return event, place.event(Kind.ANSWER, Speaker.HUMAN, parts=said)

    def _searches(self, call_id: str, detail: ToolOutcome, note: Callable[[str], None]) -> int:
        found = count(detail.searchCount, note=note, field="searchCount")
        if not found or call_id in self._state.searched:
            return 0
        self._state.searched.add(call_id)
        return found

    def _said_by_harness(self, wire: Wire, place: "_Place") -> Sequence[Event]:
        """Events of the lines that are neither a message nor progress of a sub-agent."""
        match wire.type:
            case "system" if wire.subtype == "turn_duration" and wire.durationMs:
                seconds = wire.durationMs / 1000
                duration = millionths(
                    seconds,
                    most=MAX_SECONDS,
                    note=lambda reason: self.tally.defect(reason, offset=place.offset, line=place.line),
                    field="durationMs",
                )
                return (place.event(Kind.TURN, Speaker.SYSTEM, duration=duration or 0),)
            case "system" if wire.subtype == "api_error":
                return (place.event(Kind.NOTICE, Speaker.SYSTEM, name="api_retry"),)
            case "system" if wire.subtype:
                return (place.event(Kind.NOTICE, Speaker.SYSTEM, name=wire.subtype, parts=(wire.content,)),)
            case "ai-title" | "custom-title":
                title = wire.customTitle or wire.aiTitle or ""
                return (place.event(Kind.TITLE, Speaker.SYSTEM, name=wire.type, parts=(title,)),) if title else ()
            case "summary":
                return ()  # may describe another session
            case "queue-operation" if wire.operation in {"enqueue", "remove"}:
                return _queued(decode_text(wire.content), place)
            case "attachment" if _may_be_queued(wire.attachment):
                try:
                    attachment = _ATTACHMENT.decode(wire.attachment)
                except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
                    return ()
                return _queued(decode_text(attachment.prompt), place) if attachment.type == "queued_command" else ()
        return ()

    def _progress(self, wire: Wire, place: "_Place", data: bytes | bytearray) -> Sequence[Event]:
        try:
            progress = _PROGRESS.decode(wire.data)
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            self.tally.defect("wrong type at data", offset=place.offset, line=place.line)
            return ()
        inner = progress.message
        if progress.type != "agent_progress" or inner is None or inner.message is None:
            return ()
        if progress.agentId:
            self._state.agents.add(progress.agentId)
        wrapped = Wire(
            type=inner.type,
            uuid=inner.uuid,
            requestId=inner.requestId,
            cwd=wire.cwd,
            gitBranch=wire.gitBranch,
            version=wire.version,
            isSidechain=True,
            agentId=progress.agentId,
            message=inner.message,
        )
        at = micros(inner.timestamp) if inner.timestamp else place.at
        inside = _Place(wrapped, place.offset, place.line, at)
        if inner.type == "assistant":
            return self._assistant(wrapped, inside, data)
        return self._user(wrapped, inside) if inner.type == "user" else ()


class _Place:
    """Where an event stands: what all events of a line share."""

    __slots__ = ("at", "line", "offset", "wire")

    def __init__(self, wire: Wire, offset: int, line: int, at: int | None) -> None:
        self.wire, self.offset, self.line, self.at = wire, offset, line, at

    def event(
        self,
        kind: Kind,
        speaker: Speaker,
        *,
        name: str = "",
        duration: int = 0,
        requests: tuple[Request, ...] = (),
        calls: tuple[ToolCall, ...] = (),
        results: tuple[ToolResult, ...] = (),
        parts: tuple[str | msgspec.Raw, ...] = (),
    ) -> Event:
        wire = self.wire
        return Event(
            offset=self.offset,
            line=self.line,
            kind=kind,
            speaker=speaker,
            at=self.at,
            id=wire.uuid or "",
            cwd=wire.cwd or "",
            branch=wire.gitBranch or "",
            version=wire.version or "",
            name=name,
            duration=duration,
            sidechain=bool(wire.isSidechain),
            session_id=wire.sessionId or "",
            agent_id=wire.agentId or "",
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def _may_be_queued(attachment: msgspec.Raw) -> bool:
    return b"queued_command" in bytes(memoryview(attachment)[:200])


def _queued(text: str, place: _Place) -> Sequence[Event]:
    """A prompt typed while the agent worked; it may appear again as a user line, so it is told apart by its name."""
    speech = spoken(text)
    if speech is None or speech.speaker is not Speaker.HUMAN or text.lstrip().startswith("{"):
        return ()
    return (place.event(Kind.ANSWER, Speaker.HUMAN, name="queued", parts=(speech.text,)),)


def _outcome_detail(wire: Wire) -> ToolOutcome:
    if not starts_object(wire.toolUseResult):
        return _NOTHING
    try:
        return _TOOL_OUTCOME.decode(wire.toolUseResult)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return _NOTHING


def _outcome(wire: Wire, block: Block, detail: ToolOutcome) -> Outcome:
    if not block.is_error:
        return Outcome.INTERRUPTED if detail.interrupted else Outcome.OK
    said = bytes(memoryview(block.content)[:400]).decode("utf-8", "replace")
    if "[Request interrupted by user" in said:
        return Outcome.INTERRUPTED
    if wire.toolDenialKind or any(rejection in said for rejection in REJECTIONS):
        return Outcome.REJECTED
    return Outcome.ERROR


_DECODER = LineDecoder(Wire)
_PROGRESS = msgspec.json.Decoder(Progress)
_TOOL_OUTCOME = msgspec.json.Decoder(ToolOutcome)
_CALL_INPUT = msgspec.json.Decoder(CallInput)
_ATTACHMENT = msgspec.json.Decoder(Attachment)
_NOTHING = ToolOutcome()
