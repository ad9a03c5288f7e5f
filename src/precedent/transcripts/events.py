"""What a transcript says, whichever agent wrote it: one event model.

An event stands on one line of the archived transcript and can be cited by its offset. Text stays encoded until
somebody asks for it, so a consumer that only counts never pays for it.
"""

import json
from enum import IntEnum

import msgspec

from precedent.model import Tokens

UNKNOWN_MODEL = "unknown"
"""Of a request whose transcript names no model: it is reported by this name and never priced."""


class Speaker(IntEnum):
    """Who is the author of an event's text."""

    HUMAN = 1
    AGENT = 2
    TOOL = 3
    SYSTEM = 4
    SUBAGENT = 5


class Kind(IntEnum):
    """What an event is."""

    PROMPT = 1
    """A person typed this as a prompt."""
    COMMAND = 2
    """A person typed a slash command; `name` is the command, the text its arguments."""
    ANSWER = 3
    """A person answered an agent's question or said why a tool may not run."""
    REPLY = 4
    """A model answered: text, tool calls, tokens, or any of them."""
    RESULT = 5
    """Tools returned."""
    INSTRUCTION = 6
    """An agent prompted a sub-agent, or the harness re-sent an agent's plan."""
    SUMMARY = 7
    """The harness restated earlier text to make room."""
    NOTICE = 8
    """The harness said something."""
    INTERRUPTION = 9
    """A person stopped the agent."""
    ERROR = 10
    """The model's service failed, or the harness stood in for it."""
    TURN = 11
    """A turn ended; `duration` is what it took."""
    TITLE = 12
    """The session was given a title."""
    CONTEXT = 13
    """Where the session runs: folder, branch, version, model."""


TYPED = frozenset({Kind.PROMPT, Kind.COMMAND, Kind.ANSWER})
"""What a person may have put into words of their own."""


class Outcome(IntEnum):
    """How a tool call ended."""

    OK = 1
    ERROR = 2
    REJECTED = 3
    INTERRUPTED = 4


class Request(msgspec.Struct, frozen=True, gc=False):
    """One billed response of a model, as one line shows it; a response may stand on several lines.

    Build it with names, or like `Event` with all fields in their order.

    Attributes:
        key: identity over the whole team, for example `claude:msg_…`.
        complete: the line has a stop reason, so its counters are final.
        content_chars: characters of visible content on this line.
        modifiers: price modifiers in alphabetical order, joined by `+`; empty for the standard price.
        recorded_cost_micros: cost in micro-dollars as the agent recorded it, if it did.
        sidechain: a copy seen from a sub-agent; the main chain's usage wins over it.
        standin_for: `agent:<id>` or `session:<id>` of a transcript that, if we have it, makes this request void: it
            reports the same tokens response by response. A fork names its own session, so an agent's id stands alone.
    """

    key: str
    model: str
    tokens: Tokens
    web_searches: int = 0
    complete: bool = True
    content_chars: int = 0
    modifiers: str = ""
    recorded_cost_micros: int | None = None
    sidechain: bool = False
    standin_for: str = ""


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """An agent called a tool.

    Attributes:
        id: unique over the team, as the agent gave it.
        name: as the agent wrote it, for example `Bash` or `mcp__tracker__search`.
        target: what a skill or sub-agent tool was asked for: the skill's name, the sub-agent's type.
        input: the arguments, still JSON.
    """

    id: str
    name: str
    target: str = ""
    input: msgspec.Raw = msgspec.Raw()


class ToolResult(msgspec.Struct, frozen=True, gc=False):
    """A tool returned, joined to its call.

    Attributes:
        call_id: the call's id.
        name: the call's tool name; empty when the call is not in this transcript.
        request_key: the request that made the call; empty when unknown.
        searches: web searches the result reports.
        agent_id: the sub-agent that did the work, if the tool was one.
        agent_type: that sub-agent's type.
    """

    call_id: str
    name: str
    request_key: str
    outcome: Outcome
    searches: int = 0
    agent_id: str = ""
    agent_type: str = ""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that a transcript says.

    Build it with names; a reader that must be fast may give all fields in their order, which takes a sixth of the time.

    Attributes:
        offset: where its line starts, in bytes of the archived transcript.
        line: its line's number, from 1.
        at: UTC microseconds; None when neither the line nor any line before it has a time.
        id: the line's own id; empty if it has none.
        name: the command, title or notice type, where the kind has one.
        session_id: the session that the line names.
        agent_id: the sub-agent that the line names.
        model: the model that speaks, where the line or one before it says so.
        duration: microseconds, for `Kind.TURN`.
        requests: billed responses that the line shows; more than one when an advisor model was asked too.
        parts: text pieces, as strings or still-encoded JSON strings.
    """

    offset: int
    line: int
    kind: Kind
    speaker: Speaker
    at: int | None
    id: str = ""
    cwd: str = ""
    branch: str = ""
    version: str = ""
    model: str = ""
    name: str = ""
    duration: int = 0
    sidechain: bool = False
    session_id: str = ""
    agent_id: str = ""
    requests: tuple[Request, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()
    parts: tuple[str | msgspec.Raw, ...] = ()

    @property
    def text(self) -> str:
        """The event's text, pieces joined by a newline."""
        return "\n".join(part if isinstance(part, str) else decode_text(part) for part in self.parts)


def decode_text(raw: msgspec.Raw) -> str:
    """Decode a JSON string; anything else, or a broken one, gives the empty string."""
    data = bytes(raw)
    if not data.startswith(b'"'):
        return ""
    try:
        return msgspec.json.decode(data, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The standard library also takes a lone surrogate, which no encoder can write again.
        try:
            return str(json.loads(data.decode("utf-8", "replace"))).encode("utf-8", "replace").decode()
        except ValueError:
            return ""
