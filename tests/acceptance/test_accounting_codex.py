"""Requests, forks and tools of Codex (R26 to R30), each figure worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from accounting_builders import (
    CODEX,
    DAY,
    Ledger,
    Line,
    append,
    codex,
    context,
    count,
    home,
    meta,
    packed,
    rollout,
    sid,
    typed,
    vector,
    write,
)

P, C, G, S = sid(1), sid(2), sid(3), sid(4)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return home(tmp_path, "ada")


def counted(ledger: Ledger, base: Path, *lines: Line | bytes, session: str = P) -> tuple[int, ...]:
    """Write one rollout, count it, return requests and the five kinds."""
    write(rollout(base, session), lines)
    return ledger.take(base).counted()


def steps(*totals: tuple[int, int, int], hour: int = 10) -> list[Line]:
    """Token counts of cumulative totals; each last is the rise."""
    found, before = [], (0, 0, 0)
    for number, total in enumerate(totals):
        rise = tuple(now - then for now, then in zip(total, before, strict=True))
        found.append(count(f"{hour}:{number:02}:30", vector(*total), vector(*rise)))
        before = total
    return found


# R26, R27: cumulative totals ------------------------------------------------------------------------------------------


def test_r26_each_rise_of_the_total_is_a_request(ledger: Ledger, ada: Path) -> None:
    lines = [meta(P), context("10:00:00"), *steps((1000, 600, 80), (2500, 1400, 200))]
    assert counted(ledger, ada, *lines) == (2, 1100, 200, 0, 0, 1400)
    rows = ledger.ask("usage", "requests")
    assert [(row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) for row in rows] == [
        (400, 600, 80),
        (700, 800, 120),
    ]


def test_r26_last_usage_is_not_added_up_where_there_is_a_total(ledger: Ledger, ada: Path) -> None:
    lines = [
        count("10:00:30", vector(1000, 600, 80), vector(1000, 600, 80)),
        count("10:01:30", vector(1500, 900, 100), vector(1000, 600, 80)),
        count("10:02:30", vector(1600, 900, 101), vector(9999, 0, 9999)),
    ]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (3, 700, 101, 0, 0, 900)


def test_r26_equal_total_is_a_repetition(ledger: Ledger, ada: Path) -> None:
    first, second = steps((1000, 600, 80), (2500, 1400, 200))
    again = [line | {"timestamp": f"{DAY}T1{n}:00:00.000Z"} for n, line in enumerate([first, second], 2)]
    lines = [first, again[0], context("10:00:45"), second, second, again[1]]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (2, 1100, 200, 0, 0, 1400)


def test_r26_fall_is_a_reset_and_bills_the_last_usage(ledger: Ledger, ada: Path) -> None:
    lines = [
        *steps((1000, 0, 100), (2000, 0, 200)),
        count("11:00:00", vector(500, 0, 50), vector(300, 0, 30)),
        count("11:01:00", vector(900, 0, 70), vector(400, 0, 20)),
    ]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (4, 2700, 250, 0, 0, 0)


def test_r26_reset_to_a_total_that_stood_before_is_billed_in_a_file_without_forks(ledger: Ledger, ada: Path) -> None:
    lines = [*steps((1000, 0, 100), (2000, 0, 200)), *steps((1000, 0, 100), (2000, 0, 200), hour=11)]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (4, 4000, 400, 0, 0, 0)


def test_r26_null_info_is_skipped(ledger: Ledger, ada: Path) -> None:
    nothing = codex("event_msg", "10:00:10", type="token_count", info=None, rate_limits=None)
    first, second = steps((1000, 600, 80), (2500, 1400, 200))
    lines = [nothing, first, nothing, second, nothing]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (2, 1100, 200, 0, 0, 1400)
    assert ledger.ask("dead", "list") == []


def test_r26_file_with_totals_only_counts(ledger: Ledger, ada: Path) -> None:
    totals = [(1000, 600, 80), (2500, 1400, 200), (2500, 1400, 200)]
    lines = [count(f"10:0{n}:30", vector(*total), None) for n, total in enumerate(totals)]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (2, 1100, 200, 0, 0, 1400)


def test_r26_counters_that_are_missing_or_no_counts_are_zero(ledger: Ledger, ada: Path) -> None:
    sparse = {"input_tokens": 1000, "output_tokens": 80}
    odd = {"input_tokens": 2000, "cached_input_tokens": None, "output_tokens": 180, "total_tokens": "many"}
    lines = [count("10:00:30", sparse, sparse), count("10:01:30", odd, None)]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (2, 2000, 180, 0, 0, 0)


def test_r26_file_read_line_by_line_counts_as_the_whole(tmp_path: Path, ada: Path) -> None:
    lines = [
        meta(P),
        context("10:00:00"),
        *steps((1000, 600, 80), (2500, 1400, 200)),
        context("10:10:00", "gpt-5-mini"),
        count("11:00:00", vector(500, 0, 50), vector(300, 0, 30)),
        count("11:01:00", vector(900, 0, 70), vector(400, 0, 20)),
    ]
    path = write(rollout(ada, P), lines)
    whole = Ledger(tmp_path / "whole").take(ada).report()
    slow = Ledger(tmp_path / "slow")
    path.write_bytes(b"")
    for line in lines:
        path.write_bytes(path.read_bytes() + packed(line))
        slow.take(ada)
    assert slow.report() == whole


def test_r27_cached_is_part_of_input_and_reasoning_part_of_output(ledger: Ledger, ada: Path) -> None:
    total = vector(1000, 600, 80, 64)
    lines = [meta(P), context("10:00:00"), count("10:00:30", total, total)]
    assert counted(ledger, ada, *lines) == (
        1,
        400,
        80,
        0,
        0,
        600,
    )
    assert ledger.cost() == 400 * 1.25 + 600 * 0.125 + 80 * 10


def test_r27_only_cached_and_reasoning_rise_with_their_wholes(ledger: Ledger, ada: Path) -> None:
    lines = [
        count("10:00:30", vector(1000, 0, 80, 80), vector(1000, 0, 80, 80)),
        count("10:01:30", vector(2000, 1000, 160, 80), vector(1000, 1000, 80, 0)),
    ]
    assert counted(ledger, ada, meta(P), context("10:00:00"), *lines) == (2, 1000, 160, 0, 0, 1000)


# R28: model and tier --------------------------------------------------------------------------------------------------


def test_r28_model_is_that_of_the_latest_turn(ledger: Ledger, ada: Path) -> None:
    first, second, third = steps((1000, 600, 80), (2500, 1400, 200), (2600, 1400, 210))
    lines = [context("10:00:00"), first, context("10:01:00", "gpt-5-mini"), second, context("10:02:00"), third]
    assert counted(ledger, ada, meta(P), *lines) == (3, 1200, 210, 0, 0, 1400)
    assert ledger.by("model") == {CODEX: (2, 500, 90, 0, 0, 600), "gpt-5-mini": (1, 700, 120, 0, 0, 800)}


def settings(time: str, tier: str | None, model: str = CODEX) -> Line:
    return codex(
        "event_msg", time, type="thread_settings_applied", thread_settings={"service_tier": tier, "model": model}
    )


def test_r28_tier_holds_until_it_is_replaced(ledger: Ledger, ada: Path) -> None:
    one, two, three, four = steps((1000, 0, 100), (2000, 0, 200), (3000, 0, 300), (4000, 0, 400))
    lines = [
        context("10:00:00"),
        one,
        settings("10:00:50", "priority"),
        two,
        context("10:01:50"),
        three,
        settings("10:02:50", "default"),
        four,
    ]
    counted(ledger, ada, meta(P), *lines)
    plain = 1000 * 1.25 + 100 * 10
    assert [row["cost_usd_micros"] for row in ledger.ask("usage", "requests")] == [plain, 2 * plain, 2 * plain, plain]


def test_r28_flex_halves_the_price(ledger: Ledger, ada: Path) -> None:
    counted(ledger, ada, meta(P), settings("09:59:00", "flex"), context("10:00:00"), *steps((1000, 0, 100)))
    assert ledger.cost() == (1000 * 1.25 + 100 * 10) / 2


def test_r28_settings_do_not_change_the_model_of_the_turn(ledger: Ledger, ada: Path) -> None:
    lines = [context("10:00:00"), settings("10:00:10", "default", "gpt-5-mini"), *steps((1000, 0, 100))]
    counted(ledger, ada, meta(P), *lines)
    assert ledger.by("model") == {CODEX: (1, 1000, 100, 0, 0, 0)}


# R29: forks and sub-agents --------------------------------------------------------------------------------------------


def shell(call_id: str, time: str) -> Line:
    return codex(
        "response_item", time, type="function_call", name="exec_command", arguments='{"cmd":"ls"}', call_id=call_id
    )


def turn(time: int, name: str, total: tuple[int, int, int], last: tuple[int, int, int]) -> list[Line]:
    """A prompt, a call and a token count at a minute of ten o'clock."""
    return [
        context(f"10:{time:02}:00"),
        typed(f"Look at {name}.", f"10:{time:02}:01"),
        shell(f"call-{name}", f"10:{time:02}:02"),
        count(f"10:{time:02}:30", vector(*total), vector(*last)),
    ]


