"""Shows what a transcript says, page by page, without reading it from its beginning for each page.

Reading goes on from a place near the page that an earlier page has left here. Everything shown is text that somebody
else wrote: it is cut to a bounded length and never interpreted.
"""

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.model import Tokens
from precedent.store.bulk import several
from precedent.store.schema import transcript, user
from precedent.transcripts.contract import Reader
from precedent.transcripts.events import Event, Request, ToolCall, ToolResult
from precedent.transcripts.reading import START, Position, Reading

from .contract import TranscriptRef
from .stream import PartOfFile

MAX_TEXT = 8_000
"""Characters of an event's text that are shown."""
MAX_INPUT = 2_000
"""Characters of a tool's input that are shown."""
MAX_PARTS = 50
"""Calls, results and requests of one event that are shown."""
STRIDE = 250
"""Events between two places that are remembered."""
MAX_STATE_BYTES = 64 << 10
MAX_PLACES = 1_000
MAX_REMEMBERED = 32
"""Transcripts whose places are remembered."""
GONE = "this transcript is not there any more"
AT_A_TIME = 4
"""Pages that are read at a time; the others wait."""
_REF = tuple(name for name in TranscriptRef.__struct_fields__ if name != "username")


class CallShown(msgspec.Struct, kw_only=True):
    """A tool call; `input` is JSON text, cut at its end when `input_chars` is more than it has."""

    id: str
    name: str
    target: str
    input: str
    input_chars: int


class ResultShown(msgspec.Struct, kw_only=True):
    """A tool's return; `outcome` is ok, error, rejected or interrupted."""

    call_id: str
    name: str
    outcome: str
    agent_id: str


class RequestShown(msgspec.Struct, kw_only=True):
    """A billed response as its line shows it; a response may stand on several lines."""

    key: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int
    complete: bool


class EventShown(msgspec.Struct, kw_only=True):
    """One thing that a transcript says.

    Attributes:
        offset: where its line starts, in bytes of the archived transcript.
        line: that line's number, from 1.
        kind: prompt, command, answer, reply, result, instruction, summary, notice, interruption, error, turn, title or
            context.
        speaker: human, agent, tool, system or subagent.
        at: UTC microseconds; None when the transcript has no time up to here.
        name: the command, title or notice type.
        text: cut at its end when `text_chars` is more than it has.
        duration_us: of a turn.
    """

    offset: int
    line: int
    kind: str
    speaker: str
    at: int | None
    name: str
    model: str
    text: str
    text_chars: int
    duration_us: int
    calls: list[CallShown]
    results: list[ResultShown]
    requests: list[RequestShown]


class EventPage(msgspec.Struct, kw_only=True):
    """Events of one transcript in the order of its lines.

    Attributes:
        next: the `after` of the next page; None at the end of what is archived.
    """

    session_file: str
    events: list[EventShown]
    next: int | None


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One catalogued transcript and where its content is."""

    ref: TranscriptRef
    object_key: str


def transcripts(tx: sa.Connection, ids: Sequence[int]) -> list[Named]:
    """Return transcripts of the catalogue by id, main transcripts first."""
    return [
        Named(
            ref=TranscriptRef(username=row.key, **{name: row._mapping[name] for name in _REF}),
            object_key=row.object_key,
        )
        for row in tx.execute(_transcripts(), {"transcripts": tuple(ids)})
    ]


@cache
def _transcripts() -> sa.Select[Any]:
    return (
        sa.select(user.c.key, transcript.c.object_key, *[transcript.c[name] for name in _REF])
        .join(user, user.c.id == transcript.c.user_id)
        .where(transcript.c.id.in_(several("transcripts")), transcript.c.object_key != "")
        .order_by(transcript.c.agent_id, transcript.c.id)
    )


class _Places:
    """Places of one transcript from which reading can go on, by the number of events before."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._positions: list[Position] = []

    def last_before(self, number: int) -> tuple[int, Position]:
        """Return the nearest place that at most so many events stand before, and how many do."""
        place = bisect_right(self._numbers, number)
        return (self._numbers[place - 1], self._positions[place - 1]) if place else (0, START)

    def last_above(self, line: int) -> tuple[int, Position]:
        """Return the nearest place above a line, and how many events stand before it."""
        place = bisect_left(self._positions, line, key=lambda each: each.newlines + 1)
        return (self._numbers[place - 1], self._positions[place - 1]) if place else (0, START)

    def add(self, number: int, position: Position) -> None:
        """Remember a place, unless there are enough or it takes too much."""
        place = bisect_right(self._numbers, number)
        known = place > 0 and self._numbers[place - 1] == number
        if not known and len(self._numbers) < MAX_PLACES and len(position.state) <= MAX_STATE_BYTES:
            self._numbers.insert(place, number)
            self._positions.insert(place, position)


