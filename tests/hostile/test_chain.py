"""Hostile files go the whole way from a home into the figures: nothing crashes, good lines count, bad ones are told."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable

import pytest

from builders import grow, put, session_id
from conftest import MakeApp
from precedent.archive.sources import Home

from .agents import AGENTS, LINED, OPENCODE, Agent, dumped
from .cases import WRONG, Case, places, replaced, samples
from .test_reading import all_cases, long_session
from .world import Chain, Seen

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def native(agent: Agent, session: str) -> str:
    return f"ses_{session}" if agent is OPENCODE else session


def test_every_hostile_file_goes_the_whole_way(make_app: MakeApp, home: Home) -> None:
    cases: list[Case] = [case for name in AGENTS for case in all_cases(name)]
    for case in cases:
        put(home.path / AGENTS[case.agent].place(case.session), case.data)
    chain = Chain(make_app())
    collected = chain.collect([home])
    assert (collected.files_copied, collected.files_failed, collected.files_refused) == (len(cases), 0, 0), collected
    assert collected.redactions == 0
    counted = chain.count()
    assert (counted.processed, counted.errors, counted.dead) == (len(cases), 0, 0), counted
    seen = chain.seen()
    for case in cases:
        expected = Seen(case.lines, len(case.told), len(case.prompts), case.requests, case.told)
        assert seen[native(AGENTS[case.agent], case.session)] == expected, (case.agent, case.name)


def test_a_wrong_type_in_any_field_goes_the_whole_way(make_app: MakeApp, home: Home) -> None:
    wanted: dict[str, tuple[str, int]] = {}
    for name, agent in AGENTS.items():
        number = 0
        for kind, sample in enumerate(samples(agent, "")):
            for place in places(sample):
                number += 1
                title, raw = WRONG[number % len(WRONG)]
                session = session_id(f"{name} {kind} {place}")
                value = samples(agent, session)[kind]
                head = agent.lines(session, 1)
                rest = agent.lines(session, 2)[len(head) :]
                data = agent.content(session, [*head, replaced(value, place, raw), *rest])
                put(home.path / agent.place(session), data)
                wanted[native(agent, session)] = (f"{name} {sample.get('type')} {place} {title}", data.count(b"\n"))
    assert len(wanted) > 600
    chain = Chain(make_app())
    collected = chain.collect([home])
    assert (collected.files_copied, collected.files_failed) == (len(wanted), 0), collected
    counted = chain.count()
    assert (counted.processed, counted.errors, counted.dead) == (len(wanted), 0, 0), counted
    seen = chain.seen()
    for session, (title, lines) in wanted.items():
        assert seen[session].prompts >= 2 and seen[session].lines == lines, (title, seen[session])


def other_files(agent: Agent, session: str) -> dict[str, bytes]:
    """Return files that are no transcripts, under the name of one."""
    data = agent.content(session, agent.lines(session, 2))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.jsonl", data)
    return {
        "empty": b"",
        "a newline": b"\n",
        "blanks": b" \t\r\n" * 1000,
        "NUL bytes": bytes(100_000),
        "a byte order mark": b"\xef\xbb\xbf",
        "UTF-16": data.decode().encode("utf-16"),
        "gzip without its name": gzip.compress(data),
        "a zip archive": archive.getvalue(),
        "random bytes": random.Random(7).randbytes(100_000),
        "deep lists": b"[" * 1_000_000,
        "deep objects": b'{"type":' * 1_000_000,
        "a database": b"SQLite format 3\x00" + bytes(8000),
        "words": b"no transcript\n" * 1000,
        "numbers": b"1\n" * 1000,
        "unknown objects": b'{"x":1}\n' * 1000,
    }


def test_what_is_no_transcript_is_left_where_it_is(make_app: MakeApp, home: Home) -> None:
    count = 0
    for name, agent in AGENTS.items():
        for title in other_files(agent, ""):
            session = session_id(f"{name} {title}")
            put(home.path / agent.place(session), other_files(agent, session)[title])
            count += 1
    chain = Chain(make_app())
    stats = chain.collect([home])
    assert (stats.files_copied, stats.files_failed, stats.files_refused) == (0, 0, 0), stats
    assert stats.files_unknown + stats.files_skipped == count
    assert chain.count().processed == 0


@pytest.mark.parametrize("name", LINED)
def test_a_file_that_grows_by_any_bytes_gives_the_figures_of_the_whole(
    name: str, make_app: MakeApp, home: Home
) -> None:
    agent, chance = LINED[name], random.Random(name)
    session = session_id(f"{name} grows")
    data = long_session(agent, session)
    bad = b'\xff\n{"type":\n' + dumped(agent.prompt(session, 500))[:-3] + b"\n[]\n"
    data = data[: data.index(b"\n", 9000) + 1] + bad + data[data.index(b"\n", 9000) + 1 :]
    path, chain = home.path / agent.place(session), Chain(make_app())
    place = 0
    for end in sorted({*(chance.randrange(1, len(data)) for _ in range(7)), len(data)}):
        grow(path, data[place:end]) if place else put(path, data[:end])
        place = end
        assert chain.collect([home]).files_failed == 0
        assert chain.count().errors == 0
    grown = chain.seen()[session]
    whole = Home(home.path.parent / "bob", "bob")
    put(whole.path / agent.place(session), data)
    other = Chain(
        make_app(
            database_url=f"sqlite:///{home.path.parent.parent / 'whole.db'}", data_dir=home.path.parent.parent / "whole"
        )
    )
    other.collect([whole])
    other.count()
    assert other.seen()[session] == grown
    assert grown.defects == 4 and len(grown.told) == 4


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("change", ["cut", "emptied", "rewritten", "replaced by another agent's"])
def test_a_file_that_does_not_grow_but_change_takes_nothing_away(
    name: str, change: str, make_app: MakeApp, home: Home
) -> None:
    agent, session = AGENTS[name], session_id(f"{name} {change}")
    data = agent.content(session, agent.lines(session, 4))
    path, chain = put(home.path / agent.place(session), data), Chain(make_app())
    chain.collect([home])
    chain.count()
    before = chain.seen()[native(agent, session)]
    other = LINED["pi" if name != "pi" else "codex"]
    changes: dict[str, Callable[[], bytes]] = {
        "cut": lambda: agent.content(session, agent.lines(session, 2)),
        "emptied": lambda: b"",
        "rewritten": lambda: agent.content(session, [*agent.lines(session, 3), dumped(agent.prompt(session, 9))]),
        "replaced by another agent's": lambda: other.content(session, other.lines(session, 2)),
    }
    path.write_bytes(changes[change]())
    assert chain.collect([home]).files_failed == 0
    counted = chain.count()
    assert counted.errors == 0, counted
    after = chain.seen()[native(agent, session)]
    assert after.requests >= before.requests and after.prompts >= before.prompts


@pytest.mark.parametrize("name", LINED)
def test_a_file_that_is_rotated_is_two_sessions(name: str, make_app: MakeApp, home: Home) -> None:
    agent = LINED[name]
    first, second = session_id(f"{name} first"), session_id(f"{name} second")
    path, chain = put(home.path / agent.place(first), agent.content(first, agent.lines(first, 3))), Chain(make_app())
    chain.collect([home])
    chain.count()
    # The old file gets another name, the new one begins under the name of the old.
    path.rename(path.with_name(f"old-{path.name}"))
    put(path, agent.content(second, agent.lines(second, 2)))
    chain.collect([home])
    chain.count()
    seen = chain.seen()
    assert sum(each.requests for each in seen.values()) == 5 * agent.bills
    assert sum(each.prompts for each in seen.values()) == 5


def test_lone_surrogates_and_steering_reach_no_figure(make_app: MakeApp, home: Home) -> None:
    session = session_id("names")
    agent = LINED["claude-code"]
    line = dumped(agent.prompt(session, 7)).replace(b"/code/harbour", b"/code/\\ud800\\u0000\\u001b[2J")
    title = b'{"type":"ai-title","aiTitle":"a\\udfff\\u0000b","sessionId":"' + session.encode() + b'"}'
    put(home.path / agent.place(session), agent.content(session, [*agent.lines(session, 1), line, title]))
    chain = Chain(make_app())
    assert chain.collect([home]).files_failed == 0
    counted = chain.count()
    assert (counted.processed, counted.errors) == (1, 0), counted
