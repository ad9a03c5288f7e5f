"""Tells one sample session line by line; knows how a session goes on, not what the stories are."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from benchmarks.claude_lines import CWD, Block, Call, Chain, Place, Response, dump, token, uuid

from precedent.model import Tokens

VERSION = "2.1.235"
HELPER_MODEL = "claude-haiku-4-5-20251001"
SIGNATURE = b64encode(b"a sample has no real signature")
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the "
    "new_string was NOT written to the file). To tell you how to proceed, the user said:\n"
)


class Helper(NamedTuple):
    """A sub-agent's transcript and its type."""

    chain: Chain
    kind: str


class Teller:
    """One Claude Code transcript of a sample home."""

    def __init__(self, chain: Chain, *, model: str, context: int) -> None:
        self.chain, self.model = chain, model
        self.helpers: list[Helper] = []
        self._rng, self._context, self._fresh = chain.rng, context, 0
        self._turn = (chain.at_ms, 0)

    @classmethod
    def session(cls, home: str, *, folder: str, branch: str, model: str, start: str) -> "Teller":
        """Return the teller of a new session in a folder of a person's home; `start` is an instant in UTC."""
        rng, cwd = Random(f"{home} {start}"), f"/home/{home}/{folder}"
        place = Place(uuid(rng), cwd.encode(), branch.encode(), VERSION, f"calm-{folder}".encode())
        return cls(Chain(rng, place, at_ms=milliseconds(start)), model=model, context=17_400)

    def opens(self, title: str) -> None:
        """Write what stands before the first prompt."""
        self.chain.note(b"permission-mode", b"permissionMode", b'"default"')
        self.chain.note(b"ai-title", b"aiTitle", dump(title))
        self.chain.attach(b'{"type":"date_change","newDate":"%b"}' % self.chain.stamp()[:10])

    def copies(self, source: "Teller", lines: int, *, start: str) -> None:
        """Begin as a fork: the first lines of another session, whose ids stay, under this session's own id."""
        old, new = source.chain.place.session, self.chain.place.session
        for line in source.chain.lines[:lines]:
            self.chain.raw(line.replace(b'"sessionId":"%b"' % old, b'"sessionId":"%b"' % new))
        last = [line for line in source.chain.lines[:lines] if b'"parentUuid"' in line][-1]
        self.chain.parent = b'"%b"' % last.split(b',"uuid":"')[1][:36]
        self.chain.at_ms, self._context = milliseconds(start), 19_000

    def says(self, text: str, *, after_s: float = 40) -> None:
        """A person types a prompt."""
        self.chain.wait(after_s)
        self._turn = (self.chain.at_ms, len(self.chain.lines))
        self.chain.snapshot(0)
        typed = b',"permissionMode":"default","promptSource":"typed","origin":{"kind":"human"}'
        self.chain.prompt(dump(text), fields=typed)
        self._context += len(text) // 4

    def does(self, *calls: Call, think: str = "", text: str = "") -> None:
        """The agent answers with tool calls, each block on a line of its own; then their results come."""
        ids = [token(self._rng, b"toolu_01") for _ in calls]
        blocks = [each for each in (thought(think), said(text)) if each]
        uses = [self.chain.use(call, call_id) for call, call_id in zip(calls, ids, strict=True)]
        sources = self._reply(blocks + uses, stop=b'"tool_use"' if calls else b'"end_turn"')
        for call, call_id, source in zip(calls, ids, sources[len(blocks) :], strict=True):
            self.chain.wait(call.seconds)
            self.chain.result(call, call_id, source)
            self._fresh += len(call.content) // 4

    def answers(self, text: str, *, think: str = "") -> None:
        """The agent ends its turn."""
        self.does(think=think, text=text)
        begun, lines = self._turn
        count = len(self.chain.lines) - lines
        took = self.chain.at_ms - begun
        self.chain.system(b"turn_duration", b'"durationMs":%d,"messageCount":%d,"isMeta":false,' % (took, count))

    def delegates(self, kind: str, task: str, steps: list[Call], found: str) -> None:
        """A sub-agent with a transcript of its own takes the steps, while this session waits."""
        chain, call_id = self.chain, token(self._rng, b"toolu_01")
        arguments = {"description": "Look for it", "subagent_type": kind, "prompt": task}
        (source,) = self._reply([chain.use(Call(b"Agent", dump(arguments), b"", b""), call_id)], stop=b'"tool_use"')
        begun = chain.at_ms
        place = replace(chain.place, agent=b"a%07x" % self._rng.getrandbits(28))
        helper = Teller(Chain(self._rng, place, at_ms=begun + 50), model=HELPER_MODEL, context=9_100)
        helper.chain.prompt(dump(task))
        for step in steps:
            helper.does(step)
        helper.does(text=found)
        self.helpers.append(Helper(helper.chain, kind))
        chain.at_ms = helper.chain.at_ms + 30
        content, took = [{"type": "text", "text": found}], chain.at_ms - begun
        outcome: dict[str, object] = {
            "status": "completed",
            "prompt": task,
            "agentId": place.agent.decode(),
            "agentType": kind,
        }
        outcome |= {"content": content, "totalDurationMs": took, "totalToolUseCount": len(steps)}
        chain.result(Call(b"Agent", b"", dump(content), dump(outcome)), call_id, source)

    def _reply(self, blocks: list[bytes], *, stop: bytes) -> list[bytes]:
        size = sum(map(len, blocks))
        written, output = 180 + self._fresh, 24 + size // 4
        main = not self.chain.place.agent
        tokens = Tokens(6, output, 0 if main else written, written if main else 0, self._context)
        response = Response(token(self._rng, b"msg_01"), token(self._rng, b"req_011C", 20), self.model, tokens)
        self.chain.wait(2.4 + output / 80)
        sources = []
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            shown = Block(block, stop if last else b"null", output if last else min(output, 5))
            sources.append(self.chain.reply(response, shown)[0])
            self.chain.wait(0.6)
        self._context, self._fresh = self._context + written + output, 0
        return sources


