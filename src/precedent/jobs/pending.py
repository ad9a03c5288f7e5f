"""Ties the catalogue's changes to processors: what changed becomes pending, what is removed leaves nothing."""

from collections.abc import Sequence

import sqlalchemy as sa

from precedent import plugins
from precedent.pipeline import state
from precedent.store.schema import transcript


class Pending:
    """Makes changed transcripts pending for every processor; see `archive.catalogue.Listener`."""

    def changed(self, tx: sa.Connection, session_files: Sequence[str], *, now: int) -> None:
        """Mark them pending."""
        state.mark_pending(tx, transcript.c.session_file.in_(session_files), now=now)

    def removed(self, tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
        """Take what every installed processor derived from them."""
        # First: whoever is just storing has either committed, and is removed here, or is refused.
        state.fence(tx, transcript_ids)
        for plugin in plugins.installed(plugins.PROCESSORS):
            processor, _ = plugins.processor(plugin.name)
            processor.remove(transcript_ids, tx)
        state.forget(tx, transcript_ids)

    def forgotten(self, tx: sa.Connection, user_ids: Sequence[int], *, now: int) -> None:
        """Take what they said and what is theirs alone from knowledge."""
        from precedent.knowledge import people  # noqa: PLC0415  # its patterns take long to compile

        people.forget(tx, user_ids, now=now)
