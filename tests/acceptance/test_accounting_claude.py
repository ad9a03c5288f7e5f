"""Requests, copies, sources and tools of Claude Code (R1 to R16, R35), each figure worked out by hand."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounting_builders import (
    DAY,
    OPUS,
    SONNET,
    Ledger,
    Line,
    agent_file,
    append,
    call,
    claude,
    home,
    main_file,
    packed,
    progress,
    prompt,
    reply,
    result,
    sid,
    side,
    text,
    usage,
    write,
)

A, B, C, D = sid(1), sid(2), sid(3), sid(4)
LONG = "a word " * 100


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return home(tmp_path, "ada")


@pytest.fixture
def grace(tmp_path: Path) -> Path:
    return home(tmp_path, "grace")


def counted(ledger: Ledger, base: Path, *lines: Line | bytes) -> tuple[int, ...]:
    """Write one session, count it, return requests and the five kinds."""
    write(main_file(base, A), lines)
    return ledger.take(base).counted()


# R1: identity ---------------------------------------------------------------------------------------------------------


def test_r1_request_without_message_id_is_known_by_its_request_id(ledger: Ledger, ada: Path) -> None:
    for number, missing in enumerate([..., None, ""]):
        shown = [(f"req_{number}", 1), (f"req_{number}", 7), (f"req_other_{number}", 3)]
        lines = [
            reply(missing, sid(number), f"10:00:0{n}", usage(5, out), uuid=f"u{number}{n}", requestId=request)
            for n, (request, out) in enumerate(shown)
        ]
        write(main_file(ada, sid(number)), lines)
    assert ledger.take(ada).by("session") == {sid(number): (2, 10, 10, 0, 0, 0) for number in range(3)}


def test_r1_request_without_message_and_request_id_is_known_by_its_uuid(ledger: Ledger, ada: Path) -> None:
    for number, missing in enumerate([..., None, ""]):
        shown = [(f"u{number}", 1), (f"u{number}", 7), (f"u-other-{number}", 3)]
        lines = [
            reply(missing, sid(number), f"10:00:0{n}", usage(5, out), uuid=uuid, requestId=missing)
            for n, (uuid, out) in enumerate(shown)
        ]
        write(main_file(ada, sid(number)), lines)
    assert ledger.take(ada).by("session") == {sid(number): (2, 10, 10, 0, 0, 0) for number in range(3)}


def test_r1_request_without_any_id_is_known_by_its_line(ledger: Ledger, ada: Path) -> None:
    first = reply(..., A, "10:00:00", usage(5, 1), uuid=..., requestId=...)
    other = reply(..., A, "10:00:00", usage(5, 2), uuid=..., requestId=...)
    assert counted(ledger, ada, first, first, other) == (2, 10, 3, 0, 0, 0)


def test_r1_request_without_any_id_is_the_same_in_a_copied_file(ledger: Ledger, ada: Path) -> None:
    line = reply(..., A, "10:00:00", usage(5, 1), uuid=..., requestId=...)
    write(main_file(ada, A), [line])
    write(main_file(ada, B), [line])
    assert ledger.take(ada).counted() == (1, 5, 1, 0, 0, 0)


def test_r1_message_id_goes_before_request_id_and_uuid(ledger: Ledger, ada: Path) -> None:
    one = reply("msg_1", A, "10:00:00", usage(5, 1), requestId="same", uuid="same")
    two = reply("msg_2", A, "10:00:01", usage(5, 2), requestId="same", uuid="same")
    assert counted(ledger, ada, one, two) == (2, 10, 3, 0, 0, 0)


# R2: one response on several lines ------------------------------------------------------------------------------------


def test_r2_growing_usage_counts_once_with_the_last_numbers(ledger: Ledger, ada: Path) -> None:
    lines = [reply("m", A, f"10:00:0{n}", usage(9, out, 100, 0, 1000)) for n, out in enumerate([1, 8, 64])]
    assert counted(ledger, ada, *lines) == (1, 9, 64, 100, 0, 1000)


def test_r2_most_complete_line_wins_wherever_it_stands(ledger: Ledger, ada: Path) -> None:
    lines = [reply("m", A, f"10:00:0{n}", usage(9, out)) for n, out in enumerate([1, 64, 8])]
    assert counted(ledger, ada, *lines) == (1, 9, 64, 0, 0, 0)


def test_r2_numbers_are_those_of_one_line_never_mixed(ledger: Ledger, ada: Path) -> None:
    full = reply("m", A, "10:00:00", usage(10, 1, 0, 0, 100))
    less = reply("m", A, "10:00:01", usage(3, 50))
    assert counted(ledger, ada, full, less) == (1, 10, 1, 0, 0, 100)


def test_r2_first_line_wins_a_tie(ledger: Ledger, ada: Path) -> None:
    lines = [reply("m", A, "10:00:00", usage(10, 5)), reply("m", A, "10:00:01", usage(5, 10))]
    assert counted(ledger, ada, *lines) == (1, 10, 5, 0, 0, 0)


def test_r2_lines_of_a_response_need_not_stand_together(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("m1", A, "10:00:00", usage(10, 1), call("t1", "Bash", command="ls"), stop=None),
        reply("m2", A, "10:00:01", usage(20, 2), stop=None),
        result("t1", A, "10:00:02"),
        reply("m1", A, "10:00:03", usage(10, 30)),
        prompt("Go on.", A, "10:00:04"),
        reply("m2", A, "10:00:05", usage(20, 40)),
    ]
    assert counted(ledger, ada, *lines) == (2, 30, 70, 0, 0, 0)


def test_r2_three_parallel_tools_on_three_lines_are_three_calls_of_one_request(ledger: Ledger, ada: Path) -> None:
    lines = [reply("m", A, f"10:00:0{n}", usage(9, 60), call(f"t{n}", "Read", file_path=f"/{n}")) for n in range(3)]
    assert counted(ledger, ada, *lines) == (1, 9, 60, 0, 0, 0)
    assert ledger.totals()["tool_calls"] == 3
    assert ledger.outcome("Read") == (3, 0, 0, 0)


def test_r2_tool_call_shown_on_two_lines_is_one(ledger: Ledger, ada: Path) -> None:
    same = call("t1", "Read", file_path="/x")
    lines = [
        reply("m", A, "10:00:00", usage(9, 1), same),
        reply("m", A, "10:00:01", usage(9, 60), same, call("t2", "Read", file_path="/x")),
    ]
    counted(ledger, ada, *lines)
    assert ledger.outcome("Read") == (2, 0, 0, 0)


def test_r2_tool_call_on_a_less_complete_line_is_kept(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("m", A, "10:00:00", usage(9, 60), call("t1", "Read", file_path="/x")),
        reply("m", A, "10:00:01", usage(9, 1), call("t2", "Grep", pattern="x")),
    ]
    counted(ledger, ada, *lines)
    assert ledger.events("tool") == {"Read": 1, "Grep": 1}


# R3: partial ----------------------------------------------------------------------------------------------------------


def partials(ledger: Ledger, base: Path, *cases: list[Line]) -> list[int]:
    """Count each case as a session of its own and return how many of its requests are partial."""
    for number, lines in enumerate(cases):
        renamed = [line | {"message": line["message"] | {"id": f"m{number}"}} for line in lines]
        write(main_file(base, sid(number)), renamed)
    ledger.take(base)
    rows = {row["session"]: row["partial_requests"] for row in ledger.ask("usage", "by", "session")}
    assert sum(rows.values()) == ledger.totals()["partial_requests"]
    return [rows[sid(number)] for number in range(len(cases))]


def test_r3_request_without_stop_reason_few_tokens_and_long_content_is_partial(ledger: Ledger, ada: Path) -> None:
    thought = {"type": "thinking", "thinking": LONG, "signature": "x"}
    written = call("t", "Write", file_path="/x", content=LONG)
    cases = [(0, text(LONG)), (1, text(LONG)), (40, text(LONG)), (1, thought), (1, written)]
    lines = [[reply("m", A, "10:00:00", usage(9, out), block, stop=None)] for out, block in cases]
    assert partials(ledger, ada, *lines) == [1, 1, 1, 1, 1]
    assert ledger.counted() == (5, 45, 43, 0, 0, 0)


def test_r3_request_that_may_be_whole_is_not_partial(ledger: Ledger, ada: Path) -> None:
    a_stop_reason = [reply("m", A, "10:00:00", usage(9, 40), text(LONG))]
    more_than_40_tokens = [reply("m", A, "10:00:00", usage(9, 41), text(LONG), stop=None)]
    short_content = [reply("m", A, "10:00:00", usage(9, 10), text("Done."), stop=None)]
    a_stop_reason_on_another_line = [
        reply("m", A, "10:00:00", usage(9, 3), text(LONG), stop=None),
        reply("m", A, "10:00:01", usage(9, 3), text("."), stop="tool_use"),
    ]
    cases = (a_stop_reason, more_than_40_tokens, short_content, a_stop_reason_on_another_line)
    assert partials(ledger, ada, *cases) == [0, 0, 0, 0]


def test_r3_request_is_partial_no_more_when_the_rest_arrives(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, reply("m", A, "10:00:00", usage(9, 1), text(LONG), stop=None))
    assert ledger.totals()["partial_requests"] == 1
    append(main_file(ada, A), [reply("m", A, "10:00:09", usage(9, 300), text("."))])
    assert ledger.take(ada).totals()["partial_requests"] == 0
    assert ledger.counted() == (1, 9, 300, 0, 0, 0)


def test_r3_request_is_not_partial_when_a_copy_has_the_stop_reason(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m", A, "10:00:00", usage(9, 1), text(LONG), stop=None)])
    write(main_file(ada, B), [reply("m", B, "10:00:00", usage(9, 200), text(LONG))])
    assert ledger.take(ada).totals()["partial_requests"] == 0


# R4: date, session and owner ------------------------------------------------------------------------------------------


def test_r4_request_over_midnight_counts_on_the_day_of_its_first_line(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("m", A, f"{DAY}T23:59:59.900Z", usage(9, 1), stop=None),
        reply("m", A, "2026-02-11T00:00:01.000Z", usage(9, 90)),
    ]
    counted(ledger, ada, *lines)
    assert ledger.by("date") == {DAY: (1, 9, 90, 0, 0, 0)}


def test_r4_later_copy_raises_the_numbers_and_moves_nothing(ledger: Ledger, ada: Path, grace: Path) -> None:
    write(main_file(ada, B), [reply("m", B, "10:00:00", usage(9, 1), stop=None)])
    write(main_file(grace, A, "-other"), [reply("m", A, "2026-02-12T10:00:00.000Z", usage(9, 90), cwd="/other")])
    ledger.each(ada, grace)
    assert ledger.by("date,person,session,project") == {(DAY, "ada", B, "/code/quay"): (1, 9, 90, 0, 0, 0)}


# R5: copies -----------------------------------------------------------------------------------------------------------


def conversation(session: str, prefix: str = "") -> list[Line]:
    """Two prompts, three responses, two calls: 70 in, 700 out, 5 written, 50 read."""
    return [
        prompt("Look at the quay.", session, "10:00:00", uuid=f"{prefix}p1"),
        reply(f"{prefix}m1", session, "10:00:01", usage(10, 100, 5, 0, 50), call(f"{prefix}t1", "Bash", command="ls")),
        result(f"{prefix}t1", session, "10:00:02"),
        reply(f"{prefix}m2", session, "10:00:03", usage(20, 200)),
        prompt("And the crane.", session, "10:01:00", uuid=f"{prefix}p2"),
        reply(f"{prefix}m3", session, "10:01:01", usage(40, 400), call(f"{prefix}t2", "Grep", pattern="x"), model=OPUS),
    ]


def fork(session: str, *, restamp: bool) -> list[Line]:
    """A copy of the conversation that goes on by itself."""
    copied = [line | ({"sessionId": session} if restamp else {}) for line in conversation(A)]
    return [
        *copied,
        prompt("Now the other way.", session, "11:00:00"),
        reply("m4", session, "11:00:01", usage(80, 800)),
    ]


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> list[Ledger]:
    """Copies among three people, taken in every order, in one run and in several; the ledgers must not differ."""
    folder = tmp_path_factory.mktemp("orders")
    homes = [home(folder, name) for name in ("ada", "grace", "zoe")]
    ada, grace, zoe = homes

    for person, session, minute in ((ada, sid(13), "00"), (grace, sid(12), "05"), (zoe, sid(11), "10")):
        lines = [reply(f"three-{n}", session, f"10:{minute}:0{n}", usage(10, n)) for n in range(3)]
        write(main_file(person, session), [*lines, reply(f"own-{session}", session, "12:00:00", usage(1, 1))])

    write(main_file(ada, sid(22)), [reply("same-time", sid(22), "10:00:00", usage(10, 5))])
    write(main_file(zoe, sid(21)), [reply("same-time", sid(21), "10:00:00", usage(10, 5))])

    for person in homes:
        write(main_file(person, sid(31)), conversation(sid(31), "machines-"))

    write(main_file(ada, sid(41)), conversation(sid(41), "longer-")[:3])
    write(main_file(grace, sid(41)), conversation(sid(41), "longer-"))

    write(main_file(ada, sid(52)), [reply("raised", sid(52), "10:00:00", usage(10, 2), stop=None)])
    write(main_file(grace, sid(51)), [reply("raised", sid(51), "10:00:01", usage(10, 500))])

    write(main_file(ada, sid(62)), [reply("tie", sid(62), "10:00:00", usage(10, 5))])
    write(main_file(grace, sid(61)), [reply("tie", sid(61), "10:00:05", usage(5, 10))])

    write(main_file(ada, sid(72)), [reply("timeless", sid(72), "10:00:00", usage(10, 5))])
    write(main_file(grace, sid(71)), [reply("timeless", sid(71), "10:00:00", usage(10, 5), timestamp=...)])

    write(main_file(ada, sid(81)), [reply("side", sid(81), "10:00:00", usage(10, 50))])
    write(main_file(zoe, sid(82)), [reply("side", sid(82), "10:00:05", usage(10, 900), isSidechain=True)])

    ledgers = []
    for number, order in enumerate([(ada, grace, zoe), (zoe, grace, ada), (grace, zoe, ada), (zoe, ada, grace)]):
        ledger = Ledger(folder / f"data-{number}")
        ledgers.append(ledger.take(*order) if number < 2 else ledger.each(*order))
    return ledgers


def owned(orders: list[Ledger], *sessions: int) -> dict[Any, tuple[int, ...]]:
    """Return requests and the five kinds by day, person and session; the same in all ledgers."""
    wanted = [part for number in sessions for part in ("--session", sid(number))]
    found = [ledger.by("date,person,session", *wanted) for ledger in orders]
    assert all(each == found[0] for each in found)
    return {(day, person, int(session[:8])): row for (day, person, session), row in found[0].items()}


def test_r5_every_report_is_the_same_to_the_byte_in_any_order_of_arrival(orders: list[Ledger]) -> None:
    first, *others = [ledger.report() for ledger in orders]
    for other in others:
        assert other == first


@pytest.mark.parametrize("restamp", [True, False])
def test_r5_fork_in_another_file_counts_only_what_is_new_in_any_order(tmp_path: Path, restamp: bool) -> None:
    ada = home(tmp_path, "ada")
    parts = {A: conversation(A), B: fork(B, restamp=restamp)}
    reports = set()
    for number, order in enumerate([(A, B), (B, A)]):
        for together in (True, False):
            shutil.rmtree(ada)
            ledger = Ledger(tmp_path / f"data-{number}-{together}")
            for session in order:
                write(main_file(ada, session), parts[session])
                ledger.collect(ada)
                if not together:
                    ledger.run()
            ledger.run()
            reports.add(ledger.report())
            assert ledger.by("session,model") == {
                (A, SONNET): (2, 30, 300, 5, 0, 50),
                (A, OPUS): (1, 40, 400, 0, 0, 0),
                (B, SONNET): (1, 80, 800, 0, 0, 0),
            }
            assert ledger.events("tool") == {"Bash": 1, "Grep": 1}
            assert ledger.events("prompt") == {"": 3}
    assert len(reports) == 1


def test_r5_copies_by_other_people_are_one_request_of_the_earliest(orders: list[Ledger]) -> None:
    assert owned(orders, 11, 12, 13) == {
        (DAY, "ada", 13): (4, 31, 4, 0, 0, 0),
        (DAY, "grace", 12): (1, 1, 1, 0, 0, 0),
        (DAY, "zoe", 11): (1, 1, 1, 0, 0, 0),
    }


def test_r5_same_time_in_two_transcripts_belongs_to_the_lower_transcript_id(orders: list[Ledger]) -> None:
    assert owned(orders, 21, 22) == {(DAY, "zoe", 21): (1, 10, 5, 0, 0, 0)}


def test_r5_same_file_uploaded_from_several_machines_counts_once(orders: list[Ledger]) -> None:
    assert list(owned(orders, 31).values()) == [(3, 70, 700, 5, 0, 50)]
    for ledger in orders:
        assert ledger.totals("--session", sid(31))["tool_calls"] == 2
        assert ledger.events("prompt", "--session", sid(31)) == {"": 2}


def test_r5_longer_upload_of_the_same_session_adds_only_its_rest(orders: list[Ledger]) -> None:
    assert tuple(map(sum, zip(*owned(orders, 41).values(), strict=True))) == (3, 70, 700, 5, 0, 50)


def test_r5_counters_are_the_most_complete_whoever_owns_the_request(orders: list[Ledger]) -> None:
    assert owned(orders, 51, 52) == {(DAY, "ada", 52): (1, 10, 500, 0, 0, 0)}


def test_r5_tie_of_different_counters_goes_to_the_earliest(orders: list[Ledger]) -> None:
    assert owned(orders, 61, 62) == {(DAY, "ada", 62): (1, 10, 5, 0, 0, 0)}


def test_r5_copy_without_time_does_not_take_the_request(orders: list[Ledger]) -> None:
    assert owned(orders, 71, 72) == {(DAY, "ada", 72): (1, 10, 5, 0, 0, 0)}


def test_r5_copy_leaves_a_lineage_entry_and_no_money(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), conversation(A))
    alone = ledger.take(ada).cost()
    write(main_file(ada, B), [*conversation(B)])
    assert ledger.take(ada).cost() == alone
    (copy,) = ledger.shown(B)
    (first,) = ledger.shown(A)
    assert copy["requests"] == 0 and first["requests"] == 3
    assert len(copy["shares_with"]) == 1 and not first["shares_with"]


def test_r5_lines_written_twice_into_one_file_count_once(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, *conversation(A), *conversation(A)) == (3, 70, 700, 5, 0, 50)
    assert ledger.totals()["tool_calls"] == 2
    assert ledger.events("prompt") == {"": 2}


# R6, R7 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", [2, 900], ids=["smaller", "larger"])
@pytest.mark.parametrize("flip", [False, True])
def test_r6_main_chain_wins_over_a_sidechain_copy_in_the_same_file(
    ledger: Ledger, ada: Path, out: int, flip: bool
) -> None:
    lines = [
        reply("m", A, "10:00:00", usage(10, 50)),
        reply("m", A, "10:00:01", usage(10, out), isSidechain=True),
    ]
    assert counted(ledger, ada, *(reversed(lines) if flip else lines)) == (1, 10, 50, 0, 0, 0)


@pytest.mark.parametrize("out", [2, 900], ids=["smaller", "larger"])
@pytest.mark.parametrize("flip", [False, True])
def test_r6_main_chain_wins_over_a_sub_agents_file_in_any_order(
    tmp_path: Path, ada: Path, out: int, flip: bool
) -> None:
    ledger = Ledger(tmp_path / "data")
    steps: list[Callable[[], Path]] = [
        lambda: write(main_file(ada, A), [reply("m", A, "10:00:00", usage(10, 50))]),
        lambda: write(agent_file(ada, A, "x1"), [side(reply("m", A, "10:00:01", usage(10, out)), "x1")]),
    ]
    for step in reversed(steps) if flip else steps:
        step()
        ledger.take(ada)
    assert ledger.counted() == (1, 10, 50, 0, 0, 0)


def test_r6_sidechain_alone_counts(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, reply("m", A, "10:00:00", usage(10, 50), isSidechain=True)) == (1, 10, 50, 0, 0, 0)


def test_r6_larger_sidechain_copy_of_another_person_does_not_win(orders: list[Ledger]) -> None:
    assert owned(orders, 81, 82) == {(DAY, "ada", 81): (1, 10, 50, 0, 0, 0)}


def test_r7_one_id_with_two_request_ids_is_one_request(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("m", A, "10:00:00", usage(10, 5), requestId="req_1"),
        reply("m", A, "10:00:01", usage(10, 50), requestId="req_2"),
    ]
    assert counted(ledger, ada, *lines) == (1, 10, 50, 0, 0, 0)


# R8: errors and odd counters ------------------------------------------------------------------------------------------


def test_r8_synthetic_and_api_errors_are_errors_and_no_requests(ledger: Ledger, ada: Path) -> None:
    both = reply("m1", A, "10:00:00", usage(), model="<synthetic>", isApiErrorMessage=True, error="rate_limit")
    synthetic = reply("m2", A, "10:00:01", usage(7, 7), model="<synthetic>")
    api_error = reply("m3", A, "10:00:02", usage(7, 7), isApiErrorMessage=True)
    real = reply("real", A, "10:00:09", usage(1, 1))
    assert counted(ledger, ada, both, synthetic, api_error, real) == (1, 1, 1, 0, 0, 0)
    assert sum(ledger.events("error").values()) == 3
    assert ledger.totals()["unpriced_models"] == []


def test_r8_api_error_copied_by_a_fork_is_one_error(ledger: Ledger, ada: Path) -> None:
    error = reply("m", A, "10:00:00", usage(), model="<synthetic>", isApiErrorMessage=True, error="overloaded")
    write(main_file(ada, A), [error])
    write(main_file(ada, B), [error | {"sessionId": B}])
    ledger.take(ada)
    assert sum(ledger.events("error").values()) == 1


def test_r8_counter_that_is_no_count_is_zero_and_drops_no_line(ledger: Ledger, ada: Path) -> None:
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_creation_input_tokens": "cache_write_5m_tokens",
        "cache_read_input_tokens": "cache_read_tokens",
    }
    values: list[Any] = [None, ..., -5, -(2**70), 2**64, 10**40, [1], {"n": 1}, "", "many", float("nan"), float("inf")]
    cases = [(name, value) for name in names for value in values]
    lines = []
    for number, (name, value) in enumerate(cases):
        counters = usage(11, 12, 0, 0, 14, cache_creation=None, cache_creation_input_tokens=13) | {name: value}
        counters = {key: each for key, each in counters.items() if each is not ...}
        time = f"10:{number // 60:02}:{number % 60:02}"
        lines.append(reply(f"m{number}", A, time, counters, call(f"t{number}", "Bash", command="ls")))
    write(main_file(ada, A), lines)
    ledger.take(ada)
    rows = {row["line"]: row for row in ledger.ask("usage", "requests")}
    for number, (name, value) in enumerate(cases):
        expected = dict(zip(names.values(), (11, 12, 13, 14), strict=True)) | {names[name]: 0}
        found = {each: rows[number + 1][each] for each in expected}
        assert found == expected, (name, value)
    assert len(rows) == len(cases) == ledger.totals()["tool_calls"]
    assert ledger.ask("dead", "list") == []


def test_r8_whole_number_with_a_decimal_point_is_that_number(ledger: Ledger, ada: Path) -> None:
    line = packed(reply("m", A, "10:00:00", usage(777, 50)))[:-1].replace(
        b'"input_tokens":777', b'"input_tokens":777.0'
    )
    assert counted(ledger, ada, line) == (1, 777, 50, 0, 0, 0)


def test_r8_response_without_usage_is_a_request_without_tokens(ledger: Ledger, ada: Path) -> None:
    odd: list[Any] = [None, {}, ..., [], "none", 7]
    lines = [reply(f"m{n}", A, f"10:00:0{n}", each, call(f"t{n}", "Bash")) for n, each in enumerate(odd)]
    assert counted(ledger, ada, *lines, reply("n", A, "10:00:09", usage(1, 1))) == (7, 1, 1, 0, 0, 0)
    assert ledger.totals()["tool_calls"] == 6


def test_r8_usage_on_one_line_of_a_response_is_enough(ledger: Ledger, ada: Path) -> None:
    lines = [reply("m", A, "10:00:00", None), reply("m", A, "10:00:01", usage(3, 4)), reply("m", A, "10:00:02", ...)]
    assert counted(ledger, ada, *lines) == (1, 3, 4, 0, 0, 0)


# R9: progress lines ---------------------------------------------------------------------------------------------------


def test_r9_responses_in_progress_lines_are_requests(ledger: Ledger, ada: Path) -> None:
    lines = [
        progress("x1", A, "10:00:01", reply("p1", A, "10:00:01", usage(10, 1), call("t1", "Grep", pattern="x"))),
        progress("x1", A, "10:00:02", reply("p1", A, "10:00:02", usage(10, 30))),
        progress("x1", A, "10:00:03", reply("p2", A, "10:00:03", usage(20, 40), model=OPUS)),
    ]
    assert counted(ledger, ada, *lines) == (2, 30, 70, 0, 0, 0)
    assert ledger.by("model") == {SONNET: (1, 10, 30, 0, 0, 0), OPUS: (1, 20, 40, 0, 0, 0)}
    assert ledger.events("tool") == {"Grep": 1}


@pytest.mark.parametrize("flip", [False, True])
def test_r9_progress_lines_and_the_sub_agents_file_are_the_same_requests(ledger: Ledger, ada: Path, flip: bool) -> None:
    said = reply("p1", A, "10:00:01", usage(10, 30))
    steps: list[Callable[[], Path]] = [
        lambda: write(main_file(ada, A), [progress("x1", A, "10:00:01", said)]),
        lambda: write(agent_file(ada, A, "x1"), [side(said, "x1")]),
    ]
    for step in reversed(steps) if flip else steps:
        step()
        ledger.take(ada)
    assert ledger.counted() == (1, 10, 30, 0, 0, 0)


def test_r9_other_progress_lines_are_no_requests(ledger: Ledger, ada: Path) -> None:
    lines = []
    for kind in ("bash_progress", "hook_progress", "mcp_progress"):
        line = progress("x1", A, "10:00:01", reply(kind, A, "10:00:01", usage(10, 30)))
        line["data"]["type"] = kind
        lines.append(line)
    assert counted(ledger, ada, *lines) == (0, 0, 0, 0, 0, 0)


# R10: sub-agents ------------------------------------------------------------------------------------------------------


def task(agent: str, call_id: str = "task1", *, kind: str = "Explore", tool: str = "Task") -> Line:
    """The parent's response that calls a sub-agent."""
    return reply("parent", A, "10:00:00", usage(1, 2), call(call_id, tool, prompt="Look.", subagent_type=kind))


