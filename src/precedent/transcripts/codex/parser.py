"""Turns Codex's lines into events."""

import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

from precedent.transcripts.counters import MAX_SECONDS, millionths
from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolCall, ToolResult, decode_text
from precedent.transcripts.record_lines import events_of_line
from precedent.transcripts.tally import Tally
from precedent.transcripts.times import micros

from .billing import Billing
from .wire import Item, Payload, Piece, Spawn, SpawnSource, ThreadSpawn, ToolOutput, Wire

MAX_OPEN_CALLS = 512  # calls whose result may still come; an older one is joined by its id alone
CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output"})
TOOL_ENDS = frozenset({"exec_command_end", "patch_apply_end", "mcp_tool_call_end"})
IGNORED = frozenset(
    {
        "agent_message", "agent_reasoning", "agent_reasoning_section_break", "context_compacted", "entered_review_mode",
        "exec_command_begin", "exited_review_mode", "ghost_snapshot", "inter_agent_communication_metadata",
        "item_completed", "item_started", "mcp_tool_call_begin", "patch_apply_begin", "plan_update", "reasoning",
        "stream_error", "sub_agent_activity", "task_started", "thread_goal_updated", "thread_name_updated",
        "token_usage_record", "turn_diff", "undo_completed", "user_message_delta", "view_image_tool_call", "warning",
        "web_search_begin", "web_search_end", "world_state", "thread.started", "turn.started", "item.started",
        "item.updated", "error", "background_event", "guardian_warning", "compaction", "state",
    }
)  # fmt: skip
"""Known types that repeat what other lines say or say nothing that counts."""

_EXIT_CODE = re.compile(r"(?:Process exited with code|[Ee]xit code:?) (-?\d+)")
_HARNESS_STARTS = (
    "# AGENTS.md instructions", "<INSTRUCTIONS>", "<environment_context>", "<turn_aborted>", "<user_shell_command>",
    "<user_instructions>", "<permissions instructions>", "<skill>", "<subagent_notification>",
)  # fmt: skip
_WRAPPERS = ("# Files mentioned by the user:", "# In app browser", "# Context from my IDE setup:")
_REQUEST_HEADING = re.compile(r"^## My request for Codex:\s*", re.MULTILINE)


class State(msgspec.Struct):
    """What a later reading needs to know of the lines before it."""

    billing: Billing
    at: int | None = None
    cwd: str = ""
    branch: str = ""
    version: str = ""
    spawned: bool = False
    legacy: bool = False
    calls: dict[str, tuple[str, str]] = {}
    """Open calls: id to (tool name, request key)."""
    prompts: dict[str, int] = {}
    """How often each prompt was typed, by digest: what tells a copied prompt from one typed again."""


class CodexParser:
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
            events=lambda wire: self._events(wire, offset, line),
            type_of=_type,
        )

    def _events(self, wire: Wire, offset: int, line: int) -> Sequence[Event] | None:
        read = _Line(self._state, self.tally, offset, line)
        self._state.at = micros(wire.timestamp, otherwise=self._state.at, note=read.note)
        return read.events(wire)


