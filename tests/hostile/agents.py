"""What each agent's transcripts are made of, in the smallest form: a header, prompts, replies, and a line of each kind.

A prompt is known by its text, `good N`. Every session has ids of its own, so that no transcript shows another's.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from builders import session_id, stamp
from precedent.transcripts import claude_code, codex, copilot_cli, gemini_cli, opencode, pi
from precedent.transcripts.contract import Reader

CWD = "/code/harbour"
EPOCH_MS = 1_767_603_600_000  # builders.START
Value = dict[str, Any]


class Agent(NamedTuple):
    """One agent.

    Attributes:
        reader: its reader.
        module: that the children load it from.
        place: where a session's file is, below the home.
        header: the lines that a transcript begins with, by session.
        prompt: the line of the n-th prompt.
        reply: the lines of the n-th reply, of one request each if `bills`.
        others: a line of every other kind that the reader knows something about.
        whole: puts the objects of the lines together to a file's content; None for one object a line.
    """

    reader: Reader
    module: str
    place: Callable[[str], str]
    header: Callable[[str], list[Value]]
    prompt: Callable[[str, int], Value]
    reply: Callable[[str, int], list[Value]]
    others: Callable[[str], list[Value]]
    bills: bool = True
    whole: Callable[[str, list[bytes]], bytes] | None = None

    def content(self, session: str, lines: list[bytes]) -> bytes:
        """Put lines (each without its newline) together to what a file holds."""
        return b"".join(line + b"\n" for line in lines) if self.whole is None else self.whole(session, lines)

    def lines(self, session: str, turns: int = 3) -> list[bytes]:
        """Return a session's lines: header, and prompts with their replies."""
        values = self.header(session)
        for number in range(1, turns + 1):
            values += [self.prompt(session, number), *self.reply(session, number)]
        return [dumped(each) for each in values]


