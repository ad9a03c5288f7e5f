"""Cuts a turn into the sentences that its person wrote themselves; what was pasted is left out."""

# ruff: noqa: E501, RUF001  # a pattern is easier to read on one line, and people type dashes

import re
from typing import NamedTuple

MAX_TURN = 4_000
"""Characters; who types more pastes, and what follows is not looked at."""

MAX_SENTENCE = 600
MIN_WORDS = 3

_FENCE = re.compile(r"(?ms)^[ \t]*(`{3,}|~{3,}|\"\"\"|''').*?(?:^[ \t]*\1[ \t]*$|\Z)")
_OPENS_FENCE = ("```", "~~~", '"""', "'''")
_MARKUP = re.compile(r"(?s)<([A-Za-z][\w-]*)(?:\s[^<>]*)?>.*?</\1\s*>")
_LINE = re.compile(r"[^\n]+")
_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[\"'(\[`]*[A-Za-z0-9])|(?<=[!?])\s+")
_BULLET = re.compile(r"^\s*(?:[-*•+]\s+|\(?(?:\d{1,2}|[A-Za-z])[.)]\s+|#{1,6}\s+)")
_ABBREVIATION = re.compile(r"(?i)(?:\b(?:e\.g|i\.e|etc|vs|approx|no|fig|mr|ms|dr|cf)|\b[a-z]|\d)\.$")
_TURNS = re.compile(
    r"(?i)(?:\w+[,.]?\s+){0,3}(?:let'?s|can you|could you|please)\b[^?!\n]{5,120}?,?\s+but\s+(?=\S+\s\S+\s\S+\s\S+)"
)
"""What somebody asks for, with what holds in general behind a `but`."""

_ASIDE = re.compile(r"\(([^()\n]{15,300})\)")

_PASTED = re.compile(
    r"""(?x)
    ^\s*(?:
        [>|+$❯%]\s | [-+]{3}\s | @@\s | diff\s--git | \+\+\+ | ={3,} | -{3,} | \#!/ | //  # quotes, tables, diffs, prompts
      | HEAD\sis\snow\sat | On\sbranch\s\S+$ | Your\sbranch\s | Switched\sto\s | Fast-forward | remote:\s | From\shttps?://      # git
      | at\s\S+\(.*\) | File\s"[^"]+",\sline | Traceback\b | Caused\sby\b                    # stack traces
      | \d{4}-\d\d-\d\d[T\s]\d\d:\d\d | \[?\d\d:\d\d:\d\d | (?:\[[A-Z ]+\]|ERROR|WARN(?:ING)?|INFO|DEBUG|FAIL(?:ED)?|PASS)\b[:\s]
      | [\w./-]+:\d+(?::\d+)?[:\s] | \w+Error:\s | error(?:\[\w+\])?:\s                      # compilers and linters
      | (?:import|from|def|class|func|const|let|var|return|public|private|package|struct|type)\s[\w{('"].*[;{(:=]\s*\S*$
      | [{}()\[\];]+\s*,?\s*$ | "[\w-]+":\s | <\/?\w[^>]*>\s*$
    )
    """
)


class Sentence(NamedTuple):
    """One sentence of a turn.

    Attributes:
        text: as it was typed.
        start: in characters of the turn.
        end: where it ends.
        first: nothing of the person's own stands before it.
        last: nothing stands after it.
        aside: it stood in brackets within another one.
    """

    text: str
    start: int
    end: int
    first: bool = False
    last: bool = False
    aside: bool = False


def sentences(text: str) -> list[Sentence]:
    """Return the sentences that a person wrote themselves, in order."""
    hidden = _hidden(text[:MAX_TURN])
    found: list[Sentence] = []
    for line in _LINE.finditer(hidden):
        if _PASTED.match(line[0]) or not line[0].strip():
            continue
        start = line.start() + (bullet.end() if (bullet := _BULLET.match(line[0])) else 0)
        found += _of_line(hidden, start, line.end())
    if not found:
        return []
    found[0] = found[0]._replace(first=True)
    found[-1] = found[-1]._replace(last=True)
    return found


def _hidden(text: str) -> str:
    """Return a text with blanks for code and markup blocks: offsets stay."""
    for block, opens in ((_FENCE, _OPENS_FENCE), (_MARKUP, "<")):
        if any(each in text for each in opens):
            text = block.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text


def _of_line(text: str, start: int, end: int) -> list[Sentence]:
    found, begin = [], start
    for stop in _END.finditer(text, start, end):
        if _ABBREVIATION.search(text[begin : stop.start()]):
            continue
        found += _one(text, begin, stop.start())
        begin = stop.end()
    return found + _one(text, begin, end)


def _one(text: str, start: int, end: int) -> list[Sentence]:
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    end = start + len(raw.strip())
    raw = text[start:end]
    if end - start > MAX_SENTENCE or len(raw.split()) < MIN_WORDS:
        return []
    found = [Sentence(raw, start, end)]
    if "but" in raw.lower() and (turned := _TURNS.match(text, start, end)) is not None:
        found.append(Sentence(text[turned.end() : end], turned.end(), end))
    for aside in _ASIDE.finditer(text, start, end) if "(" in raw else ():
        inner = aside[1]
        if len(inner.split()) > MIN_WORDS:
            found.append(Sentence(inner, aside.start(1), aside.end(1), aside=True))
    return found
