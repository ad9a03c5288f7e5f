"""Transcripts as Pi writes them.

Source of the shapes: files of format version 3, described in docs/reference/formats-more.md.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from precedent.model import Tokens
from precedent.testing.clock import epoch_ms, stamp
from precedent.transcripts.events import Outcome

from .session import CWD, TOKENS, Json, LinedSession


class Pi(LinedSession):
    """A session of Pi. It begins with its header; see `Session` for the arguments."""

    agent = "pi"
    usual_model = "gpt-5.4"

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "") -> None:
        super().__init__(name, cwd=cwd, model=model)
        self._last: str | None = None
        self.write({"type": "session", "version": 3, "id": self.id, "timestamp": stamp(0), "cwd": cwd})
        self._entry("model_change", provider="openai", modelId=self.model)

    @property
    def path(self) -> PurePosixPath:
        """Where Pi keeps it."""
        return PurePosixPath(f"--{self.cwd.strip('/').replace('/', '-')}--") / f"2026-01-05T09-00-00_{self.id}.jsonl"

    def _entry(self, kind: str, **fields: Any) -> Self:
        """Add an entry to the tree, below the last one."""
        id_ = self._new("")[:8]
        self.write({"type": kind, "id": id_, "parentId": self._last, "timestamp": stamp(self._tick()), **fields})
        self._last = id_
        return self

    def _message(self, role: str, **fields: Any) -> Self:
        return self._entry("message", message={"role": role, "timestamp": epoch_ms(self.at + 1), **fields})

    def prompt(self, text: str) -> Self:
        """A person types a prompt."""
        return self._message("user", content=[{"type": "text", "text": text}])

    def _answer(self, content: list[Json], tokens: Tokens, *, stop: str) -> Self:
        write = tokens.cache_write_5m + tokens.cache_write_1h
        usage = {
            "input": tokens.input, "output": tokens.output, "cacheRead": tokens.cache_read, "cacheWrite": write,
            "totalTokens": tokens.total, "cost": {"total": 0.25},
        }  # fmt: skip
        return self._message(
            "assistant", content=content, model=self.model, provider="openai", usage=usage, stopReason=stop
        )

    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers."""
        content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
        return self._answer(content, tokens, stop="stop")

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls a tool, and the tool ends; Pi knows success and failure only."""
        call_id = self._new("call_")
        asked = {"type": "toolCall", "id": call_id, "name": tool, "arguments": dict(arguments or {})}
        self._answer([asked], tokens, stop="toolUse")
        content = [{"type": "text", "text": output}]
        failed = outcome is not Outcome.OK
        return self._message("toolResult", toolCallId=call_id, toolName=tool, content=content, isError=failed)

    def interrupt(self) -> Self:
        """The person stops the agent while it answers."""
        return self._answer([], Tokens(), stop="aborted")

    def shell_command(self, command: str, *, output: str = "clean") -> Self:
        """A person runs a shell command of their own."""
        return self._message("bashExecution", command=command, output=output, exitCode=0)

    def compact(self, summary: str = "So far the berths were sorted.") -> Self:
        """The harness makes room."""
        return self._entry("compaction", summary=summary, firstKeptEntryId=self._last, tokensBefore=90_000)
