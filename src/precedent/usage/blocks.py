"""Five-hour blocks: an estimate of the windows in which subscriptions limit use, from the times of requests.

A block starts at the full UTC hour of its first request; a request that comes five hours or more after the start, or
after the request before it, opens the next. The official windows stand only in the rate limits that an agent records.
"""

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.store.schema import transcript, usage_request, user

HOUR = 3600 * SECOND
BLOCK = 5 * HOUR


class Block(msgspec.Struct, kw_only=True):
    """One block of a person's use of one agent.

    Attributes:
        start: UTC microseconds, a full hour.
        end: five hours later.
        last_at: the last request.
        tokens: of all kinds.
        cost_usd_micros: of the priced requests; None when none is priced.
        estimate: always true: no agent states these windows.
    """

    person: str
    agent: str
    start: int
    end: int
    last_at: int
    requests: int = 0
    tokens: int = 0
    cost_usd_micros: int | None = None
    estimate: bool = True


def blocks(
    tx: sa.Connection,
    *,
    start: int | None = None,
    end: int | None = None,
    visible: Collection[int] | None = None,
) -> list[Block]:
    """Return the blocks of every person and agent that overlap a stretch of time, oldest first.

    Args:
        tx: the view to read.
        start: first instant, UTC microseconds; None for the beginning.
        end: instant after the last.
        visible: ids of the persons who may be told of; None for everybody.
    """
    row = usage_request.c
    tokens = (
        row.input_tokens + row.output_tokens + row.cache_write_5m_tokens + row.cache_write_1h_tokens
        + row.cache_read_tokens
    )  # fmt: skip
    query = (
        sa.select(user.c.key, transcript.c.agent, row.at, tokens.label("tokens"), row.cost_usd_micros)
        .join(transcript, transcript.c.id == row.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .order_by(user.c.key, transcript.c.agent, row.at)
    )
    if end is not None:
        query = query.where(row.at < end + BLOCK)
    if visible is not None:
        query = query.where(transcript.c.user_id.in_(visible))
    found: list[Block] = []
    for person, agent, at, size, cost in tx.execute(query):
        block = found[-1] if found and (found[-1].person, found[-1].agent) == (person, agent) else None
        if block is None or at - block.start >= BLOCK or at - block.last_at >= BLOCK:
            begin = at // HOUR * HOUR
            block = Block(person=person, agent=agent, start=begin, end=begin + BLOCK, last_at=at)
            found.append(block)
        block.last_at = at
        block.requests += 1
        block.tokens += size
        if cost is not None:
            block.cost_usd_micros = (block.cost_usd_micros or 0) + cost
    wanted = [block for block in found if (start is None or block.end > start) and (end is None or block.start < end)]
    return sorted(wanted, key=lambda block: (block.start, block.person, block.agent))
