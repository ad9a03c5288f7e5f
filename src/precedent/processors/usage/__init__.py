"""The usage processor: tokens, money, tools and time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from precedent.pipeline.contract import Done, Extracted, Transcript

from .extract import extract_usage

if TYPE_CHECKING:
    import sqlalchemy as sa

    from precedent.usage.ledger import Ledger

__all__ = ["PROCESSOR", "UsageProcessor"]


class UsageProcessor:
    """See `pipeline.contract.Processor`."""

    name = "usage"  # the ledger knows it by the same name
    version = 1
    cadence_s = 600

    def __init__(self) -> None:
        self._opened: Ledger | None = None

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Done:
        """Fold the transcript's new events into requests, events and activity."""
        return extract_usage(transcript, cursor)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        """Write one transcript's usage."""
        return self.store_batch([extracted], tx)[0]

    def store_batch(self, batch: Sequence[Extracted], tx: "sa.Connection") -> list[int]:
        """Write many transcripts' usage."""
        return self._ledger().store(batch, tx)

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Remove usage; requests that other transcripts show too pass to the next-earliest of them."""
        self._ledger().remove(transcript_ids, tx)

    def _ledger(self) -> "Ledger":
        if self._opened is None:
            # The extraction child imports this module and must not load the database library and the price table.
            from precedent.usage.ledger import Ledger  # noqa: PLC0415

            self._opened = Ledger()
        return self._opened


PROCESSOR = UsageProcessor()
