"""How fast and how well transcripts are scrubbed: `python -m benchmarks.redact`.

Speed is that of one core on lines in the shapes agents write, 64 MB from a seed, beside the rules without the filter
and one naive alternation of them, which searches a part, as all would take a minute. Quality is the share of invented
secrets that is found in the places where transcripts show them, and false hits in lines that look like secrets and are
none. Exit code 1 when a figure is missed.
"""

import json
import random
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable

from precedent.archive.redact import RULES, redact

from ._clean import Clean
from ._secrets import is_left, places, secrets

SIZE_BYTES = 64_000_000
BLOCK_BYTES = 4_000_000
REFERENCE_BYTES = 2_000_000
FLOOR_MB_S = 90.0
ROUNDS = 5
CLEAN_LINES = 200_000
MIN_FOUND = 0.99
MAX_FALSE = 1.0

_WORDS = (
    "the path returns value when test fails with error in module handler request response config update because worker "
    "session should never lose an event so we retry import const function async await return self.state get_user key "
    "parse_line offset build-step on-demand https://docs.internal/guide.html src/app/main.py README.md token count "
    "package.json 0x7f3a v2.14.0 if (left != right) { throw new Error(message); } def run(self, *, limit: int) -> None:"
).split()


def _text(rng: random.Random, words: int) -> str:
    lines = (" ".join(rng.choices(_WORDS, k=rng.randint(4, 14))) for _ in range(words // 9 + 1))
    return "\n".join("  " * rng.randint(0, 3) + line for line in lines)


def _blob(rng: random.Random, size: int) -> str:
    return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=size))


def _line(rng: random.Random) -> bytes:
    ids = {key: str(uuid.UUID(int=rng.getrandbits(128), version=4)) for key in ("uuid", "parentUuid", "sessionId")}
    kind = rng.random()
    if kind < 0.5:
        usage = {
            "input_tokens": rng.randrange(9000),
            "cache_read_input_tokens": rng.randrange(99999),
            "output_tokens": 7,
        }
        block: dict[str, object] = {"type": "text", "text": _text(rng, 120)}
        if kind < 0.1:
            block = {"type": "thinking", "thinking": _text(rng, 200), "signature": _blob(rng, 600)}
        elif kind < 0.3:
            block = {"type": "tool_use", "id": f"toolu_01{_blob(rng, 22)}", "input": {"command": _text(rng, 40)}}
        message = {"id": f"msg_01{_blob(rng, 22)}", "role": "assistant", "content": [block], "usage": usage}
        record: dict[str, object] = {"type": "assistant", "requestId": f"req_011{_blob(rng, 20)}", "message": message}
    elif kind < 0.95:
        result = {"type": "tool_result", "tool_use_id": f"toolu_01{_blob(rng, 22)}", "content": _text(rng, 500)}
        record = {"type": "user", "message": {"role": "user", "content": [result]}}
    elif kind < 0.99:
        output = json.dumps({"output": _text(rng, 300), "metadata": {"exit_code": 0, "duration_seconds": 0.4}})
        record = {"type": "response_item", "payload": {"type": "function_call_output", "output": output}}
    elif kind < 0.998:
        record = {"type": "user", "message": {"content": [{"type": "image", "data": _blob(rng, 40_000)}]}}
    else:
        record = {
            "type": "user",
            "message": {
                "content": "export GITHUB_"
                + "TOKEN="
                + "ghp"
                + "_"
                + _blob(rng, 48).replace("+", "a").replace("/", "b")[:36]
            },
        }
    return json.dumps(record | ids | {"timestamp": "2026-01-01T00:00:00.000Z", "cwd": "/home/dev/app"}).encode() + b"\n"


def make_blocks(seed: int = 1) -> list[bytes]:
    """Seeded transcript lines in blocks as the archive hands them over; a tenth is made, then repeated shuffled."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    size = 0
    while size < SIZE_BYTES // 10:
        lines.append(_line(rng))
        size += len(lines[-1])
    blocks = []
    for _ in range(SIZE_BYTES // BLOCK_BYTES):
        rng.shuffle(lines)
        block = b"".join(lines)
        blocks.append(block[: block.rindex(b"\n", 0, BLOCK_BYTES) + 1])
    return blocks


def naive() -> re.Pattern[bytes]:
    """One alternation of every rule, each with its anchors spelled out."""
    branches = []
    for number, rule in enumerate(RULES):
        words = b"|".join(map(re.escape, rule.anchors))
        pattern = rule.pattern.replace(b"(?P<secret>", b"(?:").replace(b"(?P<q>", b"(?P<q%d>" % number)
        branch = b"(?:%b)%b" % (words, pattern.replace(b"(?P=q)", b"(?P=q%d)" % number))
        branches.append(b"(?i:%b)" % branch if rule.folded else branch)
    return re.compile(b"|".join(branches))


def _mb_s(work: Callable[[], object], size_bytes: int, rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return size_bytes / best / 1e6


def quality(*, rounds: int, clean_lines: int) -> tuple[float, float]:
    """Print and return the share of invented secrets that is found, and false hits in 10,000 clean lines."""
    total = left = 0
    missed: Counter[str] = Counter()
    for seed in range(rounds):
        rng = random.Random(seed)
        for found in secrets(seed):
            for place, data in places(found.text, rng):
                total += 1
                result, counts = redact(data)
                json.loads(result)
                if not counts or is_left(found.secret, result):
                    left += 1
                    missed[f"{found.rule} in {place}"] += 1
    false = sum(sum(redact(data).counts.values()) for data in Clean(0).lines(clean_lines))
    recall, false_rate = 1 - left / total, false / clean_lines * 10_000
    print(
        f"found             {recall:8.2%}   of {total:,} secrets, floor {MIN_FOUND:.0%}; missed: "
        f"{dict(missed.most_common(5)) or 'none'}"
    )
    print(f"false hits        {false_rate:8.2f}   in 10,000 of {clean_lines:,} clean lines, at most {MAX_FALSE}")
    return recall, false_rate


def main() -> int:
    """Print speeds and quality; 1 when one of them is missed."""
    blocks = make_blocks()
    size = sum(map(len, blocks))
    found = sum(sum(redact(block).counts.values()) for block in blocks)
    ours = _mb_s(lambda: [redact(block) for block in blocks], size, ROUNDS)
    everywhere = _mb_s(lambda: [redact(block, everywhere=True) for block in blocks], size, 1)
    part = blocks[0][:REFERENCE_BYTES]
    pattern = naive()
    theirs = _mb_s(lambda: pattern.sub(b"[REDACTED]", part), len(part), 1)
    print(f"redact            {ours:8.1f} MB/s   {size / 1e6:.0f} MB, {found} secrets, floor {FLOOR_MB_S:.0f} MB/s")
    print(f"rules, no filter  {everywhere:8.1f} MB/s   reference: every rule on every line")
    print(f"one alternation   {theirs:8.1f} MB/s   reference: the rules as one expression, {len(part) / 1e6:.0f} MB")
    recall, false_rate = quality(rounds=4, clean_lines=CLEAN_LINES)
    return int(ours < FLOOR_MB_S or recall < MIN_FOUND or false_rate > MAX_FALSE)


if __name__ == "__main__":
    sys.exit(main())
