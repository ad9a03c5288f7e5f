"""Folds a transcript's events into what the usage ledger keeps: pure, incremental, in one pass."""

from collections.abc import Sequence

import msgspec

from precedent.faults import reach
from precedent.pipeline.contract import Done, Transcript, TranscriptRef
from precedent.transcripts.events import Event, Kind, Request, ToolCall, ToolResult
from precedent.transcripts.reading import Position
from precedent.transcripts.tally import Tally
from precedent.usage.activity import Span, active, add_times
from precedent.usage.keys import key_of
from precedent.usage.observation import (
    COMPLETE,
    SIDECHAIN,
    STANDIN,
    EventSeen,
    Facts,
    Found,
    RequestSeen,
    combine_events,
    combine_requests,
    worse,
)

AGENT_TOOLS = frozenset({"Agent", "Task"})
COUNTED = {
    Kind.PROMPT: "prompt",
    Kind.COMMAND: "command",
    Kind.ERROR: "error",
    Kind.INTERRUPTION: "interruption",
}
"""Events that are counted, beside tool calls, and the kind they are counted as."""
NAMED = frozenset({Kind.COMMAND, Kind.ERROR})
SAID = COUNTED.keys() | {Kind.TURN, Kind.TITLE}
"""Events of which more is kept than their time, their place, their requests and their calls."""
_TITLE = Kind.TITLE  # looking up an enum's member takes as long as a call
MAX_TITLE = 300
MAX_NAME = 500
MAX_EARLY = 100


class Cursor(msgspec.Struct, array_like=True):
    """What the next extraction of the same transcript needs.

    Attributes:
        root: the first working folder; folders below it belong to the same project.
        spans: event times, see `usage.activity`.
        turns: turns with a recorded duration.
        early: (event key, outcome) of results whose call was not among the lines read with them; it may still come.
    """

    position: Position = Position()
    root: str = ""
    title: str = ""
    version: str = ""
    spans: list[Span] = []
    turns: list[Span] = []
    lines: int = 0
    blank: int = 0
    spoken: int = 0
    ignored: int = 0
    unknown: int = 0
    broken: int = 0
    defects: int = 0
    early: list[tuple[int, int]] = []


def extract_usage(transcript: Transcript, cursor: bytes | None) -> Done:
    """Read what is new and return what the ledger needs, with a cursor for the next time."""
    reach("extract.begun")
    before = msgspec.msgpack.decode(cursor, type=Cursor) if cursor else Cursor()
    fold = Fold(before, transcript.ref)
    reading = transcript.read(before.position)
    for events in reading.batches():
        fold.add(events)
    reach("extract.read")
    found = fold.found(reading.tally)
    after = fold.cursor(reading.tally, reading.position)
    done = Done(payload=msgspec.msgpack.encode(found), cursor=msgspec.msgpack.encode(after))
    reach("extract.answered")
    return done


