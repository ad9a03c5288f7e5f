"""Turns Claude Code's lines into events."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from precedent.transcripts.contract import Parsed
from precedent.transcripts.counters import MAX_SECONDS, millionths
from precedent.transcripts.decode import HOSTILE, MAX_REPAIRED_BYTES, REFUSED, LineDecoder, is_utf8
from precedent.transcripts.events import Event, Kind, Speaker, ToolCall, decode_text
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import instant, micros

from .place import Place
from .requests import SYNTHETIC_MODEL, identity, requests_of, shown_chars
from .results import AGENT_TOOLS, results_of
from .speech import spoken
from .state import State
from .wire import Attachment, Block, CallInput, Message, Progress, Wire

BOOKKEEPING = frozenset(
    {
        "agent-name", "ai-title", "atis-latch", "custom-title", "file-history-snapshot", "last-prompt", "mode",
        "permission-mode", "pr-link", "progress", "queue-operation", "summary", "system", "worktree-state",
        "attachment",
    }
)  # fmt: skip
"""Known types; those of them that say something are handled before this list is asked."""

SILENT = frozenset({"file-history-snapshot", "last-prompt", "mode", "permission-mode", "summary"})
"""Types of which no line says anything; a summary may describe another session."""

WITH_TARGET = AGENT_TOOLS | {"Skill"}
_REPLY, _AGENT, _SUBAGENT = Kind.REPLY, Speaker.AGENT, Speaker.SUBAGENT  # an enum's look-up takes as long as a call


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
        try:
            # The decoder does not look into what it leaves undecoded, and large lines are looked at before.
            if len(data) <= MAX_REPAIRED_BYTES and (data.isascii() or is_utf8(data)):
                return self._events(_STRICT(data), data, offset, line)
        except REFUSED:
            pass
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

    def parse_lines(self, lines: Iterator[bytes], *, offset: int, line: int) -> Parsed:
        """Return the events of ordinary lines; see `transcripts.contract.LinesParser`."""
        decoded: list[tuple[Wire, bytes]] = []
        # All are decoded before any is looked at: the two take a tenth less when neither drives the other out of the
        # processor's caches with every line.
        with suppress(*REFUSED):
            for data in lines:
                if len(data) > MAX_REPAIRED_BYTES or not (data.isascii() or is_utf8(data)):
                    break
                decoded.append((_STRICT(data), data))
        found: list[Event] = []
        spoken, events_of = 0, self._events
        for wire, data in decoded:
            if events := events_of(wire, data, offset, line):
                found += events
                spoken += 1
            offset += len(data) + 1
            line += 1
        return Parsed(found, len(decoded), spoken, offset)

    def _events(self, wire: Wire, data: bytes | bytearray, offset: int, line: int) -> Sequence[Event]:
        state, kind, message = self._state, wire.type, wire.message
        at = state.at
        if wire.timestamp is not None:
            at = instant(wire.timestamp)
            if at is None:
                note = Place(wire, offset, line, None, self.tally).defect
                at = micros(wire.timestamp, otherwise=state.at, note=note)
            state.at = at
        if message is not None:
            if kind == "assistant":
                return self._assistant(wire, message, Place(wire, offset, line, at, self.tally), data)
            if kind == "user":
                return self._user(wire, message, Place(wire, offset, line, at, self.tally))
        if kind in SILENT or (kind == "progress" and b"agent_progress" not in data):
            self.tally.ignored += 1
            return ()
        place = Place(wire, offset, line, at, self.tally)
        events = self._progress(wire, place, data) if kind == "progress" else _said_by_harness(wire, place)
        if not events:
            if kind in BOOKKEEPING:
                self.tally.ignored += 1
            elif kind in {"user", "assistant"} or not kind:
                place.defect("no message" if kind else "no type")
            else:
                self.tally.unknown_type(kind)
        return events

    def _assistant(self, wire: Wire, message: Message, place: Place, data: bytes | bytearray) -> Sequence[Event]:
        sidechain = wire.isSidechain or False
        speaker = _AGENT
        if wire.agentId:
            self._state.agents.add(wire.agentId)
            speaker = _SUBAGENT
        elif sidechain:
            speaker = _SUBAGENT
        content = message.content
        parts: tuple[str | msgspec.Raw, ...] = ()
        calls: tuple[ToolCall, ...] = ()
        chars = 0
        key = identity(message, wire.requestId, wire.uuid, data)
        silent = wire.isApiErrorMessage or message.model == SYNTHETIC_MODEL
        if isinstance(content, str):
            parts, chars = (content,), len(content)
        elif content:
            for block in content:
                chars += shown_chars(block)
                if block.type == "text":
                    parts += (block.text,)
                elif block.type == "tool_use" and block.id and not silent:
                    calls += (self._call(block, key),)
        if silent:
            name = "api_error" if wire.isApiErrorMessage else "synthetic"
            return (place.event(Kind.ERROR, speaker, name=name, parts=parts),)
        requests = requests_of(message, key, chars, sidechain, wire.costUSD, place.defect)
        return (place.event(_REPLY, speaker, "", 0, requests, calls, (), parts),)

    def _call(self, block: Block, request_key: str) -> ToolCall:
        call_id, name, target = block.id or "", block.name or "", ""
        if name in WITH_TARGET:
            try:
                asked = _CALL_INPUT.decode(block.input)
                target = (asked.skill or asked.command or "") if name == "Skill" else asked.subagent_type or ""
            except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
                target = ""
        self._state.open(call_id, (name, request_key, target))
        return ToolCall(call_id, name, target, block.input)

    def _user(self, wire: Wire, message: Message, place: Place) -> Sequence[Event]:
        content = message.content
        if isinstance(content, list):
            results = [block for block in content if block.type == "tool_result"]
            if results:
                return results_of(results, self._state, place)
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

    def _progress(self, wire: Wire, place: Place, data: bytes | bytearray) -> Sequence[Event]:
        try:
            progress = _PROGRESS.decode(wire.data)
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            place.defect("wrong type at data")
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
        at = micros(inner.timestamp, otherwise=place.at, note=place.defect, field="data.message.timestamp")
        inside = Place(wrapped, place.offset, place.line, at, self.tally)
        if inner.type == "assistant":
            return self._assistant(wrapped, inner.message, inside, data)
        return self._user(wrapped, inner.message, inside) if inner.type == "user" else ()


def _said_by_harness(wire: Wire, place: Place) -> Sequence[Event]:
    """Events of the lines that are neither a message nor progress of a sub-agent."""
    match wire.type:
        case "system" if wire.subtype == "turn_duration" and wire.durationMs:
            seconds = wire.durationMs / 1000
            duration = millionths(seconds, most=MAX_SECONDS, note=place.defect, field="durationMs")
            return (place.event(Kind.TURN, Speaker.SYSTEM, duration=duration or 0),)
        case "system" if wire.subtype == "api_error":
            return (place.event(Kind.NOTICE, Speaker.SYSTEM, name="api_retry"),)
        case "system" if wire.subtype:
            return (place.event(Kind.NOTICE, Speaker.SYSTEM, name=wire.subtype, parts=(wire.content,)),)
        case "ai-title" | "custom-title":
            title = wire.customTitle or wire.aiTitle or ""
            return (place.event(Kind.TITLE, Speaker.SYSTEM, name=wire.type, parts=(title,)),) if title else ()
        case "queue-operation" if wire.operation in {"enqueue", "remove"}:
            return _queued(decode_text(wire.content), place)
        case "attachment" if _may_be_queued(wire.attachment):
            try:
                attachment = _ATTACHMENT.decode(wire.attachment)
            except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
                return ()
            return _queued(decode_text(attachment.prompt), place) if attachment.type == "queued_command" else ()
    return ()


def _may_be_queued(attachment: msgspec.Raw) -> bool:
    return b"queued_command" in bytes(memoryview(attachment)[:200])


def _queued(text: str, place: Place) -> Sequence[Event]:
    """A prompt typed while the agent worked; it may appear again as a user line, so it is told apart by its name."""
    speech = spoken(text)
    if speech is None or speech.speaker is not Speaker.HUMAN or text.lstrip().startswith("{"):
        return ()
    return (place.event(Kind.ANSWER, Speaker.HUMAN, name="queued", parts=(speech.text,)),)


_DECODER = LineDecoder(Wire)
_STRICT = _DECODER.strict
_PROGRESS = msgspec.json.Decoder(Progress)
_CALL_INPUT = msgspec.json.Decoder(CallInput)
_ATTACHMENT = msgspec.json.Decoder(Attachment)
