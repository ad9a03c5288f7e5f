"""Bytes that nobody meant to be a transcript: what files look like that were cut, mixed, damaged or forged.

The same seed gives the same bytes.
"""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

DEEP = 100_000
SCALARS: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    1.5,
    1e308,
    "",
    "x",
    "\u0000",
    "\u2028",
    [],
    {},
    [[]],
    {"type": 7},
)
LINES: tuple[bytes, ...] = (
    b"", b" \t\r", b"{}", b"[]", b"[1,2]", b'"text"', b"null", b"NaN", b"{", b'{"type":', b'{"type":"user"', b"}{",
    b"{}{}", b"\xef\xbb\xbf{}", b"\xff\xfe\x00", b"\x00" * 64, b'{"type":"user","type":"assistant"}', b'{"a":' * DEEP,
    b"[" * DEEP, b'{"type":NaN}', b'{"type":"note","message":{"content":"\\ud800"}}', b'{"timestamp":"yesterday"}',
    '{"type":"a\u2028b"}'.encode(), b"y" * 70_000,
)  # fmt: skip
"""Lines that are no agent's."""


def variants(data: bytes, *, seed: int = 0, count: int = 40) -> Iterator[bytes]:
    """Yield damaged forms of a transcript.

    Args:
        data: a transcript, of lines or of one object over many.
        seed: chooses where and how.
        count: how many.
    """
    chance = random.Random(seed)  # noqa: S311  # the same for the same seed is the point
    for number in range(count):
        yield DAMAGES[number % len(DAMAGES)](data, chance)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _beheaded(data: bytes, chance: random.Random) -> bytes:
    return data[chance.randrange(len(data) + 1) :]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(min(len(damaged), 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def _shuffled(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _doubled(data: bytes, chance: random.Random) -> bytes:
    return b"".join(line * chance.randint(0, 3) for line in data.splitlines(keepends=True))


def _glued(data: bytes, chance: random.Random) -> bytes:
    return b"".join(line.rstrip(b"\n") if chance.random() < 0.3 else line for line in data.splitlines(keepends=True))


def _strewn(data: bytes, chance: random.Random) -> bytes:
    found = []
    for line in data.splitlines(keepends=True):
        found += [chance.choice(LINES) + b"\n"] if chance.random() < 0.5 else []
        found.append(line)
    return b"".join(found)


def _returned(data: bytes, _: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")


def _retyped(data: bytes, chance: random.Random) -> bytes:
    """Give fields values of other types."""
    try:
        return json.dumps(_mutated(json.loads(data), chance)).encode() + b"\n"
    except ValueError:
        pass
    found = []
    for line in data.splitlines():
        try:
            found.append(json.dumps(_mutated(json.loads(line), chance)).encode())
        except ValueError:
            found.append(line)
    return b"\n".join(found) + b"\n"


def _mutated(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.05:
        return chance.choice(SCALARS)
    if isinstance(value, dict):
        return {name: _mutated(each, chance) for name, each in value.items()}
    return [_mutated(each, chance) for each in value] if isinstance(value, list) else value


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _retyped, _cut, _flipped, _beheaded, _shuffled, _retyped, _doubled, _glued, _strewn, _returned,
)  # fmt: skip
"""All ways of damage, in turn."""
