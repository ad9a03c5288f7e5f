"""The dictionary of names that ledger rows point into: models, projects, tools, agents."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import usage_name

Pair = tuple[str, str]
"""Kind and name."""

_PAIRS_PER_QUERY = 400


class Names:
    """Ids of names within one transaction, which may yet be rolled back: nothing is remembered beyond it."""

    def __init__(self, tx: sa.Connection) -> None:
        self._tx = tx
        self._ids: dict[Pair, int] = {}
        self._names: dict[int, str] = {}

    def add(self, pairs: Iterable[Pair]) -> None:
        """Make names known, writing those that are new."""
        missing = sorted({clean(pair) for pair in pairs} - self._ids.keys())
        self._load(missing)
        new = [pair for pair in missing if pair not in self._ids]
        bulk.insert_new(self._tx, usage_name, ["kind", "name"], new)
        self._load(new)

    def _load(self, pairs: Sequence[Pair]) -> None:
        columns = usage_name.c
        for start in range(0, len(pairs), _PAIRS_PER_QUERY):
            wanted = sa.tuple_(columns.kind, columns.name).in_(pairs[start : start + _PAIRS_PER_QUERY])
            for number, kind, name in self._tx.execute(sa.select(columns.id, columns.kind, columns.name).where(wanted)):
                self._ids[kind, name] = number
                self._names[number] = name

    def id(self, kind: str, name: str) -> int:
        """Return the id of a name, which is written when it is new."""
        pair = clean((kind, name))
        if pair not in self._ids:
            self.add([pair])
        return self._ids[pair]

    def name(self, number: int) -> str:
        """Return the name that an id stands for."""
        if number not in self._names:
            query = sa.select(usage_name.c.name).where(usage_name.c.id == number)
            self._names[number] = self._tx.execute(query).scalar_one()
        return self._names[number]


def clean(pair: Pair) -> Pair:
    """Return a pair as it can be stored: PostgreSQL refuses NUL in text."""
    kind, name = pair
    return kind, name.replace("\0", "\ufffd")
