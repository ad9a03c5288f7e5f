"""The port to other systems: what a reader of one kind of source does. Runs in the child process only."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from precedent.errors import Terminal, Transient
from precedent.security.egress import Egress
from precedent.tables.model import Order

if TYPE_CHECKING:
    import duckdb


class SourceFault(Terminal):
    """The source refuses us, or has not what is asked for: trying again does not help."""


class SourceAway(Transient):
    """The source cannot be reached or is busy: worth trying again."""


class Place:
    """What a reader may use.

    Args:
        order: what is wanted.
        base: an in-memory DuckDB with limits, in which relations are made.
        egress: the guard of URLs.
    """

    def __init__(self, order: Order, *, base: "duckdb.DuckDBPyConnection", egress: Egress) -> None:
        self.order, self.base, self.egress = order, base, egress
        self.folder = Path(order.folder)

    @property
    def since(self) -> str:
        """The cursor's value from which rows are wanted; empty for all rows."""
        return self.order.cursor_value if self.order.cursor_column else ""


class SourceReader(Protocol):
    """Reads one kind of source.

    Both methods raise `SourceFault` for what stays as it is and `SourceAway` for what passes.
    """

    def fingerprint(self, place: Place) -> str:
        """Return something that differs when the source has changed; empty where no such thing is known."""
        ...

    def select(self, place: Place) -> str:
        """Return SQL that gives the rows in `place.base`, rows of `place.since` and after if there is a cursor."""
        ...
