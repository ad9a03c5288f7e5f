"""What a reader of one agent's transcripts provides; entry-point group `precedent.readers`."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol, runtime_checkable

import msgspec

from .events import Event
from .tally import Tally


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which transcript a file is.

    Attributes:
        native_id: the session's id as the agent gave it.
        agent_id: the sub-agent whose transcript this is; empty for a session's main transcript.
        parent_id: the session it was forked or spawned from; empty for none.
    """

    native_id: str
    agent_id: str = ""
    parent_id: str = ""


class Parser(Protocol):
    """Turns the lines of one transcript, in order, into events.

    A parser never raises for bad input: it counts a defect in its tally.
    """

    tally: Tally

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        """Return the events of one non-blank line; the tally accounts for a line that gives none."""
        ...

    def state(self) -> bytes:
        """Return what a new parser needs to continue after the last parsed line."""
        ...


@runtime_checkable
class DocumentParser(Parser, Protocol):
    """A parser of an agent that writes one JSON object over many lines; the same agent may write lines as well."""

    def document(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event] | None:
        """Return the events of one whole object, each with the place where its own part starts.

        Lines are accounted for by the caller; unknown types and defects go to the tally as for lines.

        Returns:
            None when the object is none of this agent's; that is a defect.
        """
        ...


class Reader(Protocol):
    """Knows one agent: where its transcripts live, how to tell them, what their lines mean."""

    @property
    def agent(self) -> str:
        """Name of the agent, as shown and stored."""
        ...

    @property
    def roots(self) -> tuple[str, ...]:
        """Folders below a home that hold transcripts, with `/` between parts."""
        ...

    def accepts(self, path: PurePosixPath) -> bool:
        """Tell whether a file below one of the roots is a transcript by its place; `path` is relative to the root."""
        ...

    def detect(self, head: bytes) -> bool:
        """Tell whether content is this agent's; `head` is the first part of a file, cut anywhere."""
        ...

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Tell which transcript a file is; `path` is relative to the root."""
        ...

    def folders(self, data: bytes) -> set[str]:
        """Return the working folders that the lines name, for checking who opted out."""
        ...

    def parser(self, state: bytes = b"") -> Parser:
        """Return a parser at the start of a transcript, or one that continues from a `state`."""
        ...
