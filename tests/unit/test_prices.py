"""Prices by the accounting rules R17 to R25: every expected figure below was computed by hand."""

import importlib.util
import json
import os
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from precedent.errors import BadInput
from precedent.model import Tokens
from precedent.usage.prices import PriceTable

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src/precedent/usage/prices/table.json"
PACKAGES = "PRECEDENT_PRICE_PACKAGES"  # folder with genai_prices and litellm, for the rebuild test


def moment(text: str) -> int:
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (int(instant.timestamp()) * 1_000_000) + instant.microsecond


NOW = moment("2026-11-10T12:00")


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return PriceTable.shipped()


def minimal(**row: Any) -> dict[str, Any]:
    period = {"input": 2, "output": 10}
    model = {"id": "m", "vendor": "openai", "source": "test", "periods": [period]} | row
    return {"version": "test", "sources": {}, "web_search": 0.01, "prefixes": {"openai": ["openai"]}, "models": [model]}


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def loaded(tmp_path: Path, **row: Any) -> PriceTable:
    return PriceTable.load(written(tmp_path, minimal(**row)))


# Kinds of tokens


def test_each_kind_is_billed_at_its_own_rate(table: PriceTable) -> None:
    tokens = Tokens(input=1000, output=500, cache_write_5m=2000, cache_write_1h=300, cache_read=10_000)
    # 3,000 + 7,500 + 7,500 + 1,800 + 3,000
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=tokens) == 22_800


def test_one_hour_writes_cost_more_than_five_minute_writes(table: PriceTable) -> None:
    assert table.cost_micros("claude-opus-4-5", at=NOW, tokens=Tokens(cache_write_5m=1_000_000)) == 6_250_000
    assert table.cost_micros("claude-opus-4-5", at=NOW, tokens=Tokens(cache_write_1h=1_000_000)) == 10_000_000


@pytest.mark.parametrize(
    ("model", "micros"),
    [
        ("claude-opus-4-5", 500_000),  # a tenth of input
        ("claude-opus-5-5", 200_000),  # a twentieth
        ("claude-fable-5-1", 250_000),  # a fortieth
        ("gpt-4o", 1_250_000),  # a half
        ("gpt-6.1-sol", 200_000),  # a twentieth of input, doubled above 272k
    ],
)
def test_cache_reads_cost_what_the_table_says_not_a_tenth(table: PriceTable, model: str, micros: int) -> None:
    assert table.cost_micros(model, at=NOW, tokens=Tokens(cache_read=1_000_000)) == micros


def test_openai_cache_writes_follow_the_table_else_input(table: PriceTable) -> None:
    assert table.cost_micros("gpt-6-sol", at=NOW, tokens=Tokens(cache_write_5m=1000)) == 2500
    assert table.cost_micros("gpt-6-sol", at=NOW, tokens=Tokens(cache_write_1h=1000)) == 2500
    assert table.cost_micros("gpt-5", at=NOW, tokens=Tokens(cache_write_5m=1000)) == 1250
    assert table.cost_micros("gpt-5-pro", at=NOW, tokens=Tokens(cache_read=1000)) == 15_000


def test_web_searches_cost_a_cent_each_whatever_the_modifiers(table: PriceTable) -> None:
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=Tokens(), web_searches=3) == 30_000
    cost = table.cost_micros("claude-opus-5", at=NOW, tokens=Tokens(input=1000), web_searches=2, modifiers="batch+us")
    assert cost == 2750 + 20_000


def test_nothing_used_costs_nothing_and_is_not_unknown(table: PriceTable) -> None:
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=Tokens()) == 0


# Rounding


@pytest.mark.parametrize(("reads", "micros"), [(1, 0), (2, 1), (5, 2), (15, 4), (25, 8), (35, 10)])
def test_halves_round_to_even(table: PriceTable, reads: int, micros: int) -> None:
    # 0.3 micro-dollars each: 0.3, 0.6, 1.5, 4.5, 7.5, 10.5
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=Tokens(cache_read=reads)) == micros


def test_a_request_is_rounded_once(table: PriceTable) -> None:
    # 0.6 + 3.75 = 4.35; rounded one by one they would be 5
    tokens = Tokens(cache_read=2, cache_write_5m=1)
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=tokens) == 4


