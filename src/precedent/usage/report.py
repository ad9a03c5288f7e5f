"""Answers questions about usage from the roll-ups; by session, from the ledger itself."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import (
    usage_name,
    user,
)

from .facts import defect_facts, event_facts, request_facts
from .periods import Period, Range, ranges
from .rollups import BUCKET, EVENT_SUMS, REQUEST_SUMS, SPANS, Stretch, stretches

DIMENSIONS = ("date", "person", "agent", "model", "project", "session")


class CostMode(StrEnum):
    """Which cost a report shows."""

    CALCULATE = "calculate"
    """From tokens and the price table."""
    DISPLAY = "display"
    """As the agent recorded it; unknown where it did not."""
    AUTO = "auto"
    """As recorded, else from tokens."""


_SUMS = (*REQUEST_SUMS[:7], "partial_requests")
_COSTS = {
    CostMode.CALCULATE: ("cost_usd_micros", "priced_requests"),
    CostMode.DISPLAY: ("recorded_cost_usd_micros", "recorded_requests"),
    CostMode.AUTO: ("auto_cost_usd_micros", "auto_requests"),
}
"""The sums of a cost, and of the requests that have it."""


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
        facts = request_facts(sessions)
        names, size = (*_SUMS, *_COSTS[self._cost]), len(dimensions)
        for row in self._grouped(facts, (*dimensions, "model"), names, period):
            _add(found, tuple(row[:size]), row[size], row[size + 1 :])
        for row in self._grouped(event_facts(sessions), dimensions, ("tool_calls",), period):
            found.setdefault(tuple(row[:-1]), Totals(group=tuple(row[:-1]))).tool_calls += row[-1]
        if "model" not in dimensions and not self._where.models:
            for row in self._grouped(defect_facts(), dimensions, ("defects",), period):
                if row[-1]:
                    found.setdefault(tuple(row[:-1]), Totals(group=tuple(row[:-1]))).defects += row[-1]
        return [found[key] for key in sorted(found)]

    def events(
        self, kinds: Sequence[str], dimensions: Sequence[str] = (), *, period: Period = Period.DAY
    ) -> list[EventTotals]:
        """Return counts of events of some kinds by name, most frequent first."""
        sessions = "session" in dimensions or bool(self._where.sessions)
        facts = event_facts(sessions, kinds=tuple(kinds))
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

    def quarter_hours(self) -> list[tuple[int, int]]:
        """Return how many requests there were in each quarter of an hour that had any, in order; it as its number."""
        sessions = bool(self._where.sessions)
        facts = request_facts(sessions)
        source: sa.FromClause = facts
        if self._where.persons:
            source = source.join(user, user.c.id == facts.c.user_id)
        conditions = [*self._conditions(facts), *self._between(facts)]
        if _has_spans(facts):
            conditions.append(facts.c.span == SPANS[-1])
        query = sa.select(facts.c.bucket, sa.cast(sa.func.sum(facts.c.requests), sa.BigInteger)).select_from(source)
        query = query.where(*conditions).group_by(facts.c.bucket).order_by(facts.c.bucket)
        return [(bucket, requests) for bucket, requests in self._tx.execute(query)]

    def _grouped(
        self, facts: sa.Subquery, dimensions: Sequence[str], sums: Sequence[str], period: Period
    ) -> Sequence[Sequence[Any]]:
        columns: list[sa.ColumnElement[Any]] = []
        source: sa.FromClause = facts
        if "person" in dimensions or self._where.persons:
            source = source.join(user, user.c.id == facts.c.user_id)
        conditions, dated = self._conditions(facts), "date" in dimensions
        if dated or _has_spans(facts):
            when = self._when(facts, period if dated else None)
            if when is None:
                return []
            source = source.join(when, _is_in(facts, when))
        else:
            conditions += self._between(facts)
        for dimension in dimensions:
            if dimension == "date":
                columns.append(sa.literal_column("stretches.label", sa.Text))
            else:
                columns.append(user.c.key if dimension == "person" else facts.c[dimension].label(dimension))
        wanted = [sa.func.coalesce(sa.func.sum(facts.c[name]), 0) for name in sums]
        query = sa.select(*columns, *[sa.cast(each, sa.BigInteger) for each in wanted]).select_from(source)
        query = query.where(*conditions).group_by(*columns)
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
        where = self._where
        found: list[sa.ColumnElement[bool]] = []
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

    def _between(self, facts: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        where, bucket = self._where, facts.c.bucket
        found = [bucket >= where.start // BUCKET] if where.start is not None else []
        return [*found, bucket < -(-where.end // BUCKET)] if where.end is not None else found

    def _when(self, facts: sa.Subquery, period: Period | None) -> sa.CTE | None:
        """Return the stretches of time that are added up, each with the label of its period; None for none."""
        by_span, where = _has_spans(facts), self._where
        query = sa.select(sa.func.min(facts.c.bucket), sa.func.max(facts.c.bucket))
        first, last = self._tx.execute(query.where(facts.c.span == SPANS[0]) if by_span else query).one()
        if first is None:
            return None
        start, end = first, last + (SPANS[0] if by_span else 1)
        if where.start is not None:
            start = max(start, where.start // BUCKET)
        if where.end is not None:
            end = min(end, -(-where.end // BUCKET))
        if start >= end:
            return None
        return _listed(period, start, end, self._place, by_span=by_span)


@lru_cache(maxsize=256)
def _listed(period: Period | None, start: int, end: int, place: tzinfo, *, by_span: bool) -> sa.CTE:
    """Return the stretches of a range of quarter hours as a table, each with the label of its period.

    Kept, for the pages that people look at ask for the same again and again; and written out, for to bind a thousand
    values takes longer than to sum up.
    """
    whole = ranges(period, first=start, last=end - 1, place=place) if period else [Range("", start, end)]
    rows = []
    for each in whole:
        begin, after = max(each.start, start), min(each.end, end)
        parts = stretches(begin, after) if by_span else [Stretch(1, begin, after)]
        rows += [(each.label, *part) for part in parts]
    values = ", ".join(f"('{label}', {span:d}, {start:d}, {end:d})" for label, span, start, end in rows)
    names = ", ".join(f'column{place} AS "{name}"' for place, name in enumerate(("label", *Stretch._fields), 1))
    columns: list[sa.ColumnClause[Any]] = [sa.column("label", sa.Text)]
    columns += [sa.column(name, sa.BigInteger) for name in Stretch._fields]
    return sa.text(f"SELECT {names} FROM (VALUES {values}) AS listed").columns(*columns).cte("stretches")


def _add(found: dict[tuple[str, ...], Totals], group: tuple[str, ...], model: str, row: Sequence[int]) -> None:
    *sums, cost, counted = row
    requests = sums[0]
    if not requests:
        return
    totals = found.setdefault(group, Totals(group=group))
    for name, number in zip(_SUMS, sums, strict=True):
        setattr(totals, name, getattr(totals, name) + number)
    if counted:
        totals.cost_usd_micros = (totals.cost_usd_micros or 0) + cost
    if counted < requests and model not in totals.unpriced_models:
        totals.unpriced_models = sorted([*totals.unpriced_models, model])


def _is_in(facts: sa.Subquery, when: sa.CTE) -> sa.ColumnElement[bool]:
    inside = sa.and_(facts.c.bucket >= when.c.start, facts.c.bucket < when.c.end)
    return sa.and_(facts.c.span == when.c.span, inside) if _has_spans(facts) else inside


def _has_spans(facts: sa.Subquery) -> bool:
    """Tell whether facts are sums of several spans."""
    return "span" in facts.c
