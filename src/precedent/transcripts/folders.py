"""Which working folders the lines of an agent's transcript name."""

import re

import msgspec

HASHED = "sha256:"
"""Begins what stands for a folder of which a transcript holds only the SHA-256 of its path, in hexadecimal."""


def member(name: bytes) -> re.Pattern[bytes]:
    """Return what finds the members of a name, a pattern, whose value is a string; its group is the string.

    Nothing is gone back over (`++`, `*+`): trying every character anew takes 128 bytes of memory for each of them.
    """
    return re.compile(rb'"(?:' + name + rb')"\s*+:\s*+("(?:[^"\\]++|\\.)*+")')


_FOLDER = member(b"cwd")


def cwd_folders(data: bytes, *, pattern: re.Pattern[bytes] = _FOLDER) -> set[str]:
    """Return the values of every `cwd` in the data, wherever it stands: an opt-out must not be missed.

    Args:
        data: whole lines.
        pattern: of an agent that names its folders otherwise, made by `member`.
    """
    found = set()
    for quoted in set(pattern.findall(data)):
        try:
            found.add(msgspec.json.decode(quoted, type=str))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
