"""OpenCode's session export: how to tell it; it lies wherever somebody put it.

The agent's own store is a database or a tree of small files, which this reader does not read.
Source: the agent's published message schema and exports of versions 1.2, described in docs/reference/formats-more.md.
"""

import re
from pathlib import PurePosixPath
from typing import Any

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.documents import head_members

from .parser import OpenCodeParser

__all__ = ["READER", "OpenCodeReader"]

_FOLDER = re.compile(rb'"(?:directory|cwd)"\s*:\s*("(?:[^"\\]|\\.)*")')
_MARKS = frozenset({"projectID", "directory", "slug", "version"})


class OpenCodeReader:
    """See `transcripts.contract.Reader`."""

    agent = "opencode"
    roots: tuple[str, ...] = ()

    def accepts(self, path: PurePosixPath) -> bool:
        """Every `.json` and `.jsonl` file."""
        return path.suffix in {".json", ".jsonl"}

    def detect(self, head: bytes) -> bool:
        """Judge by the session's header, which comes first and may be cut off."""
        return bool(_session(head))

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the ids from the header; a session with a parent is a sub-agent's."""
        info = _session(head)
        own, parent = info.get("id") or path.stem, info.get("parentID")
        if isinstance(parent, str) and parent:
            return Identity(native_id=parent, agent_id=own, parent_id=parent)
        return Identity(native_id=own)

    def folders(self, data: bytes) -> set[str]:
        """Return every `directory` and `cwd` that stands in the data."""
        found = set()
        for quoted in set(_FOLDER.findall(data)):
            try:
                found.add(msgspec.json.decode(quoted, type=str))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return found

    def parser(self, state: bytes = b"") -> OpenCodeParser:
        """Return a parser, fresh or continued."""
        return OpenCodeParser(state)


def _session(head: bytes) -> dict[str, Any]:
    info = head_members(head).get("info")
    if not isinstance(info, dict) or not isinstance(info.get("id"), str):
        return {}
    return info if info["id"].startswith("ses") and not _MARKS.isdisjoint(info) else {}


READER = OpenCodeReader()
