"""Plugin marketplaces: what is registered, synced, trusted and served."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.marketplaces.registry import Registry
    from precedent.marketplaces.serving import Serving
    from precedent.marketplaces.syncing import Syncing
    from precedent.security.principals import Principal


@dataclass(frozen=True)
class Offering(Foundation):
    """Keeps marketplaces; imported where it is made, for collecting and counting need none of it."""

    @cached_property
    def marketplaces(self) -> "Registry":
        """Marketplaces, and what of their plugins is trusted."""
        from precedent.marketplaces.registry import Registry  # noqa: PLC0415  # see above

        return Registry(self.store, self.egress, self.clock)

    @cached_property
    def syncing(self) -> "Syncing":
        """Reads marketplaces."""
        from precedent.marketplaces.syncing import Syncing  # noqa: PLC0415  # see above

        return Syncing(self.store, self.secrets, settings=self.settings, clock=self.clock)

    @cached_property
    def _serving(self) -> "Serving":
        from precedent.marketplaces.serving import Serving  # noqa: PLC0415  # see above

        return Serving(self.syncing.root, self.syncing.contents)

    def serve_git(self, who: "Principal", *, body: bytes | None) -> bytes:
        """Answer a git client of somebody; see `marketplaces.serving.Serving.answer`."""
        from precedent.marketplaces import catalogue  # noqa: PLC0415  # see above

        with self.store.read() as tx:
            offers = catalogue.offers(tx, who)
        return self._serving.answer(who.name, offers, body=body)
