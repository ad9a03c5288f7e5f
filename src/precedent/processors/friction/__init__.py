"""The friction processor: where work with an agent went wrong, session by session; no text of any transcript."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from precedent.pipeline.contract import Done, Extracted, Transcript

from .extract import extract_friction

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["PROCESSOR", "FrictionProcessor"]


class FrictionProcessor:
    """See `pipeline.contract.Processor`."""

    name = "friction"
    version = 1
    cadence_s = 600

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Done:
        """Find the moments of friction in what is new."""
        return extract_friction(transcript, cursor)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        """Write one transcript's moments."""
        return self.store_batch([extracted], tx)[0]

    def store_batch(self, batch: Sequence[Extracted], tx: "sa.Connection") -> list[int]:
        """Write many transcripts' moments."""
        # The extraction child imports this module and must not load the database library.
        from .rows import store  # noqa: PLC0415

        return store(batch, tx)

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Remove the moments of transcripts."""
        from .rows import remove  # noqa: PLC0415  # as above

        remove(transcript_ids, tx)


PROCESSOR = FrictionProcessor()
