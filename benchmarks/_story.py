"""What happens in one generated Claude Code session; knows how lines follow each other, not how files are placed."""

import json
from dataclasses import replace
from random import Random
from typing import NamedTuple

from precedent.model import Tokens

from . import incidents
from ._expected import Expected
from ._pieces import Pieces
from .claude_lines import Block, Call, Chain, Place, Response, dump, token, usage, uuid

WORKING = (("th to", 38), ("th te to", 22), ("to", 12), ("te to", 9), ("th te to to", 3), ("th to to", 2), ("to to", 2))
"""Orders of the blocks of a response with their share: thinking, text, tool call."""
FULL_CONTEXT = 155_000
NO_RESULT = b'"The user doesn\'t want to proceed with this tool use. The tool use was rejected."'
REJECTED = Call(b"", b"", NO_RESULT + b',"is_error":true', b'"User rejected tool use"')
HELPERS = ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929")
KINDS = (b"Explore", b"Explore", b"general-purpose", b"reviewer")


class End(NamedTuple):
    """Where a turn ended: what a fork needs to go on from there."""

    lines: int
    parent: bytes
    at_ms: int
    context: int


class Spoken(NamedTuple):
    """A reply line of a sub-agent, for its parent's progress line to repeat."""

    uuid: bytes
    at_ms: int
    request: bytes
    message: bytes


