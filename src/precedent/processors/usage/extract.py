"""Folds a transcript's events into what the usage ledger keeps: pure, incremental, in one pass."""

import msgspec

from precedent.faults import reach
from precedent.pipeline.contract import Done, Transcript, TranscriptRef
from precedent.transcripts.events import Event, Kind, Request, ToolCall, ToolResult
from precedent.transcripts.reading import Position
from precedent.transcripts.tally import Tally
from precedent.usage.activity import Span, active, add_time
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
MAX_TITLE = 300
MAX_NAME = 500


class Cursor(msgspec.Struct, array_like=True):
    """What the next extraction of the same transcript needs.

    Attributes:
        root: the first working folder; folders below it belong to the same project.
        spans: event times, see `usage.activity`.
        turns: turns with a recorded duration.
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


def extract_usage(transcript: Transcript, cursor: bytes | None) -> Done:
    """Read what is new and return what the ledger needs, with a cursor for the next time."""
    reach("extract.begun")
    before = msgspec.msgpack.decode(cursor, type=Cursor) if cursor else Cursor()
    fold = Fold(before, transcript.ref)
    reading = transcript.read(before.position)
    for event in reading:
        fold.add(event)
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
        self._requests: dict[int, RequestSeen] = {}
        self._events: dict[int, EventSeen] = {}
        self._late_outcomes: dict[int, int] = {}
        self._late_searches: dict[int, int] = {}
        self._standins: list[tuple[str, int]] = []
        self._subagents: dict[tuple[str, str], str] = {}
        self._cwd = ""
        self._project = -1
        self._seen: dict[str, int] = {}
        self._last_key = "", 0

    def add(self, event: Event) -> None:
        """Account for one event."""
        at = event.at
        if at is not None:
            add_time(self._spans, at)
        else:
            at = self._fallback_at
        if event.cwd != self._cwd or self._project < 0:
            self._enter(event.cwd or self._cwd)
        if event.version:
            self._version = event.version
        for request in event.requests:
            self._request(request, event, at)
        for call in event.calls:
            self._call(call, event, at)
        for result in event.results:
            self._result(result, event)
        kind = COUNTED.get(event.kind)
        if kind is not None:
            name = event.name.lstrip("/") if event.kind in NAMED else ""
            self._event(kind, name, event.id or f"{self._unnamed}:{event.offset}", event, at)
        elif event.kind is Kind.TURN and event.duration and event.at is not None:
            self._turns.append((event.at - event.duration, event.at))
        elif event.kind is Kind.TITLE:
            self._title = event.text[:MAX_TITLE]

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

    def _request(self, request: Request, event: Event, at: int) -> None:
        # Lines of one response follow each other; most need no second digest.
        if request.key != self._last_key[0]:
            self._last_key = request.key, key_of(request.key)
        key = self._last_key[1]
        before, tokens = self._requests.get(key), request.tokens
        seen = RequestSeen(
            key,
            0,
            at,
            event.line,
            event.offset,
            self._project,
            self._name("model", request.model),
            self._name("modifiers", request.modifiers),
            tokens.input,
            tokens.output,
            tokens.cache_write_5m,
            tokens.cache_write_1h,
            tokens.cache_read,
            request.web_searches,
            0,
            0 if self._is_repeated(event) else request.content_chars,
            request.recorded_cost_micros,
            (COMPLETE if request.complete else 0)
            | (SIDECHAIN if request.sidechain else 0)
            | (STANDIN if request.standin_for else 0),
            0,
        )
        self._requests[key] = seen if before is None else combine_requests(before, seen)
        if request.standin_for:
            self._standins.append((request.standin_for, key))

    def _is_repeated(self, event: Event) -> bool:
        """A resumed session may repeat lines to the letter; their text must not count as more content."""
        if not event.id or event.offset == self._seen.get(event.id, event.offset):
            self._seen[event.id] = event.offset
            return False
        return True

    def _call(self, call: ToolCall, event: Event, at: int) -> None:
        kind, name = classify(call.name, call.target)
        model = event.requests[0].model if event.requests else event.model
        self._event(kind, name, f"call:{call.id}", event, at, model=model)

    def _result(self, result: ToolResult, event: Event) -> None:
        key = self._event_key(f"call:{result.call_id}")
        call = self._events.get(key)
        if call is not None:
            call.outcome = worse(call.outcome, result.outcome)
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

    def _event(self, kind: str, name: str, identity: str, event: Event, at: int, *, model: str = "") -> None:
        key = self._event_key(identity)
        seen = EventSeen(
            key,
            0,
            at,
            event.line,
            event.offset,
            self._project,
            self._name("model", model),
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
                self._name("project", self._root),
                self._title,
                self._version,
                *total,
            ),
        )

    def cursor(self, tally: Tally, position: Position) -> Cursor:
        """Return what the next extraction needs."""
        return Cursor(position, self._root, self._title, self._version, self._spans, self._turns, *self._totals(tally))

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
