"""Money (R17 to R25): micro-dollars worked out by hand from list prices.

Rates in micro-dollars for one token: input, output, five-minute write, one-hour write, read.
Sonnet 4.5: 3, 15, 3.75, 6, 0.3; above 200k 6, 22.5, 7.5, 12, 0.6. Opus 4.5: 5, 25, 6.25, 10, 0.5. Haiku 3: 0.25, 1.25,
0.3, 0.5, 0.03. Opus 4.6: as Opus 4.5, until 2026-03-13 above 200k 10, 37.5, 12.5, 20, 1; fast x 6, us x 1.1.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from accounting_builders import (
    CODEX,
    DAY,
    OPUS,
    SONNET,
    Ledger,
    Line,
    append,
    call,
    context,
    count,
    home,
    main_file,
    meta,
    reply,
    result,
    rollout,
    sid,
    usage,
    vector,
    write,
)

HAIKU = "claude-3-haiku-20240307"
DATED = "claude-opus-4-6"
A, B = sid(1), sid(2)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return home(tmp_path, "ada")


def costs(ledger: Ledger, base: Path, cases: list[tuple[str, Line]], *args: str) -> list[int | None]:
    """Count one response a session, (model, usage), and return what each costs."""
    for number, (model, counters) in enumerate(cases):
        session = sid(number)
        write(main_file(base, session), [reply(f"m{number}", session, "10:00:00", counters, model=model)])
    ledger.take(base)
    rows = {row["session"]: row["cost_usd_micros"] for row in ledger.ask("usage", "by", "session", *args)}
    return [rows[sid(number)] for number in range(len(cases))]


# R17, R18: caches -----------------------------------------------------------------------------------------------------


def test_r17_cache_writes_are_split_by_how_long_they_last(ledger: Ledger, ada: Path) -> None:
    both = {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000}
    cases = [
        usage(0, 0, cache_creation=both, cache_creation_input_tokens=3000),
        usage(0, 0, cache_creation=both, cache_creation_input_tokens=3700),  # 700 beyond the split
        usage(0, 0, cache_creation={"ephemeral_1h_input_tokens": 2000}, cache_creation_input_tokens=2700),
        usage(0, 0, cache_creation=None, cache_creation_input_tokens=3000),
        usage(0, 0, cache_creation=..., cache_creation_input_tokens=3000),
        usage(0, 0, cache_creation={}, cache_creation_input_tokens=3000),
        usage(0, 0, cache_creation=both, cache_creation_input_tokens=None),
        usage(0, 0, cache_creation=both, cache_creation_input_tokens=500),  # less than the split
    ]
    expected = [(1000, 2000), (1700, 2000), (700, 2000), (3000, 0), (3000, 0), (3000, 0), (1000, 2000), (1000, 2000)]
    found = costs(ledger, ada, [(SONNET, each) for each in cases])
    assert found == [int(five * 3.75 + hour * 6) for five, hour in expected]
    rows = ledger.by("session")
    assert [rows[sid(number)][3:5] for number in range(len(cases))] == expected


def test_r17_writes_cost_five_quarters_and_twice_the_input(ledger: Ledger, ada: Path) -> None:
    kinds = [usage(1000), usage(0, 0, 1000), usage(0, 0, 0, 1000)]
    assert costs(ledger, ada, [(OPUS, each) for each in kinds]) == [5000, 6250, 10000]


def test_r18_cache_reads_have_their_own_rate(ledger: Ledger, ada: Path) -> None:
    read = usage(0, 0, 0, 0, 100_000)
    assert costs(ledger, ada, [(HAIKU, read), (SONNET, read), (OPUS, read)]) == [3_000, 30_000, 50_000]


# R19: searches --------------------------------------------------------------------------------------------------------


def search(number: int, server: Any, found: list[Any], *, tool: str = "WebSearch", copies: int = 1) -> list[Line]:
    """A response that says how often the server searched, its calls, and the counts on their results."""
    session = sid(number)
    counters = usage(100, 10, server_tool_use=server)
    calls = [call(f"s{number}-{n}", tool, query="x") for n in range(len(found))]
    results = [
        result(f"s{number}-{n}", session, f"10:00:0{n + 1}", tool_use_result={"query": "x", "searchCount": each})
        for n, each in enumerate(found)
    ]
    return [reply(f"m{number}", session, "10:00:00", counters, *calls), *results * copies]


def test_r19_searches_are_the_servers_or_else_those_of_the_results_never_both(ledger: Ledger, ada: Path) -> None:
    none = {"web_search_requests": 0, "web_fetch_requests": 0}
    cases = [
        (search(0, {"web_search_requests": 2}, []), 2),
        (search(1, {"web_search_requests": 2}, [5]), 2),
        (search(2, none, [1]), 1),
        (search(3, none, [1, 3]), 4),
        (search(4, None, [2]), 2),
        (search(5, ..., [2]), 2),
        (search(6, none, [2], copies=2), 2),
        (search(7, none, [7], tool="Grep"), 0),
        (search(8, none, [None, -1, "3"]), 0),
        (search(9, {"web_search_requests": 0, "web_fetch_requests": 4}, []), 0),
        (search(10, {"web_search_requests": None}, [1]), 1),
    ]
    for number, (lines, _) in enumerate(cases):
        write(main_file(ada, sid(number)), lines)
    ledger.take(ada)
    rows = {row["session"]: row for row in ledger.ask("usage", "by", "session")}
    found = [rows[sid(number)]["web_searches"] for number in range(len(cases))]
    assert found == [searches for _, searches in cases]
    money = [rows[sid(number)]["cost_usd_micros"] for number in range(len(cases))]
    assert money == [450 + 10_000 * searches for _, searches in cases]


def test_r19_search_count_that_arrives_later_or_in_a_copy_counts_once(ledger: Ledger, ada: Path) -> None:
    lines = search(1, {"web_search_requests": 0}, [2])
    write(main_file(ada, A), lines[:1])
    ledger.take(ada)
    assert ledger.totals()["web_searches"] == 0
    append(main_file(ada, A), lines[1:])
    assert ledger.take(ada).totals()["web_searches"] == 2
    write(main_file(ada, B), [line | {"sessionId": B} for line in lines])
    assert ledger.take(ada).totals()["web_searches"] == 2
    assert ledger.cost() == 450 + 20_000


def test_r19_server_count_that_arrives_later_replaces_that_of_the_result(ledger: Ledger, ada: Path) -> None:
    lines = search(1, {"web_search_requests": 0}, [2])
    write(main_file(ada, A), lines)
    assert ledger.take(ada).totals()["web_searches"] == 2
    grown = usage(100, 20, server_tool_use={"web_search_requests": 3})
    append(main_file(ada, A), [reply("m1", A, "10:00:09", grown)])
    assert ledger.take(ada).totals()["web_searches"] == 3


# R20, R21: tiers and modifiers ----------------------------------------------------------------------------------------


def test_r20_whole_prompt_chooses_the_tier_of_all_tokens(ledger: Ledger, ada: Path) -> None:
    cases = [
        (SONNET, usage(200_000, 1000)),
        (SONNET, usage(200_001, 1000)),
        (SONNET, usage(50_000, 1000, 50_000, 50_000, 50_000)),
        (SONNET, usage(50_000, 1000, 50_000, 50_000, 50_001)),
        (SONNET, usage(1, 1000, 0, 200_000, 0)),
        (SONNET, usage(1, 300_000, 0, 0, 0)),
        (OPUS, usage(900_000, 1000)),
        (f"{SONNET}[1m]", usage(200_000, 1000)),
    ]
    assert costs(ledger, ada, cases) == [
        200_000 * 3 + 15_000,
        200_001 * 6 + 22_500,
        50_000 * 3 + 15_000 + 50_000 * 3.75 + 50_000 * 6 + 50_000 * 0.3,
        round(50_000 * 6 + 22_500 + 50_000 * 7.5 + 50_000 * 12 + 50_001 * 0.6),
        6 + 22_500 + 200_000 * 12,
        3 + 300_000 * 15,
        900_000 * 5 + 25_000,
        200_000 * 3 + 15_000,
    ]


def test_r20_codex_tier_is_chosen_by_cached_and_uncached_input(ledger: Ledger, ada: Path) -> None:
    exact, above = vector(272_000, 200_000, 100), vector(272_001, 200_000, 100)
    for session, total in ((A, exact), (B, above)):
        write(rollout(ada, session), [meta(session), context("10:00:00", "gpt-5.4"), count("10:00:30", total, total)])
    rows = {row["session"]: row["cost_usd_micros"] for row in ledger.take(ada).ask("usage", "by", "session")}
    assert rows == {
        A: 72_000 * 2.5 + 200_000 * 0.25 + 100 * 15,
        B: 72_001 * 5 + 200_000 * 0.5 + 100 * 22.5,
    }


THRESHOLDS = (100_000, 128_000, 200_000, 256_000, 272_000, 512_000)


def table(*models: dict[str, Any]) -> str:
    head = {"version": "test-1", "sources": {}, "web_search": 0.01, "prefixes": {}}
    return json.dumps(head | {"models": [{"vendor": "quay", "source": "test"} | model for model in models]})


def tiered(above: int) -> dict[str, Any]:
    return {
        "id": f"t{above}",
        "periods": [{"input": 1, "output": 2, "tiers": [{"above": above, "input": 3, "output": 5}]}],
    }


def test_r20_each_threshold_of_the_table_is_the_base_price_and_one_more_the_tiers(
    ledger: Ledger, ada: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.json").write_text(table(*map(tiered, THRESHOLDS)))
    ledger.call("prices", "update", str(tmp_path / "table.json"))
    cases = [(f"t{above}", usage(above + more, 10)) for above in THRESHOLDS for more in (0, 1)]
    expected = [(above + more) * (1, 3)[more] + 10 * (2, 5)[more] for above in THRESHOLDS for more in (0, 1)]
    assert costs(ledger, ada, cases) == expected


def test_r21_modifiers_multiply(ledger: Ledger, ada: Path) -> None:
    tokens = (1000, 100, 400, 200, 1000)
    base = 1000 * 5 + 100 * 25 + 400 * 6.25 + 200 * 10 + 1000 * 0.5
    changes: list[tuple[dict[str, Any], float]] = [
        ({}, 1),
        ({"speed": "standard", "inference_geo": "", "service_tier": "standard"}, 1),
        ({"speed": None, "inference_geo": None, "service_tier": None}, 1),
        ({"speed": "fast"}, 6),
        ({"inference_geo": "us"}, 1.1),
        ({"service_tier": "batch"}, 0.5),
        ({"speed": "fast", "inference_geo": "us"}, 6.6),
        ({"inference_geo": "us", "service_tier": "batch"}, 0.55),
    ]
    found = costs(ledger, ada, [(DATED, usage(*tokens, **fields)) for fields, _ in changes])
    assert found == [round(base * factor) for _, factor in changes]


def test_r21_modifiers_multiply_the_tier_but_no_search(ledger: Ledger, ada: Path) -> None:
    searches = {"web_search_requests": 1}
    counters = usage(200_001, 1000, inference_geo="us", server_tool_use=searches)
    assert costs(ledger, ada, [(DATED, counters)]) == [round((200_001 * 10 + 1000 * 37.5) * 1.1) + 10_000]


def test_r21_flex_and_priority_of_codex(ledger: Ledger, ada: Path) -> None:
    total = vector(1000, 0, 100)
    for number, tier in enumerate(["flex", "priority", "default"]):
        session = sid(number)
        applied = {"type": "thread_settings_applied", "thread_settings": {"service_tier": tier, "model": CODEX}}
        lines = [
            meta(session),
            context("10:00:00"),
            {"timestamp": f"{DAY}T10:00:01.000Z", "type": "event_msg", "payload": applied},
            count("10:00:30", total, total),
        ]
        write(rollout(ada, session), lines)
    rows = {row["session"]: row["cost_usd_micros"] for row in ledger.take(ada).ask("usage", "by", "session")}
    assert [rows[sid(number)] for number in range(3)] == [1125, 4500, 2250]


# R22: dates and unknown models ----------------------------------------------------------------------------------------


def test_r22_request_is_priced_at_its_own_time(ledger: Ledger, ada: Path) -> None:
    counters = usage(300_000, 100)
    lines = [
        reply("before", A, "2026-03-12T23:59:59.999Z", counters, model=DATED),
        reply("after", A, "2026-03-13T00:00:00.000Z", counters, model=DATED),
    ]
    write(main_file(ada, A), lines)
    rows = ledger.take(ada).ask("usage", "requests")
    assert [row["cost_usd_micros"] for row in rows] == [300_000 * 10 + 100 * 37.5, 300_000 * 5 + 100 * 25]
    assert len({row["price_version"] for row in rows}) == 1 and rows[0]["price_version"]


def test_r22_time_outside_all_periods_has_no_price(ledger: Ledger, ada: Path, tmp_path: Path) -> None:
    periods = [
        {"from": "2026-01-01", "to": "2026-02-01", "input": 1, "output": 1},
        {"from": "2026-02-01", "to": "2026-03-01", "input": 7, "output": 1},
    ]
    (tmp_path / "table.json").write_text(table({"id": "quay-1", "periods": periods}))
    days = [
        "2025-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-31T23:59:59.999Z",
        "2026-02-01T00:00:00.000Z",
    ]
    days.append("2026-03-01T00:00:00.000Z")
    write(main_file(ada, A), [reply(day, A, day, usage(100, 0), model="quay-1") for day in days])
    ledger.take(ada)
    assert ledger.cost() is None
    ledger.call("prices", "update", str(tmp_path / "table.json"))
    rows = ledger.ask("usage", "requests")
    assert [row["cost_usd_micros"] for row in rows] == [None, 100, 100, 700, None]
    assert {row["price_version"] for row in rows if row["cost_usd_micros"]} == {"test-1"}
    assert ledger.totals()["unpriced_models"] == ["quay-1"]
    assert ledger.cost() == 900


def test_r22_unknown_model_has_no_cost_and_is_never_guessed(ledger: Ledger, ada: Path) -> None:
    strange = ["claude-sonnet-9", "sonnet", "gpt-99-codex", "claude-opus-4-5-turbo", "openrouter/claude-sonnet-4-5"]
    lines = [reply(model, A, f"10:00:0{n}", usage(70, 7), model=model) for n, model in enumerate(strange)]
    write(main_file(ada, A), [*lines, reply("known", A, "10:00:09", usage(10, 1))])
    totals = ledger.take(ada).totals()
    assert totals["cost_usd_micros"] == 45
    assert totals["unpriced_models"] == sorted(strange)
    assert ledger.counted() == (6, 360, 36, 0, 0, 0)
    rows = {row["model"]: row["cost_usd_micros"] for row in ledger.ask("usage", "by", "model")}
    assert rows == {SONNET: 45} | dict.fromkeys(strange)


def test_r22_response_without_a_model_counts_without_a_cost(ledger: Ledger, ada: Path) -> None:
    odd: list[Any] = [None, ..., 7, "", []]
    lines = [reply(f"m{n}", A, f"10:00:0{n}", usage(70, 7), model=model) for n, model in enumerate(odd)]
    write(main_file(ada, A), lines)
    totals = ledger.take(ada).totals()
    assert totals["cost_usd_micros"] is None
    assert len(totals["unpriced_models"]) == 1
    assert ledger.counted() == (5, 350, 35, 0, 0, 0)


def test_r22_person_with_only_unknown_models_has_an_unknown_cost_not_zero(ledger: Ledger, tmp_path: Path) -> None:
    people = [home(tmp_path, "ada"), home(tmp_path, "grace")]
    write(main_file(people[0], A), [reply("a", A, "10:00:00", usage(10, 1))])
    write(main_file(people[1], B), [reply("b", B, "10:00:00", usage(10, 1), model="quay-9")])
    rows = {row["person"]: row for row in ledger.take(*people).ask("usage", "by", "person")}
    assert (rows["ada"]["cost_usd_micros"], rows["ada"]["unpriced_models"]) == (45, [])
    assert (rows["grace"]["cost_usd_micros"], rows["grace"]["unpriced_models"]) == (None, ["quay-9"])


# R23: recorded costs --------------------------------------------------------------------------------------------------


def test_r23_recorded_cost_is_kept_beside_the_computed_one(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("m1", A, "10:00:00", usage(10, 1), costUSD=0.5),
        reply("m1", A, "10:00:01", usage(10, 2), costUSD=0.5),
        reply("m2", A, "10:00:02", usage(20, 2)),
        reply("m3", A, "10:00:03", usage(30, 3), model="quay-9", costUSD=0.25),
        reply("m4", A, "10:00:04", usage(40, 4), model="quay-8"),
    ]
    write(main_file(ada, A), lines)
    ledger.take(ada)
    assert ledger.cost("--cost", "calculate") == ledger.cost() == (30 + 30) + (60 + 30)
    assert ledger.cost("--cost", "display") == 750_000
    assert ledger.cost("--cost", "auto") == 500_000 + 90 + 250_000
    assert ledger.totals("--cost", "auto")["unpriced_models"] == ["quay-8"]
    assert ledger.totals("--cost", "calculate")["unpriced_models"] == ["quay-8", "quay-9"]
    rows = [(row["cost_usd_micros"], row["recorded_cost_usd_micros"]) for row in ledger.ask("usage", "requests")]
    assert rows == [(60, 500_000), (90, None), (None, 250_000), (None, None)]


def test_r23_recorded_cost_that_is_no_amount_is_none(ledger: Ledger, ada: Path) -> None:
    odd: list[Any] = [None, "0.5", -1, [1], float("nan"), float("inf"), 1e30]
    lines = [reply(f"m{n}", A, f"10:00:0{n}", usage(10, 1), costUSD=recorded) for n, recorded in enumerate(odd)]
    write(main_file(ada, A), lines)
    assert ledger.take(ada).counted() == (7, 70, 7, 0, 0, 0)
    assert ledger.cost("--cost", "auto") == 7 * 45


def test_r23_recorded_zero_is_a_recorded_cost(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m1", A, "10:00:00", usage(10, 1), costUSD=0)])
    assert ledger.take(ada).cost("--cost", "display") == 0
    assert ledger.cost("--cost", "auto") == 0


# R24, R25: figures and labels -----------------------------------------------------------------------------------------


def test_r24_money_is_whole_micro_dollars_and_every_report_adds_up(ledger: Ledger, ada: Path) -> None:
    lines = [reply(f"m{n}", A, f"10:{n:02}:00", usage(n, n * 7, n * 3, n, n * 13)) for n in range(1, 40)]
    write(main_file(ada, A), lines)
    ledger.take(ada)
    exact = sum(n * 3 + n * 7 * 15 + n * 3 * 3.75 + n * 6 + n * 13 * 0.3 for n in range(1, 40))
    total = ledger.cost()
    assert isinstance(total, int) and abs(total - exact) <= 39 / 2
    for dimension in ("date", "model", "session", "person", "project"):
        rows = ledger.ask("usage", "by", dimension)
        assert all(isinstance(row["cost_usd_micros"], int) for row in rows)
        assert sum(row["cost_usd_micros"] for row in rows) == total
    assert sum(row["cost_usd_micros"] for row in ledger.ask("usage", "requests")) == total


def test_r24_one_request_is_exact_to_the_micro_dollar(ledger: Ledger, ada: Path) -> None:
    huge = usage(1_000_000_007, 999_999_937, 0, 0, 0)
    assert costs(ledger, ada, [(OPUS, huge)]) == [1_000_000_007 * 5 + 999_999_937 * 25]


def test_r25_people_are_told_that_cost_is_api_equivalent(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m1", A, "10:00:00", usage(10, 1))])
    ledger.take(ada)
    for report in (["totals"], ["daily"], ["by", "model"]):
        assert "api-equivalent" in ledger.say("usage", *report).lower().replace("\n", " ")
