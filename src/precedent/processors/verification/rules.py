"""Detection by rules: cue patterns for each kind, no model."""

import re

from precedent.knowledge.model import MAX_CONTENT, MAX_QUOTE, MAX_TITLE, Finding, Kind, Place, plain

from .turns import Turn

DETECTOR = "rules/1"

_CORRECTION = re.compile(r"(?i)^\s*(?:no|nope|wrong|actually|wait)\b[,:.! ]+(?P<statement>(?:we|it|this|that|the)\b.*)")


def findings(turn: Turn) -> list[Finding]:
    """Return what a turn states, in order."""
    found = _CORRECTION.match(turn.text)
    if found is None:
        return []
    start, end = found.span("statement")
    statement = plain(turn.text[start:end])[:MAX_CONTENT]
    return [
        Finding(
            kind=Kind.CORRECTION,
            title=statement[:MAX_TITLE],
            content=statement,
            quote=turn.text[start:end][:MAX_QUOTE],
            context=turn.before,
            place=Place(
                line=turn.line, byte_offset=turn.byte_offset, turn=turn.id, start=start, end=end, said_at=turn.at
            ),
            detector=DETECTOR,
            score=900,
        )
    ]