def test_large_counts_stay_exact(table: PriceTable) -> None:
    tokens = Tokens(cache_read=10**15 + 1)
    assert table.cost_micros("claude-haiku-5-5", at=NOW, tokens=tokens) == 5 * 10**13


# Long-context tiers


@pytest.mark.parametrize(
    ("model", "threshold", "at_threshold", "one_more"),
    [
        ("claude-haiku-5-5", 100_000, 10_000, 50_000),  # 50,000.5
        ("gemini-1.5-pro", 128_000, 160_000, 320_002),  # 320,002.5
        ("grok-4", 128_000, 384_000, 768_006),
        ("gemini-2.5-pro", 200_000, 250_000, 500_002),  # 500,002.5
        ("claude-sonnet-4-5", 200_000, 600_000, 1_200_006),
        ("claude-sonnet-4-20250514", 200_000, 600_000, 1_200_006),
        ("grok-4.5", 199_999, 399_998, 800_000),  # xAI: "at or above 200k"
        ("qwen-flash", 256_000, 12_800, 64_000),  # 64,000.25
        ("gpt-5.4", 272_000, 680_000, 1_360_005),
        ("minimax-m3", 512_000, 153_600, 307_201),  # 307,200.6
    ],
)
def test_tier_starts_one_token_above_its_threshold(
    table: PriceTable, model: str, threshold: int, at_threshold: int, one_more: int
) -> None:
    assert table.cost_micros(model, at=NOW, tokens=Tokens(input=threshold)) == at_threshold
    assert table.cost_micros(model, at=NOW, tokens=Tokens(input=threshold + 1)) == one_more


def test_tier_is_chosen_by_the_whole_prompt_and_applies_to_all_tokens(table: PriceTable) -> None:
    base = Tokens(input=100_000, output=1000, cache_write_5m=30_000, cache_write_1h=10_000, cache_read=60_000)
    # 300,000 + 15,000 + 112,500 + 60,000 + 18,000
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=base) == 505_500
    above = Tokens(input=100_000, output=1000, cache_write_5m=30_000, cache_write_1h=10_000, cache_read=60_001)
    # 600,000 + 22,500 + 225,000 + 120,000 + 36,000.6
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=above) == 1_003_501


def test_output_does_not_choose_the_tier(table: PriceTable) -> None:
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=Tokens(input=1, output=300_000)) == 4_500_003


def test_the_highest_tier_reached_applies(table: PriceTable) -> None:
    for prompt, micros in ((32_000, 32_000), (32_001, 57_602), (128_001, 384_003), (256_001, 1_536_006)):
        assert table.cost_micros("qwen3-coder-plus", at=NOW, tokens=Tokens(input=prompt)) == micros


# Modifiers


@pytest.mark.parametrize(
    ("model", "modifiers", "micros"),
    [
        # 1,000 in and 100 out
        ("claude-opus-4-6", "", 7500),
        ("claude-opus-4-6", "fast", 45_000),
        ("claude-opus-4-6", "fast+us", 49_500),
        ("claude-opus-4-6", "us+fast", 49_500),
        ("claude-opus-4-6", "fast+fast", 45_000),
        ("claude-opus-4-6", "batch+fast+us", 24_750),
        ("claude-opus-4-6", "us", 8250),
        ("claude-opus-4-8", "fast", 15_000),
        ("claude-opus-5-5", "fast", 12_000),
        ("claude-fable-5-2", "fast+us", 26_400),
        ("claude-opus-4-1", "batch", 11_250),
        ("claude-haiku-4-5", "fast", 1500),  # no fast mode
        ("claude-sonnet-4-5", "us", 4500),  # no choice of region
        ("claude-opus-4-6", "standard+turbo+", 7500),  # words without a price
        ("gpt-5", "flex", 1125),
        ("gpt-5", "priority", 4500),
        ("gpt-5", "fast", 4500),  # OpenAI's new word for priority
        ("gpt-5-mini", "priority", 810),
        ("gpt-5.5", "priority", 20_000),
        ("o4-mini", "priority", 2800),  # 20/11
        ("gpt-5", "us", 2250),
        ("gemini-3.8-flash", "priority", 2025),
        ("mistral-medium-3-5", "batch", 1125),
    ],
)
def test_modifiers_multiply(table: PriceTable, model: str, modifiers: str, micros: int) -> None:
    tokens = Tokens(input=1000, output=100)
    assert table.cost_micros(model, at=NOW, tokens=tokens, modifiers=modifiers) == micros


