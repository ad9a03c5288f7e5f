"""Answers questions about usage from the roll-ups; by session, from the ledger itself."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import (
    transcript,
    usage_event,
    usage_event_rollup,
    usage_name,
    usage_request,
    usage_rollup,
    usage_transcript,
    user,
)

from .observation import CHARS_PER_TOKEN, COMPLETE, PARTIAL_MAX_OUTPUT
from .periods import Period, ranges
from .rollups import BUCKET, EVENT_SUMS, REQUEST_SUMS


class EventKind(StrEnum):
    """What an event that is counted by name is."""

    TOOL = "tool"
    MCP = "mcp"
    SKILL = "skill"
    SUBAGENT = "subagent"
    COMMAND = "command"
    PROMPT = "prompt"
    ERROR = "error"
    INTERRUPTION = "interruption"


EVENT_KINDS = tuple(kind.value for kind in EventKind)
TOOL_KINDS = EVENT_KINDS[:4]
DIMENSIONS = ("date", "person", "agent", "model", "project", "session")


class CostMode(StrEnum):
    """Which cost a report shows."""

    CALCULATE = "calculate"
    """From tokens and the price table."""
    DISPLAY = "display"
    """As the agent recorded it; unknown where it did not."""
    AUTO = "auto"
    """As recorded, else from tokens."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about; an empty tuple or None means everything.

    Attributes:
        start: first instant, UTC microseconds.
        end: instant after the last.
        visible: ids of the persons who may be told of; None for everybody, while an empty tuple is nobody.
    """

    start: int | None = None
    end: int | None = None
    visible: tuple[int, ...] | None = None
    persons: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()


class Totals(msgspec.Struct, kw_only=True):
    """Sums; `group` says of what, in the order that was asked for.

    Attributes:
        input_tokens: neither read from nor written to a cache.
        cost_usd_micros: of the priced requests; None when none is priced.
        unpriced_models: models of requests that the cost leaves out.
        partial_requests: requests whose counters are those of an unfinished response.
        defects: faults in the transcripts that began in this group.
    """

    group: tuple[str, ...] = ()
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    web_searches: int = 0
    tool_calls: int = 0
    cost_usd_micros: int | None = None
    unpriced_models: list[str] = []
    partial_requests: int = 0
    defects: int = 0

    def figures(self) -> dict[str, Any]:
        """Return the sums by name, without the group."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "group"}


class EventTotals(msgspec.Struct, kw_only=True):
    """Counts of one tool, skill, MCP tool, sub-agent type, command or other kind of event."""

    group: tuple[str, ...] = ()
    kind: str
    name: str
    events: int = 0
    errors: int = 0
    rejected: int = 0
    interrupted: int = 0