class Fold:
    """Accumulates the events of one transcript.

    Args:
        before: where the last extraction stopped.
        ref: which transcript it is; when it was seen stands in for times that it lacks.
    """

    def __init__(self, before: Cursor, ref: TranscriptRef) -> None:
        self._before, self._agent, self._fallback_at = before, ref.agent, ref.observed_at
        self._unnamed = f"{ref.native_id}.{ref.agent_id}"
        self._root, self._title, self._version = before.root, before.title, before.version
        self._spans, self._turns = list(before.spans), list(before.turns)
        self._names: dict[tuple[str, str], int] = {}
        self._models: dict[str, int] = {}
        self._modifiers: dict[str, int] = {}
        self._requests: dict[int, RequestSeen] = {}
        self._events: dict[int, EventSeen] = {}
        self._call_keys: dict[str, int] = {}
        self._late_outcomes: dict[int, int] = {}
        self._early = dict(before.early)
        self._late_searches: dict[int, int] = {}
        self._standins: list[tuple[str, int]] = []
        self._subagents: dict[tuple[str, str], str] = {}
        self._cwd = ""
        self._project = -1
        self._seen: dict[str, int] = {}
        self._last_name, self._last_key = "", 0

    def add(self, events: Sequence[Event]) -> None:
        """Account for events that follow each other."""
        add_times(self._spans, [event.at for event in events if event.at is not None])
        for event in events:
            at, cwd = event.at, event.cwd
            if at is None:
                at = self._fallback_at
            if cwd != self._cwd or self._project < 0:
                self._enter(cwd or self._cwd)
            if event.version:
                self._version = event.version
            if event.requests:
                repeated = self._is_repeated(event)
                for request in event.requests:
                    self._request(request, event, at, repeated)
            for call in event.calls:
                self._call(call, event, at)
            for result in event.results:
                self._result(result, event)
            if event.kind in SAID:
                self._said(event, at)

    def _said(self, event: Event, at: int) -> None:
        kind = event.kind
        if kind in COUNTED:
            name = event.name.lstrip("/") if kind in NAMED else ""
            identity = event.id or f"{self._unnamed}:{event.offset}"
            self._event(COUNTED[kind], name, self._event_key(identity), event, at, "")
        elif kind is _TITLE:
            self._title = event.text[:MAX_TITLE]
        elif event.duration and event.at is not None:
            self._turns.append((event.at - event.duration, event.at))

    def _enter(self, cwd: str) -> None:
        self._cwd = cwd
        if cwd and not self._root:
            self._root = cwd
        stem = self._root.rstrip("/\\")
        inside = cwd == self._root or cwd.startswith((f"{stem}/", f"{stem}\\"))
        self._project = self._name("project", self._root if not cwd or inside else cwd)

    def _name(self, kind: str, name: str) -> int:
        number = self._names.get((kind, name))
        if number is None:
            kept = (kind, name[:MAX_NAME].encode("utf-8", "replace").decode())
            number = self._names.setdefault(kept, len(self._names))
        return number

    def _model(self, model: str) -> int:
        number = self._models.get(model)
        if number is None:
            number = self._models[model] = self._name("model", model)
        return number

    def _request(self, request: Request, event: Event, at: int, repeated: bool) -> None:
        # Lines of one response follow each other; most need no second digest.
        if request.key != self._last_name:
            self._last_name, self._last_key = request.key, key_of(request.key)
        key = self._last_key
        chars = 0 if repeated else request.content_chars
        flags = COMPLETE if request.complete else 0
        if request.sidechain:
            flags |= SIDECHAIN
        if request.standin_for:
            flags |= STANDIN
            self._standins.append((request.standin_for, key))
        recorded, tokens = request.recorded_cost_micros, request.tokens
        before = self._requests.get(key)
        if before is not None and before.stays(at, tokens.total, recorded, flags):
            before.content_chars += chars
            return
        modifiers = self._modifiers.get(request.modifiers)
        if modifiers is None:
            modifiers = self._modifiers[request.modifiers] = self._name("modifiers", request.modifiers)
        seen = RequestSeen(
            key,
            0,
            at,
            event.line,
            event.offset,
            self._project,
            self._model(request.model),
            modifiers,
            tokens.input,
            tokens.output,
            tokens.cache_write_5m,
            tokens.cache_write_1h,
            tokens.cache_read,
            request.web_searches,
            0,
            chars,
            recorded,
            flags,
            0,
        )
        self._requests[key] = seen if before is None else combine_requests(before, seen)

    def _is_repeated(self, event: Event) -> bool:
        """A resumed session may repeat lines to the letter; their text must not count as more content."""
        return bool(event.id) and self._seen.setdefault(event.id, event.offset) != event.offset

    def _call(self, call: ToolCall, event: Event, at: int) -> None:
        kind, name = classify(call.name, call.target)
        key = self._call_keys[call.id] = self._event_key(f"call:{call.id}")
        self._event(kind, name, key, event, at, event.requests[0].model if event.requests else event.model)
        if key in self._early:
            seen = self._events[key]
            seen.outcome = worse(seen.outcome, self._early[key])

    def _result(self, result: ToolResult, event: Event) -> None:
        key = self._call_keys.get(result.call_id)
        if key is None:
            key = self._event_key(f"call:{result.call_id}")
        call = self._events.get(key)
        if call is not None:
            call.outcome = worse(call.outcome, result.outcome) if call.outcome else result.outcome
        elif result.call_id:
            self._late_outcomes[key] = worse(self._late_outcomes.get(key, 0), result.outcome)
        if result.searches and result.request_key:
            request_key = key_of(result.request_key)
            request = self._requests.get(request_key)
            if request is not None:
                request.result_searches += result.searches
            else:
                self._late_searches[request_key] = self._late_searches.get(request_key, 0) + result.searches
        if result.agent_id and result.agent_type:
            self._subagents[event.session_id, result.agent_id] = result.agent_type

    def _event_key(self, identity: str) -> int:
        return key_of(f"{self._agent}:{identity}")

    def _event(self, kind: str, name: str, key: int, event: Event, at: int, model: str) -> None:
        seen = EventSeen(
            key,
            0,
            at,
            event.line,
            event.offset,
            self._project,
            self._model(model),
            self._name(kind, name),
            0,
            0,
            0,
        )
        before = self._events.get(key)
        self._events[key] = seen if before is None else combine_events(before, seen)

    def found(self, tally: Tally) -> Found:
        """Return what the ledger needs."""
        if self._project < 0:
            self._enter("")
        spans = self._spans
        total = self._totals(tally)
        root = self._name("project", self._root)  # an earlier extraction may have been the last to meet it
        return Found(
            names=list(self._names),
            requests=list(self._requests.values()),
            events=list(self._events.values()),
            late_outcomes=list(self._late_outcomes.items()),
            late_searches=list(self._late_searches.items()),
            standins=self._standins,
            subagents=[(native, agent, kind) for (native, agent), kind in self._subagents.items()],
            defects=[(each.offset, each.line, each.reason) for each in tally.details],
            facts=Facts(
                spans[0][0] if spans else None,
                spans[-1][1] if spans else None,
                active(spans, self._turns),
                root,
                self._title,
                self._version,
                *total,
            ),
        )

    def cursor(self, tally: Tally, position: Position) -> Cursor:
        """Return what the next extraction needs."""
        early = dict(self._early)
        for key, outcome in self._late_outcomes.items():
            early[key] = worse(early.get(key, 0), outcome)
        total = self._totals(tally)
        return Cursor(
            position,
            self._root,
            self._title,
            self._version,
            self._spans,
            self._turns,
            *total,
            list(early.items())[-MAX_EARLY:],
        )

    def _totals(self, tally: Tally) -> tuple[int, int, int, int, int, int, int]:
        before = self._before
        return (
            before.lines + tally.lines,
            before.blank + tally.blank,
            before.spoken + tally.spoken,
            before.ignored + tally.ignored,
            before.unknown + tally.unknown,
            before.broken + tally.broken,
            before.defects + tally.defects,
        )


def classify(tool: str, target: str) -> tuple[str, str]:
    """Return kind and name of a tool call: `tool`, `mcp`, `skill` or `subagent`."""
    if tool.startswith("mcp__"):
        return "mcp", tool
    if tool == "Skill":
        return "skill", target or "unknown"
    if tool in AGENT_TOOLS:
        return "subagent", target or "unknown"
    return "tool", tool or "unknown"
