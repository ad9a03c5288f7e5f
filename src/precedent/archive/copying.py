"""Copies one source's whole new lines into the archive, scrubbed, with fingerprints of both sides."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from precedent.faults import reach

from .blocks import BLOCK_BYTES, DIGEST_BYTES, Blocks, digest, digests_of, last_block_start
from .catalogue import Entry
from .contract import Archive
from .naming import object_key
from .scrubbing import READ_BYTES, document_of, scrubbed_lines


class Copy(NamedTuple):
    """What was copied, in the catalogue's terms."""

    object_key: str
    generation: int
    source_offset: int
    source_blocks: bytes
    length: int
    archive_blocks: bytes
    content_hash: str
    redactions: int
    folders: set[str]
    bytes_read: int


class Stopped(Exception):
    """Raised by `go_on`, to end the copying of a source; what was written of it is of no use."""


class _NotAllowed(Exception):
    """The data names a folder whose person keeps it private."""


def copy_new(
    archive: Archive,
    descriptor: int,
    *,
    entry: Entry | None,
    name: str,
    fresh: bool,
    source_blocks: bytes,
    archive_blocks: bytes,
    folders_of: Callable[[bytes], set[str]],
    is_private: Callable[[str], bool],
    documents: bool = False,
    origin: int = 0,
    go_on: Callable[[], None] = lambda: None,
) -> Copy | None:
    """Append a source's whole lines beyond what we have, or write a new generation.

    Args:
        archive: where to.
        descriptor: the opened source.
        entry: what the catalogue has; None for a new transcript.
        name: the transcript's session file.
        fresh: begin at the source's start, in a new generation if there is one already.
        source_blocks: digests of the source up to the catalogued offset.
        archive_blocks: digests of the archived content.
        folders_of: the working folders that lines name.
        is_private: true for a folder whose sessions must not be archived.
        documents: the agent also writes one object over many lines; such a one is taken when it is whole.
        origin: place in the source that the descriptor begins at; beyond 0, what comes before it cannot be read, and
            the source so far is what the archive holds of it.
        go_on: called before every piece; ends the copying by raising `Stopped`.

    Returns:
        What is to be catalogued; `bytes_read` is 0 when there is no whole new line. None when it is private.

    Raises:
        Stopped: by `go_on`.
    """
    if fresh or entry is None:
        generation = entry.generation + 1 if entry else 0
        key, start, length = object_key(name, generation=generation), 0, 0
        source = archived = Blocks()
    else:
        generation, key = entry.generation, entry.object_key
        start, length = entry.source_offset, entry.length
        same = start == length and source_blocks == archive_blocks
        archive_tail = archive.read(key, start=length - length % BLOCK_BYTES, end=length) if origin or not same else b""
        source_tail = archive_tail
        if not origin:
            source_tail = os.pread(descriptor, start % BLOCK_BYTES, start - start % BLOCK_BYTES)
        source = Blocks(source_blocks, length=start, tail=source_tail)
        archived = source if same else Blocks(archive_blocks, length=length, tail=archive_tail)
    redactions, folders = 0, set[str]()

    def check(named: set[str]) -> None:
        if any(is_private(folder) for folder in named):
            raise _NotAllowed

    def scrubbed() -> Iterator[bytes]:
        nonlocal redactions, archived
        document_end = 0
        if documents and not start:
            content, extent = document_of(descriptor)
            if extent.torn:
                return  # half of it in the archive could never be completed: its reader waits for a whole one
            document_end = extent.end
            check(folders_of(bytes(content[:document_end])))  # a list of folders may stand on several lines
            del content
        for piece in scrubbed_lines(descriptor, start=start - origin, document_end=document_end):
            go_on()
            named = folders_of(piece.context) - folders
            check(named)
            folders.update(folders_of(piece.clean) if piece.counts else named)
            redactions += sum(piece.counts.values())
            if piece.counts and archived is source:  # up to here both are the same, and hashed once
                archived = source.copy()
            source.add(piece.source)
            if archived is not source:
                archived.add(piece.clean)
            reach("collect.scrubbed")
            yield piece.clean

    try:
        length = archive.append(key, at=length, data=scrubbed())
    except (_NotAllowed, Stopped) as reason:
        if entry is None or key != entry.object_key:
            archive.delete(key)
        if isinstance(reason, Stopped):
            raise
        return None
    if not archived.length:
        archive.delete(key)
    return Copy(
        object_key=key,
        generation=generation,
        source_offset=source.length,
        source_blocks=bytes(source),
        length=length,
        archive_blocks=bytes(archived),
        content_hash=archived.content_hash(),
        redactions=redactions,
        folders=folders,
        bytes_read=source.length - start,
    )


def starts_alike(descriptor: int, length: int, digests: bytes) -> bool:
    """Tell whether a file still has, in the last block of what we took, what it had then."""
    if not length:
        return True
    start = last_block_start(length)
    data = os.pread(descriptor, length - start, start)
    return len(data) == length - start and digest(data) == digests[-DIGEST_BYTES:]


def same_content(descriptor: int, length: int, digests: bytes) -> bool:
    """Tell whether a file has, in every block, what it had when we took it."""

    def pieces() -> Iterator[bytes]:
        place = 0
        while place < length and (data := os.pread(descriptor, min(READ_BYTES, length - place), place)):
            place += len(data)
            yield data

    return digests_of(pieces()) == digests
