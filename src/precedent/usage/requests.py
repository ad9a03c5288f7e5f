"""Traces figures back to the transcript and the line they come from."""

import msgspec
import sqlalchemy as sa

from precedent.store.schema import transcript, usage_name, usage_request, user

from .report import Filter


class TracedRequest(msgspec.Struct, kw_only=True):
    """One request with its place.

    Attributes:
        at: UTC microseconds.
        session_file: the transcript in the archive.
        line: in that transcript, from 1.
        byte_offset: where the line begins.
        price_version: of the table that the cost comes from.
    """

    at: int
    person: str
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


def trace(tx: sa.Connection, where: Filter, *, limit: int) -> list[TracedRequest]:
    """Return requests, oldest first."""
    row = usage_request.c
    model, modifiers, prices = usage_name.alias("model"), usage_name.alias("modifiers"), usage_name.alias("prices")
    project = usage_name.alias("project")
    query = (
        sa.select(
            row.at,
            user.c.key.label("person"),
            transcript.c.session_file,
            row.line,
            row.byte_offset,
            model.c.name.label("model"),
            modifiers.c.name.label("modifiers"),
            row.input_tokens,
            row.output_tokens,
            row.cache_write_5m_tokens,
            row.cache_write_1h_tokens,
            row.cache_read_tokens,
            sa.case((row.web_searches > 0, row.web_searches), else_=row.result_searches).label("web_searches"),
            row.cost_usd_micros,
            row.recorded_cost_usd_micros,
            prices.c.name.label("price_version"),
        )
        .join(transcript, transcript.c.id == row.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .join(model, model.c.id == row.model_id)
        .join(modifiers, modifiers.c.id == row.modifiers_id)
        .join(project, project.c.id == row.project_id)
        .join(prices, prices.c.id == row.price_version_id)
        .order_by(row.at, transcript.c.session_file, row.line)
        .limit(limit)
    )
    if where.start is not None:
        query = query.where(row.at >= where.start)
    if where.end is not None:
        query = query.where(row.at < where.end)
    for column, values in (
        (user.c.key, where.persons),
        (transcript.c.agent, where.agents),
        (model.c.name, where.models),
        (project.c.name, where.projects),
        (transcript.c.native_id, where.sessions),
    ):
        if values:
            query = query.where(column.in_(values))
    return [TracedRequest(**found._mapping) for found in tx.execute(query)]
