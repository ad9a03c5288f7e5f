"""Traces figures back to the transcript and the line they come from."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store.schema import transcript, usage_name, usage_request, user

from .paging import Integer, Page, page, position
from .report import Filter


class TracedRequest(msgspec.Struct, kw_only=True):
    """One request with its place.

    Attributes:
        at: UTC microseconds.
        session: the session's id as the agent gave it.
        session_file: the transcript in the archive.
        line: in that transcript, from 1.
        byte_offset: where the line begins.
        price_version: of the table that the cost comes from.
    """

    at: int
    person: str
    agent: str
    session: str
    project: str
    session_file: str
    line: int
    byte_offset: int
    model: str
    modifiers: str
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int
    web_searches: int
    cost_usd_micros: int | None
    recorded_cost_usd_micros: int | None
    price_version: str


class Key(NamedTuple):
    """What requests are ordered by."""

    at: Integer
    line: Integer
    key: Integer


BATCH = 1000
"""Rows that are held at a time."""


def trace(tx: sa.Connection, where: Filter, *, limit: int, after: str | None = None) -> Page[TracedRequest]:
    """Return requests, oldest first.

    Args:
        tx: the view to read.
        where: which requests.
        limit: how many at most.
        after: cursor of the page before; None for the first page.

    Raises:
        BadInput: the cursor is none of this list.
    """
    query = _query(where).limit(limit + 1)
    if after is not None:
        last, row = position(after, Key), usage_request.c
        later = sa.or_(row.at > last.at, row.line > last.line, sa.and_(row.line == last.line, row.key > last.key))
        query = query.where(row.at >= last.at, later)
    found = page(tx.execute(query).all(), limit=limit, key=lambda each: (each.at, each.line, each.key))
    names = TracedRequest.__struct_fields__
    return Page(rows=[TracedRequest(**dict(zip(names, each[1:], strict=True))) for each in found.rows], next=found.next)


def traced(tx: sa.Connection, where: Filter) -> Iterator[list[tuple[object, ...]]]:
    """Yield all requests in batches, oldest first, each a tuple in the order of the fields of `TracedRequest`.

    All of them are of one moment, and no more than a batch is held in memory.
    """
    result = tx.execution_options(yield_per=BATCH).execute(_query(where))
    for batch in result.partitions():
        yield [tuple(each[1:]) for each in batch]


def _query(where: Filter) -> sa.Select[tuple[object, ...]]:
    row = usage_request.c
    model, modifiers, prices = usage_name.alias("model"), usage_name.alias("modifiers"), usage_name.alias("prices")
    project = usage_name.alias("project")
    columns = {
        "at": row.at,
        "person": user.c.key,
        "agent": transcript.c.agent,
        "session": transcript.c.native_id,
        "project": project.c.name,
        "session_file": transcript.c.session_file,
        "line": row.line,
        "byte_offset": row.byte_offset,
        "model": model.c.name,
        "modifiers": modifiers.c.name,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cache_write_5m_tokens": row.cache_write_5m_tokens,
        "cache_write_1h_tokens": row.cache_write_1h_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "web_searches": sa.case((row.web_searches > 0, row.web_searches), else_=row.result_searches),
        "cost_usd_micros": row.cost_usd_micros,
        "recorded_cost_usd_micros": row.recorded_cost_usd_micros,
        "price_version": prices.c.name,
    }
    query: sa.Select[tuple[object, ...]] = (
        sa.select(row.key, *[columns[name].label(name) for name in TracedRequest.__struct_fields__])
        .join(transcript, transcript.c.id == row.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .join(model, model.c.id == row.model_id)
        .join(modifiers, modifiers.c.id == row.modifiers_id)
        .join(project, project.c.id == row.project_id)
        .join(prices, prices.c.id == row.price_version_id)
        .order_by(row.at, row.line, row.key)
    )
    if where.start is not None:
        query = query.where(row.at >= where.start)
    if where.end is not None:
        query = query.where(row.at < where.end)
    if where.visible is not None:
        query = query.where(transcript.c.user_id.in_(where.visible))
    for column, values in (
        (user.c.key, where.persons),
        (transcript.c.agent, where.agents),
        (model.c.name, where.models),
        (project.c.name, where.projects),
        (transcript.c.native_id, where.sessions),
    ):
        if values:
            query = query.where(column.in_(values))
    return query
