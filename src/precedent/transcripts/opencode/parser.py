"""Turns OpenCode's sessions into events: an export in one object, or the same records line by line."""

from collections.abc import Sequence

import msgspec

from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.documents import places
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolCall, ToolResult, decode_text
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import epoch_micros

from .billing import key_of, prompt_id, request_of
from .dumps import Dump, as_message, is_silent
from .records import UNREADABLE
from .wire import CallInput, Message, MessageInfo, Part, SessionInfo, Shape, ToolState, Wire

MIN_UNIQUE_ID = 8
_REJECTED = "rejected permission"
_ABORTED = "Tool execution aborted"
_ENDED = frozenset({"completed", "error"})


class State(msgspec.Struct):
    """What later messages need to know of the session."""

    session_id: str = ""
    spawned: bool = False
    at: int | None = None
    cwd: str = ""
    version: str = ""
    model: str = ""


class OpenCodeParser:
    """Parser of one transcript; see `transcripts.contract.DocumentParser`."""

    def __init__(self, state: bytes = b"") -> None:
        self.tally = Tally()
        self._state = msgspec.msgpack.decode(state, type=State) if state else State()

    def state(self) -> bytes:
        """Return what a new parser needs to continue."""
        return msgspec.msgpack.encode(self._state)

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        """Return the events of one line: a session, one of its messages, or the part of a dump."""
        # What is wrong with the line is noted when it is decoded for good.
        shape = next(iter(_SHAPES.decode(data, tally=Tally(), offset=offset, line=line)), _SHAPELESS)
        if _is_there(shape.role):
            found = self._dumped(data, offset=offset, line=line)
        elif _is_there(shape.parts) and not _is_there(shape.messages):
            found = self._message(data, offset=offset, line=line)
        else:
            found = self._whole(data, offset=offset, line=line)
        if found is not None and not found:
            self.tally.ignored += 1
        return found or ()

    def _whole(self, data: bytes | bytearray, *, offset: int, line: int) -> list[Event] | None:
        """A session: with all its messages, or alone before the lines of its messages."""
        found: list[Event] | None = None
        for wire in _DECODER.decode(data, tally=self.tally, offset=offset, line=line):
            if _is_session(wire) or _is_header(wire):
                found = (found or []) + self._session(wire, data, offset=offset, line=line, one_line=True)
            else:
                self.tally.defect("no session", offset=offset, line=line)
        return found

    def _message(self, data: bytes | bytearray, *, offset: int, line: int) -> list[Event] | None:
        for message in _MESSAGES.decode(data, tally=self.tally, offset=offset, line=line):
            return self._told(message, offset=offset, line=line)
        return None

    def _dumped(self, data: bytes | bytearray, *, offset: int, line: int) -> list[Event] | None:
        for dump in _DUMPS.decode(data, tally=self.tally, offset=offset, line=line):
            message = as_message(dump, data)
            if message is None:
                self.tally.unknown_type(f"part/{dump.role}/{dump.type}")
                return None
            if dump.role == "user":
                self._state.model = dump.model or self._state.model  # an answer's parts do not say it
            return [] if is_silent(dump) else self._told(message, offset=offset, line=line)
        return None

    def _told(self, message: Message, *, offset: int, line: int) -> list[Event] | None:
        found = _Message(self._state, self.tally, offset, line).events(message)
        if found is None:
            self.tally.unknown_type(f"message/{(message.info or MessageInfo()).role}")
            return None
        return list(found)

    def document(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event] | None:
        """Return the events of an export."""
        for wire in _DECODER.decode(data, tally=self.tally, offset=offset, line=line):
            if _is_session(wire):
                return self._session(wire, data, offset=offset, line=line)
            self.tally.defect("no session", offset=offset, line=line)
        return None

    def _session(
        self, wire: Wire, data: bytes | bytearray, *, offset: int, line: int, one_line: bool = False
    ) -> list[Event]:
        info = wire.info or SessionInfo()
        head = _Message(self._state, self.tally, offset, line)
        self._state = head.state = State(
            session_id=info.id or "",
            spawned=bool(info.parentID),
            at=epoch_micros(info.time.created if info.time else None, note=head.note, field="info.time.created"),
            cwd=info.directory or "",
            version=info.version or "",
        )
        found = [head.event(Kind.CONTEXT, Speaker.SYSTEM)]
        if info.title:
            found.append(head.event(Kind.TITLE, Speaker.SYSTEM, name=info.title))
        for place in places(data, wire.messages or (), offset=offset, line=line):
            at = offset if one_line else place.offset
            reader = _Message(self._state, self.tally, at, place.line)
            for message in _MESSAGES.decode(place.data, tally=self.tally, offset=at, line=place.line):
                events = reader.events(message)
                if events is None and one_line:
                    reader.note("unknown role in messages")
                elif events is None:
                    self.tally.unknown_type(f"message/{(message.info or MessageInfo()).role}")
                found.extend(events or ())
        return found


