"""OpenCode: where its store and its exports are, and how to tell them.

Source: the agent's published schemas and exports of versions 1.2, described in docs/reference/formats-more.md.
"""

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from precedent.transcripts.contract import AgentStore, Identity, Record, StoredSession
from precedent.transcripts.documents import head_members
from precedent.transcripts.folders import cwd_folders, member

from . import store as _store
from .dumps import is_dump
from .parser import OpenCodeParser

__all__ = ["READER", "OpenCodeReader"]

_FOLDER = member(b"directory|_?cwd")
_MARKS = frozenset({"projectID", "directory", "slug", "version"})


class OpenCodeReader:
    """See `transcripts.contract.StoreReader`."""

    agent = "opencode"
    roots = (".local/share/opencode/exports",)
    stores = (".local/share/opencode",)

    def accepts(self, path: PurePosixPath) -> bool:
        """Every `.json` and `.jsonl` file."""
        return path.suffix in {".json", ".jsonl"}

    def detect(self, head: bytes) -> bool:
        """Judge by the session's header, which comes first and may be cut off, or by the parts of a dump."""
        return bool(_session(head)) or is_dump(head)

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the ids from the header; a session with a parent is a sub-agent's."""
        info = _session(head)
        if not info and is_dump(head):
            first = hashlib.blake2b(head.split(b"\n", 1)[0], digest_size=8).hexdigest()
            return Identity(native_id=f"dump-{first}")
        return _store.identity_of(info.get("id") or path.stem, info.get("parentID"))

    def sessions(self, store: AgentStore) -> Iterator[StoredSession]:
        """Yield the sessions of the agent's database, and of its older files."""
        return _store.sessions(store)

    def records(self, store: AgentStore, session: StoredSession) -> Iterator[Record]:
        """Yield a session's records: the session, then each message with its parts."""
        return _store.records(store, session)

    def folders(self, data: bytes) -> set[str]:
        """Return every `directory` and `cwd` that stands in the data."""
        return cwd_folders(data, pattern=_FOLDER)

    def parser(self, state: bytes = b"") -> OpenCodeParser:
        """Return a parser, fresh or continued."""
        return OpenCodeParser(state)


def _session(head: bytes) -> dict[str, Any]:
    info = head_members(head).get("info")
    if not isinstance(info, dict) or not isinstance(info.get("id"), str):
        return {}
    return info if info["id"].startswith("ses") and not _MARKS.isdisjoint(info) else {}


READER = OpenCodeReader()