def dumped(value: Any) -> bytes:
    """Return a value as agents write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _id(session: str, *of: object) -> str:
    return session_id(f"{session} {of}")


# Claude Code --------------------------------------------------------------------------------------------------------


def _claude(session: str, kind: str, at: float, **fields: Any) -> Value:
    return {
        "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": CWD, "sessionId": session,
        "version": "2.1.47", "gitBranch": "main", "type": kind, "uuid": _id(session, kind, at), "timestamp": stamp(at),
    } | fields  # fmt: skip


def _claude_reply(session: str, number: int, content: list[Value], at: float) -> Value:
    usage = {
        "input_tokens": 3, "output_tokens": 50, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 2000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "server_tool_use": {"web_search_requests": 0}, "service_tier": "standard", "speed": "standard",
        "iterations": [{"type": "message", "input_tokens": 3, "output_tokens": 50}],
    }  # fmt: skip
    message = {
        "id": f"msg_{session}_{number}", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5-20250929", "content": content, "stop_reason": "end_turn", "usage": usage,
    }  # fmt: skip
    return _claude(session, "assistant", at, message=message, requestId=f"req_{session}_{number}")


def _claude_others(session: str) -> list[Value]:
    call = f"toolu_{session}"
    asked = [{"type": "tool_use", "id": call, "name": "Agent", "input": {"command": "ls", "subagent_type": "x"}}]
    block = {"tool_use_id": call, "type": "tool_result", "content": [{"type": "text", "text": "out"}], "is_error": True}
    result = {
        "agentId": "a1", "agentType": "x", "resolvedModel": "claude-haiku-4-5-20251001", "searchCount": 1,
        "usage": {"input_tokens": 1, "output_tokens": 2}, "interrupted": False, "totalDurationMs": 5,
    }  # fmt: skip
    inner = _claude_reply(session, 91, [{"type": "text", "text": "inner"}], 91)
    return [
        _claude_reply(session, 90, asked, 90),
        _claude(session, "user", 92, message={"role": "user", "content": [block]}, toolUseResult=result),
        _claude(session, "progress", 93, data={"type": "agent_progress", "agentId": "a1", "message": inner}),
        _claude(session, "system", 94, subtype="turn_duration", durationMs=1200),
        _claude(session, "system", 95, subtype="api_error", error={"status": 529}),
        _claude(session, "queue-operation", 96, operation="enqueue", content="later"),
        _claude(session, "attachment", 97, attachment={"type": "queued_command", "prompt": "and then"}),
        {"type": "ai-title", "aiTitle": "Harbour", "sessionId": session},
        {"type": "summary", "summary": "Harbour", "leafUuid": _id(session, "leaf")},
    ]


CLAUDE = Agent(
    claude_code.READER,
    "precedent.transcripts.claude_code:READER",
    lambda session: f".claude/projects/-code-harbour/{session}.jsonl",
    lambda session: [_claude(session, "permission-mode", 0, permissionMode="default")],
    lambda session, number: _claude(session, "user", number, message={"role": "user", "content": f"good {number}"}),
    lambda session, number: [_claude_reply(session, number, [{"type": "text", "text": "Done."}], number + 0.5)],
    _claude_others,
)

# Codex --------------------------------------------------------------------------------------------------------------


def _codex(kind: str, at: float, **payload: Any) -> Value:
    return {"timestamp": stamp(at), "type": kind, "payload": payload}


def _codex_counters(number: int) -> Value:
    return {
        "input_tokens": 1000 * number, "cached_input_tokens": 600 * number, "output_tokens": 80 * number,
        "reasoning_output_tokens": 0, "total_tokens": 1080 * number, "cache_write_input_tokens": 0,
    }  # fmt: skip


def _codex_others(session: str) -> list[Value]:
    call = f"call_{session}"
    return [
        _codex("response_item", 90, type="function_call", name="exec_command", arguments='{"cmd":"ls"}', call_id=call),
        _codex("response_item", 91, type="function_call_output", call_id=call, output="Process exited with code 1\n"),
        _codex("event_msg", 92, type="exec_command_end", call_id=call, exit_code=1, status="failed"),
        _codex("response_item", 93, type="message", role="assistant", content=[{"type": "output_text", "text": "a"}]),
        _codex("event_msg", 94, type="task_complete", turn_id="t", duration_ms=1200),
        _codex("event_msg", 95, type="turn_aborted", turn_id="t", reason="interrupted"),
        _codex("event_msg", 96, type="thread_settings_applied", thread_settings={"service_tier": "flex", "model": "m"}),
        _codex("compacted", 97, message="so far"),
    ]


CODEX = Agent(
    codex.READER,
    "precedent.transcripts.codex:READER",
    lambda session: f".codex/sessions/2026/01/05/rollout-2026-01-05T09-00-00-{session}.jsonl",
    lambda session: [
        _codex(
            "session_meta", 0, id=session, timestamp=stamp(0), cwd=CWD, originator="cli", cli_version="0.147.0",
            source="cli", git={"branch": "main"},
        ),
        _codex("turn_context", 0.5, cwd=CWD, model="gpt-5.4", approval_policy="never"),
    ],
    lambda session, number: _codex("event_msg", number, type="user_message", message=f"good {number}", images=[]),
    lambda session, number: [
        _codex(
            "event_msg", number + 0.5, type="token_count",
            info={"total_token_usage": _codex_counters(number), "last_token_usage": _codex_counters(1)},
        )
    ],
    _codex_others,
)  # fmt: skip

# Pi -----------------------------------------------------------------------------------------------------------------


def _pi(session: str, at: float, **message: Any) -> Value:
    return {
        "type": "message", "id": _id(session, at, message.get("role"))[:8], "parentId": None, "timestamp": stamp(at),
        "message": {"timestamp": EPOCH_MS + round(at * 1000), **message},
    }  # fmt: skip


def _pi_reply(session: str, at: float, *more: Value, stop: str = "stop") -> Value:
    usage = {
        "input": 100, "output": 20, "cacheRead": 30, "cacheWrite": 4, "totalTokens": 154,
        "cost": {"input": 0.1, "output": 0.1, "total": 0.25},
    }  # fmt: skip
    content = [{"type": "text", "text": "Done."}, *more]
    return _pi(
        session, at, role="assistant", content=content, model="gpt-5.4", provider="openai", usage=usage, stopReason=stop
    )


def _pi_others(session: str) -> list[Value]:
    call = {"type": "toolCall", "id": "call_1", "name": "bash", "arguments": {"command": "ls"}}
    text = [{"type": "text", "text": "out"}]
    return [
        _pi_reply(session, 90, call, stop="toolUse"),
        _pi(session, 91, role="toolResult", toolCallId="call_1", toolName="bash", content=text, isError=True),
        _pi(session, 92, role="bashExecution", command="git status", output="clean", exitCode=0),
        {"type": "compaction", "id": "aa01", "timestamp": stamp(93), "summary": "so far", "tokensBefore": 9},
        {"type": "model_change", "id": "aa02", "timestamp": stamp(94), "provider": "openai", "modelId": "gpt-5.4"},
        _pi_reply(session, 95, stop="aborted"),
    ]


PI = Agent(
    pi.READER,
    "precedent.transcripts.pi:READER",
    lambda session: f".pi/agent/sessions/--code-harbour--/2026-01-05T09-00-00-000Z_{session}.jsonl",
    lambda session: [{"type": "session", "version": 3, "id": session, "timestamp": stamp(0), "cwd": CWD}],
    lambda session, number: _pi(session, number, role="user", content=[{"type": "text", "text": f"good {number}"}]),
    lambda session, number: [_pi_reply(session, number + 0.5)],
    _pi_others,
)

# Copilot CLI --------------------------------------------------------------------------------------------------------


def _copilot(session: str, kind: str, at: float, **data: Any) -> Value:
    return {"type": kind, "data": data, "id": _id(session, kind, at), "timestamp": stamp(at), "parentId": None}


def _copilot_others(session: str) -> list[Value]:
    asked = [{"toolCallId": "call_1", "name": "bash", "arguments": {"command": "ls"}, "type": "function"}]
    usage = {
        "inputTokens": 1000, "outputTokens": 30, "cacheReadTokens": 400, "cacheWriteTokens": 50, "reasoningTokens": 1,
    }  # fmt: skip
    metrics = {"gpt-5-mini": {"requests": {"count": 1, "cost": 0}, "usage": usage}}
    return [
        _copilot(session, "assistant.message", 90, messageId="m90", model="gpt-5-mini", toolRequests=asked),
        _copilot(session, "tool.execution_complete", 91, toolCallId="call_1", success=False, error={"code": "denied"}),
        _copilot(session, "session.model_change", 92, newModel="gpt-5-mini"),
        _copilot(session, "session.compaction_complete", 93, success=True, summaryContent="so far",
                 compactionTokensUsed={"input": 10, "output": 2, "cachedInput": 1}),
        _copilot(session, "session.error", 94, errorType="x", message="no"),
        _copilot(session, "session.shutdown", 95, shutdownType="routine", modelMetrics=metrics),
    ]  # fmt: skip


COPILOT = Agent(
    copilot_cli.READER,
    "precedent.transcripts.copilot_cli:READER",
    lambda session: f".copilot/session-state/{session}/events.jsonl",
    lambda session: [
        _copilot(session, "session.start", 0, sessionId=session, version=1, producer="copilot-agent",
                 copilotVersion="1.0.78", startTime=stamp(0), context={"cwd": CWD, "branch": "main"}),
    ],
    lambda session, number: _copilot(session, "user.message", number, content=f"good {number}", delivery="idle"),
    lambda session, number: [
        _copilot(session, "assistant.message", number + 0.5, messageId=f"m{number}", model="gpt-5-mini",
                 content="Done.", outputTokens=10)
    ],
    _copilot_others,
    bills=False,
)  # fmt: skip

# Gemini CLI ---------------------------------------------------------------------------------------------------------


def _gemini(kind: str, id: str, at: float, content: Any, **more: Any) -> Value:
    return {"id": id, "timestamp": stamp(at), "type": kind, "content": content, **more}


def _gemini_reply(number: int, at: float, **more: Any) -> Value:
    tokens = {"input": 100, "output": 20, "cached": 40, "thoughts": 5, "tool": 0, "total": 125}
    return _gemini("gemini", f"g{number}", at, "Done.", model="gemini-3-pro", tokens=tokens, thoughts=[], **more)


def _gemini_header(session: str) -> Value:
    return {
        "sessionId": session, "projectHash": "ab" * 32, "startTime": stamp(0), "lastUpdated": stamp(0), "kind": "main",
    }  # fmt: skip


def _gemini_call() -> Value:
    answer = [{"functionResponse": {"id": "call_1", "response": {"output": "out"}}}]
    return {"id": "call_1", "name": "shell", "args": {"command": "ls"}, "status": "error", "result": answer}


def _gemini_others(session: str) -> list[Value]:
    return [
        _gemini_reply(90, 90, toolCalls=[_gemini_call()]),
        _gemini("user", "r90", 91, [{"functionResponse": {"id": "call_1"}}]),
        _gemini("info", "i90", 92, "Model set"),
        _gemini("error", "e90", 93, "no"),
        {"$set": {"summary": "Harbour", "lastUpdated": stamp(94)}},
        {"$set": {"messages": [_gemini("user", "u91", 95, [{"text": "context"}])]}},
        {"$rewindTo": "u91"},
    ]


def _gemini_prompt(session: str, number: int) -> Value:
    return _gemini("user", f"u{number}", number, [{"text": f"good {number}"}])


GEMINI = Agent(
    gemini_cli.READER,
    "precedent.transcripts.gemini_cli:READER",
    lambda session: f".gemini/tmp/harbour/chats/session-2026-01-05T09-00-{session}.jsonl",
    lambda session: [_gemini_header(session)],
    _gemini_prompt,
    lambda session, number: [_gemini_reply(number, number + 0.5)],
    _gemini_others,
)


def _gemini_whole(session: str, lines: list[bytes]) -> bytes:
    head = dumped({name: value for name, value in _gemini_header(session).items() if name != "kind"})
    return head[:-1] + b',"messages":[\n' + b",\n".join(lines) + b"\n]}\n"


GEMINI_DOCUMENT = GEMINI._replace(
    place=lambda session: f".gemini/tmp/harbour/chats/session-2026-01-05T09-01-{session}.json",
    header=lambda session: [],
    others=lambda session: _gemini_others(session)[:4],
    whole=_gemini_whole,
)

# OpenCode -----------------------------------------------------------------------------------------------------------


def _opencode(session: str, role: str, id: str, at: float, parts: list[Value], **more: Any) -> Value:
    created = EPOCH_MS + round(at * 1000)
    info = {"id": id, "sessionID": f"ses_{session}", "role": role, "time": {"created": created}}
    return {"info": info | more, "parts": parts}


def _opencode_reply(session: str, number: int, *more: Value) -> Value:
    tokens = {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 40, "write": 7}}
    return _opencode(
        session, "assistant", f"msg_{session}_a{number}", number + 0.5, [{"type": "text", "text": "Done."}, *more],
        modelID="claude-sonnet-4-5", providerID="anthropic", path={"cwd": CWD, "root": CWD}, cost=0.5, tokens=tokens,
        finish="stop",
    )  # fmt: skip


def _opencode_others(session: str) -> list[Value]:
    state = {"status": "error", "input": {"command": "ls"}, "error": "no", "time": {"start": 1, "end": 2}}
    step = {"type": "step-finish", "cost": 0.1, "tokens": {"input": 1, "output": 1}, "reason": "stop"}
    return [
        _opencode_reply(session, 90, {"type": "tool", "callID": "call_1", "tool": "bash", "state": state}, step),
        _opencode(session, "user", f"msg_{session}_u91", 91, [{"type": "text", "text": "x", "synthetic": True}]),
        _opencode(session, "user", f"msg_{session}_u92", 92, [{"type": "subtask", "command": "review", "prompt": "p"}]),
    ]


def _opencode_whole(session: str, lines: list[bytes]) -> bytes:
    info = {
        "id": f"ses_{session}", "slug": "calm-pier", "projectID": "p1", "directory": CWD, "title": "Harbour",
        "version": "1.2.21", "time": {"created": EPOCH_MS, "updated": EPOCH_MS + 9000},
    }  # fmt: skip
    return b'{"info":' + dumped(info) + b',"messages":[\n' + b",\n".join(lines) + b"\n]}\n"


OPENCODE = Agent(
    opencode.READER,
    "precedent.transcripts.opencode:READER",
    # Its exports have no folder of their own; a file is known by its content wherever it lies.
    lambda session: f".claude/projects/exports/{session}.jsonl",
    lambda session: [],
    lambda session, number: _opencode(
        session, "user", f"msg_{session}_u{number}", number, [{"type": "text", "text": f"good {number}"}]
    ),
    lambda session, number: [_opencode_reply(session, number)],
    _opencode_others,
    whole=_opencode_whole,
)

LINED = {
    "claude-code": CLAUDE, "codex": CODEX, "pi": PI, "copilot-cli": COPILOT, "gemini-cli": GEMINI,
}  # fmt: skip
DOCUMENTS = {"gemini-cli document": GEMINI_DOCUMENT, "opencode": OPENCODE}
AGENTS = LINED | DOCUMENTS


def home_file(home: Path, agent: Agent, session: str) -> Path:
    """Return where a session's file is."""
    return home / agent.place(session)
