"""What a later reading of a Claude Code transcript needs to know of the lines before it."""

import msgspec

MAX_OPEN_CALLS = 512  # calls whose result may still come; an older one is joined by its id alone

OpenCall = tuple[str, str, str]
"""Tool name, request key, target."""

UNKNOWN_CALL: OpenCall = ("", "", "")


class State(msgspec.Struct, array_like=True):
    """Carried from line to line, and from one reading to the next.

    Attributes:
        at: UTC microseconds of the last line that had a time.
        calls: calls without a result, by id.
        agents: sub-agents whose responses stand in this file.
        searched: calls whose searches were counted: a resumed session may repeat lines.
    """

    at: int | None = None
    calls: dict[str, OpenCall] = {}
    agents: set[str] = set()
    searched: set[str] = set()

    def open(self, call_id: str, call: OpenCall) -> None:
        """Remember a call until its result comes."""
        calls = self.calls
        calls[call_id] = call
        if len(calls) > MAX_OPEN_CALLS:
            del calls[next(iter(calls))]
