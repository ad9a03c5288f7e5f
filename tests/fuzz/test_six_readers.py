"""Properties of all six readers, of the fold into figures, of the redactor and of the collector's cutting.

`make test` draws some hundred examples of each, `make soak` ten thousand.
"""

import random
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import session_id
from conftest import MakeApp
from hostile.agents import AGENTS, LINED, Agent, dumped
from hostile.cases import WRONG, places, replaced, samples
from hostile.world import Chain
from precedent.archive.redact import redact
from precedent.archive.sources import Home
from precedent.pipeline.contract import Transcript, TranscriptRef
from precedent.processors.usage.extract import extract_usage
from precedent.transcripts.reading import read_bytes
from precedent.usage.observation import Found, combine_events, combine_requests, worse

EXAMPLES = pytest.mark.parametrize("examples", [80, pytest.param(10_000, marks=pytest.mark.soak)])
FEWER = pytest.mark.parametrize("examples", [25, pytest.param(2_000, marks=pytest.mark.soak)])
NAMES = pytest.mark.parametrize("name", AGENTS)
LINED_NAMES = pytest.mark.parametrize("name", LINED)
SESSION = session_id("fuzz")
SNIPPETS = (
    b"",
    b"\n",
    b"\r",
    b"\0",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b",",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"NaN",
    b"1e400",
)


def hold(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check a property on so many examples."""
    settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)(
        given(strategy)(check)
    )()


def lines_of(agent: Agent) -> list[bytes]:
    return [*agent.lines(SESSION, 3), *(dumped(each) for each in samples(agent, SESSION))]


def strange(agent: Agent) -> st.SearchStrategy[bytes]:
    """Lines of an agent with something else in the place of a field, or bitten into."""
    kinds = samples(agent, SESSION)
    spots = [(number, place) for number, value in enumerate(kinds) for place in places(value)]

    def other(drawn: tuple[tuple[int, tuple[str | int, ...]], tuple[str, bytes]]) -> bytes:
        (number, place), (_, raw) = drawn
        return replaced(kinds[number], place, raw)

    def bitten(drawn: tuple[bytes, int, int, bytes]) -> bytes:
        line, start, length, snippet = drawn
        start %= len(line) + 1
        return line[:start] + snippet + line[start + length :]

    good = st.sampled_from(lines_of(agent))
    return st.one_of(
        good,
        st.tuples(st.sampled_from(spots), st.sampled_from(WRONG)).map(other),
        st.tuples(good, st.integers(0, 2000), st.integers(0, 40), st.sampled_from(SNIPPETS)).map(bitten),
        st.binary(max_size=60),
        st.just(b""),
    )


def contents(agent: Agent) -> st.SearchStrategy[bytes]:
    """Whole files: the agent's lines, good and strange; some end in the middle."""
    foreign = st.sampled_from([line for other in LINED.values() for line in lines_of(other)])
    pieces = st.lists(st.one_of(strange(agent), strange(agent), foreign), max_size=10)
    tail = st.sampled_from([b"\n", b"", b"\n{", b"\r\n"])
    header = agent.lines(SESSION, 1)[: len(agent.header(SESSION))]

    def put_together(drawn: tuple[list[bytes], bytes, bool, int]) -> bytes:
        lines, end, headed, cut = drawn
        data = agent.content(SESSION, [*header, *lines] if headed else lines)
        data = data[:-1] + end if data else end
        return data[: len(data) - cut] if cut else data

    cuts = st.one_of(st.just(0), st.integers(0, 300))
    whole = st.tuples(pieces, tail, st.booleans(), cuts).map(put_together)
    return st.one_of(whole, whole, st.binary(max_size=300))


def pieces_of(data: bytes, seed: int) -> list[int]:
    """Return where looks at a growing file end: anywhere, since an agent may be writing."""
    chance = random.Random(seed)
    return [*sorted({chance.randrange(len(data) + 1) for _ in range(4)} - {0}), len(data)]


@EXAMPLES
@NAMES
def test_any_bytes_are_read_without_an_exception_and_every_line_is_accounted_for(name: str, examples: int) -> None:
    agent = AGENTS[name]

    def check(data: bytes) -> None:
        agent.reader.detect(data)
        agent.reader.folders(data)
        agent.reader.identify(PurePosixPath("a/b/c.jsonl"), data)
        reading = read_bytes(data, agent.reader)
        for event in reading:
            assert isinstance(event.text, str)
            event.text.encode()
            for request in event.requests:
                tokens = request.tokens
                numbers = (
                    tokens.input, tokens.output, tokens.cache_write_5m, tokens.cache_write_1h, tokens.cache_read,
                )  # fmt: skip
                assert all(type(each) is int and 0 <= each <= 1 << 58 for each in numbers)
        tally = reading.tally
        assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
        assert min(tally.blank, tally.spoken, tally.ignored, tally.unknown, tally.broken) >= 0
        assert tally.broken <= tally.defects
        assert reading.position.offset + reading.torn_bytes == len(data)

    hold(examples, contents(agent), check)


@EXAMPLES
@LINED_NAMES
def test_a_file_read_as_it_grows_gives_the_figures_of_the_whole(name: str, examples: int, tmp_path: Path) -> None:
    agent = LINED[name]
    path = tmp_path / "x.jsonl"

    def check(drawn: tuple[bytes, int]) -> None:
        data, seed = drawn
        # A torn line that is whole by chance and goes on later is two lines to whoever looked in between.
        ends = [data.rfind(b"\n", 0, end) + 1 for end in pieces_of(data, seed)[:-1]]
        path.write_bytes(data)
        expected = figures(folded(agent, path, [len(data)]))
        assert figures(folded(agent, path, [*ends, len(data)])) == expected

    hold(examples, st.tuples(contents(agent), st.integers(0, 1 << 16)), check)


def test_the_worse_of_two_results_holds_for_a_call_that_comes_after_both(tmp_path: Path) -> None:
    agent = AGENTS["pi"]
    call, failed = (dumped(each) + b"\n" for each in agent.others(SESSION)[:2])
    fine = failed.replace(b'"isError":true', b'"isError":false')
    header = agent.content(SESSION, [dumped(each) for each in agent.header(SESSION)])
    parts = [header, failed, fine, call]
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(parts))
    ends = [len(b"".join(parts[:number])) for number in range(1, 5)]
    assert figures(folded(agent, path, ends)) == figures(folded(agent, path, ends[-1:]))


