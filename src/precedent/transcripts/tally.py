"""Accounts for every line that was read: event, known and ignored, unknown, or counted defect."""

import msgspec

MAX_DETAILS = 100  # defects kept with offset and reason; the count goes on


class Defect(msgspec.Struct, frozen=True, array_like=True):
    """A fault of the input.

    Attributes:
        offset: where the line starts, in bytes of the archived transcript.
        line: the line's number, from 1.
        reason: what is wrong, without any of the line's text.
    """

    offset: int
    line: int
    reason: str


class Tally(msgspec.Struct, kw_only=True):
    """Counts over the lines of one reading.

    `lines == blank + spoken + ignored + unknown + broken` holds after every line. A line may be used and still have
    a defect: a wrong type in one field costs that field only.
    """

    lines: int = 0
    blank: int = 0
    spoken: int = 0
    ignored: int = 0
    unknown: int = 0
    broken: int = 0
    defects: int = 0
    details: list[Defect] = []
    unknown_types: dict[str, int] = {}

    def defect(self, reason: str, *, offset: int, line: int) -> None:
        """Count a fault, keeping the first `MAX_DETAILS` with their place."""
        self.defects += 1
        if len(self.details) < MAX_DETAILS:
            self.details.append(Defect(offset, line, reason))

    def unknown_type(self, name: str) -> None:
        """Count a line of a type this reader has never seen."""
        self.unknown += 1
        key = name[:80]
        if key in self.unknown_types or len(self.unknown_types) < MAX_DETAILS:
            self.unknown_types[key] = self.unknown_types.get(key, 0) + 1
