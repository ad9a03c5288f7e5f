"""Folds a transcript's events into moments of friction: pure, incremental, in one pass.

What the rest of a transcript needs to know of its beginning is in the cursor, bounded, and holds no text: digests
stand for calls and for words.
"""

from typing import TypeVar

import msgspec

from precedent.pipeline.contract import Done, Transcript, TranscriptRef
from precedent.processors.places import kept
from precedent.transcripts.events import Event, Kind, Outcome, Speaker, ToolCall, ToolResult
from precedent.transcripts.reading import Position
from precedent.usage.keys import key_of

from .speech import goes_on, is_rewording, objection, words

IN_A_ROW = 3  # equal calls in a row from which they are a loop
FAILED = 3  # failures of equal calls between two human turns from which they are a dead end
KEPT = 512  # calls, ids and prompts that are remembered
CHAINS = 32  # sub-agents whose calls are told apart in one transcript
POLLING = frozenset({"AgentOutputTool", "BashOutput", "TaskOutput", "read_bash", "wait", "wait_agent", "write_stdin"})
"""Tools that wait for something: calling them again is what they are for."""

K = TypeVar("K")
V = TypeVar("V")


class Moment(msgspec.Struct, array_like=True):
    """One moment of friction; field order is that of the table's columns.

    Attributes:
        kind: `tool_error`, `loop`, `dead_end`, `interruption`, `rejection` or `correction`.
        name: the tool; of a correction the rule.
        times: calls of a loop, failures of a dead end, else 1.
    """

    key: int
    kind: str
    name: str
    folder: str
    at: int | None
    line: int
    byte_offset: int
    times: int


class Found(msgspec.Struct, array_like=True):
    """What extraction hands to `store`; `anew`: it began at the transcript's beginning."""

    anew: bool
    moments: list[Moment]


class Chain(msgspec.Struct, array_like=True):
    """Equal calls in a row, of the main chain or of one sub-agent."""

    digest: int
    first: Moment


class Cursor(msgspec.Struct, array_like=True):
    """What the next extraction of the same transcript needs.

    Attributes:
        chains: by sub-agent.
        open: calls by id, with a digest of tool and arguments and the tool's name.
        ended: calls that failed or were rejected, by id.
        seen: interruptions by id: a resumed session may repeat lines.
        failures: by digest of the call, since the last human turn.
        said: digests of what people said.
        before: words of the last prompt.
        stopped: a person interrupted the agent, and nothing came of it yet.
        refused: a person rejected a call, and nothing came of it yet.
        replied: the agent has said or done something.
    """

    position: Position = Position()
    folder: str = ""
    chains: dict[str, Chain] = {}
    open: dict[str, tuple[int, str]] = {}
    ended: dict[str, int] = {}
    seen: dict[str, int] = {}
    failures: dict[int, Moment] = {}
    said: dict[int, int] = {}
    before: list[int] = []
    stopped: bool = False
    refused: bool = False
    replied: bool = False


def extract_friction(transcript: Transcript, cursor: bytes | None) -> Done:
    """Read what is new and return its moments, with a cursor for the next time."""
    before = msgspec.msgpack.decode(cursor, type=Cursor) if cursor else Cursor()
    anew = before.position.offset == 0
    fold = Fold(before, transcript.ref)
    reading = transcript.read(before.position)
    for event in reading:
        fold.add(event)
    found = Found(anew, list(fold.moments.values()))
    before.position = reading.position
    return Done(payload=msgspec.msgpack.encode(found), cursor=msgspec.msgpack.encode(before))


