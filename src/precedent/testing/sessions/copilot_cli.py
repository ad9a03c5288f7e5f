"""Transcripts as GitHub Copilot CLI writes them.

Source of the shapes: files of versions 1.0.77 and 1.0.78, described in docs/reference/formats-more.md.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from precedent.model import Tokens
from precedent.testing.clock import stamp
from precedent.transcripts.events import Outcome

from .session import CWD, TOKENS, LinedSession, session_id


class CopilotCli(LinedSession):
    """A session of Copilot CLI. It begins with its start; see `Session` for the arguments.

    Tokens stand on the shutdown only: without `shutdown` a session has none, as one that was killed.
    """

    agent = "copilot-cli"
    usual_model = "gpt-5-mini"

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "") -> None:
        super().__init__(name, cwd=cwd, model=model)
        self._spent = Tokens()
        self._requests = 0
        place = {"cwd": cwd, "gitRoot": cwd, "branch": "main"}
        self._event(
            "session.start", sessionId=self.id, version=1, producer="copilot-agent", copilotVersion="1.0.78",
            startTime=stamp(0), context=place,
        )  # fmt: skip
        self._event("session.auto_mode_resolved", chosenModel=self.model)
        self._event("system.message", role="system", content="You are a coding agent.")

    @property
    def path(self) -> PurePosixPath:
        """Where Copilot CLI keeps it."""
        return PurePosixPath(self.id) / "events.jsonl"

    def _event(self, kind: str, **data: Any) -> Self:
        id_ = session_id(self._new(""))
        return self.write({"type": kind, "data": data, "id": id_, "timestamp": stamp(self._tick()), "parentId": None})

    def prompt(self, text: str) -> Self:
        """A person types a prompt; what the model gets is wrapped."""
        wrapped = f"{text}\n<reminder>be brief</reminder>"
        return self._event("user.message", content=text, transformedContent=wrapped, delivery="idle")

    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers."""
        return self._answer(text, [], tokens)

    def _answer(self, text: str, asked: list[dict[str, Any]], tokens: Tokens) -> Self:
        self._requests += 1
        before = self._spent
        self._spent = Tokens(
            input=before.input + tokens.input,
            output=before.output + tokens.output,
            cache_write_5m=before.cache_write_5m + tokens.cache_write_5m + tokens.cache_write_1h,
            cache_read=before.cache_read + tokens.cache_read,
        )
        self._event("assistant.turn_start", turnId=str(self._requests))
        return self._event(
            "assistant.message", messageId=session_id(self._new("")), model=self.model, content=text,
            toolRequests=asked, outputTokens=tokens.output,
        )  # fmt: skip

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls a tool, and the tool ends; an interrupted one never does."""
        call_id, given = self._new("call_"), dict(arguments or {})
        asked = {"toolCallId": call_id, "name": tool, "arguments": given, "type": "function"}
        self._answer("", [asked], tokens)
        self._event("tool.execution_start", toolCallId=call_id, toolName=tool, arguments=given)
        if outcome is Outcome.INTERRUPTED:
            return self
        ended: dict[str, Any] = {"success": True, "result": {"content": output, "detailedContent": output}}
        if outcome is not Outcome.OK:
            code = "rejected" if outcome is Outcome.REJECTED else "failure"
            ended = {"success": False, "error": {"message": output, "code": code}}
        return self._event("tool.execution_complete", toolCallId=call_id, **ended)

    def interrupt(self) -> Self:
        """The person stops the agent."""
        return self._event("abort", reason="user initiated")

    def title(self, text: str) -> Self:
        """The session gets a title."""
        return self._event("session.title_changed", title=text)

    def shutdown(self) -> Self:
        """The agent ends and writes what it used."""
        spent = self._spent
        usage = {
            "inputTokens": spent.input + spent.cache_read + spent.cache_write_5m, "outputTokens": spent.output,
            "cacheReadTokens": spent.cache_read, "cacheWriteTokens": spent.cache_write_5m, "reasoningTokens": 0,
        }  # fmt: skip
        metrics = {self.model: {"requests": {"count": self._requests, "cost": 0}, "usage": usage}}
        self._spent, self._requests = Tokens(), 0
        return self._event("session.shutdown", shutdownType="routine", modelMetrics=metrics)
