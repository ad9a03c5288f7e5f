"""What happens in generated Codex rollouts; knows how lines follow each other and which rollout forks which."""

import json
from pathlib import Path
from random import Random

from precedent.model import Tokens

from ._expected import Expected
from ._pieces import Pieces, build
from ._words import NAMES, sizes
from .claude_lines import dump, uuid
from .codex_lines import WINDOW, Meta, Rollout, Totals

MODELS = ("gpt-5.4", "gpt-5.4", "gpt-5.4", "gpt-5.3-codex", "gpt-5.4-mini")
VERSIONS = (b"0.130.0", b"0.137.0", b"0.142.0", b"0.147.0")
FORK_EVERY = 6
FIRST_DAY_MS = 1_767_600_000_000  # 2026-01-05


class Story:
    """One rollout in the making."""

    def __init__(self, rng: Random, pieces: Pieces, expected: Expected, rollout: Rollout, *, spawned: bool) -> None:
        self.rollout = rollout
        self.context = 14_000
        self._model = rng.choice(MODELS)
        self._spawned = spawned  # then another agent prompts it, and nobody else
        self._rng, self._pieces, self._expected = rng, pieces, expected

    def turn(self, *, first: bool) -> None:
        """Write one prompt and the work on it."""
        rng, pieces, rollout = self._rng, self._pieces, self.rollout
        rollout.wait(rng.lognormvariate(3.6, 1.2))
        rollout.used_percent = rng.randrange(90)
        preface: tuple[tuple[bytes, bytes], ...] = ()
        if first:
            rules = dump("<permissions instructions>" + json.loads(rng.choice(pieces.texts)))
            place = dump(f"<environment_context>\n  <cwd>{rollout.meta.cwd.decode()}</cwd>\n</environment_context>")
            preface = ((b"developer", rules), (b"user", place))
        if rng.random() < 0.1:
            self._model = rng.choice(MODELS)
        rollout.begin(uuid(rng), model=self._model, prompt=rng.choice(pieces.prompts), preface=preface)
        self._expected.prompts += not self._spawned
        for _ in range(min(40, int(rng.expovariate(1 / 6)))):
            self._work()
        rollout.wait(rng.lognormvariate(1.2, 0.8))
        rollout.answer(rng.choice(pieces.texts), self._bill())

    def _work(self) -> None:
        rng, pieces, rollout = self._rng, self._pieces, self.rollout
        rollout.wait(rng.lognormvariate(1.0, 0.8))
        if rng.random() < 0.6:
            hidden = rng.choice(pieces.signatures)
            rollout.item(b"reasoning", b',"summary":[],"content":null,"encrypted_content":"%b"' % hidden)
        command = json.loads(rng.choice(pieces.calls["Bash"]).input)["command"]
        call_id = b"call_%024x" % rng.getrandbits(96)
        rollout.call(b"exec_command", {"cmd": command, "workdir": rollout.meta.cwd.decode()}, call_id)
        self._expected.tool_calls += 1
        rollout.bill(self._bill(), twice=rng.random() < 0.05)
        rollout.wait(rng.lognormvariate(-1.0, 1.2))
        rollout.returned(call_id, rng.choice(pieces.outputs))

    def _bill(self) -> Totals:
        rng = self._rng
        if self.context > WINDOW * 0.8:
            self.context = 30_000
        given = self.context + int(rng.lognormvariate(6.2, 1.0)) + 1
        cached = self.context - self.context % 128 if rng.random() < 0.9 else 6_528
        output = int(rng.lognormvariate(4.8, 1.1)) + 5
        self.context = given + output
        self._expected.request(self._model, Tokens(input=given - cached, output=output, cache_read=cached))
        return Totals(given, cached, output, output * rng.randrange(80) // 100)


def write(home: Path, *, files: int, seed: int) -> Expected:
    """Write rollouts and return what they hold."""
    pieces, expected, rng = build(seed), Expected(), Random(f"codex {seed}")
    turns = sizes(files, median=4, sigma=0.9, low=1, high=60)
    rng.shuffle(turns)
    before: Story | None = None
    for i, count in enumerate(turns):
        forked = before if i % FORK_EVERY == FORK_EVERY - 1 else None
        at_ms = FIRST_DAY_MS + rng.randrange(300) * 86_400_000 + rng.randrange(25_200_000, 64_800_000)
        cwd = f"/home/dev/code/{rng.choice(NAMES)}".encode()
        if forked:
            at_ms, cwd = forked.rollout.at_ms + 5_000, forked.rollout.meta.cwd
        own = Random(rng.getrandbits(64))
        version, instructions = own.choice(VERSIONS), own.choice(pieces.texts)
        meta = Meta.fresh(own, at_ms=at_ms, cwd=cwd, version=version, instructions=instructions)
        spawned = forked is not None and rng.random() < 0.5
        story = Story(own, pieces, expected, Rollout(meta, at_ms), spawned=spawned)
        story.rollout.open(parent=forked.rollout if forked else None, spawned=spawned)
        story.context = forked.context if forked else story.context
        for turn in range(count):
            story.turn(first=turn == 0)
        expected.file(lines=len(story.rollout.lines), size_bytes=story.rollout.save(home))
        if not forked:
            before = story
    return expected
