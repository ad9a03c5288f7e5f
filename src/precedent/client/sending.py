"""Sends what one source has beyond what the server has: whole lines, scrubbed here before they leave.

The server counts scrubbed bytes, so a place in the source and its place in what was sent are remembered together. Where
they are not known, they are found by scrubbing the source anew and comparing digests with the server's.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from precedent.archive.blocks import BLOCK_BYTES, DIGEST_BYTES, Blocks, digest, last_block_start
from precedent.archive.redact import redact
from precedent.archive.scrubbing import document_of, scrubbed_lines
from precedent.errors import BadInput, Conflict, Transient
from precedent.faults import reach
from precedent.transcripts.contract import DocumentParser, Reader
from precedent.transcripts.lines import MAX_LINE_BYTES

from .memory import Pushed
from .remote import Remote, Server, Stands

BODY_BYTES = 8 << 20
"""A part is as many whole lines as fit, or one line."""
MAX_ROUNDS = 4
"""How often the server may stand elsewhere than it said before it is left for later."""


class Source(NamedTuple):
    """A source that may have something new.

    Attributes:
        path: names it.
        fingerprint: changes whenever it may have changed.
        descriptor: of its content, opened.
        reader: of its agent.
        transcript: as the server addresses it.
        folders: working folders that it names.
    """

    path: str
    fingerprint: str
    descriptor: int
    reader: Reader
    transcript: Remote
    folders: frozenset[str]


class Sent(NamedTuple):
    """What became of a source.

    Attributes:
        pushed: to be remembered.
        sent_bytes: scrubbed bytes that the server took.
        redactions: secrets that were scrubbed here.
    """

    pushed: Pushed
    sent_bytes: int
    redactions: int


class _Piece(NamedTuple):
    source: bytes
    clean: bytes
    may_end: bool
    redactions: int


class _Start(NamedTuple):
    """Where sending goes on: the place in the source and in what was sent."""

    source_offset: int
    sent_offset: int
    state: str
    replace: bool = False
    ahead: bool = False


class _Part(NamedTuple):
    """Where the next part ends in the source, its bytes and what was scrubbed from it."""

    end: int
    body: bytes
    redactions: int


def send(source: Source, before: Pushed | None, server: Server, *, keep: Callable[[Pushed], None]) -> Sent:
    """Send what is new.

    Args:
        source: what to send.
        before: what is remembered of it.
        server: where to.
        keep: called with what is to be remembered after every part.

    Raises:
        Gone, Private, BadInput: the server does not take it.
        Transient: not now.
        Misconfigured: not before something is changed.
    """
    start = _remembered(source, before) or _asked(source, before, server)
    sent = redactions = 0
    for _ in range(MAX_ROUNDS):
        try:
            for part in () if start.ahead else _parts(source, start.source_offset):
                stands = server.upload(
                    source.transcript, part.body, at=start.sent_offset, state=start.state, replace=start.replace
                )
                reach("push.sent")
                if stands.taken != len(part.body):
                    raise Conflict("the server took less than was sent", state=_state(stands))
                sent, redactions = sent + len(part.body), redactions + part.redactions
                start = _Start(part.end, stands.offset, stands.state)
                keep(_pushed(source, start, finished=False))
                reach("push.recorded")
            return Sent(_pushed(source, start, finished=True), sent, redactions)
        except Conflict as conflict:
            start = _found(source, _told(conflict), server)
    raise Transient(f"{source.path} is being changed on the server by somebody else; it is sent later")


def named_folders(descriptor: int, reader: Reader, before: Pushed | None) -> set[str]:
    """Return every working folder that a file's content names: nothing is sent before all of them are known."""
    found: set[str] = set()
    place, tail = 0, b""
    if before is not None and before.source_offset:
        if _digest_at(descriptor, before.source_offset) == before.source_digest:
            place, found = before.source_offset, set(before.folders.split("\n")) - {""}
    while data := os.pread(descriptor, 4 << 20, place):
        place += len(data)
        seen = tail + data
        found |= reader.folders(seen)
        # A name may be cut by the end of what was read, and a path is short.
        tail = seen[-(64 << 10) :]
    return found


def _parts(source: Source, start: int) -> Iterator[_Part]:
    """Cut what is new into parts.

    Raises:
        BadInput: a line is longer than any reader takes.
    """
    body, end, redactions = bytearray(), start, 0
    whole = (0, 0, 0)  # length of the body, place in the source and redactions where a part may end
    for piece in _pieces(source, start):
        if whole[0] and len(body) + len(piece.clean) > BODY_BYTES:
            yield _Part(whole[1], bytes(body[: whole[0]]), whole[2])
            del body[: whole[0]]
            redactions -= whole[2]
            whole = (0, 0, 0)
        body += piece.clean
        end += len(piece.source)
        redactions += piece.redactions
        if piece.may_end:
            whole = (len(body), end, redactions)
        elif len(body) > MAX_LINE_BYTES:
            raise BadInput(f"{source.path} has a line of more than {MAX_LINE_BYTES >> 20} MiB; it is not sent")
    if whole[0]:
        yield _Part(whole[1], bytes(body[: whole[0]]), whole[2])