class _Message:
    """Reads one message in the light of the session."""

    def __init__(self, state: State, tally: Tally, offset: int, line: int) -> None:
        self.state, self.tally, self.offset, self.line = state, tally, offset, line

    def note(self, reason: str) -> None:
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def events(self, message: Message) -> Sequence[Event] | None:
        """Return a message's events; None for a role never seen."""
        info, state = message.info or MessageInfo(), self.state
        if any(part.type == UNREADABLE for part in message.parts or ()):
            self.note("unreadable part")
        if info.time is not None:
            at = epoch_micros(info.time.completed or info.time.created, note=self.note, field="info.time")
            state.at = state.at if at is None else at
        if info.path is not None:
            state.cwd = info.path.cwd or state.cwd
        if info.role == "user":
            return self._said(info, message.parts or [])
        if info.role == "assistant":
            state.model = info.modelID or state.model
            return self._reply(info, message)
        return None

    def _id(self, info: MessageInfo) -> str:
        return info.id or f"{self.state.session_id}:{self.offset}"

    def _said(self, info: MessageInfo, parts: list[Part]) -> Sequence[Event]:
        """Synthetic text is the harness's own; in a sub-agent's session the prompt comes from an agent."""
        typed = tuple(each.text for each in parts if each.type == "text" and not (each.synthetic or each.ignored))
        added = tuple(each.text for each in parts if each.type == "text" and each.synthetic)
        tasks = [each for each in parts if each.type == "subtask" and each.command]
        found = []
        if typed and self.state.spawned:
            found.append(self.event(Kind.INSTRUCTION, Speaker.AGENT, id=self._id(info), parts=typed))
        elif typed:
            found.append(
                self.event(Kind.PROMPT, Speaker.HUMAN, id=prompt_id(info, typed, own=self._id(info)), parts=typed)
            )
        elif not self.state.spawned:
            found += [
                self.event(Kind.COMMAND, Speaker.HUMAN, id=self._id(info), name=f"/{task.command}") for task in tasks
            ]
        if added:
            found.append(self.event(Kind.NOTICE, Speaker.SYSTEM, name="synthetic", parts=added))
        return found

    def _reply(self, info: MessageInfo, message: Message) -> Sequence[Event]:
        parts, key = message.parts or [], key_of(info, own=f"{self.state.session_id}:{self._id(info)}")
        request = request_of(message, key=key, model=self.state.model, note=self.note)
        calls, ended = list[ToolCall](), list[Event]()
        for number, part in enumerate(parts):
            if part.type != "tool":
                continue
            call_id, state = part.callID or f"{self._id(info)}:{number}", part.state or ToolState()
            if len(call_id) < MIN_UNIQUE_ID:  # some providers number their calls anew in every answer
                call_id = f"{self._id(info)}:{call_id}"
            calls.append(
                ToolCall(id=call_id, name=part.tool or "", target=_target(part.tool, state), input=state.input)
            )
            if state.status in _ENDED:
                ended.append(self._result(part.tool or "", state, call_id, key))
        texts = tuple(each.text for each in parts if each.type == "text")
        kind, speaker = Kind.REPLY, Speaker.SUBAGENT if self.state.spawned else Speaker.AGENT
        if bytes(info.summary) == b"true":
            kind, speaker = Kind.SUMMARY, Speaker.SYSTEM
        found = [
            self.event(
                kind,
                speaker,
                id=self._id(info),
                requests=(request,) if request else (),
                calls=tuple(calls),
                parts=texts,
            ),
            *ended,
        ]
        if info.error is not None and info.error.name == "MessageAbortedError":
            found.append(self.event(Kind.INTERRUPTION, Speaker.HUMAN, id=self._id(info), name="aborted"))
        elif info.error is not None:
            found.append(self.event(Kind.ERROR, Speaker.AGENT, name=info.error.name or "error"))
        return found

    def _result(self, name: str, state: ToolState, call_id: str, key: str) -> Event:
        outcome, said = Outcome.OK, state.output
        if state.status == "error":
            said = state.error
            text = decode_text(said)
            outcome = Outcome.ERROR
            if _REJECTED in text[:400]:
                outcome = Outcome.REJECTED
            elif text.startswith(_ABORTED):
                outcome = Outcome.INTERRUPTED
        agent_id = (state.metadata.sessionId or "") if state.metadata and name == "task" else ""
        kind = _target(name, state) if agent_id else ""
        result = ToolResult(
            call_id=call_id, name=name, request_key=key, outcome=outcome, agent_id=agent_id, agent_type=kind
        )
        return self.event(Kind.RESULT, Speaker.TOOL, results=(result,), parts=(said,))

    def event(
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
            version=state.version,
            model=state.model,
            name=name,
            sidechain=state.spawned,
            session_id=state.session_id,
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def _is_there(raw: msgspec.Raw) -> bool:
    return memoryview(raw).nbytes > 0


def _is_session(wire: Wire) -> bool:
    return wire.info is not None and wire.info.id is not None and wire.messages is not None


def _is_header(wire: Wire) -> bool:
    return wire.info is not None and (wire.info.id or "").startswith("ses") and wire.messages is None


def _target(tool: str | None, state: ToolState) -> str:
    try:
        found = _CALL_INPUT.decode(state.input)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return ""
    return (found.name or "") if tool == "skill" else (found.subagent_type or "")


_DECODER = LineDecoder(Wire)
_MESSAGES = LineDecoder(Message)
_DUMPS = LineDecoder(Dump)
_SHAPES = LineDecoder(Shape)
_SHAPELESS = Shape()
_CALL_INPUT = msgspec.json.Decoder(CallInput)
