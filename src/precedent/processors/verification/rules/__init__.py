"""Detection by rules: cues in English sentences, no model.

`segments` cuts a turn into what its person wrote themselves, `cues` says which words speak for and against a
statement, `signs` finds them, `scoring` weighs them, `wording` makes a title and a sentence of it.
"""

from precedent.knowledge.model import MAX_QUOTE, Finding, Kind, Place
from precedent.processors.verification.turns import MAX_CONTEXT, Turn

from .confirming import Confirmed, confirmed
from .scoring import Scored, scored, weigh
from .segments import Sentence, sentences
from .wording import entities, statement, title

__all__ = ["CANDIDATE", "DETECTOR", "FOUND", "candidates", "findings"]

DETECTOR = "rules/3"

FOUND = 500
"""Thousandths from which on a sentence is taken for a statement: wrong ones cost reviewers more than lost ones."""

CANDIDATE = 200
"""Thousandths from which on a turn is worth a model's look."""

MAX_FINDINGS = 3
"""Of one turn: who pastes a list of rules is not to fill the queue."""


def findings(turn: Turn) -> list[Finding]:
    """Return what a turn states, in order."""
    cut = sentences(turn.text)
    found = [(each, sentence) for sentence, each in zip(cut, _scores(turn, cut), strict=True) if each.score >= FOUND]
    if not found and (agreed := confirmed(turn)) is not None:
        return [agreed_finding(turn, agreed)]
    best = list[tuple[Scored, Sentence]]()
    for each, sentence in sorted(found, key=lambda pair: (-pair[0].score, pair[1].end - pair[1].start)):
        apart = all(sentence.end <= other.start or other.end <= sentence.start for _, other in best)
        if apart and len(best) < MAX_FINDINGS:  # what stands in brackets is said once
            best.append((each, sentence))
    return [_finding(turn, sentence, each) for each, sentence in sorted(best, key=lambda pair: pair[1].start)]


def candidates(turn: Turn) -> int:
    """Return how likely a turn is to state something, thousandths: the score of its clearest sentence."""
    cut = sentences(turn.text)
    best = max((each.score for each in _scores(turn, cut)), default=0)
    return max(best, FOUND if confirmed(turn) is not None else 0)


def _scores(turn: Turn, cut: list[Sentence]) -> list[Scored]:
    weighed = [weigh(sentence) for sentence in cut]
    return [scored(each, turn, among=weighed) for each in weighed]


def _finding(turn: Turn, sentence: Sentence, found: Scored) -> Finding:
    content = statement(sentence.text)
    return _made(turn, sentence, kind=found.kind, content=content, score=found.score, context=turn.before)


def agreed_finding(turn: Turn, agreed: Confirmed) -> Finding:
    """Return what a person confirmed: the quote is theirs, the context what the agent had stated."""
    return _made(
        turn,
        agreed.words,
        kind=Kind.CONFIRMATION,
        content=agreed.content,
        score=agreed.score,
        context=agreed.stated,
    )


def _made(turn: Turn, sentence: Sentence, *, kind: Kind, content: str, score: int, context: str) -> Finding:
    end = min(sentence.end, sentence.start + MAX_QUOTE)
    return Finding(
        kind=kind,
        title=title(content),
        content=content,
        quote=turn.text[sentence.start : end],
        context=context[-MAX_CONTEXT:],
        place=Place(
            line=turn.line, byte_offset=turn.byte_offset, turn=turn.id, start=sentence.start, end=end, said_at=turn.at
        ),
        detector=DETECTOR,
        entities=entities(content),
        score=min(score, 1000),
    )
