"""Turns Gemini CLI's records into events."""

import hashlib
from collections.abc import Sequence

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import count
from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.documents import places
from precedent.transcripts.events import Event, Kind, Request, Speaker, ToolCall, ToolResult
from precedent.transcripts.record_lines import events_of_line
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import micros

from .speech import OUTCOMES, noticed, outcome, spoken, texts
from .wire import Call, CallInput, Counters, Wire

MAX_SEEN = 4096  # messages and calls known to have been told; an older one is told again, under the same ids


class State(msgspec.Struct):
    """What a later reading needs to know of the records before it."""

    session_id: str = ""
    spawned: bool = False
    at: int | None = None
    model: str = ""
    told: dict[str, str] = {}
    """What was told of a message: id to a digest of its text and counters."""
    calls: dict[str, bool] = {}
    """Calls that were told: id to whether they had ended."""


class GeminiParser:
    """Parser of one transcript; see `transcripts.contract.DocumentParser`."""

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
            events=lambda wire: self._events(wire, data, offset, line),
            type_of=lambda wire: wire.type,
        )

    def _events(self, wire: Wire, data: bytes | bytearray, offset: int, line: int) -> Sequence[Event] | None:
        record = _Record(self._state, self.tally, offset, line)
        return record.session(wire, data, one_line=True) if wire.messages is not None else record.events(wire)

    def document(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event] | None:
        """Return the events of a whole session in one object."""
        for wire in _DECODER.decode(data, tally=self.tally, offset=offset, line=line):
            if wire.sessionId is not None or wire.messages is not None:
                return _Record(self._state, self.tally, offset, line).session(wire, data)
            self.tally.defect("no session", offset=offset, line=line)
        return None