def test_modifiers_multiply_with_the_tier(table: PriceTable) -> None:
    early, tokens = moment("2026-03-01T00:00"), Tokens(input=200_001)
    assert table.cost_micros("claude-opus-4-6", at=early, tokens=tokens) == 2_000_010
    assert table.cost_micros("claude-opus-4-6", at=early, tokens=tokens, modifiers="fast") == 12_000_060
    assert table.cost_micros("claude-opus-4-6", at=early, tokens=tokens, modifiers="fast+us") == 13_200_066
    long = Tokens(input=272_001)
    assert table.cost_micros("gpt-6-sol", at=NOW, tokens=long, modifiers="priority") == 2_176_008


def test_a_modifier_may_change_kinds_differently(table: PriceTable) -> None:
    tokens = Tokens(input=1000, cache_read=1000)
    # Google halves input in a batch and leaves cache reads
    assert table.cost_micros("gemini-2.5-pro", at=NOW, tokens=tokens, modifiers="batch") == 625 + 125
    assert table.cost_micros("gemini-3.5-flash-lite", at=NOW, tokens=tokens, modifiers="flex") == 150 + 20
    # OpenAI prints 0.13 for half of 0.25, and the exact half above the threshold
    assert table.cost_micros("gpt-5.4", at=NOW, tokens=Tokens(cache_read=1000), modifiers="flex") == 130
    assert table.cost_micros("gpt-5.4", at=NOW, tokens=Tokens(cache_read=300_000), modifiers="flex") == 75_000


# Dates


@pytest.mark.parametrize(
    ("model", "day", "before", "after"),
    [
        # 100,000 in
        ("gpt-5.6-luna", "2026-07-30", 100_000, 20_000),
        ("gpt-5.6-sol", "2026-08-21", 500_000, 400_000),
        ("o3", "2025-06-10", 1_000_000, 200_000),
        ("grok-code-fast-1", "2026-05-15", 20_000, 100_000),
        ("mistral-large-4", "2026-10-20", 68_000, 136_000),
        ("mistral-large-4", "2026-10-29", 136_000, 70_000),
        ("mistral-large-latest", "2025-12-02", 200_000, 50_000),
        ("gemini-3.8-flash", "2027-01-01", 75_000, 150_000),
        ("deepseek-chat", "2025-09-29", 56_000, 28_000),
        ("deepseek-v4-pro", "2026-08-17", 43_500, 66_000),
    ],
)
def test_a_request_is_priced_at_its_own_date(table: PriceTable, model: str, day: str, before: int, after: int) -> None:
    start, tokens = moment(f"{day}T00:00"), Tokens(input=100_000)
    assert table.cost_micros(model, at=start - 1, tokens=tokens) == before
    assert table.cost_micros(model, at=start, tokens=tokens) == after


def test_long_context_premium_ended_on_its_day(table: PriceTable) -> None:
    tokens = Tokens(input=300_000, output=1000, cache_read=100_000)
    end = moment("2026-03-13T00:00")
    for model, before, after in (
        ("claude-opus-4-6", 3_137_500, 1_575_000),  # 3,000,000 + 37,500 + 100,000; 1,500,000 + 25,000 + 50,000
        ("claude-sonnet-4-6", 1_882_500, 945_000),  # 1,800,000 + 22,500 + 60,000; 900,000 + 15,000 + 30,000
    ):
        assert table.cost_micros(model, at=end - 1, tokens=tokens) == before
        assert table.cost_micros(model, at=end, tokens=tokens) == after


