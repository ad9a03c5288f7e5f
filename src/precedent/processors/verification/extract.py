"""Finds statements in a transcript's human turns: pure, incremental, in one pass."""

import msgspec

from precedent.knowledge.model import Finding, plain
from precedent.knowledge.scanning import scan
from precedent.pipeline.contract import Done, Transcript
from precedent.transcripts.reading import Position

from .rules import DETECTOR, findings
from .turns import Listener, Turn

MAX_KEPT, MAX_KEPT_BEFORE = 4_000, 1_000
"""Characters of a turn, and of the agent's before it, that can be searched for."""


class Cursor(msgspec.Struct, array_like=True):
    """What the next extraction of the same transcript needs."""

    position: Position = Position()
    listener: Listener = msgspec.field(default_factory=Listener)


class Found(msgspec.Struct, array_like=True):
    """What extraction hands to `store`.

    Attributes:
        anew: it began at the transcript's beginning.
        turns: how many human turns were heard.
        dropped: findings whose quote nobody had said.
        heard: the human turns, for search; the beginning of long ones.
    """

    anew: bool
    detector: str
    findings: list[Finding]
    turns: int = 0
    dropped: int = 0
    heard: list[Turn] = []


def extract_statements(transcript: Transcript, cursor: bytes | None) -> Done:
    """Read what is new and return the statements in it, with a cursor for the next time."""
    before = msgspec.msgpack.decode(cursor, type=Cursor) if cursor else Cursor()
    found = Found(before.position.offset == 0, DETECTOR, [])
    reading = transcript.read(before.position)
    for event in reading:
        turn = before.listener.hear(event)
        if turn is None:
            continue
        found.turns += 1
        found.heard.append(shortened(turn))
        stated = findings(turn)
        suspicious = bool(stated) and bool(scan(turn.text))
        for each in stated:
            if is_said(each, turn):
                found.findings.append(msgspec.structs.replace(each, suspicious=suspicious))
            else:
                found.dropped += 1
    before.position = reading.position
    return Done(payload=msgspec.msgpack.encode(found), cursor=msgspec.msgpack.encode(before))


def shortened(turn: Turn) -> Turn:
    """Return a turn as it is kept for search."""
    return msgspec.structs.replace(turn, text=turn.text[:MAX_KEPT], before=turn.before[-MAX_KEPT_BEFORE:])


def is_said(finding: Finding, turn: Turn) -> bool:
    """Tell whether a finding's quote stands in a turn, word for word but for white space."""
    return bool(finding.quote.strip()) and plain(finding.quote) in plain(turn.text)
