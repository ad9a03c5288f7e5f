"""A second count of the same transcripts, written from the rules in the plainest way; it imports nothing of ours.

One JSON object at a time, dictionaries, no speed. Figures by (model, UTC day): requests and five kinds of tokens.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Counters = tuple[int, int, int, int, int]
NOTHING: Counters = (0, 0, 0, 0, 0)


@dataclass
class Count:
    """What was counted: requests and five kinds by (model, day), tool calls by day."""

    rows: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    lines: int = 0

    def add(self, model: str, day: str, counters: Counters) -> None:
        """Count one request."""
        old = self.rows.get((model, day), (0, *NOTHING))
        self.rows[model, day] = tuple(a + b for a, b in zip(old, (1, *counters), strict=True))

    def add_call(self, day: str) -> None:
        """Count one tool call."""
        self.calls[day] = self.calls.get(day, 0) + 1


def count_homes(homes: Iterable[Path]) -> Count:
    """Count all transcripts of Claude Code and Codex below some homes."""
    count = Count()
    homes = list(homes)
    _claude(count, [path for home in homes for path in sorted((home / ".claude" / "projects").rglob("*.jsonl"))])
    folders = [home / ".codex" / name for home in homes for name in ("sessions", "archived_sessions")]
    _codex(count, [path for folder in folders for path in sorted(folder.rglob("*.jsonl"))])
    return count


def whole(value: Any) -> int:
    """Return a counter; what is no count is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return 0
    return int(value) if 0 <= value < 2**53 else 0


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(path: Path, count: Count) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each JSON object of a file with its line; several may stand on one line."""
    lines = path.read_bytes().split(b"\n")
    if not lines[-1]:
        lines.pop()
    count.lines += len(lines)
    decoder = json.JSONDecoder()
    for line in lines:
        text = line.decode("utf-8", "replace").strip()
        at = 0
        while at < len(text):
            try:
                value, at = decoder.raw_decode(text, at)
            except ValueError:
                break
            if isinstance(value, dict):
                yield line, value
            while at < len(text) and text[at].isspace():
                at += 1


class Times:
    """The time of each line: its own, else that of the line before it, else the file's."""

    def __init__(self, path: Path) -> None:
        self.last = datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def read(self, value: Any) -> datetime:
        """Return the instant that a line has."""
        try:
            self.last = datetime.fromisoformat(value).astimezone(UTC)
        except (TypeError, ValueError):
            pass
        return self.last


# Claude Code ----------------------------------------------------------------------------------------------------------


@dataclass
class Showing:
    """A request as one line shows it."""

    at: datetime
    file: str
    line: int
    main: bool
    model: str
    counters: Counters


def claude_counters(usage: dict[str, Any]) -> Counters:
    """Return input, output, five-minute writes, one-hour writes, reads (R17)."""
    split = mapping(usage.get("cache_creation"))
    five, hour = whole(split.get("ephemeral_5m_input_tokens")), whole(split.get("ephemeral_1h_input_tokens"))
    beyond = max(0, whole(usage.get("cache_creation_input_tokens")) - five - hour)
    read = whole(usage.get("cache_read_input_tokens"))
    return whole(usage.get("input_tokens")), whole(usage.get("output_tokens")), five + beyond, hour, read


def _claude(count: Count, paths: list[Path]) -> None:
    requests: dict[str, list[Showing]] = defaultdict(list)
    calls: dict[str, datetime] = {}
    reports: dict[str, list[tuple[datetime, str, Counters]]] = defaultdict(list)
    told: set[str] = set()  # sub-agents that left lines of their own
    for path in paths:
        if path.name == "journal.jsonl":
            continue
        times = Times(path)
        for number, (line, value) in enumerate(objects(path, count)):
            at, outer = times.read(value.get("timestamp")), value
            main = not value.get("isSidechain")
            if value.get("agentId") and not main:
                told.add(value["agentId"])
            data = mapping(value.get("data"))
            if value.get("type") == "progress" and data.get("type") == "agent_progress":
                outer, main = mapping(data.get("message")), False
                if outer.get("type") == "assistant":
                    told.add(data["agentId"])
            done = mapping(value.get("toolUseResult"))
            if done.get("agentId") and mapping(done.get("usage")):
                reports[done["agentId"]].append(
                    (at, done.get("resolvedModel") or "unknown", claude_counters(done["usage"]))
                )
            message = mapping(outer.get("message"))
            if outer.get("type") != "assistant" or not message:
                continue
            if message.get("model") == "<synthetic>" or outer.get("isApiErrorMessage"):
                continue
            digest = hashlib.sha256(line).hexdigest()
            key = message.get("id") or outer.get("requestId") or outer.get("uuid") or digest
            usage = mapping(message.get("usage"))
            counters = claude_counters(usage)
            requests[key].append(Showing(at, str(path), number, main, message.get("model") or "unknown", counters))
            advice = [each for each in usage.get("iterations") or [] if mapping(each).get("type") == "advisor_message"]
            for place, each in enumerate(advice):
                showing = Showing(at, str(path), number, main, each.get("model") or "unknown", claude_counters(each))
                requests[f"{key} advisor {place}"].append(showing)
            content = message.get("content")
            for block in content if isinstance(content, list) else []:
                if mapping(block).get("type") == "tool_use":
                    calls[block["id"]] = min(at, calls.get(block["id"], at))
    for showings in requests.values():
        first = min(showings, key=lambda each: (each.at, each.file, each.line))
        ranked = [each for each in showings if each.main] or showings
        best = min(ranked, key=lambda each: (-sum(each.counters), each.at, each.file, each.line))
        count.add(first.model, f"{first.at:%Y-%m-%d}", best.counters)
    for agent, found in reports.items():
        if agent not in told:
            at, model, _ = min(found, key=lambda each: each[:2])
            _, _, counters = min(found, key=lambda each: (-sum(each[2]), each[:2]))
            count.add(model, f"{at:%Y-%m-%d}", counters)
    for at in calls.values():
        count.add_call(f"{at:%Y-%m-%d}")