@pytest.mark.parametrize(
    ("when", "micros"),
    [
        ("2026-08-10T02:00", 435),  # flat before the peaks came
        ("2026-08-22T02:00", 1320),  # a Saturday, before weekends became cheap
        ("2026-08-23T02:00", 660),  # the Sunday they did
        ("2026-09-07T00:59:59.999999", 660),
        ("2026-09-07T01:00", 1320),
        ("2026-09-07T03:59:59.999999", 1320),
        ("2026-09-07T04:00", 660),
        ("2026-09-07T09:30", 1320),
        ("2026-09-11T09:30", 1320),  # a Friday
        ("2026-09-12T09:30", 660),  # a Saturday
    ],
)
def test_deepseek_peak_hours(table: PriceTable, when: str, micros: int) -> None:
    assert table.cost_micros("deepseek-v4-pro", at=moment(when), tokens=Tokens(input=1000)) == micros


def test_no_price_outside_the_periods(tmp_path: Path) -> None:
    periods = [
        {"from": "2026-01-01", "to": "2026-02-01", "input": 1, "output": 1},
        {"from": "2026-03-01", "input": 3, "output": 3},
    ]
    table = loaded(tmp_path, periods=periods)
    for when, cost in (("2025-12-31", None), ("2026-01-31", 10), ("2026-02-01", None), ("2026-03-01", 30)):
        at = moment(f"{when}T00:00")
        assert table.cost_micros("m", at=at, tokens=Tokens(input=10)) == cost
        assert table.knows("m", at=at) is (cost is not None)


# Names


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5",
        "claude-sonnet-4.5",
        "claude-sonnet-4-5[1m]",
        "claude-sonnet-4-5-20250929[1m]",
        " Claude-Sonnet-4-5 ",
        "anthropic/claude-sonnet-4.5",
        "claude-sonnet-4-5@20250929",
        "vertex_ai/claude-sonnet-4-5@20250929",
        "google-vertex/claude-sonnet-4-5@default",
        "github-copilot/claude-sonnet-4.5",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_ways_to_write_one_model(table: PriceTable, name: str) -> None:
    assert table.cost_micros(name, at=NOW, tokens=Tokens(input=1000)) == 3000


@pytest.mark.parametrize(
    ("name", "micros"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3300),  # a regional Bedrock profile costs a tenth more
        ("eu.anthropic.claude-opus-4-6-v1", 5500),
        ("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1", 5500),
        ("us-gov.anthropic.claude-opus-5", 6000),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", 3000),  # not yet for this one
        ("claude-opus-4-20250514", 15_000),
        ("claude-3-5-haiku-20241022", 800),
        ("claude-3-7-sonnet-latest", 3000),
        ("claude-haiku-4-5-20251001", 1000),
        ("openai/gpt-5-codex", 1250),
        ("gpt-5.1-codex-max", 1250),
        ("codex-mini-latest", 1500),
        ("gpt-4o-2024-05-13", 5000),
        ("gpt-6-sol-2026-09-01", 2000),
        ("models/gemini-2.5-pro", 1250),
        ("gemini/gemini-2.5-flash", 300),
        ("xai/grok-code-fast", 1000),
        ("z-ai/GLM-4.6", 600),
        ("MiniMax-M2", 300),
        ("qwen/qwen3.8-max", 2000),
        ("moonshotai/kimi-k3", 3000),
        ("groq/openai/gpt-oss-120b", 150),
        ("llama-3.3-70b-versatile", 590),
    ],
)
def test_names_that_are_known(table: PriceTable, name: str, micros: int) -> None:
    assert table.cost_micros(name, at=NOW, tokens=Tokens(input=1000)) == micros


@pytest.mark.parametrize(
    "name",
    [
        "",
        "<synthetic>",
        "unknown",
        "sonnet",
        "claude",
        "claude-sonnet",
        "claude-sonnet-9",
        "claude-sonnet-4-5-turbo",
        "claude-sonnet-4-5-2025",
        "claude-sonnet-4-5-latest",
        "claude-sonnet-4-5[2m]",
        "openai/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4.5",  # a reseller
        "azure/gpt-5",
        "gpt-5-20250807",  # not a form OpenAI uses
        "gpt-5-2026-01-01",  # OpenAI's older snapshots are listed one by one
        "gpt-oss-120b",  # no price without a host
        "moon.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.gpt-5-v1:0",
        "a/" * 100,
        "claude-sonnet-4-5" * 1000,
    ],
)
def test_unknown_names_have_no_price(table: PriceTable, name: str) -> None:
    assert table.cost_micros(name, at=NOW, tokens=Tokens(input=1000), web_searches=1) is None
    assert not table.knows(name, at=NOW)