def done(agent: str, session: str = A, call_id: str = "task1", **fields: Any) -> Line:
    """The result that comes back, with the sub-agent's sum."""
    told = {"status": "completed", "agentId": agent, "content": [text("Found.")], "totalTokens": 150}
    counters = usage(100, 50)
    return result(call_id, session, "10:05:00", tool_use_result=told | {"usage": counters} | fields)


def test_r10_sub_agents_files_count_with_their_session(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m", A, "10:00:00", usage(1, 2))])
    for number, below in enumerate(["", "workflows/run-1", "workflows/run-1/deeper"]):
        line = reply(f"s{number}", A, "10:00:01", usage(10, 20), model=OPUS)
        write(agent_file(ada, A, f"x{number}", below), [side(line, f"x{number}")])
    ledger.take(ada)
    assert ledger.by("session,person,model") == {
        (A, "ada", SONNET): (1, 1, 2, 0, 0, 0),
        (A, "ada", OPUS): (3, 30, 60, 0, 0, 0),
    }
    assert {shown["agent_id"] for shown in ledger.shown(A)} == {"", "x0", "x1", "x2"}


def test_r10_journal_is_no_transcript(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m", A, "10:00:00", usage(1, 2))])
    journal = agent_file(ada, A, "x", "workflows/run-1").with_name("journal.jsonl")
    write(journal, [side(reply("s1", A, "10:00:01", usage(10, 20)), "x")])
    write(agent_file(ada, A, "x").with_name("journal.jsonl"), [side(reply("s2", A, "10:00:01", usage(10, 20)), "x")])
    assert ledger.take(ada).counted() == (1, 1, 2, 0, 0, 0)


def test_r10_parent_is_the_session_named_on_the_line(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m", A, "10:00:00", usage(1, 2))])
    flat = main_file(ada, A).with_name("agent-x1.jsonl")
    write(flat, [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    assert ledger.take(ada).by("session") == {A: (2, 11, 22, 0, 0, 0)}


def agent_types(ledger: Ledger) -> dict[str, str]:
    return {shown["agent_id"]: shown["agent_type"] for shown in ledger.shown(A) if shown["agent_id"]}


def test_r10_type_comes_from_the_meta_file_first(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [task("x1", kind="Explore"), done("x1")])
    path = write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    path.with_name("agent-x1.meta.json").write_text(json.dumps({"agentType": "Plan"}))
    ledger.take(ada)
    assert agent_types(ledger) == {"x1": "Plan"}


@pytest.mark.parametrize("tool", ["Task", "Agent"])
def test_r10_type_comes_from_the_parents_call_else(ledger: Ledger, ada: Path, tool: str) -> None:
    write(main_file(ada, A), [task("x1", kind="Explore", tool=tool), done("x1")])
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    write(agent_file(ada, A, "x2"), [side(reply("s2", A, "10:00:01", usage(10, 20)), "x2")])
    ledger.take(ada)
    types = agent_types(ledger)
    assert types["x1"] == "Explore"
    assert types["x2"] in ("", "unknown")


def test_r10_reported_sum_counts_when_no_transcript_is_left(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, task("x1"), done("x1", resolvedModel=OPUS)) == (2, 101, 52, 0, 0, 0)
    assert ledger.by("model") == {SONNET: (1, 1, 2, 0, 0, 0), OPUS: (1, 100, 50, 0, 0, 0)}


def test_r10_reported_sum_of_an_unknown_model_has_no_guessed_price(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, task("x1"), done("x1"))
    assert ledger.cost() == 1 * 3 + 2 * 15
    assert len(ledger.totals()["unpriced_models"]) == 1


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("runs", [1, 2])
def test_r10_reported_sum_does_not_count_beside_the_transcript(
    ledger: Ledger, ada: Path, flip: bool, runs: int
) -> None:
    steps: list[Callable[[], Path]] = [
        lambda: write(main_file(ada, A), [task("x1"), done("x1", resolvedModel=SONNET)]),
        lambda: write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")]),
    ]
    for step in reversed(steps) if flip else steps:
        step()
        ledger.collect(ada)
        if runs == 2:
            ledger.run()
    ledger.run()
    assert ledger.counted() == (2, 11, 22, 0, 0, 0)


def test_r10_reported_sum_copied_by_a_fork_counts_once(ledger: Ledger, ada: Path) -> None:
    lines = [task("x1"), done("x1", resolvedModel=SONNET)]
    write(main_file(ada, A), lines)
    write(main_file(ada, B), [line | {"sessionId": B} for line in lines])
    assert ledger.take(ada).counted() == (2, 101, 52, 0, 0, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_r10_reported_sum_copied_by_a_fork_gives_way_to_the_transcript_in_any_order(
    ledger: Ledger, ada: Path, order: tuple[int, ...]
) -> None:
    lines = [task("x1"), done("x1", resolvedModel=SONNET)]
    steps: list[Callable[[], Path]] = [
        lambda: write(main_file(ada, A), lines),
        lambda: write(main_file(ada, B), [line | {"sessionId": B} for line in lines]),
        lambda: write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")]),
    ]
    for number in order:
        steps[number]()
        ledger.take(ada)
    assert ledger.counted() == (2, 11, 22, 0, 0, 0)


def test_r10_reported_sum_does_not_count_beside_progress_lines(ledger: Ledger, ada: Path) -> None:
    said = progress("x1", A, "10:00:01", reply("p1", A, "10:00:01", usage(10, 20)))
    assert counted(ledger, ada, task("x1"), said, done("x1", resolvedModel=SONNET)) == (2, 11, 22, 0, 0, 0)


def test_r10_reported_sums_of_two_agents_are_two(ledger: Ledger, ada: Path) -> None:
    both = [done("x1", resolvedModel=SONNET), done("x2", call_id="task2", resolvedModel=SONNET)]
    parent = reply("parent", A, "10:00:00", usage(1, 2), call("task1", "Task"), call("task2", "Agent"))
    write(agent_file(ada, A, "x2"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x2")])
    assert counted(ledger, ada, parent, *both) == (3, 111, 72, 0, 0, 0)


def test_r10_launch_of_a_background_agent_reports_nothing(ledger: Ledger, ada: Path) -> None:
    launched = result(
        "task1", A, "10:00:02", tool_use_result={"isAsync": True, "status": "async_launched", "agentId": "x1"}
    )
    assert counted(ledger, ada, task("x1"), launched) == (1, 1, 2, 0, 0, 0)


# R11: advisors --------------------------------------------------------------------------------------------------------


def advised(session: str = A, time: str = "10:00:00", out: int = 50, *, advice: int = 1) -> Line:
    entries = [{"type": "message", "input_tokens": 10, "output_tokens": out}]
    entries += [
        {"type": "advisor_message", "model": OPUS, "input_tokens": 1000, "output_tokens": 200 + number}
        for number in range(advice)
    ]
    return reply("m", session, time, usage(10, out, iterations=entries))


def test_r11_advisor_is_a_further_request_under_its_own_model(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, advised()) == (2, 1010, 250, 0, 0, 0)
    assert ledger.by("model") == {SONNET: (1, 10, 50, 0, 0, 0), OPUS: (1, 1000, 200, 0, 0, 0)}
    assert ledger.cost() == 10 * 3 + 50 * 15 + 1000 * 5 + 200 * 25


def test_r11_two_advisor_messages_are_two_requests(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, advised(advice=2)) == (3, 2010, 451, 0, 0, 0)


def test_r11_advisor_repeated_on_lines_and_in_copies_counts_once(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, B), [advised(B, "10:00:00"), advised(B, "10:00:01")])
    lines = [advised(A, "10:00:00", 1, advice=0), advised(A, "10:00:00"), advised(A, "10:00:01")]
    assert counted(ledger, ada, *lines) == (2, 1010, 250, 0, 0, 0)


def test_r11_iterations_of_the_response_itself_add_nothing(ledger: Ledger, ada: Path) -> None:
    assert counted(ledger, ada, advised(advice=0)) == (1, 10, 50, 0, 0, 0)


# R12, R13: sources ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [2, 300])
def test_r12_torn_tail_waits_and_counts_when_it_is_whole(ledger: Ledger, ada: Path, cut: int) -> None:
    first = reply("m1", A, "10:00:00", usage(1, 2))
    second = packed(reply("m2", A, "10:00:01", usage(10, 20), text("ä€😀" * 20)))
    path = write(main_file(ada, A), [first])
    with path.open("ab") as file:
        file.write(second[:-cut])
        file.flush()
        before = ledger.take(ada).counted()
        file.write(second[-cut:])
    assert before == (1, 1, 2, 0, 0, 0)
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)
    (shown,) = ledger.shown(A)
    assert (shown["lines"], shown["broken_lines"], shown["defects"]) == (2, 0, [])


def test_r12_whole_object_that_lacks_only_its_newline_counts_once_before_and_after(ledger: Ledger, ada: Path) -> None:
    path = write(main_file(ada, A), [reply("m1", A, "10:00:00", usage(1, 2))])
    path.write_bytes(path.read_bytes() + packed(reply("m2", A, "10:00:01", usage(10, 20)))[:-1])
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)
    append(path, [b""])
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)
    path.write_bytes(path.read_bytes()[:-1] + packed(reply("m3", A, "10:00:02", usage(100, 200))))
    assert ledger.take(ada).counted() == (3, 111, 222, 0, 0, 0)


def test_r12_reading_again_without_change_changes_nothing(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, *conversation(A))
    before = ledger.report()
    assert ledger.take(ada).take(ada).report() == before


def test_r12_file_read_line_by_line_counts_as_the_whole(tmp_path: Path, ada: Path) -> None:
    lines = [task("x1"), *conversation(A), advised(time="10:02:00"), done("x1", resolvedModel=OPUS)]
    path = write(main_file(ada, A), lines)
    whole = Ledger(tmp_path / "whole").take(ada).report()
    slow = Ledger(tmp_path / "slow")
    for number in range(1, len(lines) + 1):
        path.unlink()
        write(path, lines[:number])
        slow.take(ada)
    assert slow.report() == whole


def test_r13_shrunk_replaced_and_vanished_file_takes_nothing_away(ledger: Ledger, ada: Path) -> None:
    path = write(main_file(ada, A), conversation(A))
    all_of_it = ledger.take(ada).counted()
    assert all_of_it == (3, 70, 700, 5, 0, 50)
    write(path, conversation(A)[:2])
    assert ledger.take(ada).counted() == all_of_it
    write(path, [reply("other", A, "13:00:00", usage(1000, 1))])
    assert ledger.take(ada).counted() == (4, 1070, 701, 5, 0, 50)
    path.write_bytes(b"")
    assert ledger.take(ada).counted() == (4, 1070, 701, 5, 0, 50)
    path.unlink()
    assert ledger.take(ada).counted() == (4, 1070, 701, 5, 0, 50)
    assert ledger.totals()["tool_calls"] == 2
    assert ledger.events("prompt") == {"": 2}
    write(path, conversation(A))
    assert ledger.take(ada).counted() == (4, 1070, 701, 5, 0, 50)


def test_r13_replaced_file_with_lower_counters_lowers_nothing(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, reply("m", A, "10:00:00", usage(10, 500)))
    assert counted(ledger, ada, reply("m", A, "10:00:00", usage(10, 2))) == (1, 10, 500, 0, 0, 0)
    assert counted(ledger, ada, reply("m", A, "10:00:00", usage(10, 600))) == (1, 10, 600, 0, 0, 0)


def test_r13_removed_folder_of_a_sub_agent_takes_nothing_away(ledger: Ledger, ada: Path) -> None:
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    counted(ledger, ada, task("x1"), done("x1", resolvedModel=SONNET))
    shutil.rmtree(agent_file(ada, A, "x1").parent.parent)
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)


def test_r13_deleted_session_is_counted_no_more(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, B), [reply("b", B, "10:00:00", usage(3, 4))])
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    path = write(main_file(ada, A), conversation(A))
    ledger.take(ada)
    path.unlink()
    shutil.rmtree(agent_file(ada, A, "x1").parent.parent)
    ledger.call("sessions", "delete", A, "--yes")
    ledger.take(ada)
    assert ledger.by("session") == {B: (1, 3, 4, 0, 0, 0)}
    assert ledger.events("tool") == {} and ledger.events("prompt") == {}


@pytest.mark.parametrize("copies_first", [False, True])
def test_r13_shared_requests_of_a_deleted_session_pass_to_the_next_earliest(
    ledger: Ledger, tmp_path: Path, copies_first: bool
) -> None:
    people = {person: home(tmp_path, person) for person in ("ada", "grace", "zoe")}
    for person, session, minute in (("ada", A, "00"), ("zoe", B, "01"), ("grace", C, "02")):
        lines = [
            prompt("Look.", session, f"10:{minute}:00", uuid="prompt-1"),
            reply("m", session, f"10:{minute}:01", usage(10, 20 + int(minute)), call("t", "Bash", command="ls")),
        ]
        write(main_file(people[person], session), lines)
    order = ("grace", "zoe", "ada") if copies_first else ("ada", "grace", "zoe")
    ledger.each(*(people[person] for person in order))
    assert ledger.by("person,session") == {("ada", A): (1, 10, 22, 0, 0, 0)}
    ledger.call("sessions", "delete", A, "--yes")
    assert ledger.by("person,session") == {("zoe", B): (1, 10, 22, 0, 0, 0)}
    ledger.run()
    assert ledger.by("person,session") == {("zoe", B): (1, 10, 22, 0, 0, 0)}
    assert ledger.totals()["tool_calls"] == 1
    ledger.call("sessions", "delete", C, "--yes")
    ledger.run()
    assert ledger.by("person,session") == {("zoe", B): (1, 10, 21, 0, 0, 0)}
    assert ledger.events("prompt") == {"": 1}
    ledger.call("sessions", "delete", B, "--yes")
    ledger.run()
    assert ledger.counted() == (0, 0, 0, 0, 0, 0)
    assert ledger.cost() in (0, None)


def test_r13_deleted_copy_changes_no_figure(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), conversation(A))
    ledger.take(ada)
    before = ledger.report()
    path = write(main_file(ada, B), conversation(B))
    ledger.take(ada)
    path.unlink()
    ledger.call("sessions", "delete", B, "--yes")
    ledger.take(ada)
    assert ledger.report() == before


def test_r13_reported_sum_counts_again_when_the_sub_agents_transcript_alone_is_deleted_with_its_session(
    ledger: Ledger, ada: Path
) -> None:
    lines = [task("x1"), done("x1", resolvedModel=SONNET)]
    write(main_file(ada, A), lines)
    write(main_file(ada, B), [line | {"sessionId": B} for line in lines])
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)
    ledger.call("sessions", "delete", A, "--yes")
    ledger.run()
    assert ledger.by("session") == {B: (2, 101, 52, 0, 0, 0)}


