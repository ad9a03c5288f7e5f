"""Confirmations: a person agrees with what the agent stated, which most a `yes` does not."""

# ruff: noqa: E501, RUF001  # a pattern is easier to read on one line, and people type dashes

import re
from typing import NamedTuple

from precedent.processors.verification.turns import Turn

from .cues import HOLDS
from .segments import Sentence, sentences
from .wording import statement

MAX_WORDS = 25

_AGREES = re.compile(
    r"""(?ix)^(?:
        (?:yes|yep|yeah|right|exactly|indeed|correct)\s*[,.!:—–-]*\s*(?:that\ (?:was|is)\ (?:it|right|correct|true|exactly\ it)
          |that'?s\ (?:it|right|correct|true|exactly\ (?:it|right)|how\ (?:it|we)|what\ we)|this\ is\ (?:right|correct|true)
          |you'?re\ right|it\ (?:is|does|was)\b|they\ (?:are|do)\b|we\ (?:do|are)\b|i\ can\ confirm)
      | (?:that'?s|that\ is|this\ is|you'?re|you\ are)\ (?:absolutely\ |exactly\ |completely\ )?(?:right|correct|true|it)\b
      | (?:exactly|correct|confirmed|indeed|precisely)\s*[,.!:—–-]
      | (?:exactly|correct|confirmed|precisely)[.!]*$
    )"""
)
_OPENS = re.compile(r"(?i)^(?:yes|yep|yeah|right|correct|exactly)\s*[,.:;—–-]\s*(?=\w)")
_OFFER = re.compile(
    r"(?i)\b(?:would you like|shall i|should i|do you want|want me to|ready to|let me know|i'?ll|i will|i can|i could|let me|"
    r"may i|proceed|next step|i'?ve|i have|i (?:just )?(?:added|fixed|updated|created|removed|ran))\b"
)
_STATES = re.compile(rf"(?i)\b{HOLDS}\b")
_ONLY_GOES_ON = re.compile(
    r"(?i)^(?:please|let'?s|go|do|continue|proceed|but|and|add|commit|push|start|update|write|merge|run|fix|make|i'?d|can|could|"
    r"create|use|that should|thanks?|sounds?|looks?|we can|you can|i think)\b"
)
CLEAR, LIKELY = 700, 550


class Confirmed(NamedTuple):
    """What a turn confirms.

    Attributes:
        words: the person's own.
        content: the statement, as the person repeats it or else as the agent made it.
        stated: what the agent had stated.
        score: thousandths.
    """

    words: Sentence
    content: str
    stated: str
    score: int


def confirmed(turn: Turn) -> Confirmed | None:
    """Return what a turn confirms; None when it only lets the agent go on."""
    if not turn.before.strip() or not turn.text.strip():
        return None
    text = " ".join(turn.text.split())
    if len(text.split()) > MAX_WORDS or text.rstrip().endswith("?"):
        return None
    words = Sentence(turn.text.strip(), *_span(turn.text))
    if _AGREES.match(text):
        said = _stated(turn.before)
        rest = _AGREES.sub("", text).strip(" ,.;:!—–-")
        if len(rest.split()) >= 4 and _STATES.search(rest) and not _ONLY_GOES_ON.match(rest):
            return Confirmed(words, statement(rest), said or turn.before, CLEAR)
        return Confirmed(words, said, said, CLEAR) if said else None
    if (opened := _OPENS.match(text)) is not None:
        rest = text[opened.end() :]
        if _ONLY_GOES_ON.match(rest) or len(rest.split()) < 3:
            return None
        said = _stated(turn.before)
        shared = _content_words(rest) & _content_words(turn.before[-600:])
        if said and shared and _STATES.search(rest):
            return Confirmed(words, statement(rest), said, LIKELY)
    return None


def _span(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def _stated(before: str) -> str:
    """Return the last thing that an agent stated; empty when it offered something or asked what to do."""
    cut = sentences(before[-1_500:])
    for each in reversed(cut[-3:]):
        words = " ".join(each.text.split())
        if _OFFER.search(words):
            return ""
        if words.endswith("?"):
            continue
        if _STATES.search(words) and 4 <= len(words.split()) <= 40:
            return statement(words.replace("**", ""))
    return ""


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z_]{4,}", text.lower()) if word not in _COMMON}


_COMMON = frozenset(
    "this that with from have what when then they them your will would should could about there which".split()
)