def test_known_names_are_known_at_all_times_the_table_covers(table: PriceTable) -> None:
    assert table.knows("claude-opus-4-6[1m]", at=0)
    assert table.knows("claude-opus-4-6", at=NOW)


# The shipped table


def test_shipped_table_says_what_it_is(table: PriceTable) -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d\.\d+", table.version)
    assert set(table.sources) == {"genai-prices", "litellm"}
    assert {row.vendor for row in table.models()} >= {"anthropic", "openai", "google", "x-ai", "mistral", "deepseek"}


def test_shipped_rates_are_in_order(table: PriceTable) -> None:
    for row in table.models():
        end = None
        for number, period in enumerate(row.periods):
            assert number == 0 or (period.since is not None and end is not None and end <= period.since), row.id
            end = period.until
            assert [tier.above for tier in period.tiers] == sorted({tier.above for tier in period.tiers}), row.id
            for rates in (period, *period.tiers, *period.peaks):
                assert all(rate >= 0 for rate in rates.by_kind()), row.id
                if row.vendor == "anthropic":
                    assert rates.cache_write_1h == 2 * rates.input, row.id
                    assert rates.cache_write_5m in (rates.input * Decimal("1.25"), Decimal("0.3")), row.id
        assert row.periods[-1].until is None, row.id


def test_thresholds_are_those_the_vendors_publish(table: PriceTable) -> None:
    found = {tier.above for row in table.models() for period in row.periods for tier in period.tiers}
    assert found >= {100_000, 128_000, 200_000, 256_000, 272_000, 512_000}
    assert found - {32_000, 199_999} == {100_000, 128_000, 200_000, 256_000, 272_000, 512_000}


def test_every_listed_name_has_a_price(table: PriceTable) -> None:
    for row in table.models():
        for name in (row.id, *row.aliases):
            assert table.knows(name, at=NOW), name


def test_the_list_of_models_is_the_callers_own(table: PriceTable) -> None:
    table.models().clear()
    assert table.models()


def test_one_model_stands_on_one_line(table: PriceTable) -> None:
    lines = SHIPPED.read_text().splitlines()
    assert sum(line.startswith('{"id":') for line in lines) == len(table.models())


def test_a_hundred_thousand_requests_are_priced_in_no_time(table: PriceTable) -> None:
    tokens = Tokens(input=1, output=2, cache_read=3)
    start = time.perf_counter()
    for at in range(NOW, NOW + 100_000):
        table.cost_micros("claude-sonnet-4-5-20250929", at=at, tokens=tokens, modifiers="us")
    assert time.perf_counter() - start < 1.0  # 0.1 s measured; ten times that means the cache is gone


def test_many_names_do_not_fill_the_memory(table: PriceTable) -> None:
    for number in range(10_000):
        assert table.cost_micros(f"no-such-model-{number}", at=NOW, tokens=Tokens()) is None
    assert table.cost_micros("claude-sonnet-4-5", at=NOW, tokens=Tokens(input=1000)) == 3000


# Tables from a file


