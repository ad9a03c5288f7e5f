"""A processor for the kit's own tests that works in the process of a test only."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from precedent.pipeline.contract import Done, Extracted, Extraction, Transcript

if TYPE_CHECKING:
    import sqlalchemy as sa


class AtHome:
    """Finds what a test process has in its environment and a child has not."""

    name, version, cadence_s = "at-home", 1, 60

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        return Done(payload=b"1" if "PYTEST_CURRENT_TEST" in os.environ else b"0")

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS found (transcript_id BIGINT, here TEXT)")
        tx.exec_driver_sql("INSERT INTO found VALUES (?, ?)", (extracted.ref.id, extracted.payload.decode()))
        return 1

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        """Nothing here is removed."""


AT_HOME = AtHome()