def _pieces(source: Source, start: int) -> Iterator[_Piece]:
    document_end = 0
    if not start and isinstance(source.reader.parser(), DocumentParser):
        _, extent = document_of(source.descriptor)
        if extent.torn:
            return
        document_end = extent.end
    place, size = start, os.fstat(source.descriptor).st_size
    for piece in scrubbed_lines(source.descriptor, start=start, document_end=document_end):
        place += len(piece.source)
        may_end = place >= document_end and (piece.source.endswith(b"\n") or place >= size)
        yield _Piece(piece.source, piece.clean, may_end, sum(piece.counts.values()))


def _remembered(source: Source, before: Pushed | None) -> _Start | None:
    """Return where to go on by what is remembered; None when the server must be asked."""
    if before is None or not before.state or before.native_id != source.transcript.native_id:
        return None
    length = before.source_offset
    if length and _digest_at(source.descriptor, length) == before.source_digest:
        return _Start(length, before.sent_offset, before.state)
    return None


def _asked(source: Source, before: Pushed | None, server: Server) -> _Start:
    stands = server.stands(source.transcript)
    if before is not None and before.state and before.state == stands.state:
        return _Start(0, 0, stands.state, replace=True)  # it was cut or rewritten here, and nobody else changed it
    return _found(source, stands, server)


def _told(conflict: Conflict) -> Stands | None:
    offset, digest, state = (conflict.state.get(name) for name in ("offset", "digest", "state"))
    if isinstance(offset, int) and isinstance(digest, str) and isinstance(state, str):
        return Stands(offset=offset, digest=digest, state=state)
    return None


def _found(source: Source, stands: Stands | None, server: Server) -> _Start:
    """Return where to go on, found by comparing the source with what the server has."""
    if stands is None:
        stands = server.stands(source.transcript)
    if not stands.offset:
        return _Start(0, 0, stands.state)
    blocks, place = Blocks(), 0
    for piece in _pieces(source, 0):
        missing = stands.offset - blocks.length
        if len(piece.clean) < missing:
            blocks.add(piece.clean)
            place += len(piece.source)
            continue
        cut = _cut(piece, missing)
        if cut is not None:
            blocks.add(piece.clean[:missing])
            if stands.digest and bytes(blocks)[-DIGEST_BYTES:].hex() == stands.digest:
                return _Start(place + cut, stands.offset, stands.state)
        return _Start(0, 0, stands.state, replace=True)
    if not blocks.length:
        return _Start(0, 0, stands.state, ahead=True)  # nothing whole is here yet
    there = server.stands(source.transcript, at=blocks.length)
    if there.at_digest and there.at_digest == bytes(blocks)[-DIGEST_BYTES:].hex():
        return _Start(place, blocks.length, there.state, ahead=True)  # another device has more of the same
    return _Start(0, 0, there.state, replace=True)


def _cut(piece: _Piece, wanted: int) -> int | None:
    """Return how many bytes of a piece's source give the first scrubbed bytes; None when no line ends there."""
    if wanted == len(piece.clean):
        return len(piece.source)
    source = clean = 0
    for line in piece.source.split(b"\n"):
        if clean >= wanted:
            break
        source += len(line) + 1
        clean += len(redact(line + b"\n").data)
    return source if clean == wanted else None


def _digest_at(descriptor: int, length: int) -> str:
    """Return the digest of the last block before a place; empty when the file is shorter."""
    start = last_block_start(length)
    data = os.pread(descriptor, BLOCK_BYTES, start)[: length - start]
    return digest(data).hex() if len(data) == length - start else ""


def _state(stands: Stands) -> dict[str, int | str | None]:
    return {"offset": stands.offset, "digest": stands.digest, "state": stands.state}


def _pushed(source: Source, start: _Start, *, finished: bool) -> Pushed:
    transcript = source.transcript
    return Pushed(
        path=source.path,
        agent=transcript.agent,
        native_id=transcript.native_id,
        agent_id=transcript.agent_id,
        fingerprint=source.fingerprint if finished else "",
        source_offset=start.source_offset,
        source_digest=_digest_at(source.descriptor, start.source_offset) if start.source_offset else "",
        sent_offset=start.sent_offset,
        state=start.state,
        folders="\n".join(sorted(source.folders)),
    )
