"""Copies one source's whole new lines into the archive, scrubbed, with fingerprints of both sides."""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from precedent.faults import reach
from precedent.transcripts.lines import MAX_LINE_BYTES
from precedent.transcripts.reading import is_object

from .blocks import BLOCK_BYTES, DIGEST_BYTES, Blocks, digest, digests_of, last_block_start
from .catalogue import Entry
from .contract import Archive
from .naming import object_key
from .redact import redact

READ_BYTES = 4 << 20


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

    Returns:
        What is to be catalogued; `bytes_read` is 0 when there is no whole new line. None when it is private.
    """
    if fresh or entry is None:
        generation = entry.generation + 1 if entry else 0
        key, start, length = object_key(name, generation=generation), 0, 0
        source, archived = Blocks(), Blocks()
    else:
        generation, key = entry.generation, entry.object_key
        start, length = entry.source_offset, entry.length
        source_tail = os.pread(descriptor, start % BLOCK_BYTES, start - start % BLOCK_BYTES)
        source = Blocks(source_blocks, length=start, tail=source_tail)
        archive_tail = archive.read(key, start=length - length % BLOCK_BYTES, end=length)
        archived = Blocks(archive_blocks, length=length, tail=archive_tail)
    redactions, folders = 0, set[str]()

    def scrubbed() -> Iterator[bytes]:
        nonlocal redactions
        for data in _whole_lines(descriptor, start):
            named = folders_of(data) - folders
            if any(is_private(folder) for folder in named):
                raise _NotAllowed
            clean, counts = redact(data)
            folders.update(folders_of(clean) if counts else named)
            redactions += sum(counts.values())
            source.add(data)
            archived.add(clean)
            reach("collect.scrubbed")
            yield clean

    try:
        length = archive.append(key, at=length, data=scrubbed())
    except _NotAllowed:
        if entry is None or key != entry.object_key:
            archive.delete(key)
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


def _whole_lines(descriptor: int, start: int) -> Iterator[bytes]:
    """Yield the file's content in pieces that end with a line; a torn last line is left for later.

    A last line without a newline is taken when it is one whole JSON object. A line longer than any reader takes is
    passed on in pieces.
    """
    pending = bytearray()
    while data := os.pread(descriptor, READ_BYTES, start):
        start += len(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            yield bytes(pending) + data[:cut] if pending else data[:cut]
            pending = bytearray(data[cut:])
        else:
            pending += data
            if len(pending) > MAX_LINE_BYTES:
                yield bytes(pending)
                pending = bytearray()
    if pending and is_object(pending):
        yield bytes(pending)


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
