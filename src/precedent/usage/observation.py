"""What one transcript shows of requests and events, and how several showings become one.

Everything here is a pure function of its arguments and does not depend on the order of arrival: lines, transcripts and
re-readings may come in any order and give the same figures.
"""

import msgspec

COMPLETE, SIDECHAIN, COPIED, STANDIN = 1, 2, 4, 8
"""Flags: a line had a stop reason; only sub-agent lines show it; other transcripts show it too; see
`transcripts.events.Request.standin_for`."""

_MAIN_CHAIN = 1 << 60
"""More than any sum of counters."""

PARTIAL_MAX_OUTPUT = 40
CHARS_PER_TOKEN = 4


class RequestSeen(msgspec.Struct, array_like=True, gc=False):
    """One request as one transcript shows it; field order is that of the ledger's columns.

    Names are indexes into a list of names during extraction and ids of `usage_name` in the ledger.
    """

    key: int
    transcript_id: int
    at: int
    line: int
    byte_offset: int
    project_id: int
    model_id: int
    modifiers_id: int
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int
    web_searches: int
    result_searches: int
    content_chars: int
    recorded_cost_usd_micros: int | None
    flags: int
    generation: int

    def counted(self) -> int:
        """Sum of the counters."""
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
            + self.cache_read_tokens
        )

    def completeness(self) -> int:
        """What makes its counters better than another's: the main chain first, then the larger sum."""
        return self.counted() if self.flags & SIDECHAIN else self.counted() + _MAIN_CHAIN

    def stays(self, at: int, counted: int, recorded: int | None, flags: int) -> bool:
        """Tell whether a further line can add nothing but text: what `combine_requests` would find, for most lines."""
        return flags == self.flags and recorded is None and counted <= self.counted() and at >= self.at

    def searches(self) -> int:
        """Web searches: what the service counted, else what the results report; never both."""
        return self.web_searches or self.result_searches

    def is_partial(self) -> bool:
        """Tell whether the counters are those of an unfinished response."""
        return (
            not self.flags & COMPLETE
            and self.output_tokens <= PARTIAL_MAX_OUTPUT
            and self.content_chars > self.output_tokens * CHARS_PER_TOKEN
        )


class EventSeen(msgspec.Struct, array_like=True, gc=False):
    """One tool call, prompt, command, error or interruption as one transcript shows it."""

    key: int
    transcript_id: int
    at: int
    line: int
    byte_offset: int
    project_id: int
    model_id: int
    name_id: int
    outcome: int
    flags: int
    generation: int


_COUNTERS = (
    "model_id",
    "modifiers_id",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "web_searches",
)
_PLACE = ("transcript_id", "at", "line", "byte_offset", "project_id", "generation")


def take_counters(into: RequestSeen, better: RequestSeen) -> None:
    """Give a request the counters of a more complete showing, with what prices them."""
    for name in _COUNTERS:
        setattr(into, name, getattr(better, name))
    if better.recorded_cost_usd_micros is not None:
        into.recorded_cost_usd_micros = better.recorded_cost_usd_micros


def combine_requests(first: RequestSeen, more: RequestSeen) -> RequestSeen:
    """Combine two showings within one transcript into the earlier one: further lines raise numbers and lose none."""
    late_first = more.at < first.at or (more.at == first.at and more.line < first.line)
    result, late = (more, first) if late_first else (first, more)
    recorded = result.recorded_cost_usd_micros
    if late.completeness() > result.completeness():
        take_counters(result, late)
    result.recorded_cost_usd_micros = late.recorded_cost_usd_micros if recorded is None else recorded
    if first.generation == more.generation:
        result.result_searches = first.result_searches + more.result_searches
        result.content_chars = first.content_chars + more.content_chars
    else:
        # Replaced content was read from its beginning: it shows again what was counted before.
        result.result_searches = max(first.result_searches, more.result_searches)
        result.content_chars = max(first.content_chars, more.content_chars)
    if first.flags != more.flags:
        result.flags = ((first.flags | more.flags) & (COMPLETE | COPIED)) | (
            first.flags & more.flags & (SIDECHAIN | STANDIN)
        )
    result.generation = max(first.generation, more.generation)
    return result


def effective_request(showings: list[RequestSeen]) -> RequestSeen:
    """Return what counts for the team.

    Args:
        showings: one per transcript, the owner (earliest time, then transcript name) first.
    """
    result = msgspec.structs.replace(showings[0])
    best = showings[0]
    for each in showings[1:]:
        if each.completeness() > best.completeness():
            best = each
    if best is not showings[0]:
        take_counters(result, best)
    for each in showings[1:]:
        result.flags = ((result.flags | each.flags) & COMPLETE) | (result.flags & each.flags & (SIDECHAIN | STANDIN))
        result.content_chars = max(result.content_chars, each.content_chars)
        result.result_searches = max(result.result_searches, each.result_searches)
    if len(showings) > 1:
        result.flags |= COPIED
    return result


_SEVERITY = {0: 0, 1: 1, 4: 2, 3: 3, 2: 4}
"""Outcomes by how much they say: none yet, ok, interrupted, rejected, error."""


def worse(first: int, second: int) -> int:
    """Return the outcome that says more about a call."""
    return max(first, second, key=lambda outcome: _SEVERITY.get(outcome, 0))


def combine_events(first: EventSeen, more: EventSeen) -> EventSeen:
    """Combine two showings within one transcript."""
    early, late = (first, more) if (first.at, first.line) <= (more.at, more.line) else (more, first)
    result = msgspec.structs.replace(early)
    result.outcome = worse(early.outcome, late.outcome)
    result.flags = first.flags | more.flags
    result.generation = max(first.generation, more.generation)
    return result


def effective_event(showings: list[EventSeen]) -> EventSeen:
    """Return what counts for the team; the owner's showing comes first."""
    result = msgspec.structs.replace(showings[0])
    for each in showings[1:]:
        result.outcome = worse(result.outcome, each.outcome)
    result.flags = COPIED if len(showings) > 1 else 0
    return result


class Facts(msgspec.Struct, array_like=True):
    """What is known of a transcript as a whole; replaces what was known before."""

    first_at: int | None
    last_at: int | None
    active: list[tuple[int, int]]
    project: int
    title: str
    version: str
    lines: int
    blank_lines: int
    event_lines: int
    ignored_lines: int
    unknown_lines: int
    broken_lines: int
    defects: int


class Found(msgspec.Struct, array_like=True):
    """What extraction hands to the ledger.

    Attributes:
        names: (kind, name) pairs that the other parts point into.
        requests: by request.
        events: by event.
        late_outcomes: (event key, outcome) of calls that an earlier extraction has found.
        late_searches: (request key, searches) likewise.
        standins: (transcript name, request key) of requests that are void when that transcript is there.
        subagents: (native id, agent id, type).
        defects: (byte offset, line, reason), the first ones.
    """

    names: list[tuple[str, str]]
    requests: list[RequestSeen]
    events: list[EventSeen]
    late_outcomes: list[tuple[int, int]]
    late_searches: list[tuple[int, int]]
    standins: list[tuple[str, int]]
    subagents: list[tuple[str, str, str]]
    defects: list[tuple[int, int, str]]
    facts: Facts
