"""Finds what means nearly the same as a question, whatever its words, by the embeddings that there are.

The vectors of a table are held in memory, all of them, whoever may see what they stand for; who may see it is asked of
the database for what is near. A search reads first what was written since the one before.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

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
        what, shelf = OF[table], self._shelves[table]
        ids, likeness = shelf.likeness(tx, asked)
        query = (
            sa.select(what.vectors.c.id, table.c.id)
            .join_from(what.vectors, table, table.c.id == what.vectors.c.of_id)
            .where(what.vectors.c.words == what.words, what.vectors.c.model == self._encoder.name, *wanted)
        )
        places = np.argpartition(-likeness, NEAR)[:NEAR] if len(ids) > NEAR else np.arange(len(ids))
        rows = tx.execute(query.where(what.vectors.c.id.in_(ids[places].tolist()))).all()
        if len(rows) < limit and len(ids) > NEAR:
            rows = tx.execute(query).all()  # they see little, and none of it is among the nearest
        if not rows:
            return []
        vectors, numbers = np.array([tuple(row) for row in rows]).T
        near = likeness[np.searchsorted(ids, vectors)]
        best = np.argsort(-near, kind="stable")[:limit]
        return [(int(numbers[place]), float(near[place])) for place in best]


class _Held(NamedTuple):
    """Vectors and their ids; only the first `used` rows are in use, which never change."""

    ids: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float32]
    used: int


class _Shelf:
    """The vectors of one table. Those that were deleted since stay until half of all were, and are found no more."""

    def __init__(self, what: Embedded, encoder: Encoder) -> None:
        self._vectors, self._encoder = what.vectors, encoder
        self._lock = threading.Lock()
        self._held = self._room(LEAST_ROWS)

    def likeness(
        self, tx: sa.Connection, asked: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the ids of all vectors, ascending, and the cosine of each with the one asked for."""
        with self._lock:
            self._read(tx)
            ids, matrix, used = self._held
        return ids[:used], matrix[:used] @ asked

    def _read(self, tx: sa.Connection) -> None:
        """Add what was written since the last time."""
        column, held = self._vectors.c, self._held
        last = int(held.ids[held.used - 1]) if held.used else 0
        if tx.scalar(sa.select(sa.func.max(column.id))) in {None, last}:
            return
        there = tx.scalar(sa.select(sa.func.count()).select_from(self._vectors)) or 0
        if held.used > 2 * there + LEAST_ROWS:
            held, last = self._room(there), 0
        query = sa.select(column.id, column.vector).where(column.id > last, column.model == self._encoder.name)
        rows = tx.execute(query.order_by(column.id)).all()
        if not rows:
            return
        used = held.used + len(rows)
        if used > len(held.ids):
            larger = self._room(2 * used)
            larger.ids[: held.used], larger.matrix[: held.used] = held.ids[: held.used], held.matrix[: held.used]
            held = larger._replace(used=held.used)
        held.ids[held.used : used] = [row.id for row in rows]
        joined = np.frombuffer(b"".join(row.vector for row in rows), "<f2")
        held.matrix[held.used : used] = joined.reshape(len(rows), -1)
        self._held = held._replace(used=used)

    def _room(self, rows: int) -> _Held:
        rows = max(rows, LEAST_ROWS)
        return _Held(np.zeros(rows, np.int64), np.zeros((rows, self._encoder.dimensions), np.float32), 0)
