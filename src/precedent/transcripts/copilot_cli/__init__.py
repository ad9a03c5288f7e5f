"""GitHub Copilot CLI: where its transcripts live and how to tell them.

Source: files of versions 1.0.77 and 1.0.78, described in docs/reference/formats-more.md.
"""

from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import HOSTILE, head_objects
from precedent.transcripts.folders import cwd_folders, member

from .parser import CopilotParser
from .wire import Wire

__all__ = ["READER", "CopilotReader"]

_TYPES = frozenset({"session.resume", "user.message", "assistant.message", "assistant.turn_start"})
_FOLDER = member(b"cwd|gitRoot")


class CopilotReader:
    """See `transcripts.contract.Reader`."""

    agent = "copilot-cli"
    roots = (".copilot/session-state",)

    def accepts(self, path: PurePosixPath) -> bool:
        """The `events.jsonl` of a session's folder, or a file of its own; other files are the agent's state."""
        return (len(path.parts) == 1 and path.suffix == ".jsonl") or (
            path.name == "events.jsonl" and len(path.parts) == 2
        )

    def detect(self, head: bytes) -> bool:
        """Judge by the first lines: a session's start, or an envelope of one of its messages."""
        for wire in _wires(head):
            if wire.data is None or not wire.id or wire.timestamp is None:
                continue
            if wire.type in _TYPES or (wire.type == "session.start" and wire.data.sessionId):
                return True
        return False

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the id from the first session's start, else from the folder's name."""
        for wire in _wires(head):
            if wire.type == "session.start" and wire.data is not None and wire.data.sessionId:
                return Identity(native_id=wire.data.sessionId)
        return Identity(native_id=path.parent.name or path.stem)

    def folders(self, data: bytes) -> set[str]:
        """Return every `cwd` and `gitRoot` that stands in the data."""
        return cwd_folders(data, pattern=_FOLDER)

    def parser(self, state: bytes = b"") -> CopilotParser:
        """Return a parser, fresh or continued."""
        return CopilotParser(state)


def _wires(head: bytes) -> list[Wire]:
    found = []
    for raw in head_objects(head):
        try:
            found.append(_PROBE.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            continue
    return found


_PROBE = msgspec.json.Decoder(Wire)
READER = CopilotReader()
