"""The sample transcripts are whole, tell what they promise, and are what the script writes."""

import collections
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tools.build_samples import build

from precedent.samples import homes

LIMIT_BYTES = 150_000


def transcripts(below: str) -> dict[Path, list[dict[str, Any]]]:
    return {
        path: [json.loads(line) for line in path.read_bytes()[:-1].split(b"\n")]
        for home in homes()
        for path in sorted((home / below).rglob("*.jsonl"))
    }


def contents(folder: Path) -> dict[str, bytes]:
    names = [path for home in ("ada", "grace") for path in (folder / home).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def claude() -> dict[Path, list[dict[str, Any]]]:
    return transcripts(".claude/projects")


@pytest.fixture(scope="module")
def codex() -> dict[Path, list[dict[str, Any]]]:
    return transcripts(".codex/sessions")


def blocks(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        content = line["message"]["content"] if "message" in line else []
        found += [block for block in content if isinstance(block, dict) and block["type"] == kind]
    return found


def texts(lines: list[dict[str, Any]]) -> list[str]:
    """What stands in user lines as plain text."""
    held = [line["message"]["content"] for line in lines if line["type"] == "user"]
    return [text for text in held if isinstance(text, str)]


def test_homes_are_sorted_and_complete() -> None:
    assert [home.name for home in homes()] == ["ada", "grace"]
    assert all((home / ".claude").is_dir() and (home / ".codex").is_dir() for home in homes())


def test_committed_files_are_what_the_script_writes(tmp_path: Path) -> None:
    build(tmp_path)
    assert contents(tmp_path) == contents(homes()[0].parent)


def test_samples_stay_small() -> None:
    assert sum(map(len, contents(homes()[0].parent).values())) < LIMIT_BYTES


def test_there_are_five_sessions_of_claude_code_and_two_of_codex(
    claude: dict[Path, list[dict[str, Any]]], codex: dict[Path, list[dict[str, Any]]]
) -> None:
    mains = [path for path in claude if "subagents" not in path.parts]
    assert len(mains) == 5
    assert all(line.get("sessionId", path.stem) == path.stem for path in mains for line in claude[path])
    own = [lines[0]["payload"] for lines in codex.values()]
    assert len([meta for meta in own if meta["source"] == "cli"]) == 2
    (child,) = (meta for meta in own if meta["source"] != "cli")
    assert child["source"]["subagent"]["thread_spawn"]["parent_thread_id"] in {meta["id"] for meta in own}


def test_all_times_lie_in_autumn_2026_and_never_fall(
    claude: dict[Path, list[dict[str, Any]]], codex: dict[Path, list[dict[str, Any]]]
) -> None:
    for lines in (claude | codex).values():
        times = [line["timestamp"] for line in lines if "timestamp" in line]
        assert times == sorted(times)
        assert all(re.fullmatch(r"2026-(09|10|11)-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)


def test_one_session_has_a_subagent_with_its_type(claude: dict[Path, list[dict[str, Any]]]) -> None:
    (agent,) = (path for path in claude if "subagents" in path.parts)
    assert json.loads(agent.with_suffix(".meta.json").read_bytes())["agentType"] == "Explore"
    parent = claude[agent.parent.parent.with_suffix(".jsonl")]
    told = [line["toolUseResult"]["agentId"] for line in parent if "agentId" in (line.get("toolUseResult") or {})]
    assert told == [claude[agent][0]["agentId"]]


def test_one_session_is_a_fork_of_another(claude: dict[Path, list[dict[str, Any]]]) -> None:
    seen = collections.defaultdict(set)
    for path, lines in claude.items():
        for line in lines:
            if line["type"] == "assistant":
                seen[line["message"]["id"]].add(path)
    shared = {frozenset(paths) for paths in seen.values() if len(paths) > 1}
    assert len(shared) == 1


def test_one_session_has_mcp_skill_command_and_web_search(claude: dict[Path, list[dict[str, Any]]]) -> None:
    def fits(lines: list[dict[str, Any]]) -> bool:
        names = {block["name"] for block in blocks(lines, "tool_use")}
        wanted = {"mcp__tracker__get_issue", "Skill", "WebSearch"} <= names
        return wanted and any("<command-name>/review</command-name>" in text for text in texts(lines))

    assert sum(map(fits, claude.values())) == 1


def test_one_session_has_an_error_and_a_rejected_tool(claude: dict[Path, list[dict[str, Any]]]) -> None:
    def fits(lines: list[dict[str, Any]]) -> bool:
        outcomes = [line.get("toolUseResult") for line in lines]
        failed = any(isinstance(each, str) and each.startswith("Error: Exit code") for each in outcomes)
        return failed and "User rejected tool use" in outcomes and any(line.get("isApiErrorMessage") for line in lines)

    assert sum(map(fits, claude.values())) == 1


def test_every_result_joins_a_call(claude: dict[Path, list[dict[str, Any]]]) -> None:
    for lines in claude.values():
        calls = {block["id"] for block in blocks(lines, "tool_use")}
        assert {block["tool_use_id"] for block in blocks(lines, "tool_result")} == calls


def test_nothing_looks_like_a_secret_or_an_address() -> None:
    pattern = re.compile(rb"(?i)sk-|ghp_|AKIA|password|secret|api.?key|bearer|@[a-z0-9-]+\.[a-z]{2,}")
    for name, data in contents(homes()[0].parent).items():
        assert not pattern.search(data), name
