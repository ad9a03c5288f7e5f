"""Where an event of a Claude Code transcript stands: what all events of one line share."""

import msgspec

from precedent.transcripts.events import Event, Kind, Request, Speaker, ToolCall, ToolResult
from precedent.transcripts.tally import Tally

from .wire import Wire


class Place(msgspec.Struct, gc=False):
    """One line.

    Attributes:
        wire: the line's fields.
        at: its time in UTC microseconds, or that of the line before it.
        tally: told of the line's defects.
    """

    wire: Wire
    offset: int
    line: int
    at: int | None
    tally: Tally

    def defect(self, reason: str) -> None:
        """Count a fault of this line."""
        self.tally.defect(reason, offset=self.offset, line=self.line)

    def event(
        self,
        kind: Kind,
        speaker: Speaker,
        name: str = "",
        duration: int = 0,
        requests: tuple[Request, ...] = (),
        calls: tuple[ToolCall, ...] = (),
        results: tuple[ToolResult, ...] = (),
        parts: tuple[str | msgspec.Raw, ...] = (),
    ) -> Event:
        """Return an event of this line."""
        wire = self.wire
        # In the order of the fields, here and where it is called for most lines: names take twice as long.
        return Event(
            self.offset,
            self.line,
            kind,
            speaker,
            self.at,
            wire.uuid or "",
            wire.cwd or "",
            wire.gitBranch or "",
            wire.version or "",
            "",  # model
            name,
            duration,
            wire.isSidechain or False,
            wire.sessionId or "",
            wire.agentId or "",
            requests,
            calls,
            results,
            parts,
        )
