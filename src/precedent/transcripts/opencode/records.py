"""A session of OpenCode's store as lines: what the export has in one object, one record a line.

The first line is `{"info": <session>}`, every further one `{"info": <message>, "parts": [...]}`. The members of a
record are copied as they stand. Left out is what the agent changes later and what says nothing of the talk: the
session's title while it is the one it was born with, its times but the first, and what a message's changes summed up
to. So a session that goes on only adds lines.

Source: the agent's published database schema and store of 2025, described in docs/reference/formats-more.md.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from precedent.transcripts.contract import Record
from precedent.transcripts.decode import HOSTILE
from precedent.transcripts.lines import MAX_WHOLE_BYTES

MAX_MESSAGE_BYTES = MAX_WHOLE_BYTES * 3 // 4  # with what is put around it, a line may have it
UNREADABLE = "unreadable"
"""Type of a part that stands for one that is no JSON object or makes its message too long."""
_BORN_WITH = re.compile(r"(?:New|Child) session - \d{4}-\d\d-\d\dT[\d:.]+Z$")
_TRUE = b"true"


class Stored(NamedTuple):
    """A message or a part: its id and what the store has of it, a JSON object."""

    id: str
    data: bytes


def header(info: Mapping[str, object]) -> bytes:
    """Return the first line, of the session's members that stay as they are."""
    title = info.get("title")
    kept = {name: value for name, value in info.items() if value is not None and value != ""}
    if isinstance(title, str) and _BORN_WITH.match(title):
        del kept["title"]
    return msgspec.json.encode({"info": kept})


def messages(session_id: str, found: Iterable[tuple[Stored, Iterator[Stored]]]) -> Iterator[Record]:
    """Yield the lines of messages with their parts, in order.

    An answer under way is not final as long as it is the last: a later message shows that it will not go on.
    """
    before: Record | None = None
    for message, parts in found:
        if before is not None:
            yield Record(before.line)
        before = _message(session_id, message, parts)
    if before is not None:
        yield before


def _message(session_id: str, message: Stored, parts: Iterator[Stored]) -> Record:
    members = _members(message.data)
    if members is None:
        # As it stands: the parser counts it as a defect.
        return Record(message.data.replace(b"\n", b" ").replace(b"\r", b" ") or b"{", final=False)
    for name in ("id", "sessionID"):
        members.pop(name, None)
    if bytes(members.get("summary", b"")) != _TRUE:
        members.pop("summary", None)
    info = _joined({"id": message.id, "sessionID": session_id}, members)
    rendered, size, torn = list[bytes](), len(info), False
    for part in parts:
        data = _part(part)
        torn |= data is None
        if data is None or size + len(data) > MAX_MESSAGE_BYTES:
            data = msgspec.json.encode({"id": part.id, "type": UNREADABLE})
        rendered.append(data)
        size += len(data) + 1
        if size > MAX_MESSAGE_BYTES:
            break
    line = b'{"info":' + info + b',"parts":[' + b",".join(rendered) + b"]}"
    return Record(line, _is_final(info, said=bool(rendered)) and not torn)


def _part(part: Stored) -> bytes | None:
    """Return a part's object; None when it is none."""
    members = _members(part.data)
    if members is None:
        return None
    for name in ("id", "sessionID", "messageID"):
        members.pop(name, None)
    return _joined({"id": part.id}, members)


def _members(data: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _MEMBERS.decode(msgspec.json.format(data, indent=-1))
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return None


def _joined(first: Mapping[str, str], more: Mapping[str, msgspec.Raw]) -> bytes:
    return msgspec.json.encode({**first, **more})


class _Times(msgspec.Struct):
    completed: msgspec.Raw = msgspec.Raw()


class _Info(msgspec.Struct):
    """What tells whether a message is still being written."""

    role: str | None = None
    time: _Times | None = None
    error: msgspec.Raw = msgspec.Raw()


def _is_final(info: bytes, *, said: bool) -> bool:
    try:
        found = _INFO.decode(info)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return True
    if found.role != "assistant":
        return said
    ended = found.time is not None and bytes(found.time.completed) not in {b"", b"null"}
    return ended or bytes(found.error) not in {b"", b"null"}


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INFO = msgspec.json.Decoder(_Info)
