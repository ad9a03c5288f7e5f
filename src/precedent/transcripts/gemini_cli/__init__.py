"""Gemini CLI: where its transcripts live and how to tell them.

Source: files of 2026 in both layouts, described in docs/reference/formats-more.md.
"""

import re
from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import HOSTILE, head_objects
from precedent.transcripts.documents import head_members
from precedent.transcripts.folders import HASHED

from .parser import GeminiParser
from .wire import Wire

__all__ = ["READER", "GeminiReader"]

_FOLDERS = re.compile(rb'"directories"\s*+:\s*+(\[(?:\s*+"(?:[^"\\]++|\\.)*+"\s*+,?+)*+\s*+\])')
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_HASH = re.compile(rb'"projectHash"\s*:\s*"([0-9a-f]{64})"')


class GeminiReader:
    """See `transcripts.contract.Reader` and `transcripts.contract.FolderNaming`."""

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
        """Return what `directories` lists, and the hash of the project's folder: most sessions have no more."""
        found = {HASHED + each.decode() for each in _HASH.findall(data)}
        listed = {each.group() for folders in _FOLDERS.finditer(data) for each in _STRING.finditer(folders.group(1))}
        for quoted in listed:
            try:
                found.add(msgspec.json.decode(quoted, type=str))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return found

    def folder_file(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return the file in a project's own folder that names the folder the project works in."""
        return PurePosixPath(path.parts[0], ".project_root") if len(path.parts) > 1 else None

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
