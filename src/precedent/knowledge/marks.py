"""Which lines of a transcript are evidence of an item, for whoever looks at the transcript."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from precedent.security.principals import Principal
from precedent.store.schema import knowledge_evidence, knowledge_item

from .visibility import sees_words, visible

MOST = 1_000


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A line that an item rests on."""

    item_id: int
    title: str
    status: str
    kind: str
    transcript_id: int
    line: int
    quote: str


def marks(tx: sa.Connection, who: Principal, transcripts: Sequence[int], *, now: int) -> list[Mark]:
    """Return the lines of transcripts that are evidence of what somebody may see, in their order; 1,000 at most."""
    said, item = knowledge_evidence.c, knowledge_item.c
    query = (
        sa.select(item.id, item.title, item.status, said.kind, said.transcript_id, said.line, said.quote, said.user_id)
        .join(knowledge_item, item.id == said.item_id)
        .where(said.transcript_id.in_(transcripts), visible(who, now=now))
        .order_by(said.transcript_id, said.line, said.id)
        .limit(MOST)
    )
    return [
        Mark(
            item_id=row.id, title=row.title, status=row.status, kind=row.kind, transcript_id=row.transcript_id,
            line=row.line, quote=row.quote,
        )
        for row in tx.execute(query)
        if sees_words(who, row.user_id)
    ]  # fmt: skip
