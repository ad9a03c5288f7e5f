"""What a processor provides; entry-point group `precedent.processors`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from precedent.errors import ContractBroken
from precedent.model import Purpose
from precedent.transcripts.contract import Reader
from precedent.transcripts.reading import Position, Reading

from .stream import PartOfFile

if TYPE_CHECKING:  # the extraction child must not load the database library
    import sqlalchemy as sa


class TranscriptRef(msgspec.Struct, frozen=True, kw_only=True):
    """One transcript as the catalogue has it.

    Attributes:
        id: the catalogue's id.
        session_file: `<user key>/<native id>[.<agent id>].jsonl`.
        user_id: the person it belongs to, fixed when it was first collected.
        agent: the coding agent that wrote it.
        native_id: the session's id as the agent gave it.
        agent_id: the sub-agent; empty for a main transcript.
        parent_id: native id of the session it was forked or spawned from; empty for none.
        generation: grows when the content was replaced instead of appended to.
        revision: grows with every change.
        length: archived bytes.
        content_hash: of the archived bytes.
        observed_at: UTC microseconds when the source was last seen changed; stands in for times it lacks.
    """

    id: int
    session_file: str
    user_id: int
    username: str
    agent: str
    native_id: str
    agent_id: str
    parent_id: str
    generation: int
    revision: int
    length: int
    content_hash: str
    observed_at: int


class Transcript:
    """What `extract` is given: the catalogue's facts and the text.

    Args:
        ref: the catalogue's facts.
        path: the archived file.
        reader: of the agent that wrote it.
    """

    def __init__(self, ref: TranscriptRef, *, path: Path, reader: Reader) -> None:
        self.ref = ref
        self._path, self._reader = path, reader

    def read(self, start: Position = Position()) -> Reading:
        """Return the events from a position on; iterate them, then keep `reading.position` in the cursor."""
        return Reading(PartOfFile(self._path, start=start.offset, end=self.ref.length), self._reader, start=start)


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The transcript was read to its end.

    Attributes:
        payload: what `store` will be given, in the processor's own encoding.
        cursor: what `extract` will be given next time, so that only new bytes are read; None to begin anew.
    """

    payload: bytes = b""
    cursor: bytes | None = None


class Retry(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It did not work this time; counts as an attempt."""

    reason: str
    after_s: float | None = None


class Later(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is too early, for example because the session is still going on; counts as no attempt."""

    after_s: float


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It will never work: the dead letter."""

    reason: str


Extraction = Done | Retry | Later | Reject


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    """What `store` is given.

    Attributes:
        restarted: extraction began anew on content that was stored before, so earlier results of this generation
            are to be replaced.
    """

    ref: TranscriptRef
    payload: bytes
    restarted: bool = False


@runtime_checkable
class Processor(Protocol):
    """Derives something from transcripts.

    `extract` does the slow work in a child process, reads nothing but its arguments and touches no database.
    `store` is short and runs in the transaction that also records the transcript as done: effects happen once.
    """

    @property
    def name(self) -> str:
        """Unique, in lower case."""
        ...

    @property
    def version(self) -> int:
        """A greater one than before reprocesses every transcript, little by little."""
        ...

    @property
    def cadence_s(self) -> int:
        """Seconds between runs."""
        ...

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        """Read a transcript, from where the cursor of the last time points to."""
        ...

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        """Write what was extracted and return how many items that was."""
        ...

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Remove everything derived from these transcripts: they were deleted or withdrawn."""
        ...


@runtime_checkable
class HasPurpose(Protocol):
    """A processor that says what it reads transcripts for; one that does not serves `Purpose.SERVER`.

    A transcript is withheld from it when its person does not allow that purpose. A processor whose purpose changes
    raises its version.
    """

    @property
    def purpose(self) -> Purpose:
        """What for; text as in `Purpose` will do."""
        ...


def purpose_of(processor: Processor) -> Purpose:
    """Return what a processor reads transcripts for.

    Raises:
        ContractBroken: it names a purpose that there is not.
    """
    if not isinstance(processor, HasPurpose):
        return Purpose.SERVER
    try:
        return Purpose(processor.purpose)
    except ValueError as error:
        known = ", ".join(Purpose)
        raise ContractBroken(
            f"processor {processor.name!r} has the purpose {processor.purpose!r}; there are: {known}"
        ) from error


@runtime_checkable
class ServesAnother(Protocol):
    """A processor whose results serve a further purpose, outside of `extract`; who serves it asks for consent."""

    @property
    def further_purpose(self) -> Purpose:
        """What for."""
        ...

    def take_back(self, user_id: int, transcript_ids: Sequence[int], tx: "sa.Connection") -> int:
        """Remove what was derived for that purpose and may not be any more; return of how many sources it was.

        Args:
            user_id: the person whose wishes changed.
            transcript_ids: those of their transcripts that they deny.
            tx: the transaction.
        """
        ...


@runtime_checkable
class StoresBatches(Protocol):
    """A processor that writes many extractions at once faster than one by one."""

    def store_batch(self, batch: Sequence[Extracted], tx: "sa.Connection") -> list[int]:
        """Write a batch, each transcript at most once in it, and return the items of each."""
        ...
