"""Tables of other systems: what is read, what is offered, and questions about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from precedent.security.visibility import visible_users
from precedent.store.schema import user

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.security.principals import Principal
    from precedent.tables.asking import Answer, Asking
    from precedent.tables.refreshing import Refreshing
    from precedent.tables.registry import Registry


@dataclass(frozen=True)
class Tabling(Foundation):
    """Keeps tables; imported where it is made, for collecting and counting need none of it."""

    @cached_property
    def data_registry(self) -> "Registry":
        """Sources and tables."""
        from precedent.tables.registry import Registry  # noqa: PLC0415  # see above

        settings = self.settings
        return Registry(
            self.store,
            self.egress,
            max_rows=settings.data_max_rows,
            max_bytes=settings.data_max_mb << 20,
            clock=self.clock,
        )

    @cached_property
    def refreshing(self) -> "Refreshing":
        """Reads tables."""
        from precedent.tables.refreshing import Refreshing  # noqa: PLC0415  # see above

        return Refreshing(self.store, self.secrets, settings=self.settings, clock=self.clock)

    @property
    def tables_root(self) -> Path:
        """Folder of all tables."""
        return self.refreshing.root

    @cached_property
    def _asking(self) -> "Asking":
        from precedent.tables.asking import Asking  # noqa: PLC0415  # see above

        return Asking(self.tables_root)

    def ask(self, who: "Principal", sql: str, *, max_rows: int) -> "Answer":
        """Answer a question of somebody; see `tables.asking.Asking.ask`."""
        from precedent.tables import listing, usage_snapshots  # noqa: PLC0415  # see above

        self.tables_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.store.read() as tx:
            files = listing.paths(tx, who, self.tables_root)
            persons = _keys(tx, visible_users(who))
        there = {name: paths for name, paths in files.items() if all(path.exists() for path in paths)}
        seen = usage_snapshots.latest(self.tables_root)
        return self._asking.ask(
            sql, files=there, persons=persons, usage=seen.usage, tools=seen.tools, max_rows=max_rows
        )


def _keys(tx: sa.Connection, ids: frozenset[int] | None) -> Sequence[str] | None:
    """Return the keys of persons; None for everybody."""
    if ids is None:
        return None
    return list(tx.scalars(sa.select(user.c.key).where(user.c.id.in_(ids)).order_by(user.c.key)))
