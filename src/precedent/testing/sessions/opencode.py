"""Exports as OpenCode writes them.

Source of the shapes: exports of versions 1.2.20 to 1.2.26, described in docs/reference/formats-more.md.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from precedent.model import Tokens
from precedent.testing.clock import epoch_ms
from precedent.transcripts.events import Outcome

from .session import CWD, TOKENS, Json, Session

REJECTED = "The user rejected permission to use this specific tool call."


class OpenCode(Session):
    """An exported session of OpenCode: one object; see `Session` for the other arguments.

    Args:
        name: stands for the session.
        cwd: the working folder.
        model: that answers.
        parent: id of the session whose sub-agent this is.
    """

    agent = "opencode"
    usual_model = "claude-sonnet-4-5"

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "", parent: str = "") -> None:
        super().__init__(name, cwd=cwd, model=model)
        self.id = f"ses_{self.id.replace('-', '')[:24]}"
        self._parent, self._messages = parent, list[Json]()

    @property
    def grows(self) -> bool:
        """An export is written whole."""
        return False

    @property
    def data(self) -> bytes:
        """The export."""
        info: Json = {
            "id": self.id, "slug": "calm-pier", "projectID": "p1", "directory": self.cwd, "title": "Harbour",
            "version": "1.2.21", "time": {"created": epoch_ms(0), "updated": epoch_ms(self.at)},
        } | ({"parentID": self._parent} if self._parent else {})  # fmt: skip
        return json.dumps({"info": info, "messages": self._messages}, indent=2).encode() + b"\n"

    @property
    def path(self) -> PurePosixPath:
        """Where exports are put."""
        return PurePosixPath(f"{self.id}.json")

    def prompt(self, text: str) -> Self:
        """A person types a prompt."""
        info = {
            "id": self._new("msg_"), "sessionID": self.id, "role": "user", "agent": "build",
            "time": {"created": epoch_ms(self._tick())},
        }  # fmt: skip
        self._messages.append({"info": info, "parts": [{"type": "text", "text": text}]})
        return self

    def _answer(self, parts: list[Json], tokens: Tokens, **fields: Any) -> Self:
        at = self._tick()
        counters = {
            "input": tokens.input, "output": tokens.output, "reasoning": 0,
            "cache": {"read": tokens.cache_read, "write": tokens.cache_write_5m + tokens.cache_write_1h},
        }  # fmt: skip
        info = {
            "id": self._new("msg_"), "sessionID": self.id, "role": "assistant", "modelID": self.model,
            "providerID": "anthropic", "time": {"created": epoch_ms(at), "completed": epoch_ms(at + 0.5)},
            "path": {"cwd": self.cwd, "root": self.cwd}, "cost": 0.5, "tokens": counters, "finish": "stop", **fields,
        }  # fmt: skip
        finish = {"type": "step-finish", "reason": "stop", "cost": 0.5, "tokens": counters}
        self._messages.append({"info": info, "parts": [{"type": "step-start"}, *parts, finish]})
        return self

    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers."""
        return self._answer([{"type": "text", "text": text}], tokens)

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
        state: Json = {"status": "completed", "input": dict(arguments or {}), "output": output, "title": tool}
        if outcome is not Outcome.OK:
            errors = {Outcome.REJECTED: REJECTED, Outcome.INTERRUPTED: "Tool execution aborted"}
            state |= {"status": "error", "error": errors.get(outcome, output)}
        part = {"type": "tool", "callID": self._new("toolu_"), "tool": tool, "state": state}
        return self._answer([part], tokens)

    def interrupt(self) -> Self:
        """The person stops the agent while it answers."""
        return self._answer([], Tokens(), error={"name": "MessageAbortedError", "data": {"message": "aborted"}})
