"""Every hostile file is read to its end: good lines are kept, each bad one is told with its place and its reason."""

from collections.abc import Iterator

import pytest

from builders import session_id
from precedent.transcripts.events import Event, Kind
from precedent.transcripts.reading import START, Reading, read_bytes

from .agents import AGENTS, DOCUMENTS, LINED, Agent, dumped
from .cases import TIMES, WRONG, Case, Told, file_cases, line_cases, places, replaced, samples

SIZE = 20_000
CUT_STEP = 7  # of documents, each cut reads all before it


def all_cases(name: str) -> Iterator[Case]:
    """Yield every case of an agent."""
    yield from file_cases(name)
    if name in LINED:
        yield from line_cases(name)


def prompts(events: list[Event]) -> tuple[str, ...]:
    return tuple(event.text for event in events if event.kind is Kind.PROMPT)


def accounted(reading: Reading) -> bool:
    tally = reading.tally
    parts = (tally.blank, tally.spoken, tally.ignored, tally.unknown, tally.broken)
    return tally.lines == sum(parts) and min(parts) >= 0 and tally.broken <= tally.defects


@pytest.mark.parametrize("name", AGENTS)
def test_good_lines_are_kept_and_bad_ones_told_exactly(name: str) -> None:
    for case in all_cases(name):
        reading = read_bytes(case.data, AGENTS[name].reader)
        events = list(reading)
        told = tuple(Told(each.offset, each.line, each.reason) for each in reading.tally.details)
        assert prompts(events) == case.prompts, case.name
        assert sum(len(event.requests) for event in events) == case.requests, case.name
        assert told == case.told, case.name
        assert reading.tally.lines == case.lines, case.name
        assert accounted(reading), case.name


def test_there_are_at_least_three_hundred_hostile_files() -> None:
    cases = [(name, case.name) for name in AGENTS for case in all_cases(name)]
    assert len(cases) == len(set(cases)) >= 300


@pytest.mark.parametrize("name", AGENTS)
def test_a_wrong_type_anywhere_costs_its_own_line_at_most(name: str) -> None:
    agent, session = AGENTS[name], session_id(name)
    head, rest = agent.lines(session, 1), agent.lines(session, 2)[len(agent.lines(session, 1)) :]
    number = 0
    for value in samples(agent, session):
        for place in places(value):
            for title, raw in WRONG:
                number += 1
                where = f"{value.get('type')} {place} {title}"
                reading = read_bytes(agent.content(session, [*head, replaced(value, place, raw), *rest]), agent.reader)
                events = list(reading)
                assert {"good 1", "good 2"} <= set(prompts(events)), where
                assert accounted(reading), where
                if agent.whole is None:
                    assert {each.line for each in reading.tally.details} <= {len(head) + 1}, where
                for event in events:
                    for request in event.requests:
                        counted = request.tokens
                        numbers = (
                            counted.input, counted.output, counted.cache_write_5m, counted.cache_write_1h,
                            counted.cache_read,
                        )  # fmt: skip
                        assert all(type(each) is int and 0 <= each <= 1 << 58 for each in numbers), where
    assert number > 500


@pytest.mark.parametrize("name", AGENTS)
def test_a_time_of_any_kind_costs_nothing_but_itself(name: str) -> None:
    agent, session = AGENTS[name], session_id(name)
    head, rest = agent.lines(session, 1), agent.lines(session, 2)[len(agent.lines(session, 1)) :]
    number = 0
    for value in samples(agent, session):
        for place in places(value):
            if place[-1] not in {"timestamp", "startTime", "lastUpdated", "created", "time"}:
                continue
            for raw in TIMES:
                number += 1
                reading = read_bytes(agent.content(session, [*head, replaced(value, place, raw), *rest]), agent.reader)
                events = list(reading)
                assert {"good 1", "good 2"} <= set(prompts(events)), (place, raw)
                assert all(event.at is None or abs(event.at) < 1 << 62 for event in events), (place, raw)
                assert accounted(reading), (place, raw)
    assert number >= len(TIMES)


@pytest.mark.parametrize("other", LINED)
@pytest.mark.parametrize("name", LINED)
def test_lines_of_another_agent_take_nothing_from_the_good_ones(name: str, other: str) -> None:
    agent, session = LINED[name], session_id(name)
    foreign = [dumped(each) for each in samples(LINED[other], session_id("other"))]
    mixed: list[bytes] = []
    for own in agent.lines(session, 3):
        mixed += [own, *(foreign if mixed else [])]
    reading = read_bytes(agent.content(session, mixed), agent.reader)
    events = list(reading)
    own_prompts = [text for text in prompts(events) if text != "good 7"]
    assert own_prompts == ["good 1", "good 2", "good 3"] or name == other
    assert accounted(reading)


def long_session(agent: Agent, session: str) -> bytes:
    """Return a session of about 20 kB."""
    lines = agent.lines(session, 1) + [dumped(each) for each in agent.others(session)]
    number = 1
    while len(agent.content(session, lines)) < SIZE:
        number += 1
        lines += [dumped(agent.prompt(session, number)), *map(dumped, agent.reply(session, number))]
    return agent.content(session, lines)


@pytest.mark.parametrize("name", LINED)
def test_a_file_cut_at_any_byte_keeps_every_whole_line(name: str) -> None:
    agent, session = LINED[name], session_id(name)
    data = long_session(agent, session)
    start, cuts = START, 0
    while start.offset < len(data):
        end = data.index(b"\n", start.offset) + 1
        whole = read_bytes(data[:end], agent.reader, start=start)
        expected = [(event.kind, event.text) for event in whole]
        for place in range(start.offset, end):
            cuts += 1
            reading = read_bytes(data[:place], agent.reader, start=start)
            found = [(event.kind, event.text) for event in reading]
            # Only the newline is missing when the last line is a whole object.
            complete = place == end - 1
            assert found == (expected if complete else []), place
            assert reading.torn_bytes == (0 if complete else place - start.offset), place
            assert reading.tally.defects == 0, place
        start = whole.position
    assert cuts == len(data) >= SIZE


@pytest.mark.soak
@pytest.mark.parametrize("name", LINED)
def test_a_file_cut_at_any_byte_read_from_its_start_keeps_every_whole_line(name: str) -> None:
    agent, session = LINED[name], session_id(name)
    data = long_session(agent, session)
    expected = [(event.line, event.kind, event.text) for event in read_bytes(data, agent.reader)]
    for place in range(len(data)):
        reading = read_bytes(data[:place], agent.reader)
        found = [(event.line, event.kind, event.text) for event in reading]
        whole = data.count(b"\n", 0, place) + (data[place : place + 1] == b"\n")
        assert found == [each for each in expected if each[0] <= whole], place
        assert reading.tally.defects == 0, place


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_cut_waits_for_the_rest(name: str) -> None:
    agent, session = DOCUMENTS[name], session_id(name)
    data = long_session(agent, session)
    for place in range(0, len(data) - 1, CUT_STEP):
        reading = read_bytes(data[:place], agent.reader)
        assert list(reading) == [], place
        assert reading.torn_bytes == place, place
        assert reading.tally.defects == 0, place
    assert len(prompts(list(read_bytes(data[:-1], agent.reader)))) > 2
