"""No reader claims what an agent writes that none of them reads; shapes only, written by us."""

import json
from typing import Any

import pytest

from more_builders import lines
from precedent import plugins

READERS = {name: reader for name, (reader, _) in plugins.readers().items()}
AT = "2026-01-05T09:00:00.000Z"


def qwen(kind: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "uuid": f"u{number}", "parentUuid": None, "sessionId": "5f0c", "timestamp": AT, "type": kind, "cwd": "/code",
        "version": "0.21.6", **more,
    }  # fmt: skip


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


OTHERS: dict[str, bytes] = {
    "qwen-code": lines(
        qwen("user", 1, message=said("user", "use pnpm")),
        qwen("assistant", 2, message=said("model", "Done."), model="qwen3", usageMetadata={"promptTokenCount": 9}),
        qwen("tool_result", 3, message=said("user", "out"), toolCallResult={"callId": "c1"}),
        qwen("system", 4, subtype="ui_telemetry", systemPayload={"uiEvent": {}}),
    ),
    "qwen-code, telemetry first": lines(
        qwen("system", 4, subtype="ui_telemetry", systemPayload={"uiEvent": {}}),
        qwen("system", 5, subtype="attribution_snapshot", systemPayload={}),
        qwen("user", 1, message=said("user", "use pnpm")),
    ),
    "antigravity": lines(
        {"step_index": 0, "source": "USER", "type": "USER_INPUT", "status": "DONE", "created_at": AT,
         "content": "<USER_REQUEST>use pnpm</USER_REQUEST>"},
        {"step_index": 1, "source": "MODEL", "type": "PLANNER_RESPONSE", "status": "DONE", "created_at": AT,
         "thinking": "hm", "tool_calls": []},
    ),
    "mistral vibe": lines(
        {"role": "system", "content": "You are"},
        {"role": "user", "content": "use pnpm", "injected": False},
        {"role": "assistant", "content": "Done.", "tool_calls": [{"id": "c1", "function": {"name": "bash"}}]},
    ),
    "mistral vibe, one object": json.dumps(
        {"metadata": {"session_id": "s1", "start_time": AT}, "messages": [{"role": "user", "content": "x"}]}, indent=2
    ).encode(),
    "kiro cli": lines(
        {"version": "v1", "kind": "Prompt", "data": {"message_id": "m1", "content": [{"kind": "text", "data": "x"}]}},
        {"version": "v1", "kind": "AssistantMessage", "data": {"message_id": "m2", "content": []}},
        {"version": "v1", "kind": "ToolResults", "data": {"message_id": "m3", "content": []}},
    ),
    "cursor": lines(
        {"role": "user", "message": {"content": [{"type": "text", "text": "use pnpm"}]}},
        {"role": "assistant", "message": {"content": [{"type": "text", "text": "Done."}]}},
    ),
    "windsurf": lines(
        {"type": "user_input", "status": "done", "user_input": {"text": "use pnpm"}},
        {"type": "planner_response", "status": "done", "planner_response": {"text": "Done."}},
    ),
    "droid": lines(
        {"type": "session_start", "id": "5f0c", "title": "Pick", "owner": "ada", "cwd": "/code"},
        {"type": "message", "id": "m1", "timestamp": AT, "message": {"role": "user", "content": [{"type": "text"}]}},
        {"type": "todo_state", "id": "t1", "timestamp": AT, "todos": {}},
    ),
    "copilot in vs code": lines(
        {"kind": 0, "v": {"version": 3, "sessionId": "5f0c", "requests": [], "creationDate": 1}},
        {"kind": 1, "k": ["requests", 0, "response"], "v": []},
        {"kind": 2, "k": ["requests"], "v": [{"requestId": "r1", "message": {"text": "use pnpm"}}]},
    ),
    "amp": json.dumps(
        {"v": 1, "id": "T-5f0c", "created": 1767603600000, "title": "Pick", "env": {"initial": {"trees": []}},
         "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}], "messageId": 0}]}, indent=2
    ).encode(),
    "hermes": lines(
        {"role": "user", "content": "use pnpm", "_session": "s1", "_ts": 1.5, "timestamp": 1.5},
        {"role": "assistant", "content": "", "tool_calls": '[{"id": "c1", "function": {"name": "x"}}]', "_ts": 2.5},
    ),
    "a recorder's manifest": json.dumps({"promoted_at": AT, "agent_cli_version": "1", "recipe_hash": "9"}).encode(),
    "a recorder's metadata": json.dumps({"agent": "Gemini CLI", "session_id": "s1", "token_usage": {}}).encode(),
    "compacted by a recorder": lines({"v": 1, "agent": "claude-code", "type": "user", "content": [{"text": "x"}]}),
    "aider": b"# aider chat started at 2026-01-05 09:00:00\n\n#### use pnpm\n\nDone.\n",
    "a package's file": json.dumps({"name": "web", "version": "1.2.0", "type": "module", "directory": "/"}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_no_reader_claims_another_agents_file(name: str) -> None:
    assert [agent for agent, reader in READERS.items() if reader.detect(OTHERS[name])] == []
