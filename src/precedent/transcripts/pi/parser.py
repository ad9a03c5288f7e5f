"""Turns Pi's lines into events."""

from collections.abc import Sequence

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import MAX_USD, count, millionths
from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolCall, ToolResult
from precedent.transcripts.record_lines import events_of_line
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import epoch_micros, micros

from .wire import CallInput, Content, Message, Piece, Usage, Wire

MAX_OPEN_CALLS = 512  # calls whose result may still come; an older one is joined by its id alone
IGNORED = frozenset({"thinking_level_change", "custom", "label", "context_transform", "ephemeral"})
"""Known types that say nothing that counts."""


class State(msgspec.Struct):
    """What a later reading needs to know of the lines before it."""

    session_id: str = ""
    at: int | None = None
    cwd: str = ""
    model: str = ""
    calls: dict[str, tuple[str, str]] = {}
    """Open calls: id to (tool name, request key)."""


class PiParser:
    """Parser of one transcript; see `transcripts.contract.Parser`."""

    def __init__(self, state: bytes = b"") -> None:
        self.tally = Tally()
        self._state = msgspec.msgpack.decode(state, type=State) if state else State()

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
            type_of=_type,
        )


class _Line:
    """Reads one line in the light of the lines before it."""

    def __init__(self, state: State, tally: Tally, offset: int, line: int, wire: Wire) -> None:
        self.state, self.tally, self.offset, self.line, self.wire = state, tally, offset, line, wire
        said = wire.message.timestamp if wire.message else None
        self.said = epoch_micros(said, note=self.note, field="message.timestamp")
        at = micros(wire.timestamp, otherwise=self.said, note=self.note)
        if at is not None:
            state.at = at

    def note(self, reason: str) -> None:
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def events(self) -> Sequence[Event] | None:
        """Return the line's events; None for a type never seen."""
        wire, state = self.wire, self.state
        match wire.type:
            case "message":
                return self._message(wire.message or Message())
            case "session":
                state.session_id, state.cwd, state.model = wire.id or "", wire.cwd or "", wire.modelId or ""
                return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)
            case "model_change":
                state.model = wire.modelId or state.model
                return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)
            case "compaction" | "branch_summary":
                return (self._event(Kind.SUMMARY, Speaker.SYSTEM, parts=(wire.summary,)),)
            case "session_info":
                return (self._event(Kind.TITLE, Speaker.SYSTEM, name=wire.name),) if wire.name else ()
            case "custom_message":
                name = wire.customType or ""
                return (self._event(Kind.NOTICE, Speaker.SYSTEM, name=name, parts=_texts(_pieces(wire.content))),)
            case kind if kind in IGNORED:
                return ()
        return None

    def _message(self, message: Message) -> Sequence[Event] | None:
        match message.role:
            case "user":
                texts = _texts(_pieces(message.content))
                return (self._event(Kind.PROMPT, Speaker.HUMAN, id=self._id(), parts=texts),)
            case "assistant":
                return self._reply(message)
            case "toolResult":
                return (self._result(message),)
            case "bashExecution":
                return (self._event(Kind.COMMAND, Speaker.HUMAN, id=self._id(), name="!", parts=(message.command,)),)
            case "branchSummary" | "compactionSummary":
                return (self._event(Kind.SUMMARY, Speaker.SYSTEM, parts=(message.summary,)),)
            case "custom" | "hookMessage":
                texts = _texts(_pieces(message.content))
                return (self._event(Kind.NOTICE, Speaker.SYSTEM, name=message.customType or "", parts=texts),)
        return None

    def _id(self) -> str:
        """Name a message alike in every file that has it: a branched session copies lines with id and time."""
        if self.wire.id and self.said is not None:
            return f"{self.wire.id}:{self.said // 1000}"
        return f"{self.state.session_id}:{self.wire.id or self.offset}"

    def _reply(self, message: Message) -> Sequence[Event]:
        self.state.model = message.model or self.state.model
        key = f"pi:{self._id()}"
        request = self._request(message.usage, key) if message.usage else None
        pieces = _pieces(message.content)
        calls = tuple(self._call(piece, number, key) for number, piece in enumerate(pieces) if piece.type == "toolCall")
        texts = _texts(pieces)
        found: list[Event] = []
        if request or calls or texts or message.stopReason not in {"aborted", "error"}:
            requests = (request,) if request else ()
            found.append(
                self._event(Kind.REPLY, Speaker.AGENT, id=self._id(), requests=requests, calls=calls, parts=texts)
            )
        if message.stopReason == "aborted":
            found.append(self._event(Kind.INTERRUPTION, Speaker.HUMAN, id=self._id(), name="aborted"))
        elif message.stopReason == "error":
            found.append(self._event(Kind.ERROR, Speaker.AGENT, name="error", parts=(message.errorMessage,)))
        return found

    def _request(self, usage: Usage, key: str) -> Request | None:
        tokens = Tokens(
            input=count(usage.input, note=self.note, field="usage.input"),
            output=count(usage.output, note=self.note, field="usage.output"),
            cache_write_5m=count(usage.cacheWrite, note=self.note, field="usage.cacheWrite"),
            cache_read=count(usage.cacheRead, note=self.note, field="usage.cacheRead"),
        )
        if not tokens.total:
            return None
        cost = usage.cost.total if usage.cost else None
        cost_micros = millionths(cost, most=MAX_USD, note=self.note, field="usage.cost.total")
        return Request(key=key, model=self.state.model, tokens=tokens, recorded_cost_micros=cost_micros)

    def _call(self, piece: Piece, number: int, key: str) -> ToolCall:
        call_id, name, calls = piece.id or f"{self._id()}:{number}", piece.name or "", self.state.calls
        calls[call_id] = (name, key)
        if len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
        return ToolCall(id=call_id, name=name, target=_target(piece.arguments), input=piece.arguments)

    def _result(self, message: Message) -> Event:
        call_id = message.toolCallId or ""
        name, key = self.state.calls.get(call_id, (message.toolName or "", ""))
        outcome = Outcome.ERROR if message.isError else Outcome.OK
        result = ToolResult(call_id=call_id, name=name, request_key=key, outcome=outcome)
        return self._event(Kind.RESULT, Speaker.TOOL, results=(result,), parts=_texts(_pieces(message.content)))

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
        state = self.state
        return Event(
            offset=self.offset,
            line=self.line,
            kind=kind,
            speaker=speaker,
            at=state.at,
            id=id,
            cwd=state.cwd,
            model=state.model,
            name=name,
            session_id=state.session_id,
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def _pieces(content: msgspec.Raw) -> list[Piece]:
    try:
        return _PIECES.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        if bytes(memoryview(content)[:1]) == b'"':
            return [Piece(type="text", text=content)]
        # What is wrong was noted for the line; a faulty piece costs itself only.
        found = _CONTENT.decode(b'{"pieces":' + bytes(content) + b"}", tally=Tally(), offset=0, line=0)
        return [piece for each in found for piece in each.pieces or ()]


def _texts(pieces: list[Piece]) -> tuple[msgspec.Raw, ...]:
    return tuple(piece.text for piece in pieces if piece.type == "text")


def _target(arguments: msgspec.Raw) -> str:
    try:
        found = _CALL_INPUT.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ""
    return found.skill or found.agent or ""


def _type(wire: Wire) -> str | None:
    role = wire.message.role if wire.message else None
    return f"{wire.type}/{role}" if wire.type and role else wire.type


_DECODER = LineDecoder(Wire)
_PIECES = msgspec.json.Decoder(list[Piece])
_CONTENT = LineDecoder(Content)
_CALL_INPUT = msgspec.json.Decoder(CallInput)