def replayed(lines: list[Line], hour: int) -> list[Line]:
    """The lines as a fork repeats them: with the time of the fork."""
    return [line | {"timestamp": f"{DAY}T{hour}:00:00.{number:03}Z"} for number, line in enumerate(lines)]


def family() -> dict[str, list[Line]]:
    """A parent, a fork of it, a fork of that, and a sub-agent that also begins with the parent's rows.

    Own requests: parent 1000/600/80, 1500/800/120 and, after the fork, 1000/0/50; child 700/100/30; grandchild
    300/0/10; sub-agent 5000/4000/500.
    """
    begin = [
        *turn(1, "pier", (1000, 600, 80), (1000, 600, 80)),
        *turn(2, "quay", (2500, 1400, 200), (1500, 800, 120)),
    ]
    parent = [meta(P), *begin, *turn(9, "dock", (3500, 1400, 250), (1000, 0, 50))]
    header = meta(C, "11:00:00", forked_from_id=P)
    own = [line | {"timestamp": f"{DAY}T11:30:00.000Z"} for line in turn(3, "crane", (3200, 1500, 230), (700, 100, 30))]
    child = [header, *replayed([meta(P), *begin], 11), *own]
    header = meta(G, "12:00:00", forked_from_id=C)
    own = [line | {"timestamp": f"{DAY}T12:30:00.000Z"} for line in turn(4, "ship", (3500, 1500, 240), (300, 0, 10))]
    grandchild = [header, *replayed(child, 12), *own]
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": P, "depth": 1}}}
    header = meta(S, "13:00:00", forked_from_id=P, source=spawned)
    own = [
        line | {"timestamp": f"{DAY}T13:30:00.000Z"} for line in turn(5, "gull", (7500, 5400, 700), (5000, 4000, 500))
    ]
    agent = [header, *replayed([meta(P), *begin], 13), *own]
    return {P: parent, C: child, G: grandchild, S: agent}


