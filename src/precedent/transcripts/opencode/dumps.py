"""Sessions of OpenCode dumped part by part, as tools that record it write them.

A line is one part, with its message's role, time, model and folder beside it in members that begin with `_`. Nothing
names the session or the message.

Source: recordings of 2026, described in docs/reference/formats-more.md.
"""

import hashlib

import msgspec

from precedent.transcripts.decode import HOSTILE, head_objects

from .wire import Failure, Folder, Message, MessageInfo, Part, Times

SILENT = frozenset({"step-start", "reasoning", "patch", "snapshot", "file", "agent", "retry", "compaction", "subtask"})
"""Parts that say nothing that counts."""
SPEAKING = frozenset({"text", "tool", "step-finish"})


class Dump(
    Part,
    gc=False,
    rename={"role": "_role", "folder": "_cwd", "at": "_ts", "model": "_model", "failure": "_error"},
):
    """One line of a dump."""

    role: str | None = None
    folder: str | None = None
    at: float | None = None
    model: str | None = None
    failure: Failure | None = None


def is_dump(head: bytes) -> bool:
    """Tell whether a file begins with the parts of a dump."""
    for raw in head_objects(head):
        try:
            dump = _PROBE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            continue
        if dump.role in {"user", "assistant"} and dump.at is not None and dump.type in SILENT | SPEAKING:
            return True
    return False


def as_message(dump: Dump, data: bytes | bytearray) -> Message | None:
    """Return the message that a part alone makes up; None for a role or type never seen.

    Its id is the digest of its line, so that a copy in another file is the same. What went wrong stands on every part
    of a message and is told with its first.
    """
    if dump.role not in {"user", "assistant"} or dump.type not in SILENT | SPEAKING:
        return None
    info = MessageInfo(
        id=hashlib.blake2b(data.strip(), digest_size=16).hexdigest(),
        role=dump.role,
        time=Times(completed=dump.at),
        modelID=dump.model,
        path=Folder(dump.folder),
        cost=dump.cost,
        error=dump.failure if dump.type == "step-start" else None,
    )
    return Message(info, [dump])


def is_silent(dump: Dump) -> bool:
    """Tell whether a line gives no event."""
    return dump.type in SILENT and not (dump.type == "step-start" and dump.failure is not None)


_PROBE = msgspec.json.Decoder(Dump)
