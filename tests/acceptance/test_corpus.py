"""Precedent and the plain second count of `oracle.py` agree, model by model and day by day."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.generate import generate, generate_codex

from accounting_builders import KINDS, Ledger
from builders import put
from more_builders import (
    EPOCH_MS,
    copilot_transcript,
    gemini_document,
    gemini_transcript,
    opencode_document,
    opencode_dump,
    pi_transcript,
)
from more_oracle import count_more
from opencode_stores import Database, put_files
from oracle import Count, count_homes
from precedent.samples import homes as sample_homes

CORPUS = os.environ.get("PRECEDENT_CORPUS", "")
PARTS = ("event_lines", "ignored_lines", "blank_lines", "unknown_lines", "broken_lines")


def compare(ledger: Ledger, homes: list[Path]) -> Count:
    """Count homes both ways; every figure must agree, every line be accounted for, nothing fail."""
    expected = count_homes(homes)
    count_more(expected, homes)
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


OURS: dict[str, Callable[[Path], object]] = {
    "copilot-cli": lambda home: put(home / ".copilot/session-state/a/events.jsonl", copilot_transcript()),
    "gemini-cli": lambda home: put(home / ".gemini/tmp/a/chats/session-a.jsonl", gemini_transcript()),
    "gemini-cli/json": lambda home: put(home / ".gemini/tmp/a/chats/session-a.json", gemini_document().rstrip()),
    "opencode/export": lambda home: put(home / ".local/share/opencode/exports/a.json", opencode_document().rstrip()),
    "opencode/dump": lambda home: put(home / ".local/share/opencode/exports/a.jsonl", opencode_dump()),
    "pi": lambda home: put(home / ".pi/agent/sessions/--a--/a.jsonl", pi_transcript()),
}


@pytest.mark.parametrize("layout", OURS)
def test_transcripts_of_the_other_agents_are_counted_as_the_second_count_says(
    ledger: Ledger, tmp_path: Path, layout: str
) -> None:
    OURS[layout](tmp_path / "home")
    assert compare(ledger, [tmp_path / "home"]).rows


def tree(agent: str, folder: str) -> Callable[[Path], object]:
    """Lay an agent's files out as they stand in the corpus."""
    return lambda home: shutil.copytree(Path(CORPUS) / agent, home / folder)


def numbered(agent: str, place: str) -> Callable[[Path], object]:
    """Lay an agent's files out in a place of their own each."""

    def lay_out(home: Path) -> None:
        for number, path in enumerate(sorted((Path(CORPUS) / agent).rglob("*.jsonl"))):
            target = home / place.format(number)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    return lay_out


def dumped_sessions() -> list[dict[str, Any]]:
    """Put the parts that OpenCode's recordings hold together again: sessions as the agent's own store has them."""
    found = []
    for number, path in enumerate(sorted((Path(CORPUS) / "opencode").rglob("*.jsonl"))):
        info = {
            "id": f"ses_{number}", "projectID": "p1", "slug": "a-b", "directory": "/code", "title": "Dump",
            "version": "1.2.0", "time": {"created": EPOCH_MS, "updated": EPOCH_MS},
        }  # fmt: skip
        messages: list[dict[str, Any]] = []
        model = ""
        for line in path.read_text("utf-8").splitlines():
            value = json.loads(line)
            part = {name: each for name, each in value.items() if not name.startswith("_")}
            model = value.get("_model") or model
            if part["type"] in {"step-start", "compaction"} or value["_role"] == "user":
                own = {
                    "id": f"msg_{number}_{len(messages):03}", "sessionID": info["id"], "role": value["_role"],
                    "time": {"created": value["_ts"], "completed": value["_ts"]}, "modelID": model,
                }  # fmt: skip
                messages.append({"info": own, "parts": []})
            messages[-1]["parts"].append(part)
            messages[-1]["info"]["time"]["completed"] = value["_ts"]
        found.append({"info": info, "messages": messages})
    return found


def stored(home: Path) -> None:
    database = Database(home)
    for session in dumped_sessions():
        database.put(session)
    database.close()


LAYOUTS: dict[str, Callable[[Path], object]] = {
    "claude-code": tree("claude-code", ".claude/projects"),
    "codex": tree("codex", ".codex/sessions"),
    "copilot-cli": numbered("copilot-cli", ".copilot/session-state/{}/events.jsonl"),
    "gemini-cli": numbered("gemini-cli", ".gemini/tmp/corpus/chats/session-{}.jsonl"),
    "opencode": numbered("opencode", ".local/share/opencode/exports/{}.jsonl"),
    "opencode/database": stored,
    "pi": numbered("pi", ".pi/agent/sessions/--corpus--/{}.jsonl"),
}


@pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no folder of real transcripts")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_real_transcripts_of_an_agent_are_counted_as_the_second_count_says(
    ledger: Ledger, tmp_path: Path, layout: str
) -> None:
    LAYOUTS[layout](tmp_path / "home")
    assert compare(ledger, [tmp_path / "home"]).rows
    rows = ledger.ask("usage", "by", "agent")
    assert [row["agent"] for row in rows] == [layout.partition("/")[0]]


@pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no folder of real transcripts")
def test_files_and_database_of_real_opencode_sessions_give_the_same(ledger: Ledger, tmp_path: Path) -> None:
    for session in dumped_sessions():
        put_files(tmp_path / "files" / "ada", session)
    stored(tmp_path / "database" / "ada")
    before = ledger.take(tmp_path / "files" / "ada").ask("usage", "by", "model,date")
    assert before
    ledger.take(tmp_path / "database" / "ada")
    assert ledger.ask("usage", "by", "model,date") == before


@pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no folder of real transcripts")
@pytest.mark.timeout(600)
def test_real_transcripts_of_all_agents_in_one_home_are_counted_as_the_second_count_says(
    ledger: Ledger, tmp_path: Path
) -> None:
    agents = [layout for layout in LAYOUTS if "/" not in layout]
    for agent in agents:
        LAYOUTS[agent](tmp_path / "home")
    assert compare(ledger, [tmp_path / "home"]).rows
    assert {row["agent"] for row in ledger.ask("usage", "by", "agent")} == set(agents)
