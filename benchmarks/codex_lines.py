"""Puts lines of one Codex rollout together; knows the layout of a line and the cumulative totals, not what is said.

Source: docs/reference/formats.md, section 2. A replayed line has the time of the fork and keeps all else.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from .claude_lines import dump, uuid

WINDOW = 258_400
"""Tokens of the model's context."""
POLICY = (
    b'"approval_policy":"on-request","sandbox_policy":{"type":"workspace-write","writable_roots":[],'
    b'"network_access":false,"exclude_tmpdir_env_var":false,"exclude_slash_tmp":false}'
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counters of one response, or of a rollout so far; cached is part of input, reasoning part of output."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        """Sum each counter."""
        return Totals(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    def json(self) -> bytes:
        """Return them as a `…_token_usage` object."""
        return (
            b'{"input_tokens":%d,"cached_input_tokens":%d,"output_tokens":%d,"reasoning_output_tokens":%d,'
            b'"total_tokens":%d}' % (self.input, self.cached, self.output, self.reasoning, self.input + self.output)
        )


@dataclass(frozen=True, slots=True)
class Meta:
    """What the first line of a rollout says."""

    id: bytes
    cwd: bytes
    version: bytes
    instructions: bytes
    commit: bytes
    branch: bytes = b"main"

    @classmethod
    def fresh(cls, rng: Random, *, at_ms: int, cwd: bytes, version: bytes, instructions: bytes) -> "Meta":
        """Return the meta of a new session; its id is a version 7 UUID, whose first 48 bits are the time."""
        digits = b"%012x" % at_ms
        own = b"%b-%b-7%b" % (digits[:8], digits[8:], uuid(rng)[15:])
        return cls(own, cwd, version, instructions, b"%040x" % rng.getrandbits(160))


@dataclass(slots=True)
class Rollout:
    """One file in the making; a line is kept without its time, so that a fork can repeat it."""

    meta: Meta
    at_ms: int
    begun_ms: int = 0
    lines: list[bytes] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    used_percent: int = 1
    _bodies: list[bytes] = field(default_factory=list)
    _turn: bytes = b""
    _turn_ms: int = 0

    def add(self, kind: bytes, payload: bytes) -> None:
        """Add a line."""
        self._repeat(b'"type":"%b","payload":%b}\n' % (kind, payload))

    def wait(self, seconds: float) -> None:
        """Let time pass, at least a millisecond."""
        self.at_ms += max(1, int(seconds * 1000))

    def event(self, kind: bytes, fields: bytes = b"") -> None:
        """Add an `event_msg`; `fields` starts with a comma."""
        self.add(b"event_msg", b'{"type":"%b"%b}' % (kind, fields))

    def item(self, kind: bytes, fields: bytes) -> None:
        """Add a `response_item`; `fields` starts with a comma."""
        self.add(b"response_item", b'{"type":"%b"%b}' % (kind, fields))

    def message(self, role: bytes, text: bytes) -> None:
        """Add a message item; `text` is JSON."""
        side, phase = (b"output", b',"phase":"final_answer"') if role == b"assistant" else (b"input", b"")
        self.item(b"message", b',"role":"%b","content":[{"type":"%b_text","text":%b}]%b' % (role, side, text, phase))

    def open(self, *, parent: "Rollout | None" = None, spawned: bool = False) -> None:
        """Write the session's meta, behind it the parent's rows if it is a fork or was spawned as a sub-agent."""
        self.begun_ms = self.at_ms
        meta, extra, source = self.meta, b"", b'"cli"'
        if parent:
            extra = b',"forked_from_id":"%b"' % parent.meta.id
        if parent and spawned:
            source = b'{"subagent":{"thread_spawn":{"parent_thread_id":"%b","depth":1}}}' % parent.meta.id
        self.add(
            b"session_meta",
            b'{"id":"%b"%b,"timestamp":"%b","cwd":"%b","originator":"codex-tui","cli_version":"%b","source":%b,'
            b'"model_provider":"openai","base_instructions":{"text":%b},"git":{"commit_hash":"%b","branch":"%b"}}'
            % (
                meta.id,
                extra,
                stamp(self.at_ms),
                meta.cwd,
                meta.version,
                source,
                meta.instructions,
                meta.commit,
                meta.branch,
            ),
        )
        if parent:
            for body in parent._bodies:
                self._repeat(body)
            self.totals = parent.totals

    def begin(self, turn: bytes, *, model: str, prompt: bytes, preface: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Begin a turn with a typed prompt; `preface` is what the harness says before it, as (role, text)."""
        self._turn, self._turn_ms = turn, self.at_ms
        self.event(
            b"task_started",
            b',"turn_id":"%b","started_at":%d,"model_context_window":%d,"collaboration_mode_kind":"default"'
            % (turn, self.at_ms // 1000, WINDOW),
        )
        for role, text in preface:
            self.message(role, text)
        self.add(
            b"turn_context",
            b'{"turn_id":"%b","cwd":"%b","current_date":"%b","timezone":"UTC",%b,"model":"%b","effort":"high",'
            b'"summary":"none"}' % (turn, self.meta.cwd, stamp(self.at_ms)[:10], POLICY, model.encode()),
        )
        self.message(b"user", prompt)
        self.event(b"user_message", b',"message":%b,"images":[],"local_images":[],"text_elements":[]' % prompt)
        self.count(b"null")

    def call(self, name: bytes, arguments: object, call_id: bytes) -> None:
        """Add a call of a function; its arguments become a JSON string."""
        given = dump(json.dumps(arguments, ensure_ascii=False, separators=(",", ":")))
        self.item(b"function_call", b',"name":"%b","arguments":%b,"call_id":"%b"' % (name, given, call_id))

    def returned(self, call_id: bytes, output: bytes) -> None:
        """Add what a function returned; `output` is JSON."""
        self.item(b"function_call_output", b',"call_id":"%b","output":%b' % (call_id, output))

    def bill(self, one: Totals, *, twice: bool = False) -> None:
        """Raise the totals by one response and show them, if wanted a second time as Codex does now and then."""
        self.totals += one
        shown = b'{"total_token_usage":%b,"last_token_usage":%b,"model_context_window":%d}'
        for _ in range(1 + twice):
            self.wait(0.04)
            self.count(shown % (self.totals.json(), one.json(), WINDOW))

    def count(self, info: bytes) -> None:
        """Write a token_count."""
        limits = b'{"limit_id":"codex","limit_name":null,"primary":{"used_percent":%d.0,"window_minutes":300}'
        self.event(
            b"token_count",
            b',"info":%b,"rate_limits":%b,"credits":null,"plan_type":"plus"}' % (info, limits % self.used_percent),
        )

    def answer(self, text: bytes, one: Totals) -> None:
        """End the turn with the agent's last message, billed as `one`."""
        self.event(b"agent_message", b',"message":%b,"phase":"final_answer","memory_citation":null' % text)
        self.message(b"assistant", text)
        self.bill(one)
        self.event(
            b"task_complete",
            b',"turn_id":"%b","last_agent_message":%b,"completed_at":%d,"duration_ms":%d'
            % (self._turn, text, self.at_ms // 1000, self.at_ms - self._turn_ms),
        )

    def save(self, home: Path) -> int:
        """Write the file to its place below a home; return its size in bytes."""
        begun = datetime.fromtimestamp(self.begun_ms / 1000, UTC)
        folder = home / ".codex" / "sessions" / begun.strftime("%Y/%m/%d")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"rollout-{begun:%Y-%m-%dT%H-%M-%S}-{self.meta.id.decode()}.jsonl"
        return (folder / name).write_bytes(b"".join(self.lines))

    def _repeat(self, body: bytes) -> None:
        self._bodies.append(body)
        self.lines.append(b'{"timestamp":"%b",%b' % (stamp(self.at_ms), body))


def stamp(at_ms: int) -> bytes:
    """Return an instant as the files have it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:23].encode() + b"Z"