def thought(text: str) -> bytes:
    """Return a thinking block; none for no text."""
    return b'{"type":"thinking","thinking":%b,"signature":"%b"}' % (dump(text), SIGNATURE) if text else b""


def said(text: str) -> bytes:
    """Return a text block; none for no text."""
    return b'{"type":"text","text":%b}' % dump(text) if text else b""


def milliseconds(instant: str) -> int:
    """Return an instant such as `2026-09-14T08:12:05` in UTC as milliseconds."""
    return int(datetime.fromisoformat(instant).replace(tzinfo=UTC).timestamp() * 1000)


def bash(command: str, description: str, output: str, *, code: int = 0, seconds: float = 1.5) -> Call:
    """Return a shell command with its output; a code other than 0 is an error."""
    arguments = dump({"command": command, "description": description})
    if code:
        text = f"Exit code {code}\n{output}"
        return Call(b"Bash", arguments, dump(text) + b',"is_error":true', dump(f"Error: {text}"), seconds)
    outcome = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
    return Call(b"Bash", arguments, dump(output) + b',"is_error":false', dump(outcome), seconds)


def rejected(call: Call, why: str) -> Call:
    """Return a call that a person refused, saying why."""
    content = dump(REJECTED + why) + b',"is_error":true'
    return call._replace(content=content, outcome=b'"User rejected tool use"', seconds=9.0)


def read(path: str, text: str) -> Call:
    """Return the reading of a whole file."""
    lines = text.splitlines()
    numbered = "\n".join(f"{i:6d}→{line}" for i, line in enumerate(lines, 1))
    file = {"filePath": full(path), "content": text, "numLines": len(lines), "startLine": 1, "totalLines": len(lines)}
    return Call(b"Read", dump({"file_path": full(path)}), dump(numbered), dump({"type": "text", "file": file}), 0.1)


def edit(path: str, original: str, old: str, new: str) -> Call:
    """Return an edit; the whole original stands in its outcome, as in real files."""
    before, after = old.splitlines(), new.splitlines()
    at = original[: original.index(old)].count("\n") + 1
    patch = {"oldStart": at, "oldLines": len(before), "newStart": at, "newLines": len(after)}
    hunk = patch | {"lines": [f"-{line}" for line in before] + [f"+{line}" for line in after]}
    outcome: dict[str, object] = {"filePath": full(path), "oldString": old, "newString": new, "originalFile": original}
    outcome |= {"structuredPatch": [hunk], "userModified": False, "replaceAll": False}
    arguments = {"replace_all": False, "file_path": full(path), "old_string": old, "new_string": new}
    done = dump(f"The file {full(path)} has been updated successfully.")
    return Call(b"Edit", dump(arguments), done, dump(outcome), 0.1)


def write(path: str, text: str) -> Call:
    """Return the writing of a new file."""
    outcome = {
        "type": "create",
        "filePath": full(path),
        "content": text,
        "structuredPatch": list[str](),
        "originalFile": None,
    }
    done = dump(f"File created successfully at: {full(path)}")
    return Call(
        b"Write", dump({"file_path": full(path), "content": text}), done, dump(outcome | {"originalFile": None}), 0.1
    )


def grep(pattern: str, found: str) -> Call:
    """Return a search in the code."""
    arguments = {"pattern": pattern, "path": full("src"), "output_mode": "content", "-n": True}
    outcome = {
        "mode": "content",
        "numFiles": 0,
        "filenames": list[str](),
        "content": found,
        "numLines": found.count("\n") + 1,
    }
    return Call(b"Grep", dump(arguments), dump(found), dump(outcome), 0.05)


def todos(*items: tuple[str, str]) -> Call:
    """Return a to-do list of (what, status)."""
    new = [{"content": what, "status": status, "activeForm": what} for what, status in items]
    done = dump("Todos have been modified successfully.")
    return Call(b"TodoWrite", dump({"todos": new}), done, dump({"oldTodos": [], "newTodos": new}), 0.05)


def mcp(server: str, tool: str, arguments: dict[str, object], told: str) -> Call:
    """Return the call of an MCP server's tool."""
    content = dump([{"type": "text", "text": told}])
    return Call(f"mcp__{server}__{tool}".encode(), dump(arguments), content, content, 0.8)


def skill(name: str) -> Call:
    """Return the start of a skill."""
    done, outcome = dump(f"Launching skill: {name}"), {"success": True, "commandName": name}
    return Call(b"Skill", dump({"skill": name}), done, dump(outcome), 0.05)


def web_search(query: str, hits: list[dict[str, str]], told: str) -> Call:
    """Return a web search, one that is billed."""
    results = [{"tool_use_id": "srvtoolu_01sample", "content": hits}, told]
    outcome = {"query": query, "results": results, "durationSeconds": 6.5, "searchCount": 1}
    text = f'Web search results for query: "{query}"\n\n{told}'
    return Call(b"WebSearch", dump({"query": query}), dump(text), dump(outcome), 6.5, 1)


def full(path: str) -> str:
    """Return a path below the session's working folder, which `Chain` fills in."""
    return f"{CWD.decode()}/{path}"