OWN = {
    P: (3, 400 + 700 + 1000, 250, 0, 0, 1400),
    C: (1, 600, 30, 0, 0, 100),
    G: (1, 300, 10, 0, 0, 0),
    S: (1, 1000, 500, 0, 0, 4000),
}


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> list[Ledger]:
    """The family, collected in several orders, in one run or in one for each file."""
    folder = tmp_path_factory.mktemp("orders")
    files = family()
    ledgers = []
    for number, order in enumerate([(P, C, G, S), (G, S, C, P), (C, P, S, G), (S, G, P, C)]):
        ledger = Ledger(folder / f"data-{number}")
        base = home(folder / str(number), "ada")
        for session in order:
            write(rollout(base, session), files[session])
            ledger.collect(base)
            if number:
                ledger.run()
        ledger.run()
        ledgers.append(ledger)
    return ledgers


def totals_of(ledger: Ledger) -> tuple[int, ...]:
    return tuple(map(sum, zip(*OWN.values(), strict=True)))


def test_r29_replayed_rows_count_once_and_first_own_row_against_the_parents_last_total(orders: list[Ledger]) -> None:
    for ledger in orders:
        assert ledger.counted() == totals_of(ledger)
        assert ledger.by("session,model") in (
            {(session, CODEX): row for session, row in OWN.items()},
            {(session, CODEX): OWN[session] for session in (C, G)}
            | {(P, CODEX): tuple(a + b for a, b in zip(OWN[P], OWN[S], strict=True))},
        )


def test_r29_every_report_is_the_same_to_the_byte_in_any_order_of_arrival(orders: list[Ledger]) -> None:
    first, *others = [ledger.report() for ledger in orders]
    for other in others:
        assert other == first


def test_r29_replayed_calls_and_prompts_count_once(orders: list[Ledger]) -> None:
    for ledger in orders:
        assert ledger.totals()["tool_calls"] == 6
        assert sum(ledger.events("prompt").values()) in (5, 6)  # a sub-agent's prompt is its parent's words


