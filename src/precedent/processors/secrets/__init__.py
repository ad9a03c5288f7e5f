"""The secrets processor: where redaction left its marks, by rule, person and place; never what stood there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from precedent.pipeline.contract import Done, Extracted, Transcript

from .extract import extract_marks

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["PROCESSOR", "SecretsProcessor"]


class SecretsProcessor:
    """See `pipeline.contract.Processor`."""

    name = "secrets"
    version = 1
    cadence_s = 600

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Done:
        """Find the marks in what is new."""
        return extract_marks(transcript, cursor)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        """Write one transcript's marks."""
        return self.store_batch([extracted], tx)[0]

    def store_batch(self, batch: Sequence[Extracted], tx: "sa.Connection") -> list[int]:
        """Write many transcripts' marks."""
        # The extraction child imports this module and must not load the database library.
        from .rows import store  # noqa: PLC0415

        return store(batch, tx)

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Remove the marks of transcripts."""
        from .rows import remove  # noqa: PLC0415  # as above

        remove(transcript_ids, tx)


PROCESSOR = SecretsProcessor()