class _Record:
    """Reads one record in the light of those before it."""

    def __init__(self, state: State, tally: Tally, offset: int, line: int) -> None:
        self.state, self.tally, self.offset, self.line = state, tally, offset, line

    def note(self, reason: str) -> None:
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def events(self, wire: Wire, *, restated: bool = False) -> Sequence[Event] | None:
        """Return a record's events; None for a type never seen."""
        self.state.at = micros(wire.timestamp, otherwise=self.state.at, note=self.note)
        match wire.type:
            case "gemini":
                return self._reply(wire)
            case "user":
                return self._said(wire, restated=restated)
            case "info" | "warning" | "error":
                said = texts(wire.content)
                kind, speaker = noticed(wire.type, said)
                new = self._is_new(wire, said)
                return (self._event(kind, speaker, id=self._id(wire), name=wire.type, parts=said),) if new else ()
            case None if wire.patch is not None:
                return self._patch(wire)
            case None if wire.rewind_to is not None:
                return ()
            case None if wire.sessionId is not None:
                return self._header(wire)
        return None

    def session(self, wire: Wire, data: bytes | bytearray, *, one_line: bool = False) -> list[Event]:
        """Return the events of a whole session in one object."""
        found = [*self._header(wire)]
        if wire.summary:
            found.append(self._event(Kind.TITLE, Speaker.SYSTEM, name=wire.summary))
        for place in places(data, wire.messages or (), offset=self.offset, line=self.line):
            offset = self.offset if one_line else place.offset
            for message in _DECODER.decode(place.data, tally=self.tally, offset=offset, line=place.line):
                events = _Record(self.state, self.tally, offset, place.line).events(message)
                if events is None and one_line:
                    self.note("unknown type in messages")
                elif events is None:
                    self.tally.unknown_type(message.type or "message")
                found.extend(events or ())
        return found

    def _header(self, wire: Wire) -> Sequence[Event]:
        """A session that goes on repeats its header."""
        if self.state.at is None:
            self.state.at = micros(wire.startTime, otherwise=None, note=self.note, field="startTime")
        if wire.sessionId == self.state.session_id:
            return ()
        self.state.session_id, self.state.spawned = wire.sessionId or "", wire.kind == "subagent"
        return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)

    def _patch(self, wire: Wire) -> Sequence[Event]:
        """What replaces all messages repeats most of them, and adds what the harness told the model meanwhile."""
        patch, found = wire.patch, list[Event]()
        if patch is None:
            return ()
        self.state.session_id = patch.sessionId or self.state.session_id
        if patch.summary:
            found.append(self._event(Kind.TITLE, Speaker.SYSTEM, name=patch.summary))
        at = self.state.at
        for raw in patch.messages or ():
            for message in _DECODER.decode(bytes(raw), tally=self.tally, offset=self.offset, line=self.line):
                if message.type is not None:
                    found.extend(self.events(message, restated=self._id(message) not in self.state.told) or ())
        self.state.at = at or self.state.at
        return found

    def _id(self, wire: Wire) -> str:
        return f"{self.state.session_id}:{wire.id or self.offset}"

    def _is_new(self, wire: Wire, said: tuple[msgspec.Raw, ...]) -> bool:
        """Tell whether a message says what was not told yet: it is written again when it has more fields."""
        counters = wire.tokens or _NOTHING
        numbers = (counters.input, counters.output, counters.cached, counters.thoughts, counters.tool)
        digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8)
        for each in said:
            digest.update(each)
        told, id_ = self.state.told, self._id(wire)
        if told.get(id_) == digest.hexdigest():
            return False
        told[id_] = digest.hexdigest()
        if len(told) > MAX_SEEN:
            del told[next(iter(told))]
        return True

    def _said(self, wire: Wire, *, restated: bool) -> Sequence[Event]:
        """What a tool returned is written as a user's message too and stands on the call already."""
        said = texts(wire.displayContent) or texts(wire.content)
        known = self._id(wire) in self.state.told
        if not said or not self._is_new(wire, said) or (known and restated):
            return ()
        kind, speaker = spoken(said, restated=restated, spawned=self.state.spawned)
        return (self._event(kind, speaker, id=self._id(wire), parts=said),)

    def _reply(self, wire: Wire) -> Sequence[Event]:
        state, key = self.state, f"gemini:{self._id(wire)}"
        state.model = wire.model or state.model
        said = texts(wire.content)
        new = self._is_new(wire, said)
        calls, ended = list[ToolCall](), list[Event]()
        for number, call in enumerate(wire.toolCalls or ()):
            call_id = call.id or f"{self._id(wire)}:{number}"
            told = state.calls.get(call_id)
            if told is None:
                calls.append(ToolCall(id=call_id, name=call.name or "", target=_target(call), input=call.args))
            if not told and call.status in OUTCOMES:
                ended.append(self._result(call, call_id, key))
            state.calls[call_id] = bool(told) or call.status in OUTCOMES
            if len(state.calls) > MAX_SEEN:
                del state.calls[next(iter(state.calls))]
        if not new and not calls:
            return ended
        requests = self._requests(wire.tokens, key) if wire.tokens and new else ()
        reply = self._event(
            Kind.REPLY,
            Speaker.SUBAGENT if state.spawned else Speaker.AGENT,
            id=self._id(wire),
            requests=requests,
            calls=tuple(calls),
            parts=said if new else (),
        )
        return [reply, *ended]

    def _requests(self, counters: Counters, key: str) -> tuple[Request, ...]:
        into = count(counters.input, note=self.note, field="tokens.input")
        out = count(counters.output, note=self.note, field="tokens.output")
        thoughts = count(counters.thoughts, note=self.note, field="tokens.thoughts")
        tool = count(counters.tool, note=self.note, field="tokens.tool")
        total = count(counters.total, note=self.note, field="tokens.total")
        cached = min(into, count(counters.cached, note=self.note, field="tokens.cached"))
        if total and total == into + out + thoughts:
            tool = 0  # the total shows that it is part of the input already
        tokens = Tokens(input=into - cached + tool, output=out + thoughts, cache_read=cached)
        return (Request(key=key, model=self.state.model, tokens=tokens),) if tokens.total else ()

    def _result(self, call: Call, call_id: str, key: str) -> Event:
        found = outcome(call.status or "", call.result)
        result = ToolResult(
            call_id=call_id, name=call.name or "", request_key=key, outcome=found, agent_id=call.agentId or ""
        )
        return self._event(Kind.RESULT, Speaker.TOOL, results=(result,), parts=(call.result,))

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
            model=state.model,
            name=name,
            sidechain=state.spawned,
            session_id=state.session_id,
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def _target(call: Call) -> str:
    try:
        found = _CALL_INPUT.decode(call.args)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ""
    return (found.name or "") if call.name == "activate_skill" else (found.agent_name or "")


_DECODER = LineDecoder(Wire)
_CALL_INPUT = msgspec.json.Decoder(CallInput)
_NOTHING = Counters()
