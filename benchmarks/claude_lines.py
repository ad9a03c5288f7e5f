"""Puts lines of one Claude Code transcript together; knows the layout of a line, not what a session is about.

Two layouts are written: the older one (to 2.1.7x) has the common fields first, the newer one has them last.
Source: docs/reference/formats.md.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from precedent.model import Tokens

CWD = b"@CWD@"
"""Stands in a piece where the working folder of the session belongs."""
ALPHABET = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
OLD = ("2.0.76", "2.1.7", "2.1.12", "2.1.37", "2.1.47")
NEW = ("2.1.92", "2.1.118", "2.1.150", "2.1.211", "2.1.235")


def dump(value: object) -> bytes:
    """Encode as Claude Code does: no spaces, nothing but what JSON demands escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Call(NamedTuple):
    """One tool call with its answer, as JSON.

    Attributes:
        name: the tool's.
        input: its arguments.
        content: the result's `content`, with the fields behind it.
        outcome: the line's `toolUseResult`.
        seconds: what it takes.
        searches: web searches that the result reports.
    """

    name: bytes
    input: bytes
    content: bytes
    outcome: bytes
    seconds: float = 0.2
    searches: int = 0


def uuid(rng: Random) -> bytes:
    """Return a version 4 UUID."""
    digits = b"%031x" % rng.getrandbits(124)
    return b"%b-%b-4%b-a%b-%b" % (digits[:8], digits[8:12], digits[12:15], digits[15:18], digits[19:])


