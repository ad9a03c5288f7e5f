"""Transcripts of our own in the shapes that Claude Code and Codex write, homes to put them in, and a clock to hold.

A line is bytes that end with a newline; a transcript is lines put together. Times are seconds after `START`.
"""

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from precedent.archive.sources import Home
from precedent.clock import SECOND, Clock

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
START_US = round(START.timestamp()) * SECOND
MODEL = "claude-sonnet-4-5-20250929"
CODEX_MODEL = "gpt-5.4"
CWD = "/code/harbour"
PROJECT = "-code-harbour"


class ManualTime:
    """A clock that a test sets: time stands still until it is advanced."""

    def __init__(self, now: int = START_US, *, chance: float = 0.5) -> None:
        self.now = now
        self.chance = chance

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, random=lambda: self.chance)


def session_id(number: int | str) -> str:
    """Return a session id that looks like the agents'; the same for the same number."""
    digits = hashlib.blake2b(f"session {number}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def stamp(at: float) -> str:
    """Return the time that is `at` seconds after the start, as the agents write it."""
    return (START + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(value: dict[str, Any]) -> bytes:
    """Return one JSON line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# Claude Code --------------------------------------------------------------------------------------------------------


def claude_line(kind: str, *, session: str, at: float, cwd: str = CWD, agent: str = "", **fields: Any) -> bytes:
    """Return a line with what every line of Claude Code has."""
    told = json.dumps(fields, sort_keys=True, default=str)
    value: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": bool(agent),
        "userType": "external",
        "cwd": cwd,
        "sessionId": session,
        "version": "2.1.47",
        "gitBranch": "main",
        "type": kind,
        "uuid": session_id(f"{session} {agent} {at} {told}"),
        "timestamp": stamp(at),
    }
    return line(value | ({"agentId": agent} if agent else {}) | fields)


def claude_prompt(text: str, *, session: str, at: float = 0, cwd: str = CWD, agent: str = "") -> bytes:
    """Return what a person typed."""
    message = {"role": "user", "content": text}
    return claude_line("user", session=session, at=at, cwd=cwd, agent=agent, message=message)


def claude_reply(
    message_id: str,
    *,
    session: str,
    at: float = 1,
    text: str = "Done.",
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (),
    tokens: tuple[int, int, int, int] = (3, 50, 100, 2000),
    model: str = MODEL,
    stop_reason: str | None = "end_turn",
    cwd: str = CWD,
    agent: str = "",
) -> bytes:
    """Return a model's response.

    Args:
        message_id: the same on several lines makes them one response.
        calls: tool calls as (call id, tool, input).
        tokens: input, output, cache write, cache read.
    """
    into, out, written, read = tokens
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": call, "name": tool, "input": given} for call, tool, given in calls]
    message = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": into,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": out,
            "service_tier": "standard",
        },
    }
    request = f"req_{message_id}"
    return claude_line("assistant", session=session, at=at, cwd=cwd, agent=agent, message=message, requestId=request)


def claude_result(
    call_id: str, text: str, *, session: str, at: float = 2, is_error: bool = False, cwd: str = CWD, agent: str = ""
) -> bytes:
    """Return what a tool answered."""
    block = {"tool_use_id": call_id, "type": "tool_result", "content": text, "is_error": is_error}
    message = {"role": "user", "content": [block]}
    outcome = f"Error: {text}" if is_error else {"stdout": text, "stderr": "", "interrupted": False}
    return claude_line("user", session=session, at=at, cwd=cwd, agent=agent, message=message, toolUseResult=outcome)


def claude_turn(
    session: str, number: int, *, cwd: str = CWD, agent: str = "", text: str = "", prefix: str = ""
) -> bytes:
    """Return a prompt, two responses with a tool call, and its result: two requests, one call."""
    at, stem = number * 60.0, prefix or f"{session}{agent}"
    call = f"toolu_{stem}_{number}"
    first = claude_reply(
        f"msg_{stem}_{number}a",
        session=session, at=at + 1, text="", calls=((call, "Bash", {"command": "make test"}),),
        stop_reason="tool_use", tokens=(4, 30 + number, 120, 1500 + number), cwd=cwd, agent=agent,
    )  # fmt: skip
    return b"".join(
        [
            claude_prompt(text or f"Please look at berth {number}.", session=session, at=at, cwd=cwd, agent=agent),
            first,
            claude_result(call, "12 passed", session=session, at=at + 3, cwd=cwd, agent=agent),
            claude_reply(f"msg_{stem}_{number}b", session=session, at=at + 5, cwd=cwd, agent=agent),
        ]
    )


def claude_session(
    session: str, turns: int = 2, *, first: int = 0, cwd: str = CWD, agent: str = "", prefix: str = ""
) -> bytes:
    """Return a session of some turns, each of two requests and one tool call.

    Args:
        first: number of the first turn; the rest of a session is one with a later first turn.
        prefix: of message and call ids; the same in two sessions makes one a copy of the other.
    """
    numbers = range(first, first + turns)
    return b"".join(claude_turn(session, number, cwd=cwd, agent=agent, prefix=prefix) for number in numbers)


def claude_path(home: Path, session: str, *, agent: str = "", project: str = PROJECT) -> Path:
    """Return where Claude Code keeps a session, or the transcript of one of its sub-agents."""
    folder = home / ".claude" / "projects" / project
    return folder / session / "subagents" / f"agent-{agent}.jsonl" if agent else folder / f"{session}.jsonl"


# Codex --------------------------------------------------------------------------------------------------------------


def codex_line(kind: str, payload: dict[str, Any], *, at: float) -> bytes:
    """Return an envelope."""
    return line({"timestamp": stamp(at), "type": kind, "payload": payload})


def codex_meta(session: str, *, at: float = 0, cwd: str = CWD, forked_from: str = "", spawned_by: str = "") -> bytes:
    """Return the header of a rollout."""
    payload: dict[str, Any] = {
        "id": session,
        "timestamp": stamp(at),
        "cwd": cwd,
        "originator": "codex_cli_rs",
        "cli_version": "0.147.0",
        "source": {"subagent": {"thread_spawn": {"parent_thread_id": spawned_by}}} if spawned_by else "cli",
        "model_provider": "openai",
        "git": {"branch": "main"},
    }
    return codex_line("session_meta", payload | ({"forked_from_id": forked_from} if forked_from else {}), at=at)


def codex_context(*, at: float = 0.5, cwd: str = CWD, model: str = CODEX_MODEL) -> bytes:
    """Return what a turn begins with."""
    return codex_line("turn_context", {"cwd": cwd, "approval_policy": "on-request", "model": model}, at=at)


def codex_prompt(text: str, *, at: float = 1) -> bytes:
    """Return what a person typed."""
    return codex_line("event_msg", {"type": "user_message", "message": text, "images": []}, at=at)


def codex_call(call_id: str, command: str, *, at: float = 2) -> bytes:
    """Return a shell command."""
    payload = {
        "type": "function_call",
        "name": "exec_command",
        "arguments": json.dumps({"cmd": command}),
        "call_id": call_id,
    }
    return codex_line("response_item", payload, at=at)


def codex_output(call_id: str, text: str, *, at: float = 3, exit_code: int = 0) -> bytes:
    """Return what a shell command answered."""
    output = f"Process exited with code {exit_code}\nOutput:\n{text}"
    return codex_line("response_item", {"type": "function_call_output", "call_id": call_id, "output": output}, at=at)


def codex_tokens(total: tuple[int, int, int], last: tuple[int, int, int], *, at: float = 4) -> bytes:
    """Return a token count: input, cached of these, output; in total and of the last response."""

    def counters(numbers: tuple[int, int, int]) -> dict[str, int]:
        into, cached, out = numbers
        return {
            "input_tokens": into,
            "cached_input_tokens": cached,
            "output_tokens": out,
            "reasoning_output_tokens": 0,
            "total_tokens": into + out,
        }

    info = {"total_token_usage": counters(total), "last_token_usage": counters(last), "model_context_window": 272000}
    return codex_line("event_msg", {"type": "token_count", "info": info, "rate_limits": None}, at=at)


def codex_session(session: str, turns: int = 2, *, cwd: str = CWD) -> bytes:
    """Return a rollout of some turns, each of one request and one shell command."""
    lines = [codex_meta(session, cwd=cwd)]
    for number in range(1, turns + 1):
        at = number * 60.0
        lines += [
            codex_context(at=at, cwd=cwd),
            codex_prompt(f"Please look at jetty {number}.", at=at + 1),
            codex_call(f"call_{session}_{number}", "make lint", at=at + 2),
            codex_output(f"call_{session}_{number}", "All checks passed!", at=at + 3),
            codex_tokens((1000 * number, 600 * number, 80 * number), (1000, 600, 80), at=at + 4),
        ]
    return b"".join(lines)


def codex_path(home: Path, session: str, *, archived: bool = False) -> Path:
    """Return where Codex keeps a rollout."""
    name = f"rollout-2026-01-05T09-00-00-{session}.jsonl"
    if archived:
        return home / ".codex" / "archived_sessions" / name
    return home / ".codex" / "sessions" / "2026" / "01" / "05" / name


# Homes --------------------------------------------------------------------------------------------------------------


def home_of(folder: Path, user: str = "ada") -> Home:
    """Return a person's home below a folder; made when it is not there."""
    path = folder / "homes" / user
    path.mkdir(parents=True, exist_ok=True)
    return Home(path, user)


def put(path: Path, data: bytes) -> Path:
    """Write a file anew, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def grow(path: Path, data: bytes) -> None:
    """Append to a file, as an agent does."""
    with path.open("ab") as file:
        file.write(data)


def set_mtime(path: Path, seconds: float) -> None:
    """Set a file's modification time, in seconds after the start."""
    at = START.timestamp() + seconds
    os.utime(path, (at, at))


def fill(home: Home, *, sessions: int = 1, turns: int = 2, first: int = 0) -> list[Path]:
    """Write some sessions of Claude Code into a home and return their files."""
    name: Callable[[int], str] = lambda number: session_id(f"{home.user} {number}")  # noqa: E731
    return [
        put(claude_path(home.path, name(number)), claude_session(name(number), turns))
        for number in range(first, first + sessions)
    ]


# Plugins ------------------------------------------------------------------------------------------------------------


def install(folder: Path, **processors: str) -> str:
    """Install processors, `name="module:attribute"`, for processes that get the returned path as their `PYTHONPATH`."""
    info = folder / "precedent_test_plugins-1.0.dist-info"
    points = "".join(f"{name} = {path}\n" for name, path in processors.items())
    put(info / "METADATA", b"Metadata-Version: 2.1\nName: precedent-test-plugins\nVersion: 1.0\n")
    put(info / "entry_points.txt", f"[precedent.processors]\n{points}".encode())
    return os.pathsep.join([str(folder), str(Path(__file__).parent)])
