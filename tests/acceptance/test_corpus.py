"""Precedent and the plain second count of `oracle.py` agree, model by model and day by day."""

import os
import shutil
from pathlib import Path

import pytest
from benchmarks.generate import generate, generate_codex

from accounting_builders import KINDS, Ledger
from oracle import Count, count_homes
from precedent.samples import homes as sample_homes

CORPUS = os.environ.get("PRECEDENT_CORPUS", "")
PARTS = ("event_lines", "ignored_lines", "blank_lines", "unknown_lines", "broken_lines")


def compare(ledger: Ledger, homes: list[Path]) -> Count:
    """Count homes both ways; every figure must agree, every line be accounted for, nothing fail."""
    expected = count_homes(homes)
    ledger.take(*homes)
    assert ledger.ask("dead", "list") == []

    rows = ledger.ask("usage", "by", "model,date")
    found = {(row["model"], row["date"]): (row["requests"], *(row[kind] for kind in KINDS)) for row in rows}
    differences = {
        key: (found.get(key), expected.rows.get(key))
        for key in sorted(found.keys() | expected.rows)
        if found.get(key, (0,) * 6) != expected.rows.get(key, (0,) * 6)
    }
    assert not differences

    calls = {row["date"]: row["tool_calls"] for row in ledger.ask("usage", "daily") if row["tool_calls"]}
    assert calls == expected.calls

    lines = 0
    for session in ledger.ask("sessions", "list", "--limit", "100000"):
        for transcript in ledger.shown(session["session"]):
            assert transcript["lines"] == sum(transcript[part] for part in PARTS), transcript["session_file"]
        lines += session["lines"]
    assert lines == expected.lines
    return expected


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data")


def test_generated_transcripts_of_claude_code_are_counted_as_known_and_as_the_second_count_says(
    ledger: Ledger, tmp_path: Path
) -> None:
    made = generate(tmp_path / "home", files=40, seed=20_260_210, mean_bytes=40_000)
    expected = compare(ledger, [tmp_path / "home"])
    assert expected.lines == made.lines
    assert sum(row[0] for row in expected.rows.values()) == made.requests == ledger.totals()["requests"]
    assert sum(expected.calls.values()) == made.tool_calls


def test_generated_transcripts_of_codex_are_counted_as_known_and_as_the_second_count_says(
    ledger: Ledger, tmp_path: Path
) -> None:
    made = generate_codex(tmp_path / "home", files=40, seed=20_260_210)
    expected = compare(ledger, [tmp_path / "home"])
    assert expected.lines == made.lines
    assert sum(row[0] for row in expected.rows.values()) == made.requests == ledger.totals()["requests"]
    assert sum(expected.calls.values()) == made.tool_calls


def test_samples_are_counted_as_the_second_count_says(ledger: Ledger) -> None:
    assert compare(ledger, sample_homes()).rows


@pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no folder of real transcripts")
@pytest.mark.timeout(600)
def test_real_transcripts_are_counted_as_the_second_count_says(ledger: Ledger, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(Path(CORPUS) / "claude-code", home / ".claude" / "projects")
    shutil.copytree(Path(CORPUS) / "codex", home / ".codex" / "sessions")
    assert compare(ledger, [home]).rows
