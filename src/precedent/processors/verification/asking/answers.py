"""Checks what a model answered against the turns it was shown; nothing of an answer is believed."""

import re
from typing import Literal, NamedTuple

import msgspec

from precedent.knowledge.model import MAX_CONTENT, MAX_QUOTE, Finding, Kind, Place, plain
from precedent.processors.verification.rules.wording import entities, title
from precedent.processors.verification.turns import MAX_CONTEXT

from .windows import TEXT_CHARS, Heard, Window

SCORE = 600
"""Of every finding, thousandths: how sure a model says to be is worth nothing."""

MIN_QUOTE_WORDS = 2
MAX_STATEMENTS = 12


class _Statement(msgspec.Struct):
    kind: Literal["correction", "definition", "confirmation"]
    turn: int
    quote: str
    statement: str


class _Answer(msgspec.Struct):
    statements: list[_Statement]


class Checked(NamedTuple):
    """What of an answer stands.

    Attributes:
        findings: with quotes that a person said.
        dropped: statements of turns that there are not, or with words that nobody said.
    """

    findings: list[Finding]
    dropped: int


def is_usable(answer: str) -> bool:
    """Tell whether an answer has the shape that was asked for."""
    return _decoded(answer) is not None


def check(answer: str, window: Window, *, detector: str) -> Checked:
    """Return the findings of an answer; of one that has another shape none."""
    decoded = _decoded(answer)
    statements = decoded.statements if decoded is not None else []
    found = [_finding(each, window, detector) for each in statements[:MAX_STATEMENTS]]
    findings = [each for each in found if each is not None]
    return Checked(findings, len(statements) - len(findings))


def _decoded(answer: str) -> _Answer | None:
    try:
        return msgspec.json.decode(answer, type=_Answer)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _finding(said: _Statement, window: Window, detector: str) -> Finding | None:
    content = plain(said.statement)
    if not 1 <= said.turn <= len(window.turns) or not content or len(content) > MAX_CONTENT:
        return None
    turn = window.turns[said.turn - 1]
    place = _place(said.quote, turn)
    if place is None:
        return None
    return Finding(
        kind=Kind(said.kind),
        title=title(content),
        content=content,
        quote=turn.text[place.start : place.end],
        place=place,
        detector=detector,
        context=turn.before[-MAX_CONTEXT:],
        entities=entities(content),
        score=SCORE,
        suspicious=window.suspicious,
    )


def _place(quote: str, turn: Heard) -> Place | None:
    """Return where a quote stands in what the person typed, white space aside."""
    words = quote.split()
    if len(words) < MIN_QUOTE_WORDS or len(quote) > MAX_QUOTE:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), turn.text[:TEXT_CHARS])
    if found is None:
        return None
    return Place(
        line=turn.line, byte_offset=turn.byte_offset, turn="", start=found.start(), end=found.end(),
        said_at=turn.said_at,
    )  # fmt: skip
