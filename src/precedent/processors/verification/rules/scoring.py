"""Weighs the cues of one sentence in its turn."""

# ruff: noqa: E501, RUF001  # a pattern is easier to read on one line, and people type dashes

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from precedent.knowledge.model import Kind
from precedent.processors.verification.turns import Turn

from .cues import Cue
from .segments import Sentence
from .signs import plain_text, shown

LONG_TURN = 1_200
"""Characters of a turn from which on it may be pasted text, when it does not speak of its writer."""

BARE_WORDS = 14
"""A turn of one plain sentence of so few words after an agent's is a fact that somebody puts right."""

_PERSON = re.compile(r"(?i)\b(?:i|i'm|i'd|we|our|us|my|let's|you|don't)\b")
_BARE = re.compile(
    r"""(?ix)^(?:the|our|an?|[a-z]+(?:'s)?)\s+(?:[\w`'./-]+\s+){0,5}?
    (?:is|are|isn't|aren't|keeps?|uses?|has|have|means|goes|runs?|lives?|belongs?|fires?|returns?|needs?|expects?|supports?
    |removes?|stores?|includes?|excludes?|covers?|applies|apply|allows?|triggers?|pulls?|owns?|holds?|counts?)\b"""
)
_NO_FACT = re.compile(
    r"(?i)^(?:the|our|a|an)?\s*(?:tests?|build|ci|script|page|button|modal|menu|header|footer|layout|colou?rs?|screen|login|output|"
    r"results?|(?:first|second|third|last|other)\s+one|that|this|those|these|it|he|she|they|there|here|i|you|we|what|who|"
    r"now|still|something|anything|nothing|all|and|but|so|ok|yes|no|done|looks?|both|everything)\b"
)
_NEVER_A_FACT = {"now", "currently", "again", "still", "just", "really", "almost", "already"}
MOST_LOOKED_AT = 12
"""Sentences that tell whether the whole turn is a script for the agent."""

_REFUSED = re.compile(
    r"(?i)^\s*(?:(?:oh|ah|hm+|ok(?:ay)?|uh|well|sorry)[.,]?\s+)*(?:no|nope|nah|wrong|incorrect|not quite)\s*[.!,:;–-]*\s*$"
)
_OR = re.compile(r"(?i),?\s+(?:or|or what do i miss|no)\s*[?!]+\s*$|\?!|!\?")
_THEN_ASKS = re.compile(r"(?i)^(?P<told>[^?]{15,}?),\s+(?:so\s+)?(?:why|how\s+come)\b[^?]*\?")


class Scored(NamedTuple):
    """What a sentence comes to.

    Attributes:
        kind: what it would be.
        score: thousandths; below 0 for what surely is none.
        cues: names of what spoke for and against it.
    """

    kind: Kind
    score: int
    cues: tuple[str, ...]


class Weighed(NamedTuple):
    """One sentence with what it shows.

    Attributes:
        text: the sentence on one line.
        cues: of every table.
    """

    sentence: Sentence
    text: str
    cues: list[Cue]

    def of(self, kind: Kind) -> list[Cue]:
        """Return the cues that make it one of a kind."""
        return [cue for cue in self.cues if cue.kind is kind]


def weigh(sentence: Sentence) -> Weighed:
    """Look for every cue in a sentence."""
    text = plain_text(sentence.text)
    return Weighed(sentence, text, shown(text))