# R14: JSON ------------------------------------------------------------------------------------------------------------


def backwards(value: Any) -> Any:
    """Turn the order of all keys around."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(each) for each in value] if isinstance(value, list) else value


def test_r14_spaces_key_order_and_escapes_change_nothing(ledger: Ledger, ada: Path) -> None:
    ways: list[Callable[[Line], bytes]] = [
        lambda line: json.dumps(line, separators=(",", ":")).encode(),
        lambda line: json.dumps(line).encode(),
        lambda line: json.dumps(line, separators=(" ,\t", "  :  ")).encode(),
        lambda line: json.dumps(backwards(line), separators=(",", ":")).encode(),
        lambda line: b" \t" + json.dumps(line).encode() + b"  \r",
        lambda line: json.dumps(line).replace('"usage"', '"\\u0075sage"').replace('"id"', '"\\u0069d"').encode(),
        lambda line: json.dumps(line).replace('"type"', '"t\\u0079pe"').replace('"name"', '"\\u006eame"').encode(),
        lambda line: json.dumps(line, ensure_ascii=False, sort_keys=True).encode(),
    ]
    for number, way in enumerate(ways):
        session, prefix = sid(number), f"w{number}-"
        failed = result(f"{prefix}t2", session, "10:03:00", "bad ä€😀", is_error=True)
        write(main_file(ada, session), [way(line) for line in [*conversation(session, prefix), failed]])
    ledger.take(ada)
    assert ledger.by("session,model") == {
        (sid(number), model): row
        for number in range(len(ways))
        for model, row in ((SONNET, (2, 30, 300, 5, 0, 50)), (OPUS, (1, 40, 400, 0, 0, 0)))
    }
    assert ledger.outcome("Grep") == (len(ways), len(ways), 0, 0)
    assert ledger.events("prompt") == {"": 2 * len(ways)}


def test_r14_transcript_lines_quoted_in_text_count_nothing(ledger: Ledger, ada: Path) -> None:
    quoted = packed(reply("quoted", A, "10:00:00", usage(999, 999), call("tq", "Bash", command="ls"))).decode()
    lines = [
        prompt(quoted, A, "10:00:00"),
        reply("m", A, "10:00:01", usage(1, 2), text(quoted), call("t", "Read", file_path=quoted)),
        result("t", A, "10:00:02", quoted * 3, tool_use_result={"stdout": quoted, "line": json.loads(quoted)}),
    ]
    assert counted(ledger, ada, *lines) == (1, 1, 2, 0, 0, 0)
    assert ledger.events("tool") == {"Read": 1}


def test_r14_two_objects_glued_on_one_line_are_both_read(ledger: Ledger, ada: Path) -> None:
    glued = packed(reply("m1", A, "10:00:00", usage(1, 2)))[:-1] + packed(reply("m2", A, "10:00:01", usage(3, 4)))[:-1]
    assert counted(ledger, ada, glued) == (2, 4, 6, 0, 0, 0)


def test_r14_line_of_100_mb_counts_like_any_other(ledger: Ledger, ada: Path) -> None:
    big = "The crane stands on the quay. " * (100 * 1024 * 1024 // 30)
    write(
        main_file(ada, A),
        [
            reply("m1", A, "10:00:00", usage(1, 2), call("t", "Bash", command="cat")),
            result("t", A, "10:00:01", "bad", is_error=True, tool_use_result={"stdout": big}),
            reply("m2", A, "10:00:02", usage(10, 20)),
        ],
    )
    assert ledger.take(ada).counted() == (2, 11, 22, 0, 0, 0)
    assert ledger.outcome("Bash") == (1, 1, 0, 0)
    assert ledger.ask("dead", "list") == []


# R15: tools, R16: prompts ---------------------------------------------------------------------------------------------


def test_r15_result_that_arrives_later_flags_its_call(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, reply("m", A, "10:00:00", usage(1, 2), call("t", "Bash", command="ls")))
    assert ledger.outcome("Bash") == (1, 0, 0, 0)
    append(main_file(ada, A), [result("t", A, "10:00:05", "Exit code 2", is_error=True)])
    assert ledger.take(ada).outcome("Bash") == (1, 1, 0, 0)


def test_r15_late_result_in_a_copy_flags_the_call_once(ledger: Ledger, ada: Path, grace: Path) -> None:
    said = reply("m", A, "10:00:00", usage(1, 2), call("t", "Bash", command="ls"))
    failed = result("t", B, "10:00:05", "Exit code 2", is_error=True)
    write(main_file(ada, A), [said])
    write(main_file(grace, B), [said | {"sessionId": B}])
    ledger.each(ada, grace)
    append(main_file(grace, B), [failed])
    assert ledger.take(ada, grace).outcome("Bash") == (1, 1, 0, 0)
    append(main_file(ada, A), [failed | {"sessionId": A}])
    assert ledger.take(ada, grace).outcome("Bash") == (1, 1, 0, 0)


def test_r15_errors_rejections_and_interruptions_are_told_apart(ledger: Ledger, ada: Path) -> None:
    refused = "The user doesn't want to proceed with this tool use. The tool use was rejected."
    stopped = "[Request interrupted by user for tool use]"
    calls = [call(f"t{n}", "Bash", command="ls") for n in range(6)]
    counted(
        ledger,
        ada,
        reply("m", A, "10:00:00", usage(1, 2), *calls),
        result("t0", A, "10:00:01", "fine", is_error=False, tool_use_result={"stdout": "fine", "interrupted": False}),
        result("t1", A, "10:00:02", "Exit code 1", is_error=True, tool_use_result="Error: Exit code 1"),
        result("t2", A, "10:00:03", refused, is_error=True, tool_use_result="User rejected tool use"),
        result("t3", A, "10:00:04", refused, is_error=True, tool_use_result=f"Error: {refused}"),
        result("t4", A, "10:00:05", stopped, is_error=True, tool_use_result=f"Error: {stopped}"),
        result("t5", A, "10:00:06", "half", is_error=False, tool_use_result={"stdout": "half", "interrupted": True}),
    )
    assert ledger.outcome("Bash") == (6, 1, 2, 2)


def test_r15_words_in_a_result_make_no_error(ledger: Ledger, ada: Path) -> None:
    told = "Error: is_error: true. The user doesn't want to proceed, the grep said."
    counted(
        ledger,
        ada,
        reply("m", A, "10:00:00", usage(1, 2), call("t", "Grep", pattern="x")),
        result("t", A, "10:00:01", told, is_error=False, tool_use_result={"stdout": told, "interrupted": False}),
    )
    assert ledger.outcome("Grep") == (1, 0, 0, 0)


def test_r15_result_without_its_call_is_no_call(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, reply("m", A, "10:00:00", usage(1, 2)), result("gone", A, "10:00:01", is_error=True))
    assert ledger.totals()["tool_calls"] == 0
    assert ledger.ask("usage", "tools") == []


def test_r15_kinds_of_tools_have_their_own_names(ledger: Ledger, ada: Path) -> None:
    counted(
        ledger,
        ada,
        reply(
            "m",
            A,
            "10:00:00",
            usage(1, 2),
            call("t1", "mcp__tracker__get_issue", id=1),
            call("t2", "mcp__my_server__do__it"),
            call("t3", "Skill", skill="tidy-up", args=""),
            call("t4", "Task", subagent_type="Explore", prompt="x"),
            call("t5", "Agent", subagent_type="Plan", prompt="x"),
            call("t6", "Edit", file_path="/x"),
        ),
        result("t1", A, "10:00:01", "bad", is_error=True),
    )
    assert ledger.events("mcp") == {"mcp__tracker__get_issue": 1, "mcp__my_server__do__it": 1}
    assert ledger.outcome("mcp__tracker__get_issue", "mcp") == (1, 1, 0, 0)
    assert ledger.events("skill") == {"tidy-up": 1}
    assert ledger.events("subagent") == {"Explore": 1, "Plan": 1}
    assert ledger.events("tool") == {"Edit": 1}
    assert ledger.totals()["tool_calls"] == 6


def test_r15_command_name_is_counted_by_its_name_and_is_no_prompt(ledger: Ledger, ada: Path) -> None:
    words = "<command-message>review is running</command-message>\n<command-name>/review</command-name>"
    counted(ledger, ada, prompt(words, A, "10:00:00"))
    rows = ledger.ask("usage", "tools", "--kind", "skill", "--kind", "command")
    assert [(row["name"].lstrip("/"), row["events"]) for row in rows] == [("review", 1)]
    assert ledger.events("prompt") == {}


def test_r15_calls_in_sub_agents_count_in_their_session(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [task("x1")])
    said = reply("s1", A, "10:00:01", usage(10, 20), call("ts", "Grep", pattern="x"))
    write(agent_file(ada, A, "x1"), [side(said, "x1"), side(result("ts", A, "10:00:02", is_error=True), "x1")])
    ledger.take(ada)
    assert ledger.outcome("Grep") == (1, 1, 0, 0)
    (row,) = ledger.ask("usage", "by", "session")
    assert (row["session"], row["tool_calls"]) == (A, 2)


def prompts(ledger: Ledger, base: Path, cases: list[tuple[Any, dict[str, Any]]]) -> list[int]:
    """Count each line as a session of its own and return how many prompts it is."""
    for number, (words, fields) in enumerate(cases):
        session = sid(number)
        line = prompt(words, session, "10:00:00", uuid=f"p{number}", **fields)
        write(main_file(base, session), [line, reply(f"m{number}", session, "10:00:01", usage(1, 2))])
    ledger.take(base)
    rows = {
        row["session"]: row["events"] for row in ledger.ask("usage", "tools", "--kind", "prompt", "--by", "session")
    }
    return [rows.get(sid(number), 0) for number in range(len(cases))]


def test_r16_typed_line_is_a_prompt(ledger: Ledger, ada: Path) -> None:
    cases: list[tuple[Any, dict[str, Any]]] = [
        ("Look at the quay.", {}),
        ([{"type": "text", "text": "Look at the quay."}], {}),
        ([{"type": "image", "source": {}}, {"type": "text", "text": "What is this?"}], {}),
        ("<ide_opened_file>The user opened /x</ide_opened_file>\nLook at the quay.", {}),
        ("Look at the quay.\n<system-reminder>Mind the gap.</system-reminder>", {}),
        ("Look at the quay.", {"origin": {"kind": "human"}, "promptSource": "typed"}),
        ("Why does [Request interrupted by user] stand there?", {}),
    ]
    assert prompts(ledger, ada, cases) == [1] * len(cases)


def test_r16_line_that_nobody_typed_is_no_prompt(ledger: Ledger, ada: Path) -> None:
    answer = {"type": "tool_result", "tool_use_id": "t", "content": "x"}
    cases: list[tuple[Any, dict[str, Any]]] = [
        ("Base directory for this skill: /x", {"isMeta": True}),
        ("This session is being continued from a previous conversation.", {"isCompactSummary": True}),
        ("Look at the quay.", {"isSidechain": True}),
        ([answer, {"type": "text", "text": "more"}], {}),
        ([{"type": "text", "text": "more"}, answer], {}),
        ("<local-command-stdout>ok</local-command-stdout>", {}),
        ("<local-command-caveat>x</local-command-caveat>", {}),
        ("Caveat: The messages below were generated by the user while running local commands.", {}),
        ("<task-notification>done</task-notification>", {}),
        ("Look at the quay.", {"origin": {"kind": "task-notification"}}),
        ("[Request interrupted by user]", {}),
        ([{"type": "text", "text": "[Request interrupted by user for tool use]"}], {}),
    ]
    assert prompts(ledger, ada, cases) == [0] * len(cases)


def test_r16_prompt_is_one_by_its_uuid(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [prompt("Go.", A, "10:00:00", uuid="p1"), prompt("Go.", A, "10:01:00", uuid="p2")])
    write(main_file(ada, B), [prompt("Go.", B, "10:00:00", uuid="p1"), prompt("Go.", B, "10:05:00", uuid="p3")])
    ledger.take(ada)
    assert ledger.events("prompt") == {"": 3}


# R35, traceability ----------------------------------------------------------------------------------------------------


def test_r35_session_is_the_main_file_with_its_sub_agents(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [task("x1")])
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    write(agent_file(ada, A, "x2", "workflows/w"), [side(reply("s2", A, "10:00:02", usage(10, 20)), "x2")])
    write(main_file(ada, B), [reply("b", B, "10:00:00", usage(3, 4))])
    rows = {row["session"]: row for row in ledger.take(ada).ask("sessions", "list")}
    assert {session: (row["transcripts"], row["requests"]) for session, row in rows.items()} == {A: (3, 3), B: (1, 1)}


def test_r35_lineage_edge_is_stored_when_first_ids_overlap(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), conversation(A))
    write(main_file(ada, B), fork(B, restamp=True))
    write(main_file(ada, C), [reply("alone", C, "10:00:00", usage(3, 4))])
    ledger.take(ada)
    edges = {session: ledger.shown(session)[0]["shares_with"] for session in (A, B, C)}
    assert not edges[A] and not edges[C]
    assert A in json.dumps(edges[B])


def test_every_request_points_at_the_archived_line_that_shows_it(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [prompt("ä" * 300, A, "09:59:00"), b"", *conversation(A), advised(time="10:02:00")])
    write(main_file(ada, B), fork(B, restamp=True))
    write(agent_file(ada, A, "x1"), [side(reply("s1", A, "10:00:01", usage(10, 20)), "x1")])
    ledger.take(ada)
    found = []
    for row in ledger.ask("usage", "requests"):
        content = (ledger.folder / "sessions" / row["session_file"]).read_bytes()
        line = content.split(b"\n")[row["line"] - 1]
        assert content[row["byte_offset"] :].startswith(line)
        found.append((json.loads(line)["message"]["id"], row["model"]))
    expected = [(f"m{n}", SONNET) for n in (1, 2, 4)] + [("m3", OPUS), ("m", SONNET), ("m", OPUS), ("s1", SONNET)]
    assert sorted(found) == sorted(expected)


def test_every_line_is_accounted_for(ledger: Ledger, ada: Path) -> None:
    lines: list[Line | bytes] = [
        *conversation(A),
        b"",
        b"{broken",
        b"[1]",
        b"null",
        {"type": "never-seen", "x": 1},
        claude("file-history-snapshot", A, "10:00:00"),
        {"type": "summary", "summary": "x", "leafUuid": "y"},
    ]
    counted(ledger, ada, *lines)
    (shown,) = ledger.shown(A)
    parts = ("event_lines", "ignored_lines", "blank_lines", "unknown_lines", "broken_lines")
    assert shown["lines"] == len(lines) == sum(shown[part] for part in parts)
    assert (shown["blank_lines"], shown["unknown_lines"], shown["broken_lines"]) == (1, 1, 3)
    assert ledger.counted() == (3, 70, 700, 5, 0, 50)
