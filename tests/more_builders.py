"""Transcripts of our own in the shapes that Pi, Copilot CLI, Gemini CLI and OpenCode write."""

import json
from typing import Any

from builders import session_id, stamp

EPOCH_MS = 1_767_603_600_000  # builders.START
CWD = "/code/harbour"


def lines(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value, separators=(",", ":")).encode() + b"\n" for value in values)


# Pi -----------------------------------------------------------------------------------------------------------------


def pi_header(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "session", "version": 3, "id": session_id(number), "timestamp": stamp(0), "cwd": CWD, **more,
    }  # fmt: skip


def pi_message(id: str, at: float, **message: Any) -> dict[str, Any]:
    return {
        "type": "message", "id": id, "parentId": None, "timestamp": stamp(at),
        "message": {"timestamp": EPOCH_MS + round(at * 1000), **message},
    }  # fmt: skip


def pi_reply(id: str, at: float, *, calls: tuple[str, ...] = (), stop: str = "stop", **usage: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": f"reply {id}"}]
    content += [{"type": "toolCall", "id": call, "name": "bash", "arguments": {"command": "ls"}} for call in calls]
    counters = {
        "input": 100, "output": 20, "cacheRead": 30, "cacheWrite": 4, "totalTokens": 154, "cost": {"total": 0.25},
    } | usage  # fmt: skip
    return pi_message(
        id, at, role="assistant", content=content, model="gpt-5.4", provider="openai", usage=counters, stopReason=stop
    )


def pi_result(id: str, at: float, call: str, *, failed: bool = False) -> dict[str, Any]:
    return pi_message(
        id, at, role="toolResult", toolCallId=call, toolName="bash", content=[{"type": "text", "text": "out"}],
        isError=failed,
    )  # fmt: skip


def pi_transcript() -> bytes:
    values = [
        pi_header(),
        {"type": "model_change", "id": "aa000001", "timestamp": stamp(1), "provider": "openai", "modelId": "gpt-5.4"},
        {"type": "thinking_level_change", "id": "aa000002", "timestamp": stamp(1), "thinkingLevel": "high"},
        pi_message("aa000003", 2, role="user", content=[{"type": "text", "text": "use pnpm"}]),
    ]
    for number in range(6):
        call = f"call_{number}"
        values += [
            pi_reply(f"bb00000{number}", 3 + number, calls=(call,), stop="toolUse"),
            pi_result(f"cc00000{number}", 3.5 + number, call, failed=number == 2),
        ]
    values += [
        pi_message("aa000004", 10, role="bashExecution", command="git status", output="clean", exitCode=0),
        {"type": "compaction", "id": "aa000005", "timestamp": stamp(11), "summary": "so far", "tokensBefore": 9},
        pi_reply("bb000009", 12),
    ]
    return lines(*values)


# Copilot CLI --------------------------------------------------------------------------------------------------------


def copilot_line(kind: str, at: float, *, agent: str = "", **data: Any) -> dict[str, Any]:
    more = {"agentId": agent} if agent else {}
    return {
        "type": kind, "data": data, "id": session_id(f"{kind} {at} {json.dumps(data)}"), "timestamp": stamp(at),
        "parentId": None, **more,
    }  # fmt: skip


def copilot_start(number: int = 1, at: float = 0) -> dict[str, Any]:
    return copilot_line(
        "session.start", at, sessionId=session_id(number), version=1, producer="copilot-agent",
        copilotVersion="1.0.78", startTime=stamp(at), context={"cwd": CWD, "gitRoot": CWD, "branch": "main"},
    )  # fmt: skip


def copilot_reply(at: float, *, output: int, calls: tuple[str, ...] = (), agent: str = "") -> dict[str, Any]:
    asked = [{"toolCallId": call, "name": "bash", "arguments": {"command": "ls"}, "type": "function"} for call in calls]
    return copilot_line(
        "assistant.message", at, agent=agent, messageId=session_id(f"m{at}"), model="gpt-5-mini",
        content=f"reply {at}", toolRequests=asked, outputTokens=output,
    )  # fmt: skip


def copilot_shutdown(at: float, **models: tuple[int, int, int, int]) -> dict[str, Any]:
    names = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
    metrics = {
        name.replace("_", "-"): {
            "requests": {"count": 1, "cost": 0},
            "usage": dict(zip(names, counters, strict=True)) | {"reasoningTokens": 1},
        }
        for name, counters in models.items()
    }
    return copilot_line("session.shutdown", at, shutdownType="routine", modelMetrics=metrics)


def copilot_result(at: float, call: str, **data: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"success": True, "result": {"content": "out"}} | data
    return copilot_line("tool.execution_complete", at, toolCallId=call, **told)


def copilot_transcript() -> bytes:
    values = [
        copilot_start(),
        copilot_line("session.auto_mode_resolved", 0.5, chosenModel="gpt-5-mini"),
        copilot_line("system.message", 1, role="system", content="You are"),
        copilot_line("user.message", 2, content="use pnpm", transformedContent="use pnpm <r>", delivery="idle"),
    ]
    for number in range(6):
        call = f"call_{number}"
        values += [
            copilot_line("assistant.turn_start", 3 + number, turnId=str(number)),
            copilot_reply(3.1 + number, output=10, calls=(call,)),
            copilot_line("tool.execution_start", 3.2 + number, toolCallId=call, toolName="bash", arguments={}),
            copilot_result(3.3 + number, call),
        ]
    values.append(copilot_shutdown(20, gpt_5_mini=(1000, 60, 400, 50)))
    return lines(*values)


# Gemini CLI ---------------------------------------------------------------------------------------------------------


def gemini_header(number: int | str = 1, **more: Any) -> dict[str, Any]:
    return {
        "sessionId": session_id(number), "projectHash": "ab" * 32, "startTime": stamp(0), "lastUpdated": stamp(0),
        "kind": "main", **more,
    }  # fmt: skip


def gemini_message(kind: str, id: str, at: float, content: Any, **more: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": stamp(at), "type": kind, "content": content, **more}


def gemini_user(id: str, at: float, text: str, **more: Any) -> dict[str, Any]:
    return gemini_message("user", id, at, [{"text": text}], **more)


def gemini_reply(id: str, at: float, *, calls: tuple[str, ...] = (), status: str = "success", **tokens: int) -> Any:
    counters = {"input": 100, "output": 20, "cached": 40, "thoughts": 5, "tool": 0, "total": 125} | tokens
    asked = [
        {
            "id": call, "name": "run_shell_command", "args": {"command": "ls"}, "status": status,
            "result": [{"functionResponse": {"id": call, "response": {"output": "out"}}}],
        }
        for call in calls
    ]  # fmt: skip
    more = {"toolCalls": asked} if asked else {}
    return gemini_message("gemini", id, at, f"reply {id}", model="gemini-3-pro", tokens=counters, thoughts=[], **more)


def gemini_messages() -> list[dict[str, Any]]:
    values = [gemini_user("u1", 1, "use pnpm")]
    for number in range(6):
        values += [
            gemini_reply(f"g{number}", 2 + number, calls=(f"call_{number}",)),
            gemini_message("user", f"r{number}", 2.5 + number, [{"functionResponse": {"id": f"call_{number}"}}]),
        ]
    return [*values, gemini_message("info", "i1", 9, "Model set"), gemini_reply("g9", 10)]


def gemini_transcript() -> bytes:
    first, *rest = gemini_messages()
    context = gemini_user("ctx", 0.5, "<session_context>\nThis is the Gemini CLI.")
    values = [gemini_header(), {"$set": {"messages": [context], "lastUpdated": stamp(1)}}, first]
    for each in rest:
        if "toolCalls" in each:
            values.append({name: value for name, value in each.items() if name != "toolCalls"})
        values += [each, {"$set": {"lastUpdated": each["timestamp"]}}]
    return lines(*values)


def gemini_document(*messages: dict[str, Any], **more: Any) -> bytes:
    header = {name: value for name, value in gemini_header().items() if name != "kind"}
    return json.dumps(header | {"messages": list(messages or gemini_messages())} | more, indent=2).encode() + b"\n"


# OpenCode -----------------------------------------------------------------------------------------------------------


def opencode_session(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    info = {
        "id": "ses_a1", "slug": "calm-pier", "projectID": "p1", "directory": CWD, "title": "Harbour",
        "version": "1.2.21", "time": {"created": EPOCH_MS, "updated": EPOCH_MS + 9000},
    } | more  # fmt: skip
    return {"info": info, "messages": list(messages)}


def opencode_user(id: str, at: float, text: str, *parts: dict[str, Any]) -> dict[str, Any]:
    info = {
        "id": id, "sessionID": "ses_a1", "role": "user", "agent": "build",
        "time": {"created": EPOCH_MS + round(at * 1000)},
    }  # fmt: skip
    return {"info": info, "parts": [*([{"type": "text", "text": text}] if text else []), *parts]}


def opencode_reply(id: str, at: float, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    created = EPOCH_MS + round(at * 1000)
    info = {
        "id": id, "sessionID": "ses_a1", "role": "assistant", "modelID": "claude-sonnet-4-5", "providerID": "anthropic",
        "time": {"created": created, "completed": created + 500}, "path": {"cwd": CWD, "root": CWD}, "cost": 0.5,
        "tokens": {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 40, "write": 7}}, "finish": "stop",
    } | more  # fmt: skip
    return {"info": info, "parts": [{"type": "step-start"}, {"type": "text", "text": f"reply {id}"}, *parts]}


def opencode_tool(call: str, *, tool: str = "bash", status: str = "completed", **state: Any) -> dict[str, Any]:
    return {
        "type": "tool", "callID": call, "tool": tool,
        "state": {"status": status, "input": {"command": "ls"}, "output": "out", **state},
    }  # fmt: skip


def opencode_document(session: dict[str, Any] | None = None) -> bytes:
    messages = [opencode_user("msg_u1", 1, "use pnpm")]
    messages += [
        opencode_reply(f"msg_a{number}", 2 + number, opencode_tool(f"toolcall_{number}")) for number in range(6)
    ]
    return json.dumps(session or opencode_session(*messages), indent=2).encode() + b"\n"


def opencode_lines(session: dict[str, Any] | None = None) -> bytes:
    """A session as its store is archived: the export's records, one a line."""
    whole = session or json.loads(opencode_document())
    return lines({"info": whole["info"]}, *whole["messages"])


def opencode_dump() -> bytes:
    """A session as tools that record it write it: one part a line."""

    def part(at: float, role: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
        known = {"_role": role, "_cwd": CWD, "_ts": EPOCH_MS + round(at * 1000), "_model": None, "_error": None}
        return value | known | more

    values = [part(1, "user", {"type": "text", "text": "use pnpm"}, _model="claude-sonnet-4-5")]
    for number in range(6):
        tool = opencode_tool(f"toolcall_{number}")
        values += [
            part(2 + number, "assistant", {"type": "step-start", "snapshot": "4b82"}),
            part(2.1 + number, "assistant", {"type": "text", "text": f"reply {number}"}),
            part(2.2 + number, "assistant", tool),
            part(2.3 + number, "assistant", {
                "type": "step-finish", "reason": "stop", "cost": 0.5,
                "tokens": {"total": 165, "input": 100, "output": 20, "reasoning": 5, "cache": {"read": 40, "write": 0}},
            }),
        ]  # fmt: skip
    return lines(*values)
