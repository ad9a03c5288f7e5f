"""Human turns: what a person typed, with what the agent had said before. Everything else is no evidence."""

import msgspec

from precedent.knowledge.marker import hidden
from precedent.transcripts.events import TYPED, Event, Kind, Speaker

MAX_CONTEXT = 2_000
"""Characters of what the agent had said that are kept: its end."""


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One thing a person typed.

    Attributes:
        id: the event's own id.
        before: the end of what the agent had said since the turn before.
        answered: the agent had said or done something since then.
    """

    line: int
    byte_offset: int
    id: str
    at: int | None
    text: str
    before: str
    answered: bool


class Listener(msgspec.Struct, array_like=True):
    """Follows a transcript and tells its human turns; what it needs to go on is in its fields."""

    before: str = ""
    answered: bool = False

    def hear(self, event: Event) -> Turn | None:
        """Take note of an event; return the turn that it is, if it is one."""
        if event.sidechain:
            return None
        if event.speaker is Speaker.HUMAN and event.kind in TYPED:
            # What we delivered ourselves is heard by nobody as a person's words.
            text = hidden(event.text)
            turn = Turn(event.line, event.offset, event.id, event.at, text, self.before, self.answered)
            self.before, self.answered = "", False
            return turn if turn.text.strip() else None
        if event.kind is not Kind.REPLY:
            return None
        self.answered = True
        if event.parts:
            self.before = f"{self.before}\n{hidden(event.text)}".strip()[-MAX_CONTEXT:]
        return None
