"""Long strings are cut, all else stays; the result is JSON as the line was."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.transcripts.shortening import KEPT_BYTES, LONG_STRING_BYTES, shorten

MOST = 1 << 20
PIECES = ["a", "é", "語", "😀", '"', "\\", "\n", "\x00", "{", "\u2028"]


def long(piece: str, shift: int) -> str:
    return "x" * shift + piece * (LONG_STRING_BYTES // len(piece) + 1)


def alike(before: Any, after: Any) -> bool:
    """Tell whether two values differ in nothing but long strings, of which the start is left."""
    if isinstance(before, dict):
        return list(before) == list(after) and all(alike(before[key], after[key]) for key in before)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(alike, before, after))
    if isinstance(before, str) and len(before) > LONG_STRING_BYTES:
        return bool(before.startswith(after)) and len(after) > KEPT_BYTES // 16
    return bool(before == after)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("piece", PIECES)
def test_a_cut_never_goes_through_an_escape_or_a_character(piece: str, ascii_only: bool) -> None:
    for shift in range(13):
        value = {"a": long(piece, shift), "b": ["short", long(piece, 0)], long("key", 0): 1.5}
        line = json.dumps(value, ensure_ascii=ascii_only).encode()
        found = shorten(line, most=MOST)
        assert found is not None
        after = json.loads(found)
        assert alike(list(value.values()), list(after.values()))
        assert len(found) < 5 * KEPT_BYTES


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=20))
def test_a_line_without_long_strings_stays_as_it_is(value: Any) -> None:
    line = json.dumps(value).encode()
    assert shorten(line, most=MOST) == line


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert shorten(data, most=MOST) == data
    assert shorten(bytearray(b'{"' + data + b"a" * LONG_STRING_BYTES), most=MOST) is not None


def test_what_stays_too_large_is_not_returned() -> None:
    assert shorten(b"[" + b"1," * 1000 + b"1]", most=500) is None
    assert shorten(b'["' + b"a" * LONG_STRING_BYTES + b'x",' + b"1," * 1000 + b"1]", most=500) is None
