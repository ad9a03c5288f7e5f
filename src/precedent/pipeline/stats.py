"""What a run of one processor did."""

import msgspec

MAX_DETAILS = 50


class RunStats(msgspec.Struct, kw_only=True):
    """Counts of one run.

    Attributes:
        scanned: transcripts that were due.
        processed: done by this run.
        skipped: changed and changed back: content equal to what was done before, processor not called.
        capped: left for the next run by the budget.
        later: not yet, says the processor.
        withheld: kept from the processor because their person does not allow its purpose.
        errors: failed attempts.
        items_extracted: items that the processor stored.
        reprocessed: of the processed, those done again for a new version.
        dead: of the errors, those that went to the dead letter.
        errors_detail: the first failures, each with session and error.
        paused: why the processor was paused; empty when it was not.
        misconfigured: it paused itself in this run, as a setting of it is wrong or missing.
    """

    processor: str
    scanned: int = 0
    processed: int = 0
    skipped: int = 0
    capped: int = 0
    later: int = 0
    withheld: int = 0
    errors: int = 0
    items_extracted: int = 0
    reprocessed: int = 0
    dead: int = 0
    errors_detail: list[dict[str, str]] = []
    paused: str = ""
    misconfigured: bool = False

    def failed(self, session: str, error: str, *, dead: bool) -> None:
        """Count a failure."""
        self.errors += 1
        self.dead += dead
        if len(self.errors_detail) < MAX_DETAILS:
            self.errors_detail.append({"session": session, "error": error})

    def add(self, other: "RunStats") -> None:
        """Add the counts of another part of the same run."""
        for name in (
            "scanned", "processed", "skipped", "later", "withheld", "errors", "items_extracted", "reprocessed", "dead",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.capped = other.capped
        self.paused = self.paused or other.paused
        self.misconfigured = self.misconfigured or other.misconfigured
        self.errors_detail = (self.errors_detail + other.errors_detail)[:MAX_DETAILS]
