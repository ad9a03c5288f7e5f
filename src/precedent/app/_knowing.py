"""Knowledge: its review and what agents are given of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.knowledge.domains import Domains
    from precedent.knowledge.proposing import Proposing
    from precedent.knowledge.review import Review


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
    def domains(self) -> "Domains":
        """The fields of knowledge."""
        from precedent.knowledge.domains import Domains  # noqa: PLC0415  # see above

        return Domains(self.store, self.clock)
