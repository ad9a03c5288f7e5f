"""Makes a very long line small enough to decode: long strings are cut, all else stays.

What makes a line long is a file, an image or an output that stands in it as one string, often twice. Decoded, one
string may take four bytes for each of its own, so a line of 100 MB would take several times that.
"""

import re

LONG_STRING_BYTES = 64 << 10
KEPT_BYTES = 1 << 10
"""Of a long string: enough to tell what it begins with."""

# Possessive: there is nothing to go back to, and remembering how would take more memory than the line.
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_WHOLE = re.compile(
    rb'(?:[^"\\]|' + _PAIR + rb"|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL
)  # half of a pair of surrogates is no character


def shorten(line: bytes | bytearray, *, most: int) -> bytes | None:
    """Return a line with every string beyond `LONG_STRING_BYTES` cut to about `KEPT_BYTES`, never within an escape.

    Works on any bytes; what is no JSON stays none. Beside the line, memory is taken for the result alone.

    Returns:
        None when more than `most` bytes would be left.
    """
    view, pieces = memoryview(line), list[memoryview | bytes]()
    done = size = 0
    for found in _STRING.finditer(line):
        start, end = found.span(1)
        if end - start <= LONG_STRING_BYTES:
            continue
        kept = _start_of(bytes(view[start : start + KEPT_BYTES]))
        pieces += (view[done:start], kept)
        size += start - done + len(kept)
        done = end
        if size > most:
            return None
    if size + len(line) - done > most:
        return None
    return b"".join([*pieces, view[done:]])


def _start_of(text: bytes) -> bytes:
    """Return the start of a string's text without what was cut in two: an escape or a character."""
    whole = _WHOLE.match(text)
    kept = text[: whole.end()] if whole else b""
    return kept.decode("utf-8", "ignore").encode()
