"""Finds what means nearly the same as a question, whatever its words, by the embeddings that there are.

The vectors of a table are held in memory, all of them, whoever may see what they stand for; who may see it is asked of
the database for what is near. A search reads first what was written since the one before.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from precedent.embedding.encoder import Encoder

from .vectors import OF, Embedded

NEAR = 1_000
"""Vectors about which the database is asked first, the nearest ones."""

LEAST_ROWS = 1_024


class Meaning:
    """Keeps vectors in memory and compares questions with them; may be used by several threads.

    Args:
        encoder: the model; only its own vectors count.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._shelves = {table: _Shelf(what, encoder) for table, what in OF.items()}

    def near(
        self, tx: sa.Connection, table: sa.Table, question: str, wanted: Sequence[sa.ColumnElement[bool]], *, limit: int
    ) -> list[tuple[int, float]]:
        """Return the ids of the nearest rows for which conditions hold, and how near they are, the nearest first.

        Args:
            tx: the transaction.
            table: of items or turns.
            question: any text.
            wanted: conditions on the table.
            limit: rows at most.
        """
        [asked] = self._encoder.encode([question])
        what, held = OF[table], self._shelves[table].read(tx)
        likeness = held.matrix[: held.used] @ asked
        vector = what.vectors.c
        query = (
            sa.select(table.c.id, vector.id.label("vector"))
            .join_from(table, what.vectors, vector.of_id == table.c.id)
            .where(vector.words == what.words, vector.model == self._encoder.name, *wanted)
        )
        places = np.argpartition(-likeness, NEAR)[:NEAR] if held.used > NEAR else np.arange(held.used)
        found = held.placed(tx.execute(query.where(table.c.id.in_(held.of[places].tolist()))))
        if len(found) < limit and held.used > NEAR:
            found = held.placed(tx.execute(query))  # they see little, and none of it is among the nearest
        best = sorted(found, key=lambda row: -likeness[row[1]])[:limit]
        return [(number, float(likeness[place])) for number, place in best]


@dataclass(frozen=True)
class _Held:
    """Vectors as they were read; what is added later stands behind the first `used` rows, which never change.

    Attributes:
        ids: of their rows, ascending.
        of: the id of what each stands for.
        matrix: the vectors.
        used: rows in use.
    """

    ids: npt.NDArray[np.int64]
    of: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float32]
    used: int

    @property
    def last(self) -> int:
        """The newest row; 0 when there is none."""
        return int(self.ids[self.used - 1]) if self.used else 0

    def placed(self, rows: Iterable[sa.Row[tuple[int, int]]]) -> list[tuple[int, int]]:
        """Return the ids of what vectors stand for, and where these are; others wrote some meanwhile."""
        pairs = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)
        places = np.searchsorted(self.ids[: self.used], pairs[:, 1])
        here = places < self.used
        here[here] = self.ids[places[here]] == pairs[here, 1]
        return list(zip(pairs[here, 0].tolist(), places[here].tolist(), strict=True))


class _Shelf:
    """The vectors of one table; those that were deleted since stay until half of all were, and are found no more."""

    def __init__(self, what: Embedded, encoder: Encoder) -> None:
        self._vectors, self._encoder = what.vectors, encoder
        self._lock = threading.Lock()
        self._held = self._room(LEAST_ROWS)

    def read(self, tx: sa.Connection) -> _Held:
        """Read what was written since the last time, and return everything."""
        with self._lock:
            self._held = self._read(tx, self._held)
            return self._held

    def _read(self, tx: sa.Connection, held: _Held) -> _Held:
        column = self._vectors.c
        if (tx.scalar(sa.select(sa.func.max(column.id))) or 0) <= held.last:
            return held
        there = tx.scalar(sa.select(sa.func.count()).select_from(self._vectors)) or 0
        if held.used > 2 * there + LEAST_ROWS:
            held = self._room(there)
        query = sa.select(column.id, column.of_id, column.vector).order_by(column.id)
        rows = tx.execute(query.where(column.id > held.last, column.model == self._encoder.name)).all()
        if not rows:
            return held
        used = held.used + len(rows)
        if used > len(held.of):
            larger = self._room(2 * used)
            larger.ids[: held.used], larger.of[: held.used] = held.ids[: held.used], held.of[: held.used]
            larger.matrix[: held.used] = held.matrix[: held.used]
            held = replace(larger, used=held.used)
        held.ids[held.used : used] = [row.id for row in rows]
        held.of[held.used : used] = [row.of_id for row in rows]
        held.matrix[held.used : used] = np.frombuffer(b"".join(row.vector for row in rows), "<f2").reshape(
            len(rows), -1
        )
        return replace(held, used=used)

    def _room(self, rows: int) -> _Held:
        rows = max(rows, LEAST_ROWS)
        matrix = np.zeros((rows, self._encoder.dimensions), np.float32)
        return _Held(np.zeros(rows, np.int64), np.zeros(rows, np.int64), matrix, 0)
