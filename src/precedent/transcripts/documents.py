"""Finds the one JSON object that some agents write over many lines, and where its parts stand.

A document is the shortest run of lines from a file's first byte that makes one JSON object, if the first line alone
does not. Whether lines can still become one never turns from no to yes as a file grows, so a reader that waits for
the rest and one that comes later agree.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from .decode import HOSTILE

BOM = b"\xef\xbb\xbf"
_BLANK = " \t\r\n"


class Extent(NamedTuple):
    """How far a document reaches.

    Attributes:
        end: bytes up to and with the newline after it; 0 when there is no whole one.
        torn: it may become one when more is written.
    """

    end: int
    torn: bool = False


class Place(NamedTuple):
    """A part of a document and where it starts: bytes of the archived transcript, line from 1."""

    offset: int
    line: int
    data: bytes


def may_start_document(first: bytes | bytearray) -> bool:
    """Tell whether a file's first line can be the beginning of an object over many lines, without reading on."""
    line = first.removeprefix(BOM).rstrip()
    if not line.startswith(b"{"):
        return False
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    except (UnicodeDecodeError, *HOSTILE):
        return False
    return False


def measure(data: bytes | bytearray) -> Extent:
    """Find the document that a file's content starts with."""
    text = bytes(data)
    lines = text.rfind(b"\n") + 1
    if text[lines:].strip():
        # The last line is still being written, unless the document ends exactly with it.
        whole = _extent(text)
        if whole.end == len(text):
            return whole
    return _extent(text[:lines]) if lines else Extent(0, torn=True)


def measure_stream(content: bytearray, more: Callable[[], bytes], *, max_bytes: int) -> Extent:
    """Find the document that a stream starts with, reading no more of it than that needs.

    Args:
        content: what was read; `more` adds to it.
        more: reads on, adds to the content and returns what it added; empty at the end.
        max_bytes: longest document; beyond it there is none.
    """
    added = b"?"
    while added and b"\n" not in content and len(content) <= max_bytes:
        added = more()
    if not may_start_document(content.split(b"\n", 1)[0]):
        return Extent(0)
    while added and len(content) <= max_bytes:
        added = more()
    return Extent(0) if added else measure(content)


def _extent(text: bytes) -> Extent:
    skipped = len(BOM) if text.startswith(BOM) else 0
    body = text[skipped:]
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        return Extent(len(text))
    except msgspec.DecodeError as error:
        reason = str(error)
    except (UnicodeDecodeError, *HOSTILE):
        return Extent(0)
    if "truncated" in reason and b"\\u" not in body:
        return Extent(0, torn=True)
    # Something follows the object, or it has what only the standard library takes: NaN, half a surrogate pair.
    characters = body.decode("utf-8", "surrogateescape")
    try:
        _, stop = _SCANNER.raw_decode(characters)
    except json.JSONDecodeError as error:
        return Extent(0, torn=error.pos >= len(characters.rstrip(_BLANK)))
    except (ValueError, *HOSTILE):
        return Extent(0)
    end = skipped + len(characters[:stop].encode("utf-8", "surrogateescape"))
    newline = text.find(b"\n", end)
    rest = text[end:] if newline < 0 else text[end:newline]
    return Extent(0) if rest.strip() else Extent(len(text) if newline < 0 else newline + 1)


def places(data: bytes | bytearray, parts: Sequence[msgspec.Raw], *, offset: int, line: int) -> Iterator[Place]:
    """Yield the elements of a document's list with the place where each starts.

    They stand in the document in this order with nothing but a comma between them, so each search ends at once. An
    element that had to be repaired is not found as it stands and gets the place of the one before it.

    Args:
        data: the document.
        parts: the elements as the decoder cut them.
        offset: where the document starts.
        line: number of its first line.
    """
    at = counted = 0
    for part in parts:
        raw = bytes(part)
        found = data.find(raw, at) if raw else -1
        if found >= 0:
            line += data.count(b"\n", counted, found)
            counted, at = found, found + len(raw)
        yield Place(offset + counted, line, raw)


def head_members(head: bytes) -> dict[str, Any]:
    """Return the members of the object that a file starts with, as far as the head shows them.

    An object that the head cuts off has the members it shows; another value that is cut off is None.
    """
    text = head.removeprefix(BOM).decode("utf-8", "replace").lstrip(_BLANK)
    return _members(text) if text.startswith("{") else {}


def _members(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = 1
    try:
        while True:
            place = _skip(text, place, "," if found else "")
            key, place = _SCANNER.raw_decode(text, place)
            place = _skip(text, place, ":")
            if not isinstance(key, str):
                return found
            found[key] = None
            try:
                found[key], place = _SCANNER.raw_decode(text, place)
            except ValueError:
                found[key] = _members(text[place:]) if text.startswith("{", place) else None
                return found
    except (ValueError, *HOSTILE):
        return found


def _skip(text: str, place: int, sign: str) -> int:
    """Return the place after blanks, a sign and more blanks."""
    while place < len(text) and text[place] in _BLANK:
        place += 1
    if sign:
        if not text.startswith(sign, place):
            raise ValueError(sign)
        place += 1
        while place < len(text) and text[place] in _BLANK:
            place += 1
    return place


_SCANNER = json.JSONDecoder()