class _Line:
    """Reads one line in the light of the lines before it."""

    def __init__(self, state: State, tally: Tally, offset: int, line: int) -> None:
        self.state, self.tally, self.offset, self.line = state, tally, offset, line

    def note(self, reason: str) -> None:
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def events(self, wire: Wire) -> Sequence[Event] | None:
        """Return the line's events; None for a type never seen."""
        payload = wire.payload
        if wire.type == "session_meta":
            return self._meta(payload or Payload())
        if wire.type == "turn_context":
            return self._context(payload or Payload())
        if wire.type == "compacted":
            text = payload.message if payload else msgspec.Raw()
            return (self._event(Kind.SUMMARY, Speaker.SYSTEM, parts=(text,)),)
        if payload is not None:
            return self._enveloped(payload)
        if wire.type in {"event_msg", "response_item"}:
            self.note("no payload")
            return ()
        return self._bare(wire)

    def _enveloped(self, payload: Payload) -> Sequence[Event] | None:
        match payload.type:
            case "token_count":
                request = payload.info and self.state.billing.request(payload.info, offset=self.offset, note=self.note)
                return (self._event(Kind.REPLY, Speaker.AGENT, requests=(request,)),) if request else ()
            case "thread_settings_applied":
                settings = payload.thread_settings
                self.state.billing.tier = (settings.service_tier if settings else payload.service_tier) or ""
                if settings and settings.model and not self.state.billing.model:
                    self.state.billing.model = settings.model
                return ()
            case "user_message":
                return self._prompt(decode_text(payload.message))
            case "task_complete":
                seconds = None if payload.duration_ms is None else payload.duration_ms / 1000
                duration = millionths(seconds, most=MAX_SECONDS, note=self.note, field="duration_ms")
                return (self._event(Kind.TURN, Speaker.SYSTEM, duration=duration or 0),)
            case "turn_aborted":
                family = self.state.billing.family
                return (
                    self._event(
                        Kind.INTERRUPTION,
                        Speaker.HUMAN,
                        id=f"{family}:{payload.turn_id}" if payload.turn_id else "",
                        name=payload.reason or "",
                    ),
                )
            case kind if kind in TOOL_ENDS:
                return self._tool_end(payload)
            case _:
                return self._item(
                    payload.type or "",
                    role=payload.role,
                    name=payload.name,
                    namespace=payload.namespace,
                    call_id=payload.call_id or payload.id,
                    content=payload.content,
                    arguments=payload.arguments,
                    output=payload.output,
                )

    def _bare(self, wire: Wire) -> Sequence[Event] | None:
        match wire.type:
            case None if wire.id:
                self.state.legacy = True
                return self._meta(Payload(id=wire.id, timestamp=wire.timestamp, git=wire.git))
            case None if wire.record_type == "state":
                return ()
            case "thread.started":
                self.state.billing.session_id = self.state.billing.family = wire.thread_id or ""
                return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)
            case "turn.completed":
                request = wire.usage and self.state.billing.turn(wire.usage, note=self.note)
                return (self._event(Kind.REPLY, Speaker.AGENT, requests=(request,)),) if request else ()
            case "turn.failed":
                return (self._event(Kind.ERROR, Speaker.AGENT, name="turn_failed"),)
            case "item.completed" if wire.item is not None:
                return self._exec_item(wire.item)
            case None:
                return None
            case kind:
                return self._item(
                    kind,
                    role=wire.role,
                    name=wire.name,
                    namespace=None,
                    call_id=wire.call_id or wire.id,
                    content=wire.content,
                    arguments=wire.arguments,
                    output=wire.output,
                )

    def _meta(self, payload: Payload) -> Sequence[Event]:
        """Only the first one is the session's own; later ones repeat it or come with a parent's copied history."""
        state, billing = self.state, self.state.billing
        parent = payload.forked_from_id or payload.parent_thread_id or spawn_of(payload.source).parent_thread_id or ""
        if billing.session_id:
            # An ancestor's meta inside the copied history: the family is named after the oldest one.
            if parent and payload.id == billing.family:
                billing.family = parent
            return ()
        billing.session_id = payload.id or ""
        billing.family = parent or billing.session_id
        billing.forked = bool(parent)
        state.spawned = bool(spawn_of(payload.source).parent_thread_id)
        if state.at is None:
            state.at = micros(payload.timestamp, otherwise=None, note=self.note, field="payload.timestamp")
        state.cwd, state.version = payload.cwd or "", payload.cli_version or ""
        state.branch = (payload.git.branch or "") if payload.git else ""
        return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)

    def _context(self, payload: Payload) -> Sequence[Event]:
        self.state.cwd = payload.cwd or self.state.cwd
        self.state.billing.model = payload.model or self.state.billing.model
        return (self._event(Kind.CONTEXT, Speaker.SYSTEM),)

    def _item(
        self,
        kind: str,
        *,
        role: str | None,
        name: str | None,
        namespace: str | None,
        call_id: str | None,
        content: msgspec.Raw,
        arguments: msgspec.Raw,
        output: msgspec.Raw,
    ) -> Sequence[Event] | None:
        if kind == "message":
            return self._message(role or "", content)
        if kind in CALLS:
            tool = name or kind.removesuffix("_call")
            if namespace and namespace.startswith("mcp__"):
                tool = f"{namespace.rstrip('_')}__{tool}"
            return (self._call(call_id or f"{self.state.billing.session_id}:{self.offset}", tool, arguments),)
        if kind in OUTPUTS:
            return (self._result(call_id or "", output_outcome(output), parts=(output,)),)
        return () if kind in IGNORED else None

    def _message(self, role: str, content: msgspec.Raw) -> Sequence[Event]:
        pieces = _pieces(content)
        if role == "assistant":
            return (self._event(Kind.REPLY, Speaker.AGENT, parts=pieces),)
        if role == "user" and self.state.legacy:
            return self._prompt("\n".join(decode_text(piece) for piece in pieces))
        return ()

    def _prompt(self, text: str) -> Sequence[Event]:
        text = text.strip()
        if text.startswith(_HARNESS_STARTS):
            return (self._event(Kind.NOTICE, Speaker.SYSTEM, parts=(text,)),)
        if text.startswith(_WRAPPERS):
            text = _REQUEST_HEADING.split(text)[-1].strip()
        kind, speaker = (Kind.INSTRUCTION, Speaker.AGENT) if self.state.spawned else (Kind.PROMPT, Speaker.HUMAN)
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        times = self.state.prompts[digest] = self.state.prompts.get(digest, 0) + 1
        return (self._event(kind, speaker, id=f"{self.state.billing.family}:{digest}:{times}", parts=(text,)),)

    def _call(self, call_id: str, name: str, arguments: msgspec.Raw) -> Event:
        calls = self.state.calls
        calls[call_id] = (name, "")
        if len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
        return self._event(Kind.REPLY, Speaker.AGENT, calls=(ToolCall(id=call_id, name=name, input=arguments),))

    def _result(self, call_id: str, outcome: Outcome, *, parts: tuple[msgspec.Raw, ...] = ()) -> Event:
        name, request_key = self.state.calls.get(call_id, ("", ""))
        result = ToolResult(call_id=call_id, name=name, request_key=request_key, outcome=outcome)
        return self._event(Kind.RESULT, Speaker.TOOL, results=(result,), parts=parts)

    def _tool_end(self, payload: Payload) -> Sequence[Event]:
        """The richer outcome of a call whose output stands, or will stand, on a line of its own."""
        failed = bool(payload.exit_code) or payload.success is False or b'"Err"' in bytes(payload.result)[:40]
        declined = payload.status == "declined"
        if not payload.call_id or not (failed or declined):
            return ()
        return (self._result(payload.call_id, Outcome.REJECTED if declined else Outcome.ERROR),)

    def _exec_item(self, item: Item) -> Sequence[Event] | None:
        call_id = f"{self.state.billing.session_id}:{item.id}"
        match item.type:
            case "agent_message":
                return (self._event(Kind.REPLY, Speaker.AGENT, parts=(item.text,)),)
            case "command_execution" | "file_change" | "mcp_tool_call" | "web_search":
                name = f"mcp__{item.server}__{item.tool}" if item.type == "mcp_tool_call" else item.type
                outcome = Outcome.ERROR if item.exit_code or item.status == "failed" else Outcome.OK
                return self._call(call_id, name, msgspec.Raw()), self._result(call_id, outcome)
            case "error":
                return (self._event(Kind.ERROR, Speaker.AGENT, name="error"),)
            case "reasoning" | "todo_list" | "collab_tool_call":
                return ()
        return None

    def _event(
        self,
        kind: Kind,
        speaker: Speaker,
        *,
        id: str = "",
        name: str = "",
        duration: int = 0,
        requests: tuple[Request, ...] = (),
        calls: tuple[ToolCall, ...] = (),
        results: tuple[ToolResult, ...] = (),
        parts: tuple[str | msgspec.Raw, ...] = (),
    ) -> Event:
        state = self.state
        if state.spawned and speaker is Speaker.AGENT and kind is Kind.REPLY:
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
            model=state.billing.model,
            name=name,
            duration=duration,
            sidechain=state.spawned,
            session_id=state.billing.session_id,
            requests=requests,
            calls=calls,
            results=results,
            parts=parts,
        )


