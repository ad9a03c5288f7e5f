"""Rollouts as Codex writes them.

Source of the shapes: files of versions 0.118.0 to 0.147.0, described in docs/reference/formats.md.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from precedent.model import Tokens
from precedent.testing.clock import stamp
from precedent.transcripts.events import Outcome

from . import session as base
from .session import CWD, TOKENS, Json, LinedSession

MODEL = "gpt-5.4"


def line(kind: str, payload: Mapping[str, Any], *, at: float) -> bytes:
    """Return an envelope."""
    return base.line({"timestamp": stamp(at), "type": kind, "payload": payload})


def meta(session: str, *, at: float = 0, cwd: str = CWD, forked_from: str = "", spawned_by: str = "") -> bytes:
    """Return the header of a rollout."""
    payload: Json = {
        "id": session,
        "timestamp": stamp(at),
        "cwd": cwd,
        "originator": "codex_cli_rs",
        "cli_version": "0.147.0",
        "source": {"subagent": {"thread_spawn": {"parent_thread_id": spawned_by}}} if spawned_by else "cli",
        "model_provider": "openai",
        "git": {"branch": "main"},
    }
    return line("session_meta", payload | ({"forked_from_id": forked_from} if forked_from else {}), at=at)


def context(*, at: float = 0.5, cwd: str = CWD, model: str = MODEL) -> bytes:
    """Return what a turn begins with."""
    return line("turn_context", {"cwd": cwd, "approval_policy": "on-request", "model": model}, at=at)


def prompt(text: str, *, at: float = 1) -> bytes:
    """Return what a person typed."""
    return line("event_msg", {"type": "user_message", "message": text, "images": []}, at=at)


def call(call_id: str, command: str, *, at: float = 2) -> bytes:
    """Return a shell command."""
    payload = {
        "type": "function_call",
        "name": "exec_command",
        "arguments": json.dumps({"cmd": command}),
        "call_id": call_id,
    }
    return line("response_item", payload, at=at)


def output(call_id: str, text: str, *, at: float = 3, exit_code: int = 0) -> bytes:
    """Return what a shell command answered."""
    told = f"Process exited with code {exit_code}\nOutput:\n{text}"
    return line("response_item", {"type": "function_call_output", "call_id": call_id, "output": told}, at=at)


def tokens(total: tuple[int, int, int], last: tuple[int, int, int], *, at: float = 4) -> bytes:
    """Return a token count: input, cached of these, output; in total and of the last response."""

    def counters(numbers: tuple[int, int, int]) -> Json:
        into, cached, out = numbers
        return {
            "input_tokens": into,
            "cached_input_tokens": cached,
            "output_tokens": out,
            "reasoning_output_tokens": 0,
            "total_tokens": into + out,
        }

    info = {"total_token_usage": counters(total), "last_token_usage": counters(last), "model_context_window": 272000}
    return line("event_msg", {"type": "token_count", "info": info, "rate_limits": None}, at=at)


class Codex(LinedSession):
    """A rollout of Codex. It begins with its header.

    Args:
        name: stands for the session.
        cwd: the working folder.
        model: that answers.
        forked_from: id of the session that this one was forked from; `fork` makes such.
        spawned_by: id of the session whose sub-agent this is.
    """

    agent = "codex"
    usual_model = MODEL
    shell = "exec_command"

    def __init__(
        self,
        name: int | str = "harbour",
        *,
        cwd: str = CWD,
        model: str = "",
        forked_from: str = "",
        spawned_by: str = "",
    ) -> None:
        super().__init__(name, cwd=cwd, model=model)
        self._total = (0, 0, 0)
        self.raw(meta(self.id, cwd=cwd, forked_from=forked_from, spawned_by=spawned_by))

    @property
    def path(self) -> PurePosixPath:
        """Where Codex keeps it, below `sessions`."""
        return PurePosixPath("2026/01/05") / f"rollout-2026-01-05T09-00-00-{self.id}.jsonl"

    def command(self, text: str) -> Json:
        """Return the arguments of a shell command."""
        return {"cmd": text}

    def _item(self, **payload: Any) -> Self:
        return self.raw(line("response_item", payload, at=self._tick()))

    def _message(self, **payload: Any) -> Self:
        return self.raw(line("event_msg", payload, at=self.at))

    def prompt(self, text: str) -> Self:
        """A person types a prompt: a turn begins, and the text stands on two lines."""
        self.raw(context(at=self._tick(), cwd=self.cwd, model=self.model))
        self._item(type="message", role="user", content=[{"type": "input_text", "text": text}])
        return self._message(type="user_message", message=text, images=[])

    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers; Codex writes running totals."""
        self._message(type="agent_message", message=text)
        self._item(type="message", role="assistant", content=[{"type": "output_text", "text": text}])
        return self._count(tokens)

    def think(self, summary: str = "Counting berths.") -> Self:
        """The model thinks; the thought itself is encrypted."""
        return self._item(type="reasoning", summary=[{"type": "summary_text", "text": summary}], encrypted_content="x")

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls a tool, and the tool ends."""
        call_id = self._new("call_")
        self._item(type="function_call", name=tool, arguments=json.dumps(dict(arguments or {})), call_id=call_id)
        told = f"Process exited with code {1 if outcome is Outcome.ERROR else 0}\nOutput:\n{output}"
        if outcome is Outcome.REJECTED:
            self._message(type="exec_command_end", call_id=call_id, status="declined", exit_code=-1)
            told = "exec command rejected by user"
        elif outcome is Outcome.INTERRUPTED:
            told = "aborted by user after 2.1s"
        elif outcome is Outcome.ERROR:
            self._message(type="exec_command_end", call_id=call_id, status="failed", exit_code=1, stdout=output)
        self._item(type="function_call_output", call_id=call_id, output=told)
        return self._count(tokens)

    def _count(self, spent: Tokens) -> Self:
        cached = spent.cache_read
        last = (spent.input + cached + spent.cache_write_5m + spent.cache_write_1h, cached, spent.output)
        into, read, out = (before + more for before, more in zip(self._total, last, strict=True))
        self._total = (into, read, out)
        return self.raw(tokens(self._total, last, at=self._tick()))

    def repeat_count(self) -> Self:
        """Write the last token count again, as Codex does; it is no new request."""
        return self.raw(next(each for each in reversed(self.lines) if b'"token_count"' in each))

    def interrupt(self) -> Self:
        """The person stops the turn."""
        self._item(type="message", role="user", content=[{"type": "input_text", "text": "<turn_aborted>\nstopped"}])
        return self._message(type="turn_aborted", reason="interrupted", turn_id=self._new("turn-"))

    def compact(self, summary: str = "So far the berths were sorted.") -> Self:
        """The harness makes room."""
        return self.raw(line("compacted", {"message": summary}, at=self._tick()))

    def turn(self, seconds: float = 30) -> Self:
        """A turn ends."""
        return self._message(type="task_complete", turn_id=self._new("turn-"), duration_ms=round(seconds * 1000))

    def fork(self, name: int | str) -> "Codex":
        """Return a new session that repeats this one's history under its own header and goes on from its totals."""
        copy = Codex(name, cwd=self.cwd, model=self.model, forked_from=self.id)
        copy.lines += self.lines
        copy.at, copy._total = self.at, self._total
        return copy
