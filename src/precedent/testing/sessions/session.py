"""A transcript under construction: what the builders of all agents have in common."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar, Self

from precedent.model import Tokens
from precedent.transcripts.events import Outcome

CWD = "/code/harbour"
TOKENS = Tokens(input=3, output=50, cache_write_5m=100, cache_read=2000)
"""What a reply costs unless a test says otherwise."""

Json = dict[str, Any]


def session_id(name: int | str) -> str:
    """Return a session id that looks like the agents' own; the same for the same name."""
    digits = hashlib.blake2b(f"session {name}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def line(value: Mapping[str, Any]) -> bytes:
    """Return one JSON line with its newline."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Session(ABC):
    """A transcript under construction, in the shape that its agent writes.

    Each method adds what the agent would write and returns the session, so that calls can be chained. Each step takes
    a second. The same calls give the same bytes.

    Args:
        name: stands for the session; the same name gives the same ids.
        cwd: the working folder.
        model: that answers; empty for the agent's usual one.
    """

    agent: ClassVar[str]
    """As readers name it."""

    usual_model: ClassVar[str]

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "") -> None:
        self.id = session_id(name)
        self.cwd, self.model, self.at = cwd, model or self.usual_model, 0.0
        self._number = 0

    @property
    @abstractmethod
    def data(self) -> bytes:
        """The transcript."""

    @property
    @abstractmethod
    def path(self) -> PurePosixPath:
        """Where the agent keeps it, below one of its reader's `roots`."""

    @property
    def grows(self) -> bool:
        """Tell whether the agent appends to it; false where it writes the whole anew."""
        return True

    @abstractmethod
    def prompt(self, text: str) -> Self:
        """A person types a prompt."""

    @abstractmethod
    def reply(self, text: str = "Done.", *, tokens: Tokens = TOKENS) -> Self:
        """The model answers."""

    @abstractmethod
    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        output: str = "ok",
        outcome: Outcome = Outcome.OK,
        tokens: Tokens = TOKENS,
    ) -> Self:
        """The model calls a tool, and the tool returns, fails, is rejected or interrupted."""

    @abstractmethod
    def interrupt(self) -> Self:
        """The person stops the agent."""

    def wait(self, seconds: float) -> Self:
        """Nothing happens for a while."""
        self.at += seconds
        return self

    def bash(self, command: str, *, output: str = "ok", outcome: Outcome = Outcome.OK) -> Self:
        """The model runs a shell command, by whatever name its agent has for that."""
        return self.call(self.shell, self.command(command), output=output, outcome=outcome)

    shell: ClassVar[str] = "bash"
    """The agent's name for the tool that runs shell commands."""

    def command(self, text: str) -> Json:
        """Return that tool's arguments."""
        return {"command": text}

    def _tick(self) -> float:
        """Return the time of the next thing that is written."""
        self.at += 1
        return self.at

    def _new(self, prefix: str) -> str:
        """Return an id that is new in this session and the same in every test run."""
        self._number += 1
        digits = hashlib.blake2b(f"{self.id} {self._number}".encode(), digest_size=12).hexdigest()
        return f"{prefix}{digits}"

    def __bytes__(self) -> bytes:
        """Return the transcript."""
        return self.data


class LinedSession(Session):
    """A session of an agent that appends lines."""

    def __init__(self, name: int | str = "harbour", *, cwd: str = CWD, model: str = "") -> None:
        super().__init__(name, cwd=cwd, model=model)
        self.lines: list[bytes] = []

    @property
    def data(self) -> bytes:
        """The transcript."""
        return b"".join(self.lines)

    def raw(self, data: bytes) -> Self:
        """Write bytes as they are, a broken line for example."""
        self.lines.append(data)
        return self

    def write(self, *values: Mapping[str, Any]) -> Self:
        """Write objects, one a line."""
        self.lines += [line(value) for value in values]
        return self
