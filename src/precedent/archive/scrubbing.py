"""Reads a source's whole lines and scrubs them, in bounded memory however long a line is."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from precedent.transcripts.documents import Extent, measure_stream
from precedent.transcripts.lines import MAX_LINE_BYTES, MAX_WHOLE_BYTES
from precedent.transcripts.reading import is_object

from .redact import AHEAD_BYTES, BEHIND_BYTES, redact, redact_within

READ_BYTES = 1 << 20
LONG_BYTES = 4 << 20
"""A longer line is scrubbed in parts of this size."""


class Scrubbed(NamedTuple):
    """A piece of a source: whole lines, or a part of one long line.

    Attributes:
        source: as it stands in the source.
        clean: without secrets.
        counts: rule name → number of replacements.
        context: the source of the piece and of what is around it in a long line.
    """

    source: bytes
    clean: bytes
    counts: dict[str, int]
    context: bytes


def scrubbed_lines(descriptor: int, *, start: int, document_end: int = 0) -> Iterator[Scrubbed]:
    """Yield a file's whole lines from a place on, scrubbed; a torn last line is left for later.

    A last line without a newline is taken when it is one whole JSON object, or the end of one over many lines. A line
    longer than any reader takes is passed on even if it is torn.

    Args:
        descriptor: of the file.
        start: a place where a line starts.
        document_end: where an object over many lines ends that the file starts with; 0 when there is none.
    """
    while data := os.pread(descriptor, READ_BYTES, start):
        cut = data.rfind(b"\n") + 1
        if not cut:
            cut = _line_end(descriptor, start, document_end=document_end) - start
            if cut <= 0:
                return
            if cut > LONG_BYTES:
                yield from _long_line(descriptor, start, start + cut)
                start += cut
                continue
            if cut > len(data):
                data = os.pread(descriptor, cut, start)
        lines = data[:cut]
        yield Scrubbed(lines, *redact(lines), lines)
        start += len(lines)


def document_of(descriptor: int) -> tuple[bytearray, Extent]:
    """Return the beginning of a file, and how far an object over many lines reaches that it starts with."""
    content = bytearray()

    def more() -> bytes:
        data = os.pread(descriptor, READ_BYTES, len(content))
        content.extend(data)
        return data

    extent = measure_stream(content, more, max_bytes=MAX_WHOLE_BYTES)
    return content, extent


def _line_end(descriptor: int, start: int, *, document_end: int) -> int:
    """Where the line that starts at a place ends; that place itself when the line is torn."""
    place = start
    while data := os.pread(descriptor, READ_BYTES, place):
        cut = data.find(b"\n") + 1
        if cut:
            return place + cut
        place += len(data)
    if place == document_end:
        return place
    if place - start > MAX_LINE_BYTES:
        return place - AHEAD_BYTES  # a secret may still be incomplete
    opens, closes = os.pread(descriptor, 1, start), os.pread(descriptor, 64, max(start, place - 64)).rstrip()
    if (opens == b"{" or opens.isspace()) and closes.endswith(b"}"):  # no other is worth the memory
        return place if is_object(os.pread(descriptor, place - start, start)) else start
    return start


def _long_line(descriptor: int, start: int, end: int) -> Iterator[Scrubbed]:
    """Scrub a part after another, each seen with what is around it."""
    place = start
    while place < end:
        behind = min(place, BEHIND_BYTES)
        size = min(LONG_BYTES, end - place)
        data = os.pread(descriptor, behind + min(size + AHEAD_BYTES, end - place), place - behind)
        if len(data) < behind + size:
            raise OSError(f"the file became shorter than {end} bytes while it was read")
        found = redact_within(data, start=behind, end=behind + size)
        source = data[behind : found.end]
        yield Scrubbed(source, found.data, found.counts, data)
        place += len(source)
