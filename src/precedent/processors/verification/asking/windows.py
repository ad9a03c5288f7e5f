"""Cuts a session's turns into windows and chooses those that are worth a question."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from precedent.archive.redact import redact
from precedent.knowledge.scanning import scan
from precedent.processors.verification.rules import CANDIDATE, candidates
from precedent.processors.verification.turns import Turn

MAX_TURNS = 12
MAX_CHARS = 12_000
"""Of the turns of one window, with what the agent had said before each."""

TEXT_CHARS, BEFORE_CHARS = 2_000, 600
"""Of one turn that a model is shown: its beginning, and the end of what the agent had said."""

_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")

_SECRET = "secret"  # noqa: S105  # name of a rule of the scan


class Heard(NamedTuple):
    """A turn as it is stored.

    Attributes:
        id: of `knowledge_turn`.
        suspicious: the scan flags something in it.
        candidate: the rules take it for worth a look.
    """

    id: int
    line: int
    byte_offset: int
    said_at: int | None
    text: str
    before: str
    suspicious: bool = False
    candidate: bool = False


class Window(NamedTuple):
    """Turns that are asked about together."""

    turns: tuple[Heard, ...]

    @property
    def candidates(self) -> int:
        """How many of them are worth a look."""
        return sum(turn.candidate for turn in self.turns)

    @property
    def suspicious(self) -> bool:
        """Tell whether anything in it may have been written to mislead a model."""
        return any(turn.suspicious for turn in self.turns)


def note_windows(text: str) -> Iterator[Window]:
    """Yield windows that together hold all of a note, cut into paragraphs; their places are first characters."""
    parts, line, at = [], 1, 0
    for found in _PARAGRAPH.finditer(text):
        for start in range(found.start(), found.end(), TEXT_CHARS):
            line, at = line + text.count("\n", at, start), start
            parts.append(Heard(0, line, start, None, text[start : min(found.end(), start + TEXT_CHARS)], ""))
    return windows(parts)


def windows(turns: Iterable[Heard]) -> Iterator[Window]:
    """Yield windows that together hold every turn but those with what looks like a secret, in order."""
    held: list[Heard] = []
    size = 0
    for each in turns:
        flags = {flag.name for part in (each.text, each.before) for flag in scan(part)}
        if _SECRET in flags or redact(f"{each.before}\n{each.text}".encode()).counts:
            continue
        turn = each._replace(suspicious=bool(flags), candidate=_is_candidate(each))
        chars = min(len(turn.text), TEXT_CHARS) + min(len(turn.before), BEFORE_CHARS)
        if held and (len(held) == MAX_TURNS or size + chars > MAX_CHARS):
            yield Window(tuple(held))
            held, size = [], 0
        held.append(turn)
        size += chars
    if held:
        yield Window(tuple(held))


def _is_candidate(heard: Heard) -> bool:
    turn = Turn(
        line=heard.line, byte_offset=heard.byte_offset, id="", at=heard.said_at, text=heard.text, before=heard.before,
        answered=bool(heard.before),
    )  # fmt: skip
    return candidates(turn) >= CANDIDATE
