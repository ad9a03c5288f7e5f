"""Gemini CLI: where its transcripts live and how to tell them.

Source: files of 2026 in both layouts, described in docs/reference/formats-more.md.
"""

import re
from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import HOSTILE, head_objects
from precedent.transcripts.documents import head_members

from .parser import GeminiParser
from .wire import Wire

__all__ = ["READER", "GeminiReader"]

_FOLDERS = re.compile(rb'"directories"\s*:\s*(\[(?:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\])')


class GeminiReader:
    """See `transcripts.contract.Reader`."""

    agent = "gemini-cli"
    roots = (".gemini/tmp",)

    def accepts(self, path: PurePosixPath) -> bool:
        """The sessions of a project's `chats`, and those of sub-agents in a folder named after their session."""
        if path.suffix not in {".json", ".jsonl"} or path.parts[1:2] != ("chats",):
            return False
        return len(path.parts) == 4 or (len(path.parts) == 3 and path.name.startswith("session-"))

    def detect(self, head: bytes) -> bool:
        """Judge by the header of a session, or by a patch, which no other agent writes."""
        return _header(head) is not None or any(wire.patch is not None or wire.rewind_to for wire in _wires(head))

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the id from the first header, else from the file's name; a nested file is a sub-agent's."""
        own = _header(head) or path.stem
        if len(path.parts) >= 4 and path.parts[-3] == "chats":
            parent = path.parts[-2]
            return Identity(native_id=parent, agent_id=own, parent_id=parent)
        return Identity(native_id=own)

    def folders(self, data: bytes) -> set[str]:
        """Return what `directories` lists; most sessions name no folder, only the hash of one."""
        found = set()
        for quoted in set(_FOLDERS.findall(data)):
            try:
                found.update(msgspec.json.decode(quoted, type=list[str]))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return found

    def parser(self, state: bytes = b"") -> GeminiParser:
        """Return a parser, fresh or continued."""
        return GeminiParser(state)


def _header(head: bytes) -> str | None:
    """Return the session's id; None when there is no header."""
    members = head_members(head)
    session = members.get("sessionId")
    if isinstance(session, str) and session and isinstance(members.get("projectHash"), str):
        return session
    for wire in _wires(head):
        if wire.sessionId and wire.projectHash and wire.type is None:
            return wire.sessionId
    return None


def _wires(head: bytes) -> list[Wire]:
    found = []
    for raw in head_objects(head):
        try:
            found.append(_PROBE.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            continue
    return found


_PROBE = msgspec.json.Decoder(Wire)
READER = GeminiReader()
