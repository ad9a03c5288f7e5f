"""What agents are told of knowledge, and where their tools ask; light, for the server names them too."""

from typing import Protocol

import msgspec


class Known(msgspec.Struct, frozen=True):
    """What of an item an agent is told.

    Attributes:
        status: only what is `approved` is settled.
    """

    id: int
    title: str
    content: str
    status: str
    domains: list[str] = []
    valid_until: int | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of items."""

    rows: list[Known]


class Shown(msgspec.Struct, frozen=True):
    """An item by itself."""

    item: Known
    people: int


class Source(Protocol):
    """Where tools ask: a server over HTTP, or the services themselves."""

    def search(self, text: str, *, limit: int) -> list[Known]:
        """Return approved items, the best first."""
        ...

    def get(self, number: int) -> Shown:
        """Return one item."""
        ...

    def propose(self, title: str, content: str) -> int:
        """Propose an item and return its number."""
        ...