class EventPages:
    """Reads pages; several threads may ask at a time.

    Args:
        content: returns where a transcript's content is, and the reader of its agent.
    """

    def __init__(self, content: Callable[[Named], tuple[Path, Reader]]) -> None:
        self._content = content
        self._places: OrderedDict[tuple[int, int], _Places] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_A_TIME)

    def read(self, named: Named, *, after: int, limit: int) -> EventPage:
        """Return a page of events.

        Args:
            named: the transcript.
            after: how many events to pass over: `next` of the page before.
            limit: events at most.

        Raises:
            NotFound: the content went away meanwhile.
        """
        places = self._remembered(named.ref)
        try:
            with self._turns:
                events, more = self._page(named, places, after, limit)
        except FileNotFoundError as error:
            raise NotFound(GONE) from error
        following = after + limit if more else None
        return EventPage(session_file=named.ref.session_file, events=events, next=following)

    @contextmanager
    def walk(self, named: Named, *, after: int = 0, line: int = 0) -> Iterator[Iterator[tuple[int, Event]]]:
        """Give the events of a transcript with their numbers, from 0, while the block runs.

        Args:
            named: the transcript.
            after: how many events to pass over.
            line: begin so that the events of this line are among them, as late as can be done without reading.

        Raises:
            NotFound: the content went away meanwhile.
        """
        places = self._remembered(named.ref)
        with self._lock:
            begin, start = places.last_above(line) if line else places.last_before(after)
        try:
            path, reader = self._content(named)
            with self._turns, closing(PartOfFile(path, start=start.offset, end=named.ref.length)) as stream:
                numbered = enumerate(Reading(stream, reader, start=start), begin)
                yield (each for each in numbered if each[0] >= after)
        except FileNotFoundError as error:
            raise NotFound(GONE) from error

    def _page(self, named: Named, places: _Places, after: int, limit: int) -> tuple[list[EventShown], bool]:
        with self._lock:
            begin, start = places.last_before(after)
        path, reader = self._content(named)
        with closing(PartOfFile(path, start=start.offset, end=named.ref.length)) as stream:
            return self._read(Reading(stream, reader, start=start), places, begin, after, limit)

    def _read(
        self, reading: Reading, places: _Places, begin: int, after: int, limit: int
    ) -> tuple[list[EventShown], bool]:
        found: list[EventShown] = []
        due: Position | None = None
        for number, event in enumerate(reading, begin):
            # A place is good once the events of all lines before it were given.
            if due is not None and event.offset >= due.offset:
                with self._lock:
                    places.add(number, due)
                due = None
            if len(found) == limit:
                return found, True
            if number >= after:
                found.append(shown(event))
            if number % STRIDE == STRIDE - 1 or len(found) == limit:
                due = reading.position
        return found, False

    def _remembered(self, ref: TranscriptRef) -> _Places:
        key = ref.id, ref.generation
        with self._lock:
            places = self._places.setdefault(key, _Places())
            self._places.move_to_end(key)
            if len(self._places) > MAX_REMEMBERED:
                self._places.popitem(last=False)
            return places


def shown(event: Event) -> EventShown:
    """Return an event as it is shown."""
    text = event.text
    return EventShown(
        offset=event.offset,
        line=event.line,
        kind=event.kind.name.lower(),
        speaker=event.speaker.name.lower(),
        at=event.at,
        name=_safe(event.name[:MAX_TEXT]),
        model=_safe(event.model[:MAX_INPUT]),
        text=_safe(text[:MAX_TEXT]),
        text_chars=len(text),
        duration_us=event.duration,
        calls=[_call(each) for each in event.calls[:MAX_PARTS]],
        results=[_result(each) for each in event.results[:MAX_PARTS]],
        requests=[_request(each) for each in event.requests[:MAX_PARTS]],
    )


def _call(call: ToolCall) -> CallShown:
    given = bytes(call.input).decode("utf-8", "replace")
    return CallShown(
        id=_safe(call.id[:MAX_INPUT]),
        name=_safe(call.name[:MAX_INPUT]),
        target=_safe(call.target[:MAX_INPUT]),
        input=given[:MAX_INPUT],
        input_chars=len(given),
    )


def _result(result: ToolResult) -> ResultShown:
    return ResultShown(
        call_id=_safe(result.call_id[:MAX_INPUT]),
        name=_safe(result.name[:MAX_INPUT]),
        outcome=result.outcome.name.lower(),
        agent_id=_safe(result.agent_id[:MAX_INPUT]),
    )


def _request(request: Request) -> RequestShown:
    tokens: Tokens = request.tokens
    return RequestShown(
        key=_safe(request.key[:MAX_INPUT]),
        model=_safe(request.model[:MAX_INPUT]),
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_write_5m_tokens=tokens.cache_write_5m,
        cache_write_1h_tokens=tokens.cache_write_1h,
        cache_read_tokens=tokens.cache_read,
        complete=request.complete,
    )


def _safe(text: str) -> str:
    """Return text that can be written: half a character of a pair cannot."""
    return text.encode("utf-8", "replace").decode()
