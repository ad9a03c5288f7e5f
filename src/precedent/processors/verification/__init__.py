"""The verification processor: what people corrected, confirmed or defined, with the words it rests on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from precedent.model import Purpose
from precedent.pipeline.contract import Done, Extracted, Transcript

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["PROCESSOR", "VerificationProcessor"]


class VerificationProcessor:
    """See `pipeline.contract.Processor`."""

    name = "verification"
    version = 3
    cadence_s = 900
    further_purpose = Purpose.MODEL

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Done:
        """Find statements in what is new."""
        # Who only starts up, or runs another processor, does not wait until the patterns are compiled.
        from .extract import extract_statements  # noqa: PLC0415

        return extract_statements(transcript, cursor)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        """Write one transcript's statements."""
        # The extraction child imports this module and must not load the database library.
        from .rows import store  # noqa: PLC0415

        return store(extracted, tx)

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Remove what rests on transcripts."""
        from .rows import remove  # noqa: PLC0415  # as above

        remove(transcript_ids, tx)

    def take_back(self, user_id: int, transcript_ids: Sequence[int], tx: "sa.Connection") -> int:
        """Remove what a model found; see `pipeline.contract.ServesAnother`."""
        from .rows import take_back_from_models  # noqa: PLC0415  # as above

        return take_back_from_models(user_id, transcript_ids, tx)


PROCESSOR = VerificationProcessor()