def test_a_file_replaces_the_shipped_table(tmp_path: Path) -> None:
    table = loaded(tmp_path, aliases=["Other"], modifiers={"fast": "1.5", "flex": {"input": "1/3"}})
    assert table.version == "test"
    assert table.cost_micros("other", at=NOW, tokens=Tokens(input=10, output=10)) == 120
    assert table.cost_micros("m", at=NOW, tokens=Tokens(input=10, output=10), modifiers="fast") == 180
    # 20/3 + 100 = 106.67
    assert table.cost_micros("m", at=NOW, tokens=Tokens(input=10, output=10), modifiers="flex") == 107
    assert not table.knows("claude-sonnet-4-5", at=NOW)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"periods": []}, "no period"),
        ({"periods": [{"input": -1, "output": 1}]}, "`input` is -1"),
        ({"periods": [{"input": 1, "output": 0.0000001}]}, "at most six decimals"),
        ({"periods": [{"input": 1, "output": 1e300}]}, "between 0 and"),
        ({"periods": [{"input": 1}]}, "output"),
        ({"periods": [{"input": "x", "output": 1}]}, "input"),
        ({"periods": [{"input": 1, "output": 1, "cache_wriet": 1}]}, "cache_wriet"),
        ({"periods": [{"from": "2026-13-01", "input": 1, "output": 1}]}, "date"),
        ({"periods": [{"input": 1, "output": 1}, {"input": 1, "output": 1}]}, "period 2 is empty, out of order"),
        ({"periods": [{"from": "2026-02-01", "to": "2026-02-01", "input": 1, "output": 1}]}, "period 1 is empty"),
        (
            {
                "periods": [
                    {"to": "2026-03-02", "input": 1, "output": 1},
                    {"from": "2026-03-01", "input": 1, "output": 1},
                ]
            },
            "overlaps",
        ),
        (
            {
                "periods": [
                    {
                        "input": 1,
                        "output": 1,
                        "tiers": [{"above": 9, "input": 1, "output": 1}, {"above": 9, "input": 1, "output": 1}],
                    }
                ]
            },
            "thresholds must rise",
        ),
        (
            {
                "periods": [
                    {
                        "input": 1,
                        "output": 1,
                        "peaks": [{"start": "10:00", "end": "09:00", "input": 1, "output": 1}],
                    }
                ]
            },
            "the end must be later",
        ),
        (
            {"periods": [{"input": 1, "output": 1, "peaks": [{"start": "1:00", "end": "2", "input": 1, "output": 1}]}]},
            "not HH:MM",
        ),
        (
            {
                "periods": [
                    {
                        "input": 1,
                        "output": 1,
                        "tiers": [{"above": 9, "input": 1, "output": 1}],
                        "peaks": [{"start": "01:00", "end": "02:00", "input": 1, "output": 1}],
                    }
                ]
            },
            "exclude each other",
        ),
        ({"modifiers": {"fast": "twice"}}, "'twice'"),
        ({"modifiers": {"fast": {"input": "1/0"}}}, "'1/0'"),
        ({"modifiers": {"fast": "0"}}, "above zero"),
        ({"regions": {"eu": "-1"}}, "'-1'"),
        ({"aliases": ["M", "other", "OTHER", "last "]}, "'last '"),
    ],
)
def test_a_faulty_row_is_named_with_its_fault(tmp_path: Path, row: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadInput) as caught:
        loaded(tmp_path, **row)
    message = str(caught.value)
    assert "prices.json" in message
    assert "'m'" in message
    assert fault in message


def test_two_models_may_not_share_a_name(tmp_path: Path) -> None:
    document = minimal()
    document["models"].append(minimal(id="n", aliases=["M"])["models"][0])
    with pytest.raises(BadInput, match=r"prices\.json: model 'n': the name 'M' is taken"):
        PriceTable.load(written(tmp_path, document))


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ("[" * 100_000, "Expected `object`"),
        ("{}", "version"),
        (minimal() | {"version": " "}, "`version` is empty"),
        (minimal() | {"web_search": -1}, "`web_search` is -1"),
        (minimal() | {"modles": []}, "modles"),
        ({**minimal(), "models": ["?"]}, "model"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, document: object, fault: str) -> None:
    path = written(tmp_path, document)
    with pytest.raises(BadInput) as caught:
        PriceTable.load(path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.json"):
        PriceTable.load(tmp_path / "absent.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(b'{"version":"\xff\xfe"}')
    with pytest.raises(BadInput, match=r"prices\.json"):
        PriceTable.load(path)


@pytest.mark.skipif(PACKAGES not in os.environ, reason=f"{PACKAGES} does not name the packages' folder")
def test_the_build_script_makes_the_shipped_table_again(table: PriceTable) -> None:
    spec = importlib.util.spec_from_file_location("build_price_table", ROOT / "tools/build_price_table.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text, report = tool.build(Path(os.environ[PACKAGES]), version=table.version)
    assert text == SHIPPED.read_text()
    assert any(line.startswith("gpt-5.6-cyber:") for line in report)
