"""The second count of Pi, Copilot CLI, Gemini CLI and OpenCode, in the plainest way; it imports nothing of ours.

Every rule is written down once more from what each agent's files say, without a thought for speed or continuing.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oracle import Count, Counters, mapping, whole

Object = dict[str, Any]
Shown = dict[str, tuple[str, str, Counters]]
"""Requests by identity: model, day, counters."""


def count_more(count: Count, homes: Iterable[Path]) -> None:
    """Count all transcripts of four agents below some homes."""
    for home in homes:
        _pi(count, sorted((home / ".pi" / "agent" / "sessions").rglob("*.jsonl")))
        _copilot(count, sorted((home / ".copilot" / "session-state").glob("*/events.jsonl")))
        _gemini(count, sorted((home / ".gemini" / "tmp").glob("*/chats/**/*.json*")))
        data = home / ".local" / "share" / "opencode"
        _opencode(count, sorted((data / "exports").rglob("*.json*")), data / "opencode.db")


def day(value: Any) -> str:
    """Return the UTC day of a time: text, or milliseconds since the epoch."""
    if isinstance(value, str):
        return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d}"
    return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d}"


def values(path: Path, count: Count) -> list[Object]:
    """Return a file's objects: one over all its lines, or one on each."""
    text = path.read_text("utf-8")
    count.lines += text.count("\n") + (not text.endswith("\n"))
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]


def finish(count: Count, requests: Shown, calls: dict[str, str]) -> None:
    """Count what was found, each request and each call once."""
    for model, when, counters in requests.values():
        if sum(counters):
            count.add(model, when, counters)
    for when in calls.values():
        count.add_call(when)


# Pi -------------------------------------------------------------------------------------------------------------------


def _pi(count: Count, paths: list[Path]) -> None:
    requests: Shown = {}
    calls: dict[str, str] = {}
    for path in paths:
        for value in values(path, count):
            message = mapping(value.get("message"))
            if value["type"] != "message" or message.get("role") != "assistant":
                continue
            usage, when = mapping(message.get("usage")), day(value["timestamp"])
            counters = (
                whole(usage.get("input")), whole(usage.get("output")), whole(usage.get("cacheWrite")), 0,
                whole(usage.get("cacheRead")),
            )  # fmt: skip
            requests.setdefault(f"{value['id']} {message['timestamp']}", (message["model"], when, counters))
            for piece in message["content"]:
                if piece["type"] == "toolCall":
                    calls.setdefault(piece["id"], when)
    finish(count, requests, calls)


# Copilot CLI ----------------------------------------------------------------------------------------------------------


def copilot_counters(usage: Object) -> Counters:
    """Take out of the input what the caches hold."""
    read, written = whole(usage.get("cacheReadTokens")), whole(usage.get("cacheWriteTokens"))
    into, out = whole(usage.get("inputTokens")), whole(usage.get("outputTokens"))
    return into - read - written, out, written, 0, read


def _copilot(count: Count, paths: list[Path]) -> None:
    requests: Shown = {}
    calls: dict[str, str] = {}
    for path in paths:
        for value in values(path, count):
            data, when = value["data"], day(value["timestamp"])
            if value["type"] == "session.shutdown":
                for model, metrics in mapping(data.get("modelMetrics")).items():
                    requests[f"{value['id']} {model}"] = (model, when, copilot_counters(metrics["usage"]))
            elif value["type"] == "session.compaction_complete" and data.get("compactionTokensUsed"):
                used = data["compactionTokensUsed"]
                requests[value["id"]] = (used["model"], when, copilot_counters(used))
            for asked in data.get("toolRequests") or []:
                calls.setdefault(asked["toolCallId"], when)
            if value["type"] == "tool.execution_start":
                calls.setdefault(data["toolCallId"], when)
    finish(count, requests, calls)


# Gemini CLI -----------------------------------------------------------------------------------------------------------


def _gemini(count: Count, paths: list[Path]) -> None:
    requests: Shown = {}
    calls: dict[str, str] = {}
    for path in paths:
        session = ""
        for value in values(path, count):
            patch = mapping(value.get("$set"))
            session = value.get("sessionId") or patch.get("sessionId") or session
            for message in [value, *(value.get("messages") or []), *(patch.get("messages") or [])]:
                if message.get("type") != "gemini":
                    continue
                key, when = f"{session} {message['id']}", day(message["timestamp"])
                for call in message.get("toolCalls") or []:
                    calls.setdefault(call["id"], when)
                tokens = message.get("tokens")
                if not tokens:
                    continue
                read = whole(tokens.get("cached"))
                out = whole(tokens.get("output")) + whole(tokens.get("thoughts"))
                counters = (whole(tokens.get("input")) - read, out, 0, 0, read)
                first = requests.get(key, (message["model"], when))
                requests[key] = (first[0], first[1], counters)  # the last copy wins
    finish(count, requests, calls)


# OpenCode -------------------------------------------------------------------------------------------------------------


def opencode_counters(tokens: Object) -> Counters:
    """Reasoning is billed as output; the input has nothing of the cache."""
    cache = mapping(tokens.get("cache"))
    out = whole(tokens.get("output")) + whole(tokens.get("reasoning"))
    return whole(tokens.get("input")), out, whole(cache.get("write")), 0, whole(cache.get("read"))


def stored_messages(database: Path) -> Iterator[tuple[str, Object]]:
    """Yield the messages of a database with their sessions."""
    connection = sqlite3.connect(database)
    for id_, session, data in connection.execute("SELECT id, session_id, data FROM message").fetchall():
        found = connection.execute("SELECT data FROM part WHERE message_id = ?", (id_,)).fetchall()
        yield session, {"info": json.loads(data) | {"id": id_}, "parts": [json.loads(part) for (part,) in found]}
    connection.close()


def _opencode(count: Count, paths: list[Path], database: Path) -> None:
    requests: Shown = {}
    calls: dict[str, str] = {}

    def take(session: str, message: Object) -> None:
        info = message["info"]
        if info["role"] != "assistant":
            return
        when = day(info["time"].get("completed") or info["time"]["created"])
        steps = [part["tokens"] for part in message["parts"] if part["type"] == "step-finish"]
        counted = [opencode_counters(each) for each in steps]
        if len(steps) < 2 and info.get("tokens"):
            counted = [opencode_counters(info["tokens"])]
        total = [sum(each[kind] for each in counted) for kind in range(5)]
        requests[f"{session} {info['id']}"] = (info["modelID"], when, (total[0], total[1], total[2], 0, total[4]))
        for part in message["parts"]:
            if part["type"] == "tool":
                calls.setdefault(part["callID"], when)

    for path in paths:
        found, model = values(path, count), ""
        for number, value in enumerate(found):
            if "messages" in value:
                for message in value["messages"]:
                    take(value["info"]["id"], message)
            elif "_role" in value:
                model = value.get("_model") or model
                info = {"role": value["_role"], "time": {"completed": value["_ts"]}, "modelID": model}
                take(json.dumps(value), {"info": info | {"id": str(number)}, "parts": [value]})
    if database.exists():
        sessions = set()
        for session, message in stored_messages(database):
            sessions.add(session)
            count.lines += 1
            take(session, message)
        count.lines += len(sessions)
    finish(count, requests, calls)
