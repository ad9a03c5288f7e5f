"""Codex: where its transcripts live and how to tell them.

Source: files of versions 0.118.0 to 0.147.0 and of 2025, described in docs/reference/formats.md.
"""

import re
from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import head_objects
from precedent.transcripts.folders import cwd_folders

from .parser import CodexParser, spawn_of
from .wire import Wire

__all__ = ["READER", "CodexReader"]

_ENVELOPES = frozenset({"session_meta", "turn_context", "event_msg", "response_item", "compacted", "world_state"})
_EXEC = frozenset({"thread.started", "turn.started", "turn.completed", "item.completed", "item.started"})
_NAME = re.compile(r"rollout-.*?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")


class CodexReader:
    """See `transcripts.contract.Reader`."""

    agent = "codex"
    roots = (".codex/sessions", ".codex/archived_sessions")

    def accepts(self, path: PurePosixPath) -> bool:
        """Every `.jsonl` file."""
        return path.suffix == ".jsonl"

    def detect(self, head: bytes) -> bool:
        """Judge by the first lines: an envelope, a bare header of 2025, or an event of `codex exec --json`."""
        for wire in _wires(head):
            if wire.type in _ENVELOPES and wire.payload is not None:
                return True
            if wire.type in _EXEC or wire.record_type == "state":
                return True
            if wire.type is None and wire.id and bytes(wire.instructions) and wire.timestamp:
                return True
        return False

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the id from the file's name, else from its first session header; a spawned thread is a sub-agent."""
        named = _NAME.search(path.stem)
        for wire in _wires(head):
            if wire.type == "session_meta" and wire.payload is not None:
                own = named.group(1) if named else wire.payload.id or path.stem
                spawner = spawn_of(wire.payload.source).parent_thread_id
                if spawner:
                    return Identity(native_id=spawner, agent_id=own, parent_id=spawner)
                return Identity(native_id=own, parent_id=wire.payload.forked_from_id or "")
            if wire.type == "thread.started" and wire.thread_id:
                # What `codex exec --json` prints tells of a session whose own transcript may be there too.
                return Identity(native_id=f"exec-{wire.thread_id}")
            if wire.type is None and wire.id:
                return Identity(native_id=named.group(1) if named else wire.id)
        return Identity(native_id=named.group(1) if named else path.stem)

    def folders(self, data: bytes) -> set[str]:
        """Return every `cwd` that stands in the data."""
        return cwd_folders(data)

    def parser(self, state: bytes = b"") -> CodexParser:
        """Return a parser, fresh or continued."""
        return CodexParser(state)


def _wires(head: bytes) -> list[Wire]:
    found = []
    for raw in head_objects(head):
        try:
            found.append(_PROBE.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return found


_PROBE = msgspec.json.Decoder(Wire)
READER = CodexReader()