class Fold:
    """Accumulates the moments of one transcript; changes the cursor that it is given."""

    def __init__(self, cursor: Cursor, ref: TranscriptRef) -> None:
        self.moments: dict[int, Moment] = {}
        self._cursor, self._agent = cursor, ref.agent
        self._unnamed = f"{ref.native_id}.{ref.agent_id}"

    def add(self, event: Event) -> None:
        """Account for one event."""
        cursor = self._cursor
        cursor.folder = event.cwd or cursor.folder
        if event.kind is Kind.INTERRUPTION:
            self._interrupted(event)
            return
        if event.speaker is Speaker.HUMAN and not event.sidechain:
            self._said(event)
            return
        if event.kind is Kind.REPLY and not event.sidechain and (event.calls or event.parts):
            cursor.stopped = cursor.refused = False
            cursor.replied = True
        for call in event.calls:
            self._called(call, event)
        for result in event.results:
            self._ended(result, event)

    def _moment(self, kind: str, name: str, identity: str, event: Event) -> Moment:
        whose = identity or f"{self._unnamed}:{event.offset}"
        key = key_of(f"{self._agent}:{kind}:{whose}")
        folder = kept(self._cursor.folder)
        return Moment(key, kind, kept(name), folder, event.at, event.line, event.offset, 1)

    def _note(self, moment: Moment) -> None:
        self.moments[moment.key] = moment

    def _interrupted(self, event: Event) -> None:
        """Count an interruption once; the one that goes with a rejection is the same act."""
        cursor = self._cursor
        if event.id and event.id in cursor.seen:
            return
        if event.id:
            _remember(cursor.seen, event.id, 0)
        if not (cursor.stopped or cursor.refused):
            self._note(self._moment("interruption", "", event.id, event))
        cursor.stopped = True

    def _called(self, call: ToolCall, event: Event) -> None:
        cursor = self._cursor
        if call.id in cursor.open:
            return
        digest = key_of(f"{call.name}\0{bytes(call.input).decode('utf-8', 'replace')}")
        _remember(cursor.open, call.id, (digest, call.name))
        if call.name in POLLING:
            return
        chain = cursor.chains.get(event.agent_id)
        if chain is None or chain.digest != digest:
            first = self._moment("loop", call.name, call.id, event)
            cursor.chains.pop(event.agent_id, None)
            _remember(cursor.chains, event.agent_id, Chain(digest, first), most=CHAINS)
            return
        chain.first.times += 1
        if chain.first.times >= IN_A_ROW:
            self._note(chain.first)

    def _ended(self, result: ToolResult, event: Event) -> None:
        """Account for how a call ended; some agents say so twice, and the first that is no success counts."""
        cursor, call_id = self._cursor, result.call_id
        digest, name = cursor.open.get(call_id, (0, result.name))
        if result.outcome not in {Outcome.ERROR, Outcome.REJECTED} or call_id in cursor.ended:
            return
        if call_id:
            _remember(cursor.ended, call_id, 0)
        if result.outcome is Outcome.REJECTED:
            cursor.refused = True
            self._note(self._moment("rejection", name or "unknown", call_id, event))
            return
        self._note(self._moment("tool_error", name or "unknown", call_id, event))
        if not digest:
            return
        first = cursor.failures.get(digest)
        if first is None:
            _remember(cursor.failures, digest, self._moment("dead_end", name, call_id, event))
            return
        first.times += 1
        if first.times >= FAILED:
            self._note(first)

    def _said(self, event: Event) -> None:
        """A person spoke: what came before is no row any more, and their words may correct the agent."""
        cursor = self._cursor
        if event.kind not in {Kind.PROMPT, Kind.ANSWER, Kind.COMMAND}:
            return
        cursor.chains.clear()
        cursor.failures.clear()
        text = event.text
        digest = key_of(text)
        repeated = digest in cursor.said  # typed while the agent worked, and told again when it was taken up
        _remember(cursor.said, digest, 0)
        if event.kind is not Kind.COMMAND and not repeated and cursor.replied and text.strip():
            rule = self._rule(event, text)
            if rule:
                self._note(self._moment("correction", rule, event.id, event))
        if event.kind is Kind.PROMPT:
            cursor.before = words(text)
        if event.kind is not Kind.ANSWER or event.name == "queued":
            cursor.stopped = cursor.refused = False

    def _rule(self, event: Event, text: str) -> str:
        """Return by which rule a person's words are a correction; empty when they are none."""
        cursor = self._cursor
        if event.kind is Kind.ANSWER and event.name != "queued":
            return "rejected" if cursor.refused else ""
        if cursor.stopped and not goes_on(text) and is_rewording(cursor.before, words(text)):
            return "reworded"
        return objection(text)


def _remember(newest: dict[K, V], name: K, value: V, *, most: int = KEPT) -> None:
    """Keep the newest."""
    newest[name] = value
    if len(newest) > most:
        del newest[next(iter(newest))]
