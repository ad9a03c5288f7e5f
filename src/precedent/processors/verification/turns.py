"""Human turns: what a person typed, with what the agent had said before. Everything else is no evidence."""

import msgspec

from precedent.knowledge.marker import hidden
from precedent.transcripts.events import Event, Kind, Speaker

MAX_CONTEXT = 2_000
"""Characters of what the agent had said that are kept: its end."""

_TYPED = frozenset({Kind.PROMPT, Kind.COMMAND, Kind.ANSWER})


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One thing a person typed.

    Attributes:
        id: the event's own id.
        before: the end of what the agent had said since the turn before.
    """

    line: int
    byte_offset: int
    id: str
    at: int | None
    text: str
    before: str


class Listener(msgspec.Struct, array_like=True):
    """Follows a transcript and tells its human turns; what it needs to go on is in its fields."""

    before: str = ""

    def hear(self, event: Event) -> Turn | None:
        """Take note of an event; return the turn that it is, if it is one."""
        if event.sidechain:
            return None
        if event.speaker is Speaker.HUMAN and event.kind in _TYPED:
            # What we delivered ourselves is heard by nobody as a person's words.
            turn = Turn(event.line, event.offset, event.id, event.at, hidden(event.text), self.before)
            self.before = ""
            return turn if turn.text.strip() else None
        if event.kind is Kind.REPLY and event.parts:
            self.before = f"{self.before}\n{hidden(event.text)}".strip()[-MAX_CONTEXT:]
        return None
