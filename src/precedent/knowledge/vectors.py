"""The embeddings of items and of what people typed: which are missing, and the way in which they are written."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store import Store, bulk
from precedent.store.schema import knowledge_item, knowledge_item_vector, knowledge_turn, knowledge_turn_vector

if TYPE_CHECKING:
    from precedent.embedding.encoder import Encoder

PIECE = 64
"""Texts that are embedded together: a second or two."""


class Embedded(NamedTuple):
    """A kind of text that has embeddings.

    Attributes:
        table: of the texts.
        vectors: of their embeddings.
        columns: what is embedded.
        words: the hash of that; empty for texts that never change.
    """

    table: sa.Table
    vectors: sa.Table
    columns: tuple[str, ...]
    words: sa.ColumnElement[str]


ITEMS = Embedded(knowledge_item, knowledge_item_vector, ("title", "content"), knowledge_item.c.content_hash)
TURNS = Embedded(knowledge_turn, knowledge_turn_vector, ("text",), sa.literal(""))
OF = {each.table: each for each in (ITEMS, TURNS)}


class EmbeddingStats(msgspec.Struct):
    """What a run came to.

    Attributes:
        items: that were embedded.
        turns: of people, likewise.
    """

    items: int = 0
    turns: int = 0


def embed(store: Store, encoder: "Encoder", *, stopping: Callable[[], bool] = lambda: False) -> EmbeddingStats:
    """Embed what has no vector of its words by this model; what is stopped goes on the next time."""
    return EmbeddingStats(
        items=_embed(store, encoder, ITEMS, stopping=stopping), turns=_embed(store, encoder, TURNS, stopping=stopping)
    )


def _embed(store: Store, encoder: "Encoder", what: Embedded, *, stopping: Callable[[], bool]) -> int:
    done = last = 0
    while not stopping():
        with store.read() as tx:
            found = _missing(tx, what, encoder.name, after=last)
        if not found:
            break
        last = found[-1].id
        vectors = encoder.encode([_text(row[2:]) for row in found]).astype("<f2")
        given = {row.id: (row.words, vector.tobytes()) for row, vector in zip(found, vectors, strict=True)}
        with store.write() as tx:
            done += _put(tx, what, encoder.name, given)
    return done


def _missing(tx: sa.Connection, what: Embedded, model: str, *, after: int) -> Sequence[sa.Row[tuple[int, str]]]:
    table, vectors = what.table.c, what.vectors.c
    query = (
        sa.select(table.id, what.words.label("words"), *[table[name] for name in what.columns])
        .join_from(what.table, what.vectors, vectors.of_id == table.id, isouter=True)
        .where(table.id > after, sa.or_(vectors.id.is_(None), vectors.words != what.words, vectors.model != model))
        .order_by(table.id)
        .limit(PIECE)
    )
    return tx.execute(query).all()


def _text(parts: Sequence[str]) -> str:
    """Return what is embedded: a title that only begins the content says nothing of its own."""
    *title, content = parts
    return content if not title or title[0].rstrip("….") in content else f"{title[0]}. {content}"


def _put(tx: sa.Connection, what: Embedded, model: str, given: dict[int, tuple[str, bytes]]) -> int:
    """Write the vectors of the texts that are still there in these words; return how many."""
    here = sa.select(what.table.c.id, what.words.label("words")).where(what.table.c.id.in_(given))
    rows = tx.execute(here.with_for_update(read=True, of=what.table)).all()
    still = [row.id for row in rows if given[row.id][0] == row.words]
    bulk.delete_in(tx, what.vectors, "of_id", still)
    values = [(each, given[each][0], model, given[each][1]) for each in still]
    bulk.insert(tx, what.vectors, ["of_id", "words", "model", "vector"], values)
    return len(still)
