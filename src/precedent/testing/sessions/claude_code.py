"""Transcripts as Claude Code writes them.

Source of the shapes: files of versions 1.0.17 to 2.1.235, described in docs/reference/formats.md.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Self

from precedent.model import Tokens
from precedent.testing.clock import stamp
from precedent.transcripts.events import Outcome

from . import session as base
from .session import CWD, TOKENS, Json, LinedSession, session_id

MODEL = "claude-sonnet-4-5-20250929"
PROJECT = "-code-harbour"
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the "
    "new_string was NOT written to the file)."
)
INTERRUPTED = "[Request interrupted by user]"


class Call(NamedTuple):
    """A tool call and how it ends.

    Attributes:
        said: why the person rejected it; only with `Outcome.REJECTED`.
    """

    tool: str
    arguments: Mapping[str, Any]
    output: str = "ok"
    outcome: Outcome = Outcome.OK
    said: str = ""


def line(kind: str, *, session: str, at: float, cwd: str = CWD, agent: str = "", **fields: Any) -> bytes:
    """Return a line with what every line of a conversation has.

    Args:
        kind: its `type`.
        session: the session's id.
        at: seconds after the start.
        cwd: working folder.
        agent: the sub-agent that writes.
        fields: more, and others instead.
    """
    told = json.dumps(fields, sort_keys=True, default=str)
    value: Json = {
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
    return base.line(value | ({"agentId": agent} if agent else {}) | fields)


def prompt(text: str, *, session: str, at: float = 0, cwd: str = CWD, agent: str = "") -> bytes:
    """Return what a person typed."""
    message = {"role": "user", "content": text}
    return line("user", session=session, at=at, cwd=cwd, agent=agent, message=message)


def reply(
    message_id: str,
    *,
    session: str,
    at: float = 1,
    text: str = "Done.",
    calls: tuple[tuple[str, str, Mapping[str, Any]], ...] = (),
    tokens: tuple[int, int, int, int] = (3, 50, 100, 2000),
    model: str = MODEL,
    stop_reason: str | None = "end_turn",
    cwd: str = CWD,
    agent: str = "",
) -> bytes:
    """Return a line of a model's response.

    Args:
        message_id: the same on several lines makes them one response.
        session: the session's id.
        at: seconds after the start.
        text: of the answer; empty for none.
        calls: tool calls as (call id, tool, input).
        tokens: input, output, cache write, cache read.
        model: that answers.
        stop_reason: None while the response goes on.
        cwd: working folder.
        agent: the sub-agent that writes.
    """
    content: list[Json] = [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": call, "name": tool, "input": given} for call, tool, given in calls]
    message = _message(message_id, content, usage=_usage(*tokens), model=model, stop_reason=stop_reason)
    request = f"req_{message_id}"
    return line("assistant", session=session, at=at, cwd=cwd, agent=agent, message=message, requestId=request)


def result(
    call_id: str, text: str, *, session: str, at: float = 2, is_error: bool = False, cwd: str = CWD, agent: str = ""
) -> bytes:
    """Return what a tool answered."""
    block = {"tool_use_id": call_id, "type": "tool_result", "content": text, "is_error": is_error}
    message = {"role": "user", "content": [block]}
    outcome = f"Error: {text}" if is_error else {"stdout": text, "stderr": "", "interrupted": False}
    return line("user", session=session, at=at, cwd=cwd, agent=agent, message=message, toolUseResult=outcome)


def _usage(into: int, out: int, written: int, read: int, *, written_1h: int = 0) -> Json:
    return {
        "input_tokens": into,
        "cache_creation_input_tokens": written + written_1h,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": written_1h},
        "output_tokens": out,
        "service_tier": "standard",
    }


def _message(message_id: str, content: list[Json], *, usage: Json, model: str, stop_reason: str | None) -> Json:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


class ClaudeCode(LinedSession):
    """A session of Claude Code, or the transcript of one of its sub-agents.

    Args:
        name: stands for the session.
        cwd: the working folder.
        model: that answers.
        subagent: id of the sub-agent whose transcript this is; `spawn` makes such.
    """

    agent = "claude-code"
    usual_model = MODEL
    shell = "Bash"

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "", subagent: str = "") -> None:
        super().__init__(name, cwd=cwd, model=model)
        self.subagent = subagent

    @property
    def path(self) -> PurePosixPath:
        """Where Claude Code keeps it."""
        folder = PurePosixPath(self.cwd.replace("/", "-").replace(".", "-"))
        if self.subagent:
            return folder / self.id / "subagents" / f"agent-{self.subagent}.jsonl"
        return folder / f"{self.id}.jsonl"

    def _line(self, kind: str, **fields: Any) -> bytes:
        return line(kind, session=self.id, at=self._tick(), cwd=self.cwd, agent=self.subagent, **fields)

    def prompt(self, text: str) -> Self:
        """A person types a prompt; in a sub-agent's transcript, its parent writes one."""
        return self.raw(self._line("user", message={"role": "user", "content": text}))

    def image(self, text: str = "") -> Self:
        """A person pastes a picture, perhaps with a prompt."""
        source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
        content: list[Json] = [{"type": "image", "source": source}]
        content += [{"type": "text", "text": text}] if text else []
        return self.raw(self._line("user", message={"role": "user", "content": content}))

    def reply(
        self, text: str = "Done.", *, tokens: Tokens = TOKENS, thinking: str = "", calls: tuple[Call, ...] = ()
    ) -> Self:
        """The model answers: one line for each block of the response, all with its counters, then the tools' results.

        Args:
            text: empty for none.
            tokens: of the whole response; the lines before the last show less output, as real ones do.
            thinking: what the model thought first.
            calls: tools it calls at once.
        """
        ids = [self._new("toolu_") for _ in calls]
        blocks: list[Json] = [{"type": "thinking", "thinking": thinking, "signature": "c2ln"}] if thinking else []
        blocks += [{"type": "text", "text": text}] if text else []
        blocks += [
            {"type": "tool_use", "id": id_, "name": call.tool, "input": dict(call.arguments)}
            for id_, call in zip(ids, calls, strict=True)
        ]
        message_id = self._new("msg_")
        for number, block in enumerate(blocks, start=1):
            last = number == len(blocks)
            usage = _usage(
                tokens.input, tokens.output if last else min(tokens.output, 2 * number), tokens.cache_write_5m,
                tokens.cache_read, written_1h=tokens.cache_write_1h,
            )  # fmt: skip
            stop = ("tool_use" if calls else "end_turn") if last else None
            message = _message(message_id, [block], usage=usage, model=self.model, stop_reason=stop)
            self.raw(self._line("assistant", message=message, requestId=f"req_{message_id}"))
        for id_, call in zip(ids, calls, strict=True):
            self._result(id_, call)
        return self

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls one tool, and the tool ends."""
        return self.reply("", tokens=tokens, calls=(Call(tool, arguments or {}, output, outcome),))

    def reject(self, tool: str, arguments: Mapping[str, Any] | None = None, *, said: str = "") -> Self:
        """A person does not let a tool run, and perhaps says what to do instead; without a word the agent stops."""
        self.reply("", calls=(Call(tool, arguments or {}, "", Outcome.REJECTED, said),))
        return self if said else self.interrupt()

    def _result(self, call_id: str, call: Call) -> None:
        content, told = call.output, f"Error: {call.output}"
        if call.outcome is Outcome.REJECTED:
            content = REJECTED + (f" To tell you how to proceed, the user said:\n{call.said}" if call.said else "")
            told = "User rejected tool use"
        elif call.outcome is Outcome.INTERRUPTED:
            content = "[Request interrupted by user for tool use]"
        block: Json = {"tool_use_id": call_id, "type": "tool_result", "content": content}
        if call.outcome is Outcome.OK:
            outcome: Json | str = {"stdout": call.output, "stderr": "", "interrupted": False, "isImage": False}
        else:
            block["is_error"], outcome = True, told
        self.raw(self._line("user", message={"role": "user", "content": [block]}, toolUseResult=outcome))

    def interrupt(self) -> Self:
        """The person presses Esc."""
        content = [{"type": "text", "text": INTERRUPTED}]
        return self.raw(self._line("user", message={"role": "user", "content": content}))

    def slash(self, command: str, arguments: str = "") -> Self:
        """A person types a slash command."""
        name = command.removeprefix("/")
        return self.prompt(
            f"<command-message>{name}</command-message>\n<command-name>/{name}</command-name>\n"
            f"<command-args>{arguments}</command-args>"
        )

    def queue(self, text: str, *, taken: bool = True) -> Self:
        """A person types while the agent works.

        Args:
            text: the prompt.
            taken: it becomes a prompt of its own later; false when it is put into the turn under way and stands
                nowhere else.
        """
        operations = ("enqueue", "dequeue" if taken else "remove")
        for operation in operations:
            value = {"type": "queue-operation", "operation": operation, "timestamp": stamp(self._tick())}
            self.write(value | {"sessionId": self.id} | ({} if operation == "dequeue" else {"content": text}))
        return self.prompt(text) if taken else self

    def ask(self, question: str, answer: str) -> Self:
        """The agent asks and the person answers."""
        call_id = self._new("toolu_")
        call = {"questions": [{"question": question, "options": []}]}
        block = {"type": "tool_use", "id": call_id, "name": "AskUserQuestion", "input": call}
        id_ = self._new("msg_")
        message = _message(id_, [block], usage=_usage(3, 20, 0, 2000), model=self.model, stop_reason="tool_use")
        self.raw(self._line("assistant", message=message, requestId=f"req_{id_}"))
        told = {"questions": call["questions"], "answers": {question: answer}}
        content = [{"type": "tool_result", "tool_use_id": call_id, "content": f'"{question}"="{answer}"'}]
        return self.raw(self._line("user", message={"role": "user", "content": content}, toolUseResult=told))

    def compact(self, summary: str = "So far the berths were sorted.") -> Self:
        """The harness makes room: a boundary, then a summary that no person wrote."""
        metadata = {"trigger": "auto", "preTokens": 155_000}
        self.raw(
            self._line("system", subtype="compact_boundary", content="Conversation compacted", compactMetadata=metadata)
        )
        text = f"This session is being continued from a previous conversation that ran out of context. {summary}"
        message = {"role": "user", "content": text}
        return self.raw(self._line("user", message=message, isCompactSummary=True, isVisibleInTranscriptOnly=True))

    def meta(self, text: str) -> Self:
        """The harness says something on a user's line."""
        return self.raw(self._line("user", message={"role": "user", "content": text}, isMeta=True))

    def failed_reply(self, text: str = "API Error: 529 overloaded") -> Self:
        """The model's service fails, and the harness stands in."""
        usage = _usage(0, 0, 0, 0)
        content: list[Json] = [{"type": "text", "text": text}]
        message = _message(
            session_id(self._new("")), content, usage=usage, model="<synthetic>", stop_reason="stop_sequence"
        )
        return self.raw(self._line("assistant", message=message, isApiErrorMessage=True, error="unknown"))

    def turn(self, seconds: float = 30) -> Self:
        """A turn ends."""
        return self.raw(self._line("system", subtype="turn_duration", durationMs=round(seconds * 1000)))

    def title(self, text: str) -> Self:
        """The session gets a title."""
        return self.write({"type": "ai-title", "aiTitle": text, "sessionId": self.id})

    def bookkeeping(self) -> Self:
        """The harness writes what says nothing: an undo snapshot without a time, a mode, the last prompt."""
        id_ = session_id(self._new(""))
        snapshot = {"messageId": id_, "trackedFileBackups": {}, "timestamp": stamp(self.at)}
        return self.write(
            {"type": "file-history-snapshot", "messageId": id_, "snapshot": snapshot, "isSnapshotUpdate": False},
            {"type": "permission-mode", "permissionMode": "default", "sessionId": self.id},
            {"type": "last-prompt", "lastPrompt": "go on", "sessionId": self.id},
        )  # fmt: skip

    def spawn(self, task: str = "Look around.", *, kind: str = "Explore", report: str = "Two quays.") -> "ClaudeCode":
        """The agent lets a sub-agent work and gets its report.

        Returns:
            The sub-agent's own transcript, which the caller may go on with; this session holds call and result.
        """
        child = ClaudeCode(cwd=self.cwd, model=self.model, subagent=self._new("a")[:8])
        child.id, child.at = self.id, self.at + 1
        child.prompt(task)
        call_id, message_id = self._new("toolu_"), self._new("msg_")
        given = {"description": "look", "prompt": task, "subagent_type": kind}
        block = {"type": "tool_use", "id": call_id, "name": "Agent", "input": given}
        message = _message(message_id, [block], usage=_usage(3, 30, 0, 2000), model=self.model, stop_reason="tool_use")
        self.raw(self._line("assistant", message=message, requestId=f"req_{message_id}"))
        told = {
            "agentId": child.subagent,
            "agentType": kind,
            "status": "completed",
            "content": [],
            "totalDurationMs": 9000,
        }
        content = [{"tool_use_id": call_id, "type": "tool_result", "content": [{"type": "text", "text": report}]}]
        self.raw(self._line("user", message={"role": "user", "content": content}, toolUseResult=told))
        return child

    def fork(self, name: int | str) -> "ClaudeCode":
        """Return a new session that begins with a copy of this one's lines, under its own session id."""
        copy = ClaudeCode(name, cwd=self.cwd, model=self.model)
        own, other = self.id.encode(), copy.id.encode()
        copy.lines = [each.replace(b'"sessionId":"' + own, b'"sessionId":"' + other) for each in self.lines]
        copy.at = self.at
        return copy
