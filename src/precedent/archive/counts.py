"""What a collection counts."""

from collections.abc import Callable

import msgspec

from .naming import storable

MAX_DETAILS = 50


class CollectStats(msgspec.Struct, kw_only=True):
    """Counts of one collection.

    Attributes:
        users_processed: homes that were looked through.
        users_erased: of them, those whose person was erased: nothing of it was read.
        files_copied: transcripts that are new or have grown or changed.
        files_skipped: unchanged, or not yet one whole line.
        files_private: left alone because their person wants it.
        files_withdrawn: removed because their person made them private after they had been archived.
        files_deleted: left alone because their session was deleted on purpose.
        files_unknown: no transcript by their content.
        files_refused: unsafe to read, or compressed and damaged or too large.
        files_failed: could not be read or written.
        bytes_read: from sources.
        redactions: secrets that were scrubbed.
        errors_detail: the first refusals and failures, each with file and error.
    """

    users_processed: int = 0
    users_erased: int = 0
    files_copied: int = 0
    files_skipped: int = 0
    files_private: int = 0
    files_withdrawn: int = 0
    files_deleted: int = 0
    files_unknown: int = 0
    files_refused: int = 0
    files_failed: int = 0
    bytes_read: int = 0
    redactions: int = 0
    errors_detail: list[dict[str, str]] = []

    def error(self, path: str, reason: str) -> None:
        """Keep the first refusals and failures."""
        if len(self.errors_detail) < MAX_DETAILS:
            self.errors_detail.append({"file": storable(path), "error": storable(reason)})


Progress = Callable[[CollectStats], None]