# Codex ----------------------------------------------------------------------------------------------------------------

CALLS = ("function_call", "custom_tool_call", "local_shell_call")


@dataclass
class Rollout:
    """What one file of Codex tells."""

    session: str = ""
    parent: str = ""
    parents: dict[str, str] = field(default_factory=dict)  # of all sessions that its headers tell of
    begun: datetime | None = None
    counts: list[tuple[datetime, str, tuple[int, ...] | None, tuple[int, ...] | None]] = field(default_factory=list)
    turns: list[tuple[datetime, tuple[int, ...]]] = field(default_factory=list)
    calls: list[tuple[datetime, str]] = field(default_factory=list)


def codex_vector(value: Any) -> tuple[int, ...] | None:
    """Return input, cached, output; None where there is none."""
    if not isinstance(value, dict):
        return None
    return tuple(whole(value.get(name)) for name in ("input_tokens", "cached_input_tokens", "output_tokens"))


def read_rollout(path: Path, count: Count) -> Rollout:
    """Read one file; only its first header says what it is."""
    found, model, times = Rollout(), "unknown", Times(path)
    for _, value in objects(path, count):
        at, payload = times.read(value.get("timestamp")), mapping(value.get("payload"))
        kind, inner = value.get("type"), payload.get("type")
        if found.begun is None:
            found.begun = at
        if kind == "session_meta":
            source = mapping(mapping(mapping(payload.get("source")).get("subagent")).get("thread_spawn"))
            parent = payload.get("forked_from_id") or source.get("parent_thread_id") or ""
            if parent:
                found.parents[payload.get("id") or path.stem] = parent
            if not found.session:
                found.session, found.parent = payload.get("id") or path.stem, parent
        elif kind == "turn_context":
            model = payload.get("model") or model
        elif kind == "event_msg" and inner == "token_count" and payload.get("info"):
            total = codex_vector(payload["info"].get("total_token_usage"))
            found.counts.append((at, model, total, codex_vector(payload["info"].get("last_token_usage"))))
        elif kind == "response_item" and inner in CALLS:
            found.calls.append((at, payload.get("call_id") or payload.get("id") or ""))
        elif kind == "turn.completed":
            found.turns.append((at, codex_vector(value.get("usage")) or (0, 0, 0)))
        elif kind == "thread.started":
            found.session = value.get("thread_id") or path.stem
    found.session = found.session or path.stem
    return found


def _codex(count: Count, paths: list[Path]) -> None:
    rollouts = [read_rollout(path, count) for path in paths]
    parents = {session: parent for each in rollouts for session, parent in each.parents.items()}

    def line_of(session: str) -> list[str]:
        found = [session]
        while found[-1] in parents and parents[found[-1]] not in found:
            found.append(parents[found[-1]])
        return found

    seen: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    calls: dict[tuple[str, str], datetime] = {}
    for each in sorted(rollouts, key=lambda each: (len(line_of(each.session)), each.begun, each.session)):
        family = line_of(each.session)[-1]
        before: tuple[int, ...] | None = None
        earlier, own = frozenset(seen[family]), set()
        for at, model, total, last in each.counts:
            day = f"{at:%Y-%m-%d}"
            if total is None or total == before:
                continue
            own.add(total)
            if total not in earlier:
                if before is None:
                    bill = last if each.parent and last is not None else total
                elif sum(total[::2]) < sum(before[::2]):
                    bill = last if last is not None else total
                else:
                    bill = tuple(max(0, now - then) for now, then in zip(total, before, strict=True))
                into, cached, out = bill
                count.add(model, day, (into - min(into, cached), out, 0, 0, min(into, cached)))
            before = total
        seen[family] |= own
        for at, call in each.calls:
            calls[family, call] = min(at, calls.get((family, call), at))
    known = {each.session for each in rollouts if each.counts}
    for each in rollouts:
        for at, (into, cached, out) in each.turns if each.session not in known else []:
            count.add("unknown", f"{at:%Y-%m-%d}", (into - min(into, cached), out, 0, 0, min(into, cached)))
    for at in calls.values():
        count.add_call(f"{at:%Y-%m-%d}")
