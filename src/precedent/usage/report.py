"""Answers questions about usage from the roll-ups; by session, from the ledger itself."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from enum import StrEnum
from operator import add
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import usage_name

from .facts import defect_facts, event_facts, request_facts, sums_table
from .periods import Period
from .rollups import BUCKET, EVENT_SUMS, REQUEST_SUMS, SPANS
from .statements import extent, is_id, listed, quarters, sums_by

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


_CHOICES = ("persons", "agents", "models", "projects", "sessions")
"""Fields of a filter that leave out nothing when they are empty."""


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

    def values(self) -> dict[str, Any]:
        """Return what is asked for, by the names that statements have for it; times as quarter hours."""
        found = {name: value for name in _CHOICES if (value := getattr(self, name))}
        if self.visible is not None:
            found["visible"] = self.visible
        if self.start is not None:
            found["start"] = self.start // BUCKET
        if self.end is not None:
            found["end"] = -(-self.end // BUCKET)
        return found


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
        self._values = where.values()
        self._given = frozenset(self._values)

    def totals(self) -> Totals:
        """Return the sums over everything."""
        return next(iter(self.by(())), Totals())

    def by(self, dimensions: Sequence[str], *, period: Period = Period.DAY) -> list[Totals]:
        """Return sums by dimensions, in the order of their names; `date` is the first day of the period."""
        sessions = "session" in dimensions or bool(self._where.sessions)
        facts, size = request_facts(sessions), len(dimensions)
        found = _totals(self._grouped(facts, (*dimensions, "model"), (*_SUMS, *_COSTS[self._cost]), period), size)
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
        query = quarters(request_facts(bool(self._where.sessions)), self._given)
        return [(bucket, requests) for bucket, requests in self._tx.execute(query, self._values).all()]

    def _grouped(
        self, facts: sa.Subquery, dimensions: Sequence[str], sums: Sequence[str], period: Period
    ) -> Sequence[Sequence[Any]]:
        when = None
        if (dated := "date" in dimensions) or sums_table(facts) is not None:
            when = self._when(facts, period if dated else None)
            if when is None:
                return []
        query = sums_by(facts, tuple(dimensions), tuple(sums), when, self._given)
        places = [place for place, each in enumerate(dimensions) if is_id(facts, each)]
        return self._with_names(self._tx.execute(query, self._values).all(), places)

    def _with_names(self, rows: Sequence[sa.Row[Any]], places: Sequence[int]) -> Sequence[Sequence[Any]]:
        """Put names in the place of their ids: one look-up for each name, and not for each row that was added up."""
        if not places:
            return rows
        wanted = sorted({row[place] for row in rows for place in places})
        found = bulk.select_in(self._tx, usage_name, ["id", "name"], "id", wanted)
        names = {number: name for number, name in found}
        named = [list(row) for row in rows]
        for place in places:
            for row in named:
                row[place] = names[row[place]]
        return named

    def _when(self, facts: sa.Subquery, period: Period | None) -> sa.CTE | None:
        """Return the stretches of time that are added up, each with the label of its period; None for none."""
        by_span, values = sums_table(facts) is not None, self._values
        first, last = self._tx.execute(extent(facts)).one()
        if first is None:
            return None
        start, end = first, last + (SPANS[0] if by_span else 1)
        start, end = max(start, values.get("start", start)), min(end, values.get("end", end))
        if start >= end:
            return None
        return listed(period, start, end, self._place, by_span=by_span)


def _totals(rows: Sequence[Sequence[Any]], size: int) -> dict[tuple[str, ...], Totals]:
    """Add up rows of `size` dimensions, the model, `_SUMS`, a cost and the requests that have it, by the dimensions."""
    sums: dict[tuple[str, ...], list[int]] = {}
    unpriced: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        requests, counted = row[size + 1], row[-1]
        if not requests:
            continue
        group, numbers = tuple(row[:size]), row[size + 1 :]
        before = sums.get(group)
        sums[group] = list(numbers) if before is None else list(map(add, before, numbers))
        if counted < requests:
            unpriced.setdefault(group, set()).add(row[size])
    return {
        group: Totals(
            group=group,
            cost_usd_micros=cost if counted else None,
            unpriced_models=sorted(unpriced.get(group, ())),
            **dict(zip(_SUMS, numbers, strict=True)),
        )
        for group, (*numbers, cost, counted) in sums.items()
    }