def scored(weighed: Weighed, turn: Turn, *, among: Sequence[Weighed]) -> Scored:
    """Return what a sentence of a turn comes to.

    Args:
        weighed: a sentence of the turn.
        turn: with what the agent had said before.
        among: every sentence of the turn.
    """
    if not weighed.sentence.first and all(cue.kind is None for cue in weighed.cues):
        return Scored(Kind.DEFINITION, 0, ())  # nothing speaks for it
    against = _against(weighed)
    if (told := _THEN_ASKS.match(weighed.text)) is not None:  # states something, and asks why it is not so
        weighed = Weighed(weighed.sentence, told["told"], shown(told["told"]))
        against = [cue for cue in weighed.cues if cue.weight < 0]
    sentence = weighed.sentence
    corrections = weighed.of(Kind.CORRECTION) if turn.answered else []
    if sentence.first and turn.before.strip() and (bare := _bare_fact(weighed, among=among)) is not None:
        corrections.append(bare)
    if sentence.first and turn.answered and _REFUSED.match(turn.text[: sentence.start]):
        corrections.append(Cue("refused before", 450, _REFUSED, Kind.CORRECTION))
    kind, cues = _stronger(corrections, weighed.of(Kind.DEFINITION))
    if not cues:
        return Scored(kind, sum(cue.weight for cue in against), tuple(cue.name for cue in against))
    helping = [*cues, *(cue for cue in weighed.cues if cue.kind is None and cue.weight > 0), *against]
    helping += _of_the_turn(turn, kind, among=among)
    return Scored(kind, sum(cue.weight for cue in helping), tuple(cue.name for cue in helping))


def _against(weighed: Weighed) -> list[Cue]:
    found = [cue for cue in weighed.cues if cue.weight < 0]
    if not found:
        return []
    if _OR.search(weighed.text):  # asks for a contradiction that its writer does not expect
        found = [cue for cue in found if cue.name not in {"question", "asks back"}]
    excused = {name for cue in weighed.cues for name in _EXCUSES.get(cue.name, ())}
    return [cue for cue in found if cue.name not in excused]


def _stronger(corrections: list[Cue], definitions: list[Cue]) -> tuple[Kind, list[Cue]]:
    """Return the kind that more speaks for; of the other the strongest cue helps with a third."""
    first, second = (sum(cue.weight for cue in each) for each in (corrections, definitions))
    kind, cues, others = Kind.CORRECTION, list(corrections), definitions
    names = {cue.name for cue in corrections}
    if not names & _CONTRADICTS and (second > first or (names <= _WEAK and definitions)):
        kind, cues, others = Kind.DEFINITION, list(definitions), corrections
    if cues and others:
        best = max(others, key=lambda cue: cue.weight)
        cues.append(best._replace(weight=best.weight // 3))
    return kind, cues


_EXCUSES = {
    "standing order": {"order", "request"},
    "make sure": {"order"},
    "too risky": {"order"},
    "wrong": {"mere pointer", "hedge"},
    "misread": {"narrative"},
    "the wrong one": {"mere pointer", "hedge", "you did"},
    "not a bug": {"mere pointer", "failing"},
    "deprecated": {"mere pointer"},
    "overlooked": {"you did"},
    "refusal": {"mere pointer"},
    "on purpose": {"mere pointer"},
}
"""What speaks for a statement, and the signs against one that mean nothing beside it."""

_CONTRADICTS = frozenset(
    {"refusal", "refusal, bare", "refused before", "wrong", "the wrong one", "not a bug", "overlooked", "misread"}
)
"""Of corrections: whatever else is said, the agent was wrong."""

_WEAK = frozenset({"bare fact", "should be", "not this but that", "too risky", "we removed", "on purpose"})
"""Of corrections: they are said unasked as well."""


def _bare_fact(weighed: Weighed, *, among: Sequence[Weighed]) -> Cue | None:
    """Return a cue for a turn that is one plain fact, said after an agent that got it wrong."""
    text = weighed.text
    if len(among) > 1 or len(text.split()) > BARE_WORDS or not _BARE.match(text) or _NO_FACT.match(text):
        return None
    if _against(weighed) or _NEVER_A_FACT & set(text.lower().split()):
        return None
    return Cue("bare fact", 420, _BARE, Kind.CORRECTION)


def _of_the_turn(turn: Turn, kind: Kind, *, among: Sequence[Weighed]) -> list[Cue]:
    plays = (cue for each in among[:MOST_LOOKED_AT] for cue in each.cues if cue.name in {"roles", "scripted"})
    found = list(itertools.islice(plays, 1))
    if len(turn.text) > LONG_TURN:
        found.append(Cue("long turn", -150, _PERSON))
    if kind is Kind.DEFINITION and len(turn.text) > LONG_TURN // 4 and not _PERSON.search(turn.text):
        found.append(Cue("impersonal", -400, _PERSON))
    return found
