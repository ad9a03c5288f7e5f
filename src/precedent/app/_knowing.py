"""Knowledge: its review and what agents are given of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.embedding.encoder import Encoder
    from precedent.knowledge.bundle import Bundle
    from precedent.knowledge.domains import Domains
    from precedent.knowledge.meaning import Meaning
    from precedent.knowledge.notes.gathering import Memory
    from precedent.knowledge.pairs import Pairs
    from precedent.knowledge.proposing import Proposing
    from precedent.knowledge.review import Review
    from precedent.security.principals import Principal


@dataclass(frozen=True)
class Knowing(Foundation):
    """Keeps knowledge; imported where it is made, for collecting and counting need none of it."""

    @cached_property
    def review(self) -> "Review":
        """Judges items."""
        from precedent.knowledge.review import Review  # noqa: PLC0415  # see above

        return Review(self.store, self.clock)

    @cached_property
    def proposing(self) -> "Proposing":
        """Takes proposals."""
        from precedent.knowledge.proposing import Proposing  # noqa: PLC0415  # see above

        return Proposing(self.store, self.clock)

    @cached_property
    def pairs(self) -> "Pairs":
        """Items that may say the same or the opposite."""
        from precedent.knowledge.pairs import Pairs  # noqa: PLC0415  # see above

        return Pairs(self.store, self.clock)

    @cached_property
    def domains(self) -> "Domains":
        """The fields of knowledge."""
        from precedent.knowledge.domains import Domains  # noqa: PLC0415  # see above

        return Domains(self.store, self.clock)

    @cached_property
    def memory(self) -> "Memory":
        """Gathers and reads people's notes."""
        from precedent.knowledge.notes.gathering import Memory  # noqa: PLC0415  # the rules for secrets are heavy

        settings = self.settings
        return Memory(
            self.store,
            private_folders=settings.private_folders,
            approves=settings.knowledge_note_approval == "unflagged",
            clock=self.clock,
        )

    @cached_property
    def encoder(self) -> "Encoder | None":
        """The model for embeddings; None when none is configured.

        Raises:
            Misconfigured: it is not there.
        """
        from precedent.embedding.finding import encoder_of  # noqa: PLC0415  # see above

        return encoder_of(self.settings.embeddings_model)

    @cached_property
    def meanings(self) -> "Meaning | None":
        """What finds by meaning; None when no model for embeddings is configured."""
        if self.encoder is None:
            return None
        from precedent.knowledge.meaning import Meaning  # noqa: PLC0415  # numpy is an extra

        return Meaning(self.encoder)

    def bundle(self, who: "Principal") -> "Bundle":
        """Return what somebody's agents are given, and note what reached them."""
        from precedent.knowledge import bundle as bundles  # noqa: PLC0415  # see above

        now, user_id = self.clock.now(), who.user_id
        reader = bundles.ANYBODY if user_id is None else user_id
        with self.store.read() as tx:
            found = bundles.bundle(tx, user_id, now=now)
            ids = [item.id for item in found.items]
            noted = bundles.is_noted(tx, reader, ids, now=now)
        if not noted:
            with self.store.write() as tx:
                bundles.note_delivered(tx, reader, ids, now=now)
        return found