def test_r29_replayed_rows_keep_the_time_of_the_parent(orders: list[Ledger]) -> None:
    for ledger in orders:
        hours = [row["at"][11:13] for row in ledger.ask("usage", "requests")]
        assert hours == ["10", "10", "10", "11", "12", "13"]


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ((C,), (3, 400 + 700 + 600, 230, 0, 0, 1500)),
        ((S,), (3, 400 + 700 + 1000, 700, 0, 0, 5400)),
        ((G,), (4, 400 + 700 + 600 + 300, 240, 0, 0, 1500)),
        ((C, S), (4, 400 + 700 + 600 + 1000, 730, 0, 0, 5500)),
        ((S, G), (5, 400 + 700 + 600 + 300 + 1000, 740, 0, 0, 5500)),
        ((P, G), (5, 400 + 700 + 1000 + 600 + 300, 290, 0, 0, 1500)),
    ],
    ids=["child", "sub-agent", "grandchild", "two children", "cousins", "parent and grandchild"],
)
def test_r29_replayed_rows_count_once_when_the_original_is_not_there(
    ledger: Ledger, ada: Path, present: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    files = family()
    for session in present:
        write(rollout(ada, session), files[session])
        ledger.take(ada)
    assert ledger.counted() == expected


def test_r29_fork_that_shows_no_rows_of_its_parent_bills_its_own_rise(ledger: Ledger, ada: Path) -> None:
    parent = family()[P]
    own = count("11:30:00", vector(4200, 1500, 280), vector(700, 100, 30))
    child = [meta(C, "11:00:00", forked_from_id=P), context("11:01:00"), own]
    write(rollout(ada, C), child)
    assert ledger.take(ada).counted() == (1, 600, 30, 0, 0, 100)
    write(rollout(ada, P), parent)
    assert ledger.take(ada).counted() == (4, 2700, 280, 0, 0, 1500)


def test_r29_sub_agent_that_starts_from_nothing_bills_all_of_it(ledger: Ledger, ada: Path) -> None:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": P, "depth": 1}}}
    write(rollout(ada, P), family()[P])
    write(rollout(ada, S), [meta(S, "11:00:00", source=spawned), context("11:00:01"), *steps((70, 0, 7), (90, 0, 9))])
    assert ledger.take(ada).counted() == (5, 2100 + 90, 250 + 9, 0, 0, 1400)


def test_r29_two_sessions_that_are_no_family_share_nothing(ledger: Ledger, ada: Path) -> None:
    for session in (P, C):
        write(rollout(ada, session), [meta(session), context("10:00:00"), *steps((1000, 600, 80))])
    assert ledger.take(ada).counted() == (2, 800, 160, 0, 0, 1200)


def test_r29_meta_written_again_changes_nothing(ledger: Ledger, ada: Path) -> None:
    first, second = steps((1000, 600, 80), (2500, 1400, 200))
    lines = [meta(P), context("10:00:00"), first, meta(P), context("10:01:00"), second, meta(P)]
    assert counted(ledger, ada, *lines) == (2, 1100, 200, 0, 0, 1400)
    assert set(ledger.by("session")) == {P}


@pytest.mark.parametrize("archive_first", [False, True])
def test_r29_session_in_the_archive_folder_too_is_one(ledger: Ledger, ada: Path, archive_first: bool) -> None:
    lines = [meta(P), context("10:00:00"), *steps((1000, 600, 80), (2500, 1400, 200))]
    for archived in (archive_first, not archive_first):
        write(rollout(ada, P, archived=archived), lines)
        assert ledger.take(ada).counted() == (2, 1100, 200, 0, 0, 1400)
    assert set(ledger.by("session,date")) == {(P, DAY)}
    rollout(ada, P).unlink()
    append(rollout(ada, P, archived=True), [count("10:09:00", vector(2600, 1400, 210), vector(100, 0, 10))])
    assert ledger.take(ada).counted() == (3, 1200, 210, 0, 0, 1400)


def test_r29_same_rollout_of_two_people_is_one(ledger: Ledger, tmp_path: Path) -> None:
    homes = [home(tmp_path, "ada"), home(tmp_path, "grace")]
    for base in homes:
        write(rollout(base, P), family()[P])
    ledger.each(*homes)
    other = Ledger(tmp_path / "other").each(*reversed(homes))
    assert ledger.counted() == OWN[P]
    assert len(ledger.by("person")) == 1
    assert ledger.totals()["tool_calls"] == 3
    assert ledger.report() == other.report()


def test_r29_requests_of_a_deleted_parent_pass_to_its_fork(ledger: Ledger, ada: Path) -> None:
    files = family()
    for session in (P, C):
        write(rollout(ada, session), files[session])
    ledger.take(ada)
    rollout(ada, P).unlink()
    ledger.call("sessions", "delete", P, "--yes")
    ledger.take(ada)
    assert ledger.by("session") == {C: (3, 1700, 230, 0, 0, 1500)}


def test_r13_shrunk_and_vanished_rollout_takes_nothing_away(ledger: Ledger, ada: Path) -> None:
    lines = [meta(P), context("10:00:00"), *steps((1000, 600, 80), (2500, 1400, 200))]
    path = write(rollout(ada, P), lines)
    assert ledger.take(ada).counted() == (2, 1100, 200, 0, 0, 1400)
    write(path, lines[:3])
    assert ledger.take(ada).counted() == (2, 1100, 200, 0, 0, 1400)
    path.unlink()
    assert ledger.take(ada).counted() == (2, 1100, 200, 0, 0, 1400)


# R30: codex exec --json -----------------------------------------------------------------------------------------------


def executed(session: str, *usages: tuple[int, int, int]) -> list[Line]:
    lines: list[Line] = [{"type": "thread.started", "thread_id": session}]
    for number, (inp, cached, out) in enumerate(usages):
        told = {"input_tokens": inp, "cached_input_tokens": cached, "output_tokens": out}
        item = {"id": f"item_{number}", "type": "agent_message", "text": "Done."}
        lines += [
            {"type": "turn.started"},
            {"type": "item.completed", "item": item},
            {"type": "turn.completed", "usage": told},
        ]
    return lines


def test_r30_each_completed_turn_counts(ledger: Ledger, ada: Path) -> None:
    lines = executed(P, (1000, 600, 80), (1500, 800, 120), (1500, 800, 120))
    assert counted(ledger, ada, *lines) == (3, 1800, 320, 0, 0, 2200)
    assert ledger.ask("dead", "list") == []


def test_r30_failed_turn_counts_nothing(ledger: Ledger, ada: Path) -> None:
    failed: list[Line] = [{"type": "turn.started"}, {"type": "turn.failed", "error": {"message": "x"}}]
    assert counted(ledger, ada, *executed(P, (1000, 600, 80)), *failed) == (1, 400, 80, 0, 0, 600)


@pytest.mark.parametrize("own_first", [False, True])
def test_r30_same_session_in_its_own_rollout_counts_once(ledger: Ledger, ada: Path, own_first: bool) -> None:
    other = rollout(ada, P).with_name("exec-output.jsonl")
    files: list[tuple[Path, list[Line]]] = [
        (rollout(ada, P), [meta(P), context("10:00:00"), *steps((1000, 600, 80), (2500, 1400, 200))]),
        (other, executed(P, (1000, 600, 80), (1500, 800, 120))),
    ]
    for path, lines in files if own_first else reversed(files):
        write(path, lines)
        ledger.take(ada)
    assert ledger.counted() == (2, 1100, 200, 0, 0, 1400)


# Traceability ---------------------------------------------------------------------------------------------------------


def test_every_request_points_at_the_archived_line_with_its_total(orders: list[Ledger]) -> None:
    ledger = orders[0]
    found: list[Any] = []
    for row in ledger.ask("usage", "requests"):
        content = (ledger.folder / "sessions" / row["session_file"]).read_bytes()
        line = content.split(b"\n")[row["line"] - 1]
        assert content[row["byte_offset"] :].startswith(line)
        found.append(json.loads(line)["payload"]["info"]["total_token_usage"]["input_tokens"])
    assert found == [1000, 2500, 3500, 3200, 3500, 7500]


def test_every_line_is_accounted_for(ledger: Ledger, ada: Path) -> None:
    strange: list[Line | bytes] = [
        b"",
        b"{broken",
        codex("never_seen", "10:00:00"),
        codex("event_msg", "10:00:00", type="new"),
    ]
    lines = [*family()[P], *strange]
    assert counted(ledger, ada, *lines) == OWN[P]
    (shown,) = ledger.shown(P)
    parts = ("event_lines", "ignored_lines", "blank_lines", "unknown_lines", "broken_lines")
    assert shown["lines"] == len(lines) == sum(shown[part] for part in parts)
    assert (shown["blank_lines"], shown["broken_lines"]) == (1, 1)