def spawn_of(source: msgspec.Raw) -> ThreadSpawn:
    """Return who spawned a session; all empty when nobody did."""
    if not bytes(source).startswith(b"{"):
        return _NOT_SPAWNED
    try:
        spawn = msgspec.json.decode(msgspec.json.decode(source, type=SpawnSource).subagent, type=Spawn)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return _NOT_SPAWNED
    return spawn.thread_spawn or _NOT_SPAWNED


def output_outcome(output: msgspec.Raw) -> Outcome:
    """Judge a tool's output by the exit code that it states first, if it states one."""
    text = decode_text(output)
    if text.startswith("{"):
        try:
            metadata = msgspec.json.decode(text, type=ToolOutput).metadata
        except (msgspec.DecodeError, *HOSTILE):
            metadata = None
        if metadata is not None:
            return Outcome.ERROR if metadata.exit_code else Outcome.OK
    if text.startswith("aborted by user"):
        return Outcome.INTERRUPTED
    found = _EXIT_CODE.search(text[:400])
    return Outcome.ERROR if found and int(found.group(1)) else Outcome.OK


def _pieces(content: msgspec.Raw) -> tuple[msgspec.Raw, ...]:
    try:
        return tuple(piece.text for piece in _PIECES.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return (content,)


def _type(wire: Wire) -> str | None:
    name = wire.type or wire.record_type
    inner = wire.payload.type if wire.payload else None
    return "/".join(filter(None, (name, inner if inner != name else None)))


_DECODER = LineDecoder(Wire)
_PIECES = msgspec.json.Decoder(list[Piece])
_NOT_SPAWNED = ThreadSpawn()
_Note = Callable[[str], None]
