"""Transcripts as Gemini CLI writes them, in both layouts.

Source of the shapes: files described in docs/reference/formats-more.md.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from precedent.model import Tokens
from precedent.testing.clock import stamp
from precedent.transcripts.events import Outcome

from .session import CWD, TOKENS, Json, LinedSession, line

STATUS = {
    Outcome.OK: "success",
    Outcome.ERROR: "error",
    Outcome.REJECTED: "cancelled",
    Outcome.INTERRUPTED: "cancelled",
}


class GeminiCli(LinedSession):
    """A session of Gemini CLI; see `Session` for the other arguments.

    Args:
        name: stands for the session.
        cwd: the working folder, of which the transcript has a hash only.
        model: that answers.
        document: the older layout: one object that is written anew each time, instead of lines with patches.
    """

    agent = "gemini-cli"
    usual_model = "gemini-3-pro"
    shell = "run_shell_command"

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "", document: bool = False) -> None:
        super().__init__(name, cwd=cwd, model=model)
        self._document, self._messages = document, list[Json]()
        self._header = {
            "sessionId": self.id, "projectHash": "ab" * 32, "startTime": stamp(0), "lastUpdated": stamp(0),
        }  # fmt: skip
        self.resume()
        context = {"id": self._new(""), "timestamp": stamp(self._tick()), "type": "user"}
        self.replace_messages(context | {"content": [{"text": "<session_context>\nThis is the Gemini CLI."}]})

    @property
    def grows(self) -> bool:
        """Tell whether the layout is that of lines."""
        return not self._document

    @property
    def data(self) -> bytes:
        """The transcript, in its layout."""
        if not self._document:
            return super().data
        value = self._header | {"lastUpdated": stamp(self.at), "messages": self._messages}
        return json.dumps(value, indent=2).encode() + b"\n"

    @property
    def path(self) -> PurePosixPath:
        """Where Gemini CLI keeps it."""
        suffix = "json" if self._document else "jsonl"
        return PurePosixPath("ab" * 32) / "chats" / f"session-2026-01-05T09-00-{self.id[:8]}.{suffix}"

    def resume(self) -> Self:
        """Write the header, which a session that goes on repeats."""
        return self.write(self._header | {"kind": "main"})

    def replace_messages(self, *messages: Json) -> Self:
        """Write a patch that replaces all messages."""
        return self.write({"$set": {"messages": [*self._messages, *messages], "lastUpdated": stamp(self.at)}})

    def rewind(self, message_id: str) -> Self:
        """The person goes back to a message."""
        return self.write({"$rewindTo": message_id})

    def _message(self, kind: str, **fields: Any) -> Self:
        value = {"id": self._new(""), "timestamp": stamp(self._tick()), "type": kind, **fields}
        self._messages.append(value)
        if "toolCalls" in value:
            # It is written when the model has answered, and again when its tools have ended.
            self.write({name: each for name, each in value.items() if name != "toolCalls"})
        self.lines.append(line(value))
        return self.write({"$set": {"lastUpdated": stamp(self.at)}})

    def prompt(self, text: str) -> Self:
        """A person types a prompt."""
        return self._message("user", content=[{"text": text}])

    def _answer(self, text: str, tokens: Tokens, **fields: Any) -> Self:
        counters = {
            "input": tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h,
            "output": tokens.output, "cached": tokens.cache_read, "thoughts": 0, "tool": 0, "total": tokens.total,
        }  # fmt: skip
        return self._message("gemini", content=text, model=self.model, tokens=counters, thoughts=[], **fields)

    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers."""
        return self._answer(text, tokens)

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls a tool, and the tool ends; its result stands on the call and on a line of the user's."""
        call_id = self._new("call_")
        told = "[Operation Cancelled] Reason: User did not allow tool call" if outcome is Outcome.REJECTED else output
        response = {"functionResponse": {"id": call_id, "name": tool, "response": {"output": told}}}
        call = {
            "id": call_id, "name": tool, "args": dict(arguments or {}), "status": STATUS[outcome],
            "result": [response], "timestamp": stamp(self.at + 1),
        }  # fmt: skip
        self._answer("", tokens, toolCalls=[call])
        return self._message("user", content=[response])

    def interrupt(self) -> Self:
        """The person stops the agent."""
        return self._message("info", content="Request cancelled.")
