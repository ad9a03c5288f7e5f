"""Homes with transcripts of our own; their lines come from the kit, `precedent.testing`.

A line is bytes that end with a newline; a transcript is lines put together. Times are seconds after `START`.
"""

import os
from collections.abc import Callable
from pathlib import Path

from precedent.archive.sources import Home
from precedent.testing import START, START_US, ManualTime, session_id, stamp
from precedent.testing.sessions.claude_code import MODEL
from precedent.testing.sessions.claude_code import line as claude_line
from precedent.testing.sessions.claude_code import prompt as claude_prompt
from precedent.testing.sessions.claude_code import reply as claude_reply
from precedent.testing.sessions.claude_code import result as claude_result
from precedent.testing.sessions.codex import call as codex_call
from precedent.testing.sessions.codex import context as codex_context
from precedent.testing.sessions.codex import line as codex_line
from precedent.testing.sessions.codex import meta as codex_meta
from precedent.testing.sessions.codex import output as codex_output
from precedent.testing.sessions.codex import prompt as codex_prompt
from precedent.testing.sessions.codex import tokens as codex_tokens
from precedent.testing.sessions.session import CWD, line

__all__ = [
    "CWD",
    "MODEL",
    "START",
    "START_US",
    "ManualTime",
    "claude_line",
    "claude_path",
    "claude_prompt",
    "claude_reply",
    "claude_result",
    "claude_session",
    "claude_turn",
    "codex_call",
    "codex_context",
    "codex_line",
    "codex_meta",
    "codex_output",
    "codex_path",
    "codex_prompt",
    "codex_session",
    "codex_tokens",
    "fill",
    "grow",
    "home_of",
    "install",
    "line",
    "put",
    "session_id",
    "set_mtime",
    "stamp",
]

PROJECT = "-code-harbour"


# Claude Code --------------------------------------------------------------------------------------------------------


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