def token(rng: Random, prefix: bytes, length: int = 22) -> bytes:
    """Return an id such as the API gives."""
    return prefix + bytes(rng.choices(ALPHABET, k=length))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session runs; `agent` is empty on the main chain."""

    session: bytes
    cwd: bytes
    branch: bytes
    version: str
    slug: bytes
    agent: bytes = b""

    @property
    def new(self) -> bool:
        """Tell whether lines have the newer layout."""
        return self.version in NEW


class Response(NamedTuple):
    """What the lines of one response share."""

    id: bytes
    request: bytes
    model: str
    tokens: Tokens


class Block(NamedTuple):
    """One line of a response: its content block, and the two fields that differ between its lines."""

    content: bytes
    stop: bytes
    output: int


class Chain:
    """The lines of one file; each line with a `uuid` is the child of the one before it."""

    def __init__(self, rng: Random, place: Place, *, at_ms: int) -> None:
        self.rng = rng
        self.at_ms = at_ms
        self.lines: list[bytes] = []
        self.size = 0
        self.parent = b"null"
        self._days: dict[int, bytes] = {}
        self.move(place)

    def move(self, place: Place) -> None:
        """Go on in another place: folder, branch or version."""
        side = b"true" if place.agent else b"false"
        agent = b'"agentId":"%b",' % place.agent if place.agent else b""
        common = b'"userType":"external",%b"cwd":"%b","sessionId":"%b","version":"%b","gitBranch":"%b"' % (
            b'"entrypoint":"cli",' if place.new else b"",
            place.cwd,
            place.session,
            place.version.encode(),
            place.branch,
        )
        self.place = place
        self._head = b',"isSidechain":%b,%b' % (side, agent)
        self._tail = b',%b,"slug":"%b"}\n' % (common, place.slug)
        if not place.new:
            self._head = b',"isSidechain":%b,%b,%b"slug":"%b",' % (side, common, agent, place.slug)
            self._tail = b"}\n"
        self._prompt_id = b'"promptId":"%b",' % uuid(self.rng) if place.new else b""

    def switch(self, branch: bytes) -> None:
        """Go on in another branch."""
        self.move(replace(self.place, branch=branch))

    def wait(self, seconds: float) -> None:
        """Let time pass, at least a millisecond."""
        self.at_ms += max(1, int(seconds * 1000))

    def stamp(self) -> bytes:
        """Return the time now."""
        day, rest = divmod(self.at_ms, 86_400_000)
        date = self._days.get(day)
        if date is None:
            date = self._days[day] = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat().encode()
        seconds, millis = divmod(rest, 1000)
        return b"%bT%02d:%02d:%02d.%03dZ" % (date, seconds // 3600, seconds // 60 % 60, seconds % 60, millis)

    def raw(self, line: bytes) -> None:
        """Add a finished line with its newline."""
        self.lines.append(line)
        self.size += len(line)

    def link(self, body: bytes, after: bytes = b"", *, root: bool = False) -> bytes:
        """Add a line of the tree and return its uuid; `body` ends with a comma, `after` starts with one."""
        own = uuid(self.rng)
        parent = b"null" if root else self.parent
        self.raw(
            b'{"parentUuid":%b%b%b"uuid":"%b","timestamp":"%b"%b%b'
            % (parent, self._head, body, own, self.stamp(), after, self._tail)
        )
        self.parent = b'"%b"' % own
        return own

    def prompt(self, text: bytes, *, fields: bytes = b"", fresh: bool = True) -> bytes:
        """Add a user line with a text; `text` is JSON."""
        if fresh and self.place.new:
            self._prompt_id = b'"promptId":"%b",' % uuid(self.rng)
        return self.link(b'%b"type":"user","message":{"role":"user","content":%b},' % (self._prompt_id, text), fields)

    def reply(self, response: Response, block: Block) -> tuple[bytes, bytes]:
        """Add one line of a response; return its uuid and the message, for a progress line to repeat."""
        message = (
            b'{"model":"%b","id":"%b","type":"message","role":"assistant","content":[%b],"stop_reason":%b,'
            b'"stop_sequence":null,"usage":%b}'
            % (
                response.model.encode(),
                response.id,
                block.content,
                block.stop,
                usage(response.tokens, block.output, new=self.place.new),
            )
        )
        return self.link(b'"message":%b,"requestId":"%b","type":"assistant",' % (message, response.request)), message

    def use(self, call: Call, call_id: bytes) -> bytes:
        """Return the content block of a tool call."""
        return b'{"type":"tool_use","id":"%b","name":"%b","input":%b%b}' % (
            call_id,
            call.name,
            call.input.replace(CWD, self.place.cwd),
            b',"caller":{"type":"direct"}' if self.place.new else b"",
        )

    def result(self, call: Call, call_id: bytes, source: bytes) -> None:
        """Add the line of a tool's result; `source` is the uuid of the line that called it."""
        self.link(
            b'%b"type":"user","message":{"role":"user","content":[{"tool_use_id":"%b","type":"tool_result",'
            b'"content":%b}]},' % (self._prompt_id, call_id, call.content.replace(CWD, self.place.cwd)),
            b',"toolUseResult":%b,"sourceToolAssistantUUID":"%b"' % (call.outcome.replace(CWD, self.place.cwd), source),
        )

    def system(self, subtype: bytes, fields: bytes, *, root: bool = False) -> None:
        """Add a system line; `fields` ends with a comma."""
        self.link(b'"type":"system","subtype":"%b",%b' % (subtype, fields), root=root)

    def attach(self, attachment: bytes) -> None:
        """Add an attachment line."""
        self.link(b'"attachment":%b,"type":"attachment",' % attachment)

    def progress(self, data: bytes, call_id: bytes, own: bytes) -> None:
        """Add a progress line of a running tool."""
        self.link(b'"type":"progress","data":%b,"toolUseID":"%b","parentToolUseID":"%b",' % (data, own, call_id))

    def queue(self, operation: bytes, content: bytes = b"") -> None:
        """Add a queue operation."""
        text = b',"content":%b' % content if content else b""
        self.raw(
            b'{"type":"queue-operation","operation":"%b","timestamp":"%b","sessionId":"%b"%b}\n'
            % (operation, self.stamp(), self.place.session, text)
        )

    def note(self, kind: bytes, name: bytes, value: bytes) -> None:
        """Add one of the small lines that only name the session."""
        self.raw(b'{"type":"%b","%b":%b,"sessionId":"%b"}\n' % (kind, name, value, self.place.session))

    def snapshot(self, tracked: int) -> None:
        """Add a file-history-snapshot with some tracked files."""
        own, now = uuid(self.rng), self.stamp()
        files = {
            f"src/core/part_{i}.py": {"backupFileName": f"{i:016x}@v2", "version": 2, "backupTime": now.decode()}
            for i in range(tracked)
        }
        self.raw(
            b'{"type":"file-history-snapshot","messageId":"%b","snapshot":{"messageId":"%b","trackedFileBackups":%b,'
            b'"timestamp":"%b"},"isSnapshotUpdate":%b}\n'
            % (own, own, dump(files), now, b"true" if tracked else b"false")
        )


def usage(tokens: Tokens, output: int, *, new: bool) -> bytes:
    """Return the counters of one line; `output` is what was known when it was written."""
    written = tokens.cache_write_5m + tokens.cache_write_1h
    split = b'{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d}' % (
        tokens.cache_write_5m,
        tokens.cache_write_1h,
    )
    given = (tokens.input, written, tokens.cache_read)
    head = b'{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,' % given
    if not new:
        return b'%b"cache_creation":%b,"output_tokens":%d,"service_tier":"standard"}' % (head, split, output)
    once = b'%b"output_tokens":%d,"cache_creation":%b,"type":"message"}' % (head, output, split)
    return (
        b'%b"output_tokens":%d,"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},'
        b'"service_tier":"standard","cache_creation":%b,"inference_geo":"","iterations":[%b],"speed":"standard"}'
        % (head, output, split, once)
    )