class Report:
    """Questions within one transaction.

    Args:
        tx: the view to read.
        where: what the answers are about.
        place: time zone of days, weeks and months.
        cost: which cost to show.
    """

    def __init__(
        self,
        tx: sa.Connection,
        *,
        where: Filter = Filter(),
        place: tzinfo = UTC,
        cost: CostMode = CostMode.CALCULATE,
    ) -> None:
        self._tx, self._where, self._place, self._cost = tx, where, place, cost

    def totals(self) -> Totals:
        """Return the sums over everything."""
        return next(iter(self.by(())), Totals())

    def by(self, dimensions: Sequence[str], *, period: Period = Period.DAY) -> list[Totals]:
        """Return sums by dimensions, in the order of their names; `date` is the first day of the period."""
        found: dict[tuple[str, ...], Totals] = {}
        sessions = "session" in dimensions or bool(self._where.sessions)
        facts = _request_facts(sessions)
        for row in self._grouped(facts, (*dimensions, "model"), REQUEST_SUMS, period):
            self._add(found, tuple(row[: len(dimensions)]), row[len(dimensions)], row[len(dimensions) + 1 :])
        for row in self._grouped(_event_facts(sessions), dimensions, ("tool_calls",), period):
            found.setdefault(tuple(row[:-1]), Totals(group=tuple(row[:-1]))).tool_calls += row[-1]
        if "model" not in dimensions and not self._where.models:
            for row in self._grouped(_defect_facts(), dimensions, ("defects",), period):
                if row[-1]:
                    found.setdefault(tuple(row[:-1]), Totals(group=tuple(row[:-1]))).defects += row[-1]
        return [found[key] for key in sorted(found)]

    def events(
        self, kinds: Sequence[str], dimensions: Sequence[str] = (), *, period: Period = Period.DAY
    ) -> list[EventTotals]:
        """Return counts of events of some kinds by name, most frequent first."""
        sessions = "session" in dimensions or bool(self._where.sessions)
        facts = _event_facts(sessions, kinds=kinds)
        size = len(dimensions)
        rows = self._grouped(facts, (*dimensions, "kind", "name"), EVENT_SUMS, period)
        found = [
            EventTotals(
                group=tuple(row[:size]), kind=row[size], name=row[size + 1],
                **dict(zip(EVENT_SUMS, row[size + 2 :], strict=True)),
            )
            for row in rows
        ]  # fmt: skip
        return sorted(found, key=lambda each: (each.group, -each.events, each.kind, each.name))

    def _add(self, found: dict[tuple[str, ...], Totals], group: tuple[str, ...], model: str, row: Any) -> None:
        sums = dict(zip(REQUEST_SUMS, row, strict=True))
        if not sums["requests"]:
            return
        totals = found.setdefault(group, Totals(group=group))
        for name in (*REQUEST_SUMS[:7], "partial_requests"):
            setattr(totals, name, getattr(totals, name) + sums[name])
        if self._cost is CostMode.CALCULATE:
            cost, counted = sums["cost_usd_micros"], sums["priced_requests"]
        elif self._cost is CostMode.DISPLAY:
            cost, counted = sums["recorded_cost_usd_micros"], sums["recorded_requests"]
        else:
            cost, counted = sums["auto_cost_usd_micros"], sums["auto_requests"]
        if counted:
            totals.cost_usd_micros = (totals.cost_usd_micros or 0) + cost
        if counted < sums["requests"] and model not in totals.unpriced_models:
            totals.unpriced_models = sorted([*totals.unpriced_models, model])

    def _grouped(
        self, facts: sa.Subquery, dimensions: Sequence[str], sums: Sequence[str], period: Period
    ) -> Sequence[Sequence[Any]]:
        columns: list[sa.ColumnElement[Any]] = []
        source: sa.FromClause = facts
        if "person" in dimensions or self._where.persons:
            source = source.join(user, user.c.id == facts.c.user_id)
        for dimension in dimensions:
            if dimension == "date":
                days = self._days(facts, period)
                if days is None:
                    return []
                source = source.join(days, sa.and_(facts.c.bucket >= days.c.start, facts.c.bucket < days.c.end))
                columns.append(days.c.label)
            else:
                columns.append(user.c.key if dimension == "person" else facts.c[dimension].label(dimension))
        wanted = [sa.func.coalesce(sa.func.sum(facts.c[name]), 0) for name in sums]
        query = sa.select(*columns, *[sa.cast(each, sa.BigInteger) for each in wanted]).select_from(source)
        query = query.where(*self._conditions(facts)).group_by(*columns)
        return self._with_names(self._tx.execute(query).all(), columns)

    def _with_names(
        self, rows: Sequence[sa.Row[Any]], columns: Sequence[sa.ColumnElement[Any]]
    ) -> Sequence[Sequence[Any]]:
        """Put names in the place of their ids: one look-up for each name, and not for each row that was added up."""
        places = [place for place, column in enumerate(columns) if isinstance(column.type, sa.Integer)]
        if not places:
            return rows
        wanted = sorted({row[place] for row in rows for place in places})
        found = bulk.select_in(self._tx, usage_name, ["id", "name"], "id", wanted)
        names = {number: name for number, name in found}
        return [[names[each] if place in places else each for place, each in enumerate(row)] for row in rows]

    def _conditions(self, facts: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        where, found = self._where, []
        if where.start is not None:
            found.append(facts.c.bucket >= where.start // BUCKET)
        if where.end is not None:
            found.append(facts.c.bucket < -(-where.end // BUCKET))
        if where.visible is not None:
            found.append(facts.c.user_id.in_(where.visible))
        if where.persons:
            found.append(user.c.key.in_(where.persons))
        for name, values in (("agent", where.agents), ("model", where.models), ("project", where.projects)):
            if values and name in facts.c:
                named = sa.select(usage_name.c.id).where(usage_name.c.kind == name, usage_name.c.name.in_(values))
                is_id = isinstance(facts.c[name].type, sa.Integer)
                found.append(facts.c[name].in_(named if is_id else values))
        if where.sessions:
            found.append(facts.c.session.in_(where.sessions))
        return found

    def _days(self, facts: sa.Subquery, period: Period) -> sa.CTE | None:
        first, last = self._tx.execute(sa.select(sa.func.min(facts.c.bucket), sa.func.max(facts.c.bucket))).one()
        if first is None:
            return None
        rows = ranges(period, first=first, last=last, place=self._place)
        columns = sa.column("label", sa.Text), sa.column("start", sa.BigInteger), sa.column("end", sa.BigInteger)
        return sa.values(*columns, name="days").data([tuple(row) for row in rows]).cte("days")


def _request_facts(sessions: bool) -> sa.Subquery:
    if not sessions:
        table = usage_rollup.c
        return sa.select(
            table.bucket,
            table.user_id,
            table.agent_id.label("agent"),
            table.model_id.label("model"),
            table.project_id.label("project"),
            *[table[name] for name in REQUEST_SUMS],
        ).subquery("facts")
    row = usage_request.c
    recorded, cost = row.recorded_cost_usd_micros, row.cost_usd_micros
    partial = sa.and_(
        row.flags.op("&")(COMPLETE) == 0,
        row.output_tokens <= PARTIAL_MAX_OUTPUT,
        row.content_chars > row.output_tokens * CHARS_PER_TOKEN,
    )
    return (
        sa.select(
            (row.at // BUCKET).label("bucket"),
            transcript.c.user_id,
            transcript.c.agent,
            row.model_id.label("model"),
            row.project_id.label("project"),
            transcript.c.native_id.label("session"),
            sa.literal(1).label("requests"),
            row.input_tokens,
            row.output_tokens,
            row.cache_write_5m_tokens,
            row.cache_write_1h_tokens,
            row.cache_read_tokens,
            sa.case((row.web_searches > 0, row.web_searches), else_=row.result_searches).label("web_searches"),
            sa.func.coalesce(cost, 0).label("cost_usd_micros"),
            sa.case((cost.is_not(None), 1), else_=0).label("priced_requests"),
            sa.func.coalesce(recorded, 0).label("recorded_cost_usd_micros"),
            sa.case((recorded.is_not(None), 1), else_=0).label("recorded_requests"),
            sa.func.coalesce(recorded, cost, 0).label("auto_cost_usd_micros"),
            sa.case((sa.func.coalesce(recorded, cost).is_not(None), 1), else_=0).label("auto_requests"),
            sa.case((partial, 1), else_=0).label("partial_requests"),
        )
        .join(transcript, transcript.c.id == row.transcript_id)
        .subquery("facts")
    )


def _event_facts(sessions: bool, *, kinds: Sequence[str] = TOOL_KINDS) -> sa.Subquery:
    if sessions:
        row = usage_event.c
        return (
            sa.select(
                (row.at // BUCKET).label("bucket"),
                transcript.c.user_id,
                transcript.c.agent,
                row.model_id.label("model"),
                row.project_id.label("project"),
                transcript.c.native_id.label("session"),
                usage_name.c.kind,
                usage_name.c.name,
                sa.literal(1).label("tool_calls"),
                sa.literal(1).label("events"),
                sa.case((row.outcome == 2, 1), else_=0).label("errors"),
                sa.case((row.outcome == 3, 1), else_=0).label("rejected"),
                sa.case((row.outcome == 4, 1), else_=0).label("interrupted"),
            )
            .join(transcript, transcript.c.id == row.transcript_id)
            .join(usage_name, usage_name.c.id == row.name_id)
            .where(usage_name.c.kind.in_(kinds))
            .subquery("facts")
        )
    table = usage_event_rollup.c
    return (
        sa.select(
            table.bucket,
            table.user_id,
            table.agent_id.label("agent"),
            table.model_id.label("model"),
            table.project_id.label("project"),
            usage_name.c.kind,
            usage_name.c.name,
            table.events.label("tool_calls"),
            *[table[name] for name in EVENT_SUMS],
        )
        .join(usage_name, usage_name.c.id == table.name_id)
        .where(usage_name.c.kind.in_(kinds))
        .subquery("facts")
    )


def _defect_facts() -> sa.Subquery:
    row = usage_transcript.c
    return (
        sa.select(
            (sa.func.coalesce(row.first_at, transcript.c.observed_at) // BUCKET).label("bucket"),
            transcript.c.user_id,
            transcript.c.agent,
            row.project_id.label("project"),
            transcript.c.native_id.label("session"),
            row.defects,
        )
        .join(transcript, transcript.c.id == row.transcript_id)
        .where(row.defects > 0)
        .subquery("facts")
    )