def folded(agent: Agent, path: Path, ends: list[int]) -> list[Found]:
    """Extract a file as it was when it ended at each of these places."""
    cursor: bytes | None = None
    found: list[Found] = []
    for end in ends:
        ref = TranscriptRef(
            id=1, session_file="ada/x.jsonl", user_id=1, username="ada", agent=agent.reader.agent, native_id="x",
            agent_id="", parent_id="", generation=0, revision=1, length=end, content_hash="", observed_at=1,
        )  # fmt: skip
        done = extract_usage(Transcript(ref, path=path, reader=agent.reader), cursor)
        cursor = done.cursor
        found.append(msgspec.msgpack.decode(done.payload, type=Found))
    return found


def figures(parts: list[Found]) -> dict[str, Any]:
    """Combine extractions as the ledger does, in a form that does not depend on how many there were."""
    requests: dict[int, Any] = {}
    events: dict[int, Any] = {}
    for part in parts:
        named = part.names
        for seen in part.requests:
            seen.model_id, seen.modifiers_id, seen.project_id = (
                hash(named[each]) for each in (seen.model_id, seen.modifiers_id, seen.project_id)
            )
            requests[seen.key] = combine_requests(requests[seen.key], seen) if seen.key in requests else seen
        for event in part.events:
            event.model_id, event.name_id, event.project_id = (
                hash(named[each]) for each in (event.model_id, event.name_id, event.project_id)
            )
            events[event.key] = combine_events(events[event.key], event) if event.key in events else event
        for key, outcome in part.late_outcomes:
            if key in events:
                events[key].outcome = worse(events[key].outcome, outcome)
        for key, searches in part.late_searches:
            if key in requests:
                requests[key].result_searches += searches
    facts = parts[-1].facts
    facts.project = hash(parts[-1].names[facts.project])
    return {
        "requests": {key: (each.counted(), each.searches(), each.model_id, each.modifiers_id, each.flags,
                           each.recorded_cost_usd_micros, each.at, each.line) for key, each in requests.items()},
        "events": {key: (each.name_id, each.outcome, each.at, each.line) for key, each in events.items()},
        "facts": facts,
        "defects": [each for part in parts for each in part.defects],
    }  # fmt: skip


SECRETS = ("sk-ant-api03-" + "ab1" * 31 + "-abcdeAA", "AKIA" + "Q3EGRIJ2ABCDXYZ7", "password=hunter2hunter2")


@EXAMPLES
@LINED_NAMES
def test_any_bytes_are_scrubbed_without_an_exception_and_lines_alone_as_lines_together(
    name: str, examples: int
) -> None:
    agent = LINED[name]
    secret = st.sampled_from([line.replace(b"good", each.encode()) for line in lines_of(agent) for each in SECRETS])
    pieces = st.lists(st.one_of(strange(agent), secret), max_size=8).map(
        lambda lines: b"".join(x + b"\n" for x in lines)
    )

    def check(data: bytes) -> None:
        clean, counts = redact(data)
        assert clean.count(b"\n") == data.count(b"\n")
        assert (clean == data) == (not counts)
        apart = [redact(line) for line in data.splitlines(keepends=True)] if b"\r" not in data else []
        if apart and not any(each in data for each in (b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85")):
            assert b"".join(each for each, _ in apart) == clean
        again, _ = redact(clean)
        assert again == clean

    hold(examples, pieces, check)


@FEWER
@LINED_NAMES
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.timeout(7200)
def test_a_source_collected_as_it_grows_is_archived_as_the_whole(
    name: str, examples: int, make_app: MakeApp, tmp_path: Path
) -> None:
    agent, app, numbers = LINED[name], make_app(), count()
    chain = Chain(app)

    def archived(ends: list[int], data: bytes) -> bytes:
        user = f"u{next(numbers)}"
        home = Home(tmp_path / "homes" / user, user)
        path = home.path / agent.place(SESSION)
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            for start, end in pairwise([0, *ends]):
                file.write(data[start:end])
                file.flush()
                stats = chain.collect([home])
                assert stats.files_failed == stats.files_refused == 0, stats
        return b"".join(each.read_bytes() for each in sorted((app.archive.root / home.user).glob("*")))

    def check(drawn: tuple[bytes, int]) -> None:
        data, seed = drawn
        ends = [data.rfind(b"\n", 0, end) + 1 for end in pieces_of(data, seed)[:-1]]
        ends = sorted({end for end in ends if end} | {len(data)})
        assert archived(ends, data) == archived([len(data)], data)

    hold(examples, st.tuples(contents(agent), st.integers(0, 1 << 16)), check)
