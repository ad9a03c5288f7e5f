"""Whatever a transcript holds: nothing is raised, every line is accounted for, pieces give what the whole gives."""

import io
import itertools
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precedent import plugins, samples
from precedent.testing.reader_contract import shown
from precedent.transcripts.lines import cut
from precedent.transcripts.reading import Reading, read_bytes

READERS = {name: reader for name, (reader, _) in plugins.readers().items()}
EXAMPLES = 120
FIELDS = (
    "type", "uuid", "timestamp", "message", "payload", "content", "usage", "input_tokens", "isSidechain", "agentId",
    "toolUseResult", "data", "id", "info", "total_token_usage", "call_id", "source", "arguments", "iterations",
    "subtype", "durationMs", "duration_ms", "costUSD", "origin", "kind",
)  # fmt: skip
TYPES = (
    "turn_duration",
    "task_complete",
    "user",
    "assistant",
    "progress",
    "system",
    "event_msg",
    "response_item",
    "session_meta",
    "turn_context",
)


def sample_lines() -> list[bytes]:
    return [
        line
        for home in samples.homes()
        for path in sorted(home.rglob("*.jsonl"))
        for line in path.read_bytes().splitlines()[:40]
    ]


SAMPLES = sample_lines()
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8).map(
    lambda value: json.dumps(value).encode()
)
hostile_lines = st.one_of(st.binary(max_size=200), objects, st.sampled_from(SAMPLES), st.just(b"\xef\xbb\xbf{}"))
transcripts = st.lists(hostile_lines, max_size=12).map(b"\n".join)


@pytest.mark.parametrize("agent", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=transcripts)
def test_any_bytes_are_read_without_an_exception_and_every_line_is_accounted_for(agent: str, data: bytes) -> None:
    reading = read_bytes(data, READERS[agent])
    for event in reading:
        assert isinstance(event.text, str)
        for request in event.requests:
            assert all(0 <= number <= 1 << 54 for number in vars_of(request.tokens))
    tally = reading.tally
    assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
    assert tally.broken <= tally.defects
    assert reading.position.offset + reading.torn_bytes == len(data)


@pytest.mark.parametrize("agent", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=transcripts, longest=st.sampled_from((1, 40, 300, 1 << 20)))
def test_many_lines_at_a_time_give_what_each_by_itself_gives(agent: str, data: bytes, longest: int) -> None:
    single, many = (Reading(io.BytesIO(data), READERS[agent], max_line=longest) for _ in range(2))
    events = [event for batch in many.batches() for event in batch]
    assert shown(events) == shown(single)
    assert many.tally == single.tally
    assert (many.position, many.torn_bytes) == (single.position, single.torn_bytes)


@pytest.mark.parametrize("agent", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=transcripts, seed=st.integers(0, 2**16))
def test_reading_in_pieces_gives_what_reading_whole_gives(agent: str, data: bytes, seed: int) -> None:
    whole = read_bytes(data, READERS[agent])
    expected = [(event.offset, event.line, event.kind, event.text) for event in whole]
    found, position, chance = [], whole.position.__class__(), random.Random(seed)
    ends = [*sorted(chance.randrange(len(data) + 1) for _ in range(4)), len(data)]
    # A growing file never shows half of what a later look shows: pieces end where a line ends.
    for end in (data.rfind(b"\n", 0, end) + 1 for end in ends[:-1]):
        if end <= position.offset:
            continue
        part = read_bytes(data[:end], READERS[agent], start=position)
        found += [(event.offset, event.line, event.kind, event.text) for event in part]
        position = part.position
    rest = read_bytes(data, READERS[agent], start=position)
    found += [(event.offset, event.line, event.kind, event.text) for event in rest]
    assert found == expected
    assert rest.position.offset == whole.position.offset


def vars_of(tokens: object) -> list[int]:
    return [getattr(tokens, name) for name in ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")]


class Dribble:
    """A stream that gives a few bytes at a time, never more than was asked for."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._stream, self._sizes = io.BytesIO(data), itertools.cycle(sizes)

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, next(self._sizes)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    data=st.binary(max_size=200).map(lambda data: data.replace(b"a", b"\n")),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    limit=st.integers(1, 60),
)
def test_lines_are_cut_alike_however_the_bytes_arrive(data: bytes, sizes: list[int], limit: int) -> None:
    expected, offset = [], 0
    pieces = data.split(b"\n")
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        if not last or piece:
            expected.append((offset, piece if len(piece) <= limit else None, not last, len(piece)))
        offset += len(piece) + 1
    found = [
        (place, None if text is None else bytes(text), ended, size)
        for place, text, ended, size in cut(Dribble(data, sizes), max_line=limit)
    ]
    assert found == expected


def test_a_line_longer_than_the_limit_is_skipped_and_counted() -> None:
    reader = READERS["claude-code"]
    good = SAMPLES[0]
    data = good + b"\n" + b'{"type":"user","x":"' + b"y" * 5000 + b'"}\n' + good + b"\n"
    reading = read_bytes(data, reader)
    limited = reading.__class__(io.BytesIO(data), reader, max_line=4000)
    list(limited)
    assert limited.tally.lines == 3
    assert [(each.line, each.reason) for each in limited.tally.details] == [(2, "line too long")]