class Session:
    """One transcript in the making."""

    def __init__(
        self, rng: Random, pieces: Pieces, expected: Expected, place: Place, *, model: str, at_ms: int
    ) -> None:
        self.chain = Chain(rng, place, at_ms=at_ms)
        self.model = model
        self.ends: list[End] = []
        self.spoken: list[Spoken] = []
        self.children: list[Session] = []
        self.tasks: list[int] = []  # sizes in bytes of the sub-agents' transcripts still to be written
        self.kind = b""  # a sub-agent's type
        self.last = Response(b"", b"", model, Tokens())
        self._rng, self._pieces, self._expected = rng, pieces, expected
        self._context = rng.randrange(12_000, 26_000)
        self._cold = True
        self._tracked = 0

    def open(self) -> None:
        """Write what stands before the first prompt."""
        chain, rng = self.chain, self._rng
        if rng.random() < 0.12:
            for _ in range(rng.randrange(1, 9)):
                text = rng.choice(self._pieces.texts)
                chain.raw(b'{"type":"summary","summary":%b,"leafUuid":"%b"}\n' % (clip(text, 60), uuid(rng)))
        if not chain.place.new:
            return
        chain.note(b"permission-mode", b"permissionMode", b'"default"')
        names = b",".join(dump(f"mcp__tracker__tool_{i}") for i in range(30))
        chain.attach(
            b'{"type":"deferred_tools_delta","addedNames":[%b],"addedLines":[%b],"removedNames":[]}' % (names, names)
        )
        chain.attach(b'{"type":"skill_listing","content":%b,"skillCount":60,"isInitial":true}' % (self._pieces.skills))

    def turn(self, *, room: int) -> None:
        """Write one prompt and the work on it; stop when `room` bytes are used up."""
        chain, rng = self.chain, self._rng
        start_ms, start_lines, end = chain.at_ms, len(chain.lines), chain.size + room
        self._before()
        self._ask()
        for _ in range(min(60, int(rng.expovariate(1 / 7.5)) + (not self._tracked))):
            if chain.size > end or self._context > FULL_CONTEXT:
                break
            self._work()
        if rng.random() < 0.06:
            incidents.interrupt(self.chain)
        else:
            self._respond("te" if rng.random() < 0.4 else "th te")
        self._after(start_ms, start_lines)

    def errand(self, task: bytes, *, size: int) -> None:
        """Write a sub-agent's transcript of about `size` bytes."""
        self.chain.prompt(task)
        while self.chain.size < size:
            self._work()
        self._respond("th te")

    def finish(self) -> None:
        """Give out the tasks that are left, in a turn of their own."""
        if not self.tasks:
            return
        start_ms, start_lines = self.chain.at_ms, len(self.chain.lines)
        self._ask()
        while self.tasks:
            self._delegate()
        self._respond("th te")
        self._after(start_ms, start_lines)

    def resume(self, source: "Session", end: End) -> None:
        """Begin as a copy of another session's lines up to the end of a turn; ids of lines and messages stay."""
        old, new = b'"sessionId":"%b"' % source.chain.place.session, b'"sessionId":"%b"' % self.chain.place.session
        for line in source.chain.lines[: end.lines]:
            self.chain.raw(line.replace(old, new))
        self.chain.parent, self._context, self._cold = end.parent, end.context, True
        self.chain.at_ms = end.at_ms + self._rng.randrange(60_000, 86_400_000)

    def _ask(self) -> None:
        mode = b',"permissionMode":"default"'
        fields = b',"promptSource":"typed","origin":{"kind":"human"}' if self.chain.place.new else b',"todos":[]'
        self.chain.prompt(self._rng.choice(self._pieces.prompts), fields=mode + fields)
        self._expected.prompts += 1

    def _work(self) -> None:
        orders, shares = zip(*WORKING, strict=True)
        self._respond(self._rng.choices(orders, shares)[0])

    def _before(self) -> None:
        chain, rng = self.chain, self._rng
        pause = rng.lognormvariate(3.6, 1.4) if self.ends else 0.0
        if self.ends and rng.random() < 0.02:
            pause = rng.uniform(3_600, 50_000)
        self._cold |= pause > 300
        chain.wait(pause)
        if self._context > FULL_CONTEXT:
            incidents.compact(chain, text=rng.choice(self._pieces.texts), tokens=self._context)
            self._context, self._cold = rng.randrange(24_000, 40_000), True
        chance = rng.random()
        if chance < 0.04:
            incidents.command(chain, rng.choice(self._pieces.commands).decode())
            self._respond("th te")
        elif chance < 0.07:
            incidents.local_output(chain)
        elif chance < 0.10:
            chain.switch(b"feature/%b" % bytes(rng.choices(b"abcdefghij", k=8)))
        if chain.place.new and rng.random() < 0.5:
            chain.note(b"ai-title", b"aiTitle", clip(rng.choice(self._pieces.texts), 40))
            chain.note(b"last-prompt", b"lastPrompt", clip(rng.choice(self._pieces.prompts), 120))
        chain.snapshot(self._tracked)

    def _after(self, start_ms: int, start_lines: int) -> None:
        chain, rng = self.chain, self._rng
        incidents.turn_end(chain, rng, duration_ms=chain.at_ms - start_ms, messages=len(chain.lines) - start_lines)
        self.ends.append(End(len(chain.lines), chain.parent, chain.at_ms, self._context))

    def _respond(self, order: str) -> None:
        chain, rng = self.chain, self._rng
        if rng.random() < 0.006:
            incidents.fail(chain, gives_up=not rng.randrange(3))
        response = self._bill()
        kinds = order.split()
        ending = b'"tool_use"' if "to" in kinds else b'"end_turn"'
        complete, grows = chain.place.new, len(kinds) > 1 and rng.random() < (0.25 if not chain.place.new else 0.3)
        pending: list[tuple[Call, bytes, bytes]] = []
        chain.wait(rng.lognormvariate(1.1, 0.8))
        for i, kind in enumerate(kinds):
            last = i == len(kinds) - 1
            early = grows and not last
            stop = ending if complete and not early else b"null"
            output = min(response.tokens.output, rng.randrange(1, 9)) if early else response.tokens.output
            call_id = token(rng, b"toolu_01") if kind == "to" else b""
            call = self._call() if call_id else None
            content = chain.use(call, call_id) if call else self._say(kind)
            if i:
                chain.wait(rng.lognormvariate(-0.3, 0.9))
            own, message = chain.reply(response, Block(content, stop, output))
            if chain.place.agent:
                self.spoken.append(Spoken(own, chain.at_ms, response.request, message))
            if call:
                pending.append((call, call_id, own))
        for call, call_id, own in pending:
            self._answer(call, call_id, own)

    def _say(self, kind: str) -> bytes:
        rng, pieces = self._rng, self._pieces
        if kind == "te":
            return b'{"type":"text","text":%b}' % rng.choice(pieces.texts)
        thought = b'""' if self.chain.place.new and rng.random() < 0.3 else rng.choice(pieces.thoughts)
        return b'{"type":"thinking","thinking":%b,"signature":"%b"}' % (thought, rng.choice(pieces.signatures))

    def _bill(self) -> Response:
        rng, new = self._rng, self.chain.place.new
        written = int(rng.lognormvariate(6.5, 1.1)) + 1
        read = self._context
        if self._cold:
            kept = rng.choice((0, 9_000, 15_000))
            read, written = min(read, kept), written + max(0, read - kept)
            self._cold = False
        self._context = read + written
        small = not new and rng.random() < 0.3
        output = rng.randrange(1, 9) if small else min(16_000, int(rng.lognormvariate(5.0, 1.1)) + 9)
        hour = new and not self.chain.place.agent
        given = rng.choice((1, 3, 4, 6, 8, 8, 8, 10, 10, 325))
        tokens = Tokens(given, output, 0 if hour else written, written if hour else 0, read)
        self._context += output
        self._expected.request(self.model, tokens)
        self.last = Response(token(rng, b"msg_01"), token(rng, b"req_011C", 20), self.model, tokens)
        return self.last

    def _call(self) -> Call:
        name = self._rng.choices(self._pieces.names, self._pieces.weights)[0]
        self._expected.tool_calls += 1
        return self._rng.choice(self._pieces.calls[name])

    def _answer(self, call: Call, call_id: bytes, source: bytes) -> None:
        chain, rng = self.chain, self._rng
        if call.name == b"Bash":
            incidents.running(chain, rng, self._pieces, call_id)
        elif call.name in {b"Edit", b"Write"}:
            self._tracked = min(12, self._tracked + (rng.random() < 0.5))
            if rng.random() < 0.4:
                chain.snapshot(self._tracked)
        if rng.random() < 0.002 and not call.searches:
            return  # stopped before the tool answered
        chain.wait(call.seconds)
        if rng.random() < 0.006 and not call.searches:
            call = REJECTED
        self._expected.web_searches += call.searches
        chain.result(call, call_id, source)
        self._context += len(call.content) // 4
        if not chain.place.agent and rng.random() < 0.006:
            incidents.queue(chain, rng.choice(self._pieces.prompts))
        if self.tasks and not rng.randrange(12):
            self._delegate()

    def _delegate(self) -> None:
        """Let a sub-agent of its own file do a task, while the parent waits."""
        chain, rng, pieces = self.chain, self._rng, self._pieces
        call_id, task = token(rng, b"toolu_01"), rng.choice(pieces.prompts)
        asked = b'{"description":"Look into it","subagent_type":"%b","prompt":%b}'
        kind = rng.choice(KINDS)
        call = Call(b"Agent" if chain.place.new else b"Task", asked % (kind, task), b"", b"")
        response = self._bill()
        self._expected.tool_calls += 1
        stop = b'"tool_use"' if chain.place.new else b"null"
        source, _ = chain.reply(response, Block(chain.use(call, call_id), stop, response.tokens.output))
        place = replace(chain.place, agent=b"a%015x" % rng.getrandbits(60))
        child = Session(rng, pieces, self._expected, place, model=rng.choice(HELPERS), at_ms=chain.at_ms + 40)
        child.kind = kind
        child.errand(task, size=self.tasks.pop())
        self.children.append(child)
        if not chain.place.new:
            self._follow(child, call_id)
        spent, chain.at_ms = child.chain.at_ms - chain.at_ms, child.chain.at_ms + 30
        told = b'[{"type":"text","text":%b}]' % rng.choice(pieces.texts)
        outcome = (
            b'{"status":"completed","prompt":%b,"agentId":"%b","agentType":"%b","content":%b,"totalDurationMs":%d,'
            b'"totalTokens":%d,"totalToolUseCount":%d,"usage":%b}'
        )
        sums = usage(child.last.tokens, child.last.tokens.output, new=chain.place.new)
        values = (task, place.agent, kind, told, spent, child.last.tokens.total, len(child.spoken) // 2, sums)
        chain.result(Call(call.name, b"", told, outcome % values), call_id, source)
        self._context += len(told) // 4

    def _follow(self, child: "Session", call_id: bytes) -> None:
        agent = child.chain.place.agent
        for spoken in child.spoken[:12]:
            self.chain.at_ms = spoken.at_ms
            self.chain.progress(
                b'{"message":{"type":"assistant","timestamp":"%b","message":%b,"requestId":"%b","uuid":"%b"},'
                b'"normalizedMessages":[],"type":"agent_progress","prompt":"","agentId":"%b"}'
                % (self.chain.stamp(), spoken.message, spoken.request, spoken.uuid, agent),
                call_id,
                token(self._rng, b"agent_msg_01"),
            )


def clip(text: bytes, length: int) -> bytes:
    """Cut a JSON string to about `length` bytes, never inside a character or an escape."""
    return dump(json.loads(text)[:length])
