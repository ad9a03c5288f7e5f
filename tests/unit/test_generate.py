"""The generator's files are well-formed, the same for a seed, and hold exactly what it says they hold."""

import collections
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.generate import MEAN_BYTES, Generated, generate, generate_codex

from precedent.model import Tokens

FILES = 20
MEAN = 120_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generated]:
    home = tmp_path_factory.mktemp("claude")
    return home, generate(home, files=FILES, seed=7, mean_bytes=MEAN)


@pytest.fixture(scope="module")
def made_codex(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generated]:
    home = tmp_path_factory.mktemp("codex")
    return home, generate_codex(home, files=FILES, seed=7)


def lines_of(home: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(home.rglob("*.jsonl")):
        data = path.read_bytes()
        assert data.endswith(b"\n")
        for line in data[:-1].split(b"\n"):
            value = json.loads(line)
            assert isinstance(value, dict)
            yield path, value


def contents(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def carriers(home: Path) -> Iterator[dict[str, Any]]:
    """Every place a response's message stands: reply lines, and progress lines that repeat a sub-agent's."""
    for _, line in lines_of(home):
        data = line.get("data")
        held = data["message"] if isinstance(data, dict) and data["type"] == "agent_progress" else line
        if held["type"] == "assistant" and not held.get("isApiErrorMessage"):
            yield held["message"]


def test_requests_and_tokens_are_what_a_plain_recount_gives(made: tuple[Path, Generated]) -> None:
    home, said = made
    best: dict[str, tuple[int, Tokens, str]] = {}
    for message in carriers(home):
        usage = message["usage"]
        split = usage["cache_creation"]
        tokens = Tokens(
            input=usage["input_tokens"],
            output=usage["output_tokens"],
            cache_write_5m=split["ephemeral_5m_input_tokens"],
            cache_write_1h=split["ephemeral_1h_input_tokens"],
            cache_read=usage["cache_read_input_tokens"],
        )
        assert usage["cache_creation_input_tokens"] == tokens.cache_write_5m + tokens.cache_write_1h
        if message["id"] not in best or tokens.total > best[message["id"]][0]:
            best[message["id"]] = (tokens.total, tokens, message["model"])
    kinds = zip(
        *((t.input, t.output, t.cache_write_5m, t.cache_write_1h, t.cache_read) for _, t, _ in best.values()),
        strict=True,
    )
    assert said.requests == len(best)
    assert said.tokens == Tokens(*map(sum, kinds))
    assert said.requests_by_model == collections.Counter(model for _, _, model in best.values())


def test_tool_calls_prompts_and_searches_are_what_a_plain_recount_gives(made: tuple[Path, Generated]) -> None:
    home, said = made
    calls = {b["id"] for message in carriers(home) for b in message["content"] if b["type"] == "tool_use"}
    prompts, searches = set(), {}
    for _, line in lines_of(home):
        if line["type"] != "user":
            continue
        outcome = line.get("toolUseResult")
        if isinstance(outcome, dict) and "searchCount" in outcome:
            searches[line["message"]["content"][0]["tool_use_id"]] = outcome["searchCount"]
        text = line["message"]["content"]
        if isinstance(text, list) or line["isSidechain"] or line.get("isMeta") or line.get("isCompactSummary"):
            continue
        if not text.startswith("<"):
            prompts.add(line["uuid"])
    assert said.tool_calls == len(calls)
    assert said.prompts == len(prompts)
    assert said.web_searches == sum(searches.values())


@pytest.mark.parametrize("which", ["made", "made_codex"])
def test_files_lines_and_bytes_are_what_stands_on_disk(which: str, request: pytest.FixtureRequest) -> None:
    home, said = request.getfixturevalue(which)
    paths = list(home.rglob("*.jsonl"))
    assert said.files == FILES == len(paths)
    assert said.lines == sum(1 for _ in lines_of(home))
    assert said.size_bytes == sum(path.stat().st_size for path in paths)


def test_total_size_is_files_times_mean(made: tuple[Path, Generated]) -> None:
    _, said = made
    assert said.size_bytes == pytest.approx(FILES * MEAN, rel=0.1)
    assert round(2**30 / MEAN_BYTES) == 2097


def test_same_seed_gives_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("a", "b", "c")]
    said = [generate(home, files=6, seed=seed, mean_bytes=40_000) for home, seed in zip(homes, (3, 3, 4), strict=True)]
    said_codex = [generate_codex(home, files=6, seed=seed) for home, seed in zip(homes, (3, 3, 4), strict=True)]
    first, second, third = map(contents, homes)
    assert first == second
    assert said[0] == said[1]
    assert said_codex[0] == said_codex[1]
    assert not first.keys() & third.keys()


def test_field_types_are_those_of_the_format(made: tuple[Path, Generated]) -> None:
    home, _ = made
    without_uuid = {
        "summary", "file-history-snapshot", "permission-mode", "ai-title", "last-prompt", "queue-operation",
    }  # fmt: skip
    for path, line in lines_of(home):
        if line["type"] in without_uuid:
            assert "uuid" not in line
            continue
        assert isinstance(line["uuid"], str)
        assert line["parentUuid"] is None or isinstance(line["parentUuid"], str)
        assert isinstance(line["isSidechain"], bool)
        assert line["isSidechain"] == ("agentId" in line) == ("subagents" in path.parts)
        assert all(isinstance(line[name], str) for name in ("sessionId", "cwd", "gitBranch", "version"))
        assert line["timestamp"].endswith("Z")
        assert path.stem == line["sessionId"] or path.parent.parent.name == line["sessionId"]


def test_timestamps_never_fall_within_a_file(made: tuple[Path, Generated]) -> None:
    latest: dict[Path, str] = {}
    for path, line in lines_of(made[0]):
        if "timestamp" in line:
            assert line["timestamp"] >= latest.get(path, "")
            latest[path] = line["timestamp"]


def test_results_join_calls_and_parents_stand_before_their_children(made: tuple[Path, Generated]) -> None:
    calls: set[str] = set()
    seen: dict[Path, set[str]] = collections.defaultdict(set)
    for path, line in lines_of(made[0]):
        if line["type"] == "assistant":
            calls |= {block["id"] for block in line["message"]["content"] if block["type"] == "tool_use"}
        if line["type"] == "user" and "toolUseResult" in line:
            assert line["message"]["content"][0]["tool_use_id"] in calls
            assert line["sourceToolAssistantUUID"] in seen[path]
        if line.get("parentUuid"):
            assert line["parentUuid"] in seen[path]
        seen[path].add(line.get("uuid", ""))


def test_features_of_real_files_are_there(made: tuple[Path, Generated]) -> None:
    home, _ = made
    kinds, outputs, places = set(), collections.defaultdict(set), collections.defaultdict(set)
    for path, line in lines_of(home):
        kinds.add(line["type"])
        kinds.add(line.get("subtype"))
        if line["type"] == "assistant":
            message = line["message"]
            assert len(message["content"]) == 1
            kinds.add(message["content"][0]["type"])
            outputs[message["id"]].add(message["usage"]["output_tokens"])
            places[message["id"]].add(path)
        outcome = line.get("toolUseResult")
        if isinstance(outcome, dict) and outcome.get("originalFile"):
            kinds.add("originalFile")
    wanted = {"assistant", "user", "progress", "attachment", "system", "file-history-snapshot", "originalFile"}
    assert wanted | {"turn_duration", "stop_hook_summary", "thinking", "text", "tool_use"} <= kinds
    assert 0.1 < sum(len(each) > 1 for each in outputs.values()) / len(outputs) < 0.35
    assert any(len(each) > 1 for each in places.values()), "no fork repeats another session's messages"
    agents = list(home.rglob("agent-*.jsonl"))
    assert agents
    assert all(json.loads(path.with_suffix(".meta.json").read_bytes())["agentType"] for path in agents)


def test_codex_totals_are_what_a_plain_recount_gives(made_codex: tuple[Path, Generated]) -> None:
    home, said = made_codex
    vectors, billed, calls, turns = set(), [0, 0, 0], set(), set()
    for path in sorted(home.rglob("rollout-*.jsonl")):  # in order of time, so a parent stands before its forks
        before, turn, spawned = (0, 0, 0), "", None
        for line in map(json.loads, path.read_text().splitlines()):
            payload = line["payload"]
            turn = payload.get("turn_id", turn)
            if line["type"] == "session_meta" and spawned is None:
                spawned = payload["source"] != "cli"
            if payload.get("type") == "user_message" and not spawned:
                turns.add(turn)
            if payload.get("type") == "function_call":
                calls.add(payload["call_id"])
            if payload.get("type") != "token_count" or payload["info"] is None:
                continue
            total = payload["info"]["total_token_usage"]
            now = (total["input_tokens"], total["cached_input_tokens"], total["output_tokens"])
            assert total["total_tokens"] == now[0] + now[2]
            if now not in vectors:
                vectors.add(now)
                billed = [so_far + new - old for so_far, new, old in zip(billed, now, before, strict=True)]
            before = now
    assert said.requests == len(vectors)
    assert said.tokens == Tokens(input=billed[0] - billed[1], output=billed[2], cache_read=billed[1])
    assert said.tool_calls == len(calls)
    assert said.prompts == len(turns)


def test_codex_forks_replay_their_parent_and_name_it(made_codex: tuple[Path, Generated]) -> None:
    home, _ = made_codex
    metas = [
        [line["payload"] for line in map(json.loads, path.read_text().splitlines()) if line["type"] == "session_meta"]
        for path in home.rglob("rollout-*.jsonl")
    ]
    forks = [(own, copied) for own, *copied in metas if copied]
    assert len(forks) == FILES // 6
    assert all(own["forked_from_id"] == copied[0]["id"] for own, copied in forks)
