"""Nearly all secrets are found wherever transcripts show them, and what only looks like one is left alone."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from benchmarks._clean import Clean
from benchmarks._secrets import is_left, places, secrets
from benchmarks.redact import quality

from precedent.archive.redact import RULES, redact

CORPUS = os.environ.get("PRECEDENT_CORPUS")  # read at import: fixtures may clear the environment


def test_at_least_99_percent_are_found_and_at_most_one_of_10_000_lines_is_false() -> None:
    found, false_rate = quality(rounds=1, clean_lines=20_000)
    assert found >= 0.99
    assert false_rate <= 1


def test_the_set_has_every_rule_and_at_least_500_secrets_in_every_place() -> None:
    labelled = [each for seed in range(4) for each in secrets(seed)]
    assert len({each.text for each in labelled}) >= 500
    assert {each.rule for each in labelled} == {rule.name for rule in RULES}


def test_a_secret_is_named_by_its_rule_and_its_line_stays_whole() -> None:
    rng = Random(1)
    shown = [(each, data) for each in secrets(1) for _place, data in places(each.text, rng)]
    otherwise = []
    for each, data in shown:
        result, counts = redact(data)
        assert json.loads(result).keys() == json.loads(data).keys()
        assert redact(result) == (result, {})
        assert redact(data, everywhere=True) == (result, counts)
        if each.rule not in counts:
            otherwise.append((each, counts))
    assert len(otherwise) <= len(shown) / 100, otherwise[:10]


def test_clean_lines_are_not_changed_by_a_byte() -> None:
    data = b"".join(Clean(7).lines(2_000))
    result, counts = redact(data)
    if not counts:
        assert result is data
    assert sum(counts.values()) <= 1


def test_a_secret_does_not_spoil_its_neighbours() -> None:
    lines = list(Clean(8).lines(200))
    rng = Random(8)
    spoiled = [data for each in secrets(8) for _place, data in places(each.text, rng)]
    mixed = lines + spoiled
    rng.shuffle(mixed)
    result = redact(b"".join(mixed)).data
    assert result == b"".join(redact(data).data for data in mixed)
    kept = set(result.splitlines(keepends=True))
    assert all(line in kept for line in lines)
    assert not any(is_left(each.secret, data) for each in secrets(8) for data in kept if each.rule == "github-token")


@pytest.mark.skipif(CORPUS is None, reason="PRECEDENT_CORPUS names no folder of real transcripts")
def test_the_filter_changes_nothing_on_real_transcripts() -> None:
    for path in sorted(Path(CORPUS or "").rglob("*.json*")):
        data = path.read_bytes()
        assert redact(data) == redact(data, everywhere=True)
