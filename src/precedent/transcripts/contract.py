"""What a reader of one agent's transcripts provides; entry-point group `precedent.readers`."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol, runtime_checkable

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


class Parsed(NamedTuple):
    """What a parser made of some of the lines that it was given.

    Attributes:
        events: of all of them, in order.
        lines: how many lines these were.
        spoken: how many of them gave an event.
        offset: where the next line starts.
    """

    events: list[Event]
    lines: int
    spoken: int
    offset: int


@runtime_checkable
class LinesParser(Parser, Protocol):
    """A parser that takes ordinary lines many at a time, which saves what every single call costs."""

    def parse_lines(self, lines: Iterator[bytes], *, offset: int, line: int) -> Parsed:
        """Do what `parse` does with each line, as long as lines are ordinary.

        The first that is blank, broken or in any other way not ordinary is taken from the lines and left alone: the
        caller gives it to `parse` and goes on after it.

        Args:
            lines: that follow each other, without their newlines.
            offset: where the first of them starts.
            line: its number.
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
        """Return the working folders that the lines name, for checking who opted out; see also `folders.HASHED`.

        Several threads may call it at a time.
        """
        ...

    def parser(self, state: bytes = b"") -> Parser:
        """Return a parser at the start of a transcript, or one that continues from a `state`."""
        ...


@runtime_checkable
class FolderNaming(Protocol):
    """Provided beside `Reader` by one whose transcripts name no working folder, where a small file near them does."""

    def folder_file(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return the file whose text is the working folder of a transcript; both are relative to the root."""
        ...


Value = str | int | float | bytes | None
"""What a database holds; text comes as bytes, for nobody has checked it."""


class StoreFile(NamedTuple):
    """A file in an agent's store.

    Attributes:
        name: its name in its folder.
        fingerprint: changes whenever the file may have changed.
        modified_at: UTC microseconds.
    """

    name: str
    fingerprint: str
    modified_at: int


class AgentStore(Protocol):
    """Safe, read-only access to the folder of an agent's store; paths are relative to it, `/` between parts.

    No link is followed and nothing is written. Every method raises OSError or BadInput for what cannot be read.
    """

    def files(self, folder: str) -> list[StoreFile]:
        """Return the plain files of a folder by name; none when there is no such folder."""
        ...

    def folders(self, folder: str) -> list[str]:
        """Return the names of a folder's folders in order; none when there is no such folder."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of a file, at most as much as a line may have."""
        ...

    def query(
        self, database: str, statement: str, parameters: Sequence[Value] = (), *, tables: frozenset[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Yield the rows that a statement finds in a SQLite database; it may read these tables and no other."""
        ...


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session of an agent's store, told without reading what was said in it.

    Attributes:
        identity: the same that `identify` tells from the first record.
        fingerprint: changes whenever the session may have changed; compared for equality only.
        modified_at: UTC microseconds.
        folder: the working folder, so that an opted-out session is not even read; empty when it is not known.
        place: where it is in the store; the reader's own.
    """

    identity: Identity
    fingerprint: str
    modified_at: int
    folder: str = ""
    place: str = ""


class Record(NamedTuple):
    """One line of a stored session, as it is archived.

    Attributes:
        line: without a newline in it or after it.
        final: false while the agent still writes it; it and what follows are held back until the session rests.
    """

    line: bytes
    final: bool = True


@runtime_checkable
class StoreReader(Reader, Protocol):
    """A reader of an agent that keeps its sessions in a store and not in a file each.

    A session is archived as lines that its own parser reads. Records must come in an order in which a session that
    goes on only adds to them: growth then is an append; a change of an earlier record archives the session anew.
    """

    @property
    def stores(self) -> tuple[str, ...]:
        """Folders below a home that are a store, with `/` between parts."""
        ...

    def sessions(self, store: AgentStore) -> Iterator[StoredSession]:
        """Yield every session of a store, each id once; this is done at every collection and must be cheap."""
        ...

    def records(self, store: AgentStore, session: StoredSession) -> Iterator[Record]:
        """Yield a session's records, the first of which `detect` and `identify` know."""
        ...
