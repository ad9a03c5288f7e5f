"""Whatever bytes their files hold: the readers of Pi, Copilot CLI, Gemini CLI and OpenCode raise nothing, account for
every line, and read pieces as they read the whole.
"""

import json
import random
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from more_builders import (
    copilot_transcript,
    gemini_document,
    gemini_transcript,
    opencode_document,
    opencode_dump,
    opencode_lines,
    pi_transcript,
)
from precedent.transcripts import copilot_cli, gemini_cli, opencode, pi
from precedent.transcripts.contract import Reader
from precedent.transcripts.reading import START, read_bytes

READERS: dict[str, Reader] = {
    "pi": pi.READER,
    "copilot-cli": copilot_cli.READER,
    "gemini-cli": gemini_cli.READER,
    "opencode": opencode.READER,
}
EXAMPLES = 100
FIELDS = (
    "type", "id", "timestamp", "message", "data", "content", "usage", "input", "role", "modelMetrics", "toolCalls",
    "toolRequests", "messages", "$set", "$rewindTo", "sessionId", "projectHash", "tokens", "info", "parts", "time",
    "created", "state", "status", "cost", "total", "cache", "outputTokens", "compactionTokensUsed", "callID", "result",
    "displayContent", "text", "tool", "gpt", "summary", "cwd", "parentID", "branchedFrom",
    "_role", "_ts", "_model", "_error",
)  # fmt: skip
WORDS = (
    "session", "message", "user", "assistant", "toolResult", "session.start", "session.shutdown", "user.message",
    "assistant.message", "gemini", "info", "ses_1", "tool", "text", "completed", "session.compaction_complete",
    "step-finish", "success", "2026-01-05T09:00:00Z", "abort", "bashExecution", "compaction",
)  # fmt: skip
DOCUMENTS = [gemini_document(), opencode_document()]
SAMPLES = [
    line
    for data in (
        pi_transcript(),
        copilot_transcript(),
        gemini_transcript(),
        opencode_lines(),
        opencode_dump(),
        *DOCUMENTS,
    )
    for line in data.splitlines()
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)
lined = objects.map(lambda value: json.dumps(value).encode())
pretty = objects.map(lambda value: json.dumps(value, indent=2).encode())
sessions = st.lists(values, max_size=5).flatmap(
    lambda messages: st.sampled_from(
        [
            {"sessionId": "s", "projectHash": "h", "messages": messages},
            {"info": {"id": "ses_1", "directory": "/w"}, "messages": messages},
        ]
    ).map(lambda value: json.dumps(value, indent=1).encode())
)


@st.composite
def bitten(draw: st.DrawFn) -> bytes:
    """A whole document with something put in the place of a piece of it."""
    data = draw(st.sampled_from(DOCUMENTS))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 60)))
    return data[:start] + draw(st.binary(max_size=8) | st.sampled_from([b"", b"\n", b'"', b"\\ud800"])) + data[end:]


pieces = st.one_of(
    st.binary(max_size=200), lined, pretty, sessions, bitten(), st.sampled_from(SAMPLES), st.sampled_from(DOCUMENTS),
    st.sampled_from([b"{", b"}", b"\xef\xbb\xbf{}", b""]),
)  # fmt: skip
contents = st.lists(pieces, max_size=8).map(b"\n".join)


@pytest.mark.parametrize("agent", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=contents)
def test_any_bytes_are_read_without_an_exception_and_every_line_is_accounted_for(agent: str, data: bytes) -> None:
    reader = READERS[agent]
    reader.detect(data)
    reader.folders(data)
    assert reader.identify(PurePosixPath("p/chats/q/x.json"), data).native_id
    reading = read_bytes(data, reader)
    for event in reading:
        assert isinstance(event.text, str)
        assert data[: event.offset].count(b"\n") == event.line - 1
        for request in event.requests:
            tokens = request.tokens
            for number in (
                tokens.input,
                tokens.output,
                tokens.cache_write_5m,
                tokens.cache_write_1h,
                tokens.cache_read,
            ):
                assert 0 <= number <= 1 << 58
    tally = reading.tally
    assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
    assert min(tally.blank, tally.spoken, tally.ignored, tally.unknown, tally.broken) >= 0
    assert tally.broken <= tally.defects
    assert reading.position.offset + reading.torn_bytes == len(data)


@pytest.mark.parametrize("agent", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=contents, seed=st.integers(0, 2**16))
def test_reading_in_pieces_gives_what_reading_whole_gives(agent: str, data: bytes, seed: int) -> None:
    whole = read_bytes(data, READERS[agent])
    expected = [(event.offset, event.line, event.kind, event.text) for event in whole]
    found, position, chance = [], START, random.Random(seed)
    ends = [*sorted(chance.randrange(len(data) + 1) for _ in range(4)), len(data)]
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


def nested(depth: int) -> bytes:
    return b'{"$set":{"messages":[' * depth + b"{}" + b"]}}" * depth + b"\n"


@pytest.mark.parametrize("agent", READERS)
@pytest.mark.parametrize("depth", [10, 100, 300, 5000])
def test_patches_within_patches_are_read_without_an_exception(agent: str, depth: int) -> None:
    reading = read_bytes(nested(depth), READERS[agent])
    list(reading)
    assert reading.tally.lines == 1
