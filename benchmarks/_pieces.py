"""Pre-rendered JSON pieces that lines are put together from; knows tools and texts, not the order of a session.

Rendering each piece once is what makes writing 1 GB a matter of joining bytes.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from random import Random

from ._words import Words, sizes
from .claude_lines import CWD, Call, dump


@dataclass(frozen=True, slots=True)
class Pieces:
    """Everything pre-rendered; texts are JSON strings with their quotes."""

    prompts: list[bytes]
    texts: list[bytes]
    thoughts: list[bytes]
    signatures: list[bytes]
    outputs: list[bytes]
    commands: list[bytes]
    skills: bytes
    calls: dict[str, list[Call]]
    names: tuple[str, ...]
    weights: tuple[int, ...]


WEIGHTS = {
    "Bash": 340, "Read": 205, "Edit": 196, "Grep": 132, "TodoWrite": 24, "Write": 20, "Glob": 15, "TaskUpdate": 12,
    "WebFetch": 7, "WebSearch": 7, "Skill": 3, "mcp__tracker__search_issues": 6, "BashError": 28, "EditError": 5,
}  # fmt: skip
"""Calls per thousand, as counted over the real files."""


def build(seed: int) -> Pieces:
    """Render all pieces; about half a second."""
    rng = Random(f"pieces {seed}")
    words = Words(rng)

    def texts(median: float, sigma: float, high: int, count: int = 300) -> list[bytes]:
        return [dump(words.prose(n)) for n in sizes(count, median=median, sigma=sigma, low=12, high=high)]

    files = [
        (CWD.decode() + "/" + words.path(), words.code(n))
        for n in sizes(90, median=15_500, sigma=0.8, low=900, high=90_000)
    ]
    calls = {
        "Bash": _bash(rng, words),
        "Read": _read(rng, files),
        "Edit": _edit(rng, words, files),
        "Grep": _grep(words),
        "Write": _write(words),
        **_small(rng, words),
    }
    return Pieces(
        prompts=texts(108, 1.5, 12_000),
        texts=texts(130, 1.45, 18_000),
        thoughts=texts(170, 1.35, 16_000),
        signatures=[
            b64encode(rng.randbytes(n * 3 // 4)) for n in sizes(200, median=520, sigma=1.05, low=200, high=34_000)
        ],
        outputs=[dump(words.log(n)) for n in sizes(40, median=400, sigma=1.0, low=20, high=6_000)],
        commands=[b"/review", b"/status", b"/release-notes", b"/clear"],
        skills=dump("\n".join(f"- {words.name()}: {words.prose(180)}" for _ in range(60))),
        calls=calls,
        names=tuple(WEIGHTS),
        weights=tuple(WEIGHTS.values()),
    )


def _bash(rng: Random, words: Words) -> list[Call]:
    found = []
    for n in sizes(400, median=310, sigma=2.0, low=1, high=240_000):
        command: dict[str, object] = {"command": words.command(), "description": words.prose(40)}
        if rng.random() < 0.2:
            command["timeout"] = 120_000
        text = words.log(n)
        outcome = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
        content = dump(text) + b',"is_error":false'
        found.append(Call(b"Bash", dump(command), content, dump(outcome), rng.lognormvariate(0.5, 1.4)))
    return found


def _read(rng: Random, files: list[tuple[str, list[str]]]) -> list[Call]:
    found = []
    lengths = [sum(map(len, lines)) for _, lines in files]
    for wanted in sizes(360, median=2_400, sigma=1.4, low=200, high=90_000):
        path, lines = rng.choice([each for each, n in zip(files, lengths, strict=True) if n >= wanted] or files)
        start, total, end = rng.randrange(max(1, len(lines) - wanted // 35)), 0, 0
        for end in range(start, len(lines)):
            total += len(lines[end]) + 1
            if total >= wanted:
                break
        part = lines[start : end + 1]
        numbered = "\n".join(f"{start + i + 1:6d}→{line}" for i, line in enumerate(part))
        file = {"filePath": path, "content": "\n".join(part), "numLines": len(part), "startLine": start + 1}
        arguments: dict[str, object] = {"file_path": path}
        if start:
            arguments |= {"offset": start + 1, "limit": len(part)}
        reminder = "\n\n<system-reminder>\nJudge what you read before you change it.\n</system-reminder>\n"
        outcome = {"type": "text", "file": file | {"totalLines": len(lines)}}
        found.append(Call(b"Read", dump(arguments), dump(numbered + reminder), dump(outcome)))
    return found


def _edit(rng: Random, words: Words, files: list[tuple[str, list[str]]]) -> list[Call]:
    found = []
    for path, lines in files:
        for _ in range(4):
            size = rng.randrange(2, 22)
            at = rng.randrange(max(1, len(lines) - size))
            old = lines[at : at + size]
            new = [line for line in old if rng.random() < 0.8] + words.code(rng.randrange(60, 600))[5:]
            patch = {
                "oldStart": at + 1,
                "oldLines": len(old),
                "newStart": at + 1,
                "newLines": len(new),
                "lines": [f"-{line}" for line in old] + [f"+{line}" for line in new],
            }
            pair = {"oldString": "\n".join(old), "newString": "\n".join(new), "originalFile": "\n".join(lines)}
            outcome = {"filePath": path, **pair, "structuredPatch": [patch], "userModified": False, "replaceAll": False}
            arguments = {"replace_all": False, "file_path": path, "old_string": "\n".join(old)}
            arguments["new_string"] = "\n".join(new)
            done = dump(f"The file {path} has been updated successfully.")
            found.append(Call(b"Edit", dump(arguments), done, dump(outcome), 0.1))
    return found


def _write(words: Words) -> list[Call]:
    found = []
    for n in sizes(60, median=3_300, sigma=1.2, low=100, high=22_000):
        path, text = f"{CWD.decode()}/{words.path()}", "\n".join(words.code(n))
        outcome = {
            "type": "create",
            "filePath": path,
            "content": text,
            "structuredPatch": list[str](),
            "originalFile": None,
        }
        done = dump(f"File created successfully at: {path}")
        found.append(Call(b"Write", dump({"file_path": path, "content": text}), done, dump(outcome), 0.1))
    return found


def _grep(words: Words) -> list[Call]:
    found = []
    for n in sizes(160, median=900, sigma=1.5, low=20, high=30_000):
        text = words.log(n)
        arguments = {"pattern": words.name(), "path": f"{CWD.decode()}/src", "output_mode": "content", "-n": True}
        found_in: list[str] = []
        outcome = {
            "mode": "content",
            "numFiles": 0,
            "filenames": found_in,
            "content": text,
            "numLines": text.count("\n"),
        }
        found.append(
            Call(b"Grep", dump(arguments), dump(text), dump(outcome | {"numLines": text.count("\n") + 1}), 0.05)
        )
    return found


def _small(rng: Random, words: Words) -> dict[str, list[Call]]:
    """Return the tools that are called seldom; the two kinds of error have names that no tool has."""

    def many(name: str, count: int = 20) -> list[Call]:
        return [_rare(name, rng, words) for _ in range(count)]

    return {name: many(name) for name in WEIGHTS if name not in {"Bash", "Read", "Edit", "Grep", "Write"}}


def _rare(name: str, rng: Random, words: Words) -> Call:
    cwd, told, path = CWD.decode(), words.prose(rng.randrange(40, 900)), words.path()
    if name == "TodoWrite":
        todos = [
            {"content": words.prose(50), "status": "pending", "activeForm": words.prose(50)}
            for _ in range(rng.randrange(2, 9))
        ]
        done = dump("Todos have been modified successfully. Ensure that you continue to use the todo list.")
        return Call(b"TodoWrite", dump({"todos": todos}), done, dump({"oldTodos": todos[:-1], "newTodos": todos}))
    if name == "Glob":
        found = [f"{cwd}/{words.path()}" for _ in range(rng.randrange(1, 40))]
        outcome: dict[str, object] = {"filenames": found, "durationMs": 9, "numFiles": len(found), "truncated": False}
        return Call(b"Glob", dump({"pattern": "**/*.py"}), dump("\n".join(found)), dump(outcome))
    if name == "TaskUpdate":
        outcome = {"success": True, "taskId": "3", "updatedFields": ["status"]}
        outcome["statusChange"] = {"from": "pending", "to": "completed"}
        return Call(b"TaskUpdate", b'{"taskId":"3","status":"completed"}', b'"Updated task #3 status"', dump(outcome))
    if name == "WebFetch":
        arguments = {"url": f"https://docs.example.com/{words.name()}", "prompt": words.prose(130)}
        outcome = {"bytes": rng.randrange(9999), "code": 200, "codeText": "OK", "result": told, "durationMs": 2400}
        return Call(b"WebFetch", dump(arguments), dump(told), dump(outcome | {"url": arguments["url"]}), 3.0)
    if name == "WebSearch":
        query = words.prose(50)
        hits = [{"title": words.prose(60), "url": f"https://docs.example.com/{words.name()}"} for _ in range(9)]
        results = [{"tool_use_id": "srvtoolu_01" + "x" * 22, "content": hits}, words.prose(1500)]
        outcome = {"query": query, "results": results, "durationSeconds": 8.25, "searchCount": 1}
        text = f'Web search results for query: "{query}"\n\nLinks: {json.dumps(hits)}\n\n{results[1]}'
        return Call(b"WebSearch", dump({"query": query}), dump(text), dump(outcome), 8.0, 1)
    if name == "Skill":
        outcome = {"success": True, "commandName": "release-notes"}
        return Call(b"Skill", b'{"skill":"release-notes"}', b'"Launching skill: release-notes"', dump(outcome))
    if name == "BashError":
        text = f"Exit code {rng.randrange(1, 3)}\n{words.log(rng.randrange(20, 1500))}"
        arguments = {"command": words.command(), "description": words.prose(40)}
        return Call(b"Bash", dump(arguments), dump(text) + b',"is_error":true', dump(f"Error: {text}"), 2.0)
    if name == "EditError":
        arguments = {"file_path": f"{cwd}/{path}", "old_string": words.prose(80), "new_string": told}
        text = "<tool_use_error>String to replace not found in file.</tool_use_error>"
        return Call(b"Edit", dump(arguments), dump(text) + b',"is_error":true', dump(f"Error: {text}"), 0.05)
    content = dump([{"type": "text", "text": told}])  # an MCP tool: its outcome is the same list
    return Call(name.encode(), dump({"query": words.prose(40), "limit": 20}), content, content, 0.8)
