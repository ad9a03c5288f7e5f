"""Which working folders the lines of an agent's transcript name."""

import re

import msgspec

_FOLDER = re.compile(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)*")')


def cwd_folders(data: bytes) -> set[str]:
    """Return the values of every `cwd` in the data, wherever it stands: an opt-out must not be missed."""
    found = set()
    for quoted in set(_FOLDER.findall(data)):
        try:
            found.add(msgspec.json.decode(quoted, type=str))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
