"""Lines of transcripts with every field in the test's hand, and a ledger driven through the command line only."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

from typer.main import get_command

from precedent.cli import cli

SONNET = "claude-sonnet-4-5-20250929"
OPUS = "claude-opus-4-5-20251101"
CODEX = "gpt-5"
DAY = "2026-02-10"
KINDS = ("input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens")

Line = dict[str, Any]


class Ledger:
    """A data folder; every figure comes from the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            shutil.copytree(_empty(), folder)

    def call(self, *args: str, code: int = 0) -> str:
        """Run a command and return its data."""
        return self._invoke(args, code)[0]

    def say(self, *args: str) -> str:
        """Run a command and return all that a person sees."""
        return "".join(self._invoke(args, 0))

    def _invoke(self, args: tuple[str, ...], code: int) -> tuple[str, str]:
        out, err = (TextIOWrapper(BytesIO(), "utf-8", newline="") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            found = _command().main(["--data-dir", str(self.folder), *args], "precedent", standalone_mode=False)
        said = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            said.append(stream.read())
        assert (found or 0) == code, said
        return said[0], said[1]

    def ask(self, *args: str) -> Any:
        """Run a command and return its JSON."""
        return json.loads(self.call(*args, "--json"))

    def collect(self, *homes: Path, user: str = "") -> None:
        """Archive what is new in some homes; a person is called as their home, or as said."""
        for home in homes:
            self.call("collect", "--home", str(home), *(["--user", user] if user else []))

    def run(self) -> None:
        """Count what was archived."""
        self.call("run", "usage")

    def take(self, *homes: Path) -> "Ledger":
        """Archive some homes one after the other, count once."""
        self.collect(*homes)
        self.run()
        return self

    def each(self, *homes: Path) -> "Ledger":
        """Archive and count each home by itself."""
        for home in homes:
            self.take(home)
        return self

    def totals(self, *args: str) -> dict[str, Any]:
        """Return `usage totals`."""
        found: dict[str, Any] = self.ask("usage", "totals", *args)
        return found

    def counted(self, *args: str) -> tuple[int, ...]:
        """Return requests and the five kinds: input, output, five-minute and one-hour writes, reads."""
        totals = self.totals(*args)
        return (totals["requests"], *(totals[kind] for kind in KINDS))

    def cost(self, *args: str) -> int | None:
        """Return micro-dollars."""
        found: int | None = self.totals(*args)["cost_usd_micros"]
        return found

    def by(self, dimensions: str, *args: str) -> dict[Any, tuple[int, ...]]:
        """Return requests and the five kinds by one or more dimensions."""
        names = dimensions.split(",")
        rows = self.ask("usage", "by", dimensions, *args)
        keys = [tuple(row[name] for name in names) for row in rows]
        return {
            key if len(names) > 1 else key[0]: (row["requests"], *(row[kind] for kind in KINDS))
            for key, row in zip(keys, rows, strict=True)
            if any(row[kind] for kind in KINDS) or row["requests"]
        }

    def report(self) -> str:
        """Return everything that must not depend on the order of arrival, byte for byte."""
        return "\n".join(
            [
                self.call("usage", "by", "date,person,session,model", "--json"),
                self.call("usage", "by", "project,agent", "--json"),
                self.call("usage", "tools", "--by", "person,session", "--json"),
                self.call("usage", "tools", "--kind", "prompt", "--kind", "error", "--by", "person,session", "--json"),
                self.call("usage", "requests", "--json"),
                self.call("usage", "blocks", "--json"),
            ]
        )

    def events(self, kind: str, *args: str) -> dict[str, int]:
        """Return how often things of a kind were used, by name."""
        rows = self.ask("usage", "tools", "--kind", kind, *args)
        return {row["name"]: row["events"] for row in rows}

    def outcome(self, name: str, kind: str = "tool") -> tuple[int, int, int, int]:
        """Return calls, errors, rejected and interrupted ones of a tool."""
        rows = [row for row in self.ask("usage", "tools", "--kind", kind) if row["name"] == name]
        if not rows:
            return 0, 0, 0, 0
        assert len(rows) == 1
        return rows[0]["events"], rows[0]["errors"], rows[0]["rejected"], rows[0]["interrupted"]

    def shown(self, session: str) -> list[dict[str, Any]]:
        """Return the transcripts of a session."""
        found: list[dict[str, Any]] = self.ask("sessions", "show", session)
        return found


@cache
def _command() -> Any:
    """Return the command line, built once; building it takes longer than most commands."""
    return get_command(cli)


@cache
def _empty() -> Path:
    """Return a data folder with the schema and nothing else; made once, because that takes longer than a test."""
    folder = Path(tempfile.mkdtemp(prefix="precedent-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _command().main(["--data-dir", str(folder / "data"), "dead", "list"], "precedent", standalone_mode=False)
    return folder / "data"


def home(folder: Path, person: str) -> Path:
    """Return a person's home, made when it is not there."""
    path = folder / "homes" / person
    path.mkdir(parents=True, exist_ok=True)
    return path


def sid(number: int) -> str:
    """Return a session id; a greater number sorts later."""
    return f"{number:08d}-0000-4000-8000-000000000000"


def at(time: str) -> str:
    """Return `HH:MM:SS` of the usual day, or a whole time, as the agents write it."""
    return time if "T" in time else f"{DAY}T{time}.000Z"


def write(path: Path, lines: Iterable[Line | bytes]) -> Path:
    """Write a transcript anew: objects become compact JSON, bytes stay as they are; each gets its newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(packed(line) for line in lines))
    return path


def append(path: Path, lines: Iterable[Line | bytes]) -> Path:
    """Append lines, as an agent does."""
    with path.open("ab") as file:
        file.write(b"".join(packed(line) for line in lines))
    return path


def packed(line: Line | bytes) -> bytes:
    """Return the bytes of a line with its newline."""
    return (line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode()) + b"\n"


# Claude Code ----------------------------------------------------------------------------------------------------------


def main_file(base: Path, session: str, project: str = "-code-quay") -> Path:
    """Return where a session is kept."""
    return base / ".claude" / "projects" / project / f"{session}.jsonl"


def agent_file(base: Path, session: str, agent: str, below: str = "", project: str = "-code-quay") -> Path:
    """Return where a sub-agent's transcript is kept, perhaps in a folder below."""
    return base / ".claude" / "projects" / project / session / "subagents" / below / f"agent-{agent}.jsonl"


def claude(kind: str, session: str, time: str, **fields: Any) -> Line:
    """Return a line with what all lines have; a field that is `...` is left out."""
    value: Line = {
        "parentUuid": None,
        "isSidechain": False,
        "userType": "external",
        "cwd": "/code/quay",
        "sessionId": session,
        "version": "2.1.47",
        "gitBranch": "main",
        "type": kind,
        "uuid": f"uuid-{kind}-{time}-{len(json.dumps(fields, default=str))}",
        "timestamp": at(time),
    }
    return {name: each for name, each in (value | fields).items() if each is not ...}


def usage(inp: int = 0, out: int = 0, w5: int = 0, w1: int = 0, read: int = 0, **fields: Any) -> Line:
    """Return the counters of a response."""
    value: Line = {
        "input_tokens": inp,
        "output_tokens": out,
        "cache_creation_input_tokens": w5 + w1,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": w5, "ephemeral_1h_input_tokens": w1},
        "service_tier": "standard",
    }
    return {name: each for name, each in (value | fields).items() if each is not ...}


def text(value: str = "Done.") -> Line:
    """Return a block of text."""
    return {"type": "text", "text": value}


def call(call_id: str, tool: str, **given: Any) -> Line:
    """Return a block with a tool call."""
    return {"type": "tool_use", "id": call_id, "name": tool, "input": given}


def reply(
    message_id: Any,
    session: str,
    time: str,
    counters: Any,
    *blocks: Line,
    model: Any = SONNET,
    stop: str | None = "end_turn",
    **fields: Any,
) -> Line:
    """Return a line of a response; `...` leaves id or counters out."""
    message: Line = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(blocks) or [text()],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": counters,
    }
    message = {name: each for name, each in message.items() if each is not ...}
    return claude("assistant", session, time, **({"message": message, "requestId": f"req_{message_id}"} | fields))


def prompt(words: Any, session: str, time: str, **fields: Any) -> Line:
    """Return a user line."""
    return claude("user", session, time, **({"message": {"role": "user", "content": words}} | fields))


def result(
    call_id: str, session: str, time: str, told: str = "ok", *, is_error: Any = ..., tool_use_result: Any = ...
) -> Line:
    """Return what a tool answered."""
    block = {"tool_use_id": call_id, "type": "tool_result", "content": told}
    if is_error is not ...:
        block["is_error"] = is_error
    return claude(
        "user",
        session,
        time,
        message={"role": "user", "content": [block]},
        toolUseResult=tool_use_result,
        uuid=f"uuid-result-{call_id}",
    )


def progress(agent: str, session: str, time: str, inner: Line) -> Line:
    """Return a line in which a main transcript shows what a sub-agent said."""
    told = {name: inner[name] for name in ("type", "timestamp", "message", "requestId", "uuid") if name in inner}
    data = {"type": "agent_progress", "message": told, "normalizedMessages": [], "prompt": "Look.", "agentId": agent}
    return claude("progress", session, time, data=data, toolUseID=f"agent_{agent}", parentToolUseID=f"toolu_{agent}")


def side(line: Line, agent: str) -> Line:
    """Return the line as it stands in a sub-agent's transcript."""
    return line | {"isSidechain": True, "agentId": agent}


# Codex ----------------------------------------------------------------------------------------------------------------


def rollout(base: Path, session: str, *, archived: bool = False) -> Path:
    """Return where a Codex session is kept."""
    folder = base / ".codex" / ("archived_sessions" if archived else "sessions/2026/02/10")
    return folder / f"rollout-2026-02-10T09-00-00-{session}.jsonl"


def codex(kind: str, time: str, **payload: Any) -> Line:
    """Return an envelope."""
    return {"timestamp": at(time), "type": kind, "payload": payload}


def meta(session: str, time: str = "09:00:00", **fields: Any) -> Line:
    """Return the header of a rollout."""
    value: Line = {
        "id": session,
        "timestamp": at(time),
        "cwd": "/code/quay",
        "originator": "codex_cli_rs",
        "cli_version": "0.147.0",
        "source": "cli",
        "model_provider": "openai",
    }
    return codex("session_meta", time, **(value | fields))


def context(time: str, model: str = CODEX, **fields: Any) -> Line:
    """Return the beginning of a turn."""
    return codex("turn_context", time, **({"cwd": "/code/quay", "model": model} | fields))


def vector(inp: int, cached: int, out: int, reasoning: int = 0) -> Line:
    """Return Codex's counters; cached is part of input, reasoning of output."""
    return {
        "input_tokens": inp,
        "cached_input_tokens": cached,
        "output_tokens": out,
        "reasoning_output_tokens": reasoning,
        "total_tokens": inp + out,
    }


def count(time: str, total: Line | None, last: Line | None) -> Line:
    """Return a token count."""
    info = {"total_token_usage": total, "last_token_usage": last, "model_context_window": 272000}
    info = {name: each for name, each in info.items() if each is not None}
    return codex("event_msg", time, type="token_count", info=info, rate_limits=None)


def typed(words: str, time: str) -> Line:
    """Return what a person typed to Codex."""
    return codex("event_msg", time, type="user_message", message=words, images=[])
