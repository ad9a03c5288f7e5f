"""Patterns that are searched for together are found wherever each by itself is found."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precedent.knowledge.patterns import PatternSet
from precedent.knowledge.scanning.phrases import LITERAL, PHRASES
from precedent.processors.verification.rules.cues import AGAINST, CORRECTIONS, DEFINITIONS, FOR

CUES = [cue.pattern for cue in (*CORRECTIONS, *DEFINITIONS, *FOR, *AGAINST)]
SETS = {
    name: (patterns, PatternSet(patterns))
    for name, patterns in (
        ("cues", CUES),
        ("literal", [rule.pattern for rule in LITERAL]),
        ("phrases", [rule.pattern for rule in PHRASES]),
    )
}


def one_by_one(patterns: Sequence[re.Pattern[str]], text: str) -> list[int]:
    return [number for number, pattern in enumerate(patterns) if pattern.search(text)]


@pytest.mark.parametrize("name", SETS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_pattern_matches_is_found(name: str, data: st.DataObject) -> None:
    patterns, together = SETS[name]
    text = data.draw(st.sampled_from(patterns).flatmap(st.from_regex))
    assert together.matching(text) == one_by_one(patterns, text)


@given(text=st.text(st.sampled_from("we are not, ou\u017f\u212a\u0131İ ünïcode\u00a0\u2028\x1c\v\n`$?'-it is")))
@settings(max_examples=300, deadline=None)
def test_strange_letters_and_blanks_hide_nothing(text: str) -> None:
    assert TRICKY_SET.matching(text) == one_by_one(TRICKY, text)


TRICKY = [
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"\bwe\s+are\b", re.IGNORECASE),
        (r"^(?:so|is)\s [^\s?]+ $  ", re.IGNORECASE | re.VERBOSE),
        (r"(?<!no )\bit(?=\W)", 0),
        (r"[\w'-]+\?$", 0),
        (r"our\b", re.IGNORECASE),
        (r"skis|k\b|is", re.IGNORECASE),
        (r"ü\w", 0),
        (r"[^\s]\s[)\]\"'(]?i", re.IGNORECASE),
        (r"n(?!ot\b)(?:o|ï)\S", 0),
        (r".\n?$", 0),
    )
]
TRICKY_SET = PatternSet(TRICKY)
