"""Tables and the chart of the usage page."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from precedent.http.questions import Filtered
from precedent.security import visibility
from precedent.security.principals import Principal
from precedent.usage import plugins
from precedent.usage.report import EventTotals, Report, Totals

from .addresses import address

MOST_SERIES = 4
MOST_DAYS = 1_100
"""Days of the chart at most, the last ones: more are narrower than a pixel, and anybody may ask for all of history."""
OTHERS = "others"


class Way(NamedTuple):
    """One way to divide usage.

    Attributes:
        label: of its tab.
        dimension: of the reports' sums; empty where events are counted.
        kinds: of the events that are counted.
    """

    label: str
    dimension: str = ""
    kinds: tuple[str, ...] = ()


WAYS = {
    "model": Way("Models", "model"),
    "person": Way("People", "person"),
    "project": Way("Projects", "project"),
    "agent": Way("Agents", "agent"),
    "tool": Way("Tools", kinds=("tool",)),
    "mcp": Way("MCP tools", kinds=("mcp",)),
    "skill": Way("Skills", kinds=("skill",)),
    "plugin": Way("Plugins", kinds=plugins.KINDS),
    "subagent": Way("Sub-agents", kinds=("subagent",)),
    "command": Way("Commands", kinds=("command",)),
}


class Row(NamedTuple):
    """A row of the table: what it is of, its share of the largest, and where it leads."""

    name: str
    href: str
    share: float
    of: Any


def divided(report: Report, by: str, *, asked: Filtered, caller: Principal) -> list[Row]:
    """Return the rows of a table, the largest first."""
    way = WAYS[by]
    if way.dimension:
        found = sorted(report.by([way.dimension]), key=lambda each: (-(each.cost_usd_micros or 0), -tokens(each)))
        top = max((_weight(each) for each in found), default=0)
        return [
            Row(
                each.group[0],
                _leads(way.dimension, each.group[0], asked, caller),
                _weight(each) / top if top else 0,
                each,
            )
            for each in found
        ]
    counted = report.events(way.kinds)
    if by == "plugin":
        counted = _plugins(counted)
    top = max((each.events for each in counted), default=0)
    seen = not visibility.aggregates_only(caller) and by != "plugin"
    return [
        Row(
            each.name,
            address("/usage/events", asked, kind=each.kind, name=each.name) if seen else "",
            each.events / top,
            each,
        )
        for each in counted
    ]


def _leads(dimension: str, value: str, asked: Filtered, caller: Principal) -> str:
    """Return where a row leads: narrowed to it; one's requests where they are told of."""
    narrowed = asked.model_copy(update={dimension: [value]})
    if visibility.aggregates_only(caller):
        return address("/usage", narrowed, by="model" if dimension != "model" else "project")
    return address(
        "/usage/requests" if dimension == "model" else "/sessions",
        narrowed,
        without=("model", "session") if dimension != "model" else (),
    )


def _plugins(counted: Sequence[EventTotals]) -> list[EventTotals]:
    """Add up by plugin."""
    found: dict[str, EventTotals] = {}
    for each in counted:
        meant = plugins.piece(each.kind, each.name)
        if meant is None:
            continue
        sum_ = found.setdefault(meant.plugin, EventTotals(kind="plugin", name=meant.plugin))
        sum_.events += each.events
        sum_.errors += each.errors
        sum_.rejected += each.rejected
        sum_.interrupted += each.interrupted
    return sorted(found.values(), key=lambda each: (-each.events, each.name))


def tokens(each: Totals) -> int:
    """Return all tokens of a sum."""
    return (
        each.input_tokens + each.output_tokens + each.cache_write_5m_tokens + each.cache_write_1h_tokens
        + each.cache_read_tokens
    )  # fmt: skip


def _weight(each: Totals) -> int:
    return each.cost_usd_micros or 0


class _Series(msgspec.Struct):
    """Values by day."""

    cost: list[float]
    tokens: list[int]
    requests: list[int]

    @classmethod
    def of(cls, days: int) -> "_Series":
        return cls([0.0] * days, [0] * days, [0] * days)


class _Chart(msgspec.Struct):
    """What the script draws."""

    days: list[str]
    series: dict[str, _Series]


def chart(by_model: Sequence[Totals], *, since: date, until: date) -> str:
    """Return what the chart draws, as JSON: a value a day for cost, tokens and requests, by model.

    Args:
        by_model: sums by day and model.
        since: first day.
        until: last day; the following one where it is in the sums, as elsewhere it is tomorrow already.
    """
    following = until + timedelta(days=1)
    last = max(following if any(each.group[0] == following.isoformat() for each in by_model) else until, since)
    first = max(since, last - timedelta(days=MOST_DAYS - 1))
    days = [(first + timedelta(days=each)).isoformat() for each in range((last - first).days + 1)]
    place = {each: number for number, each in enumerate(days)}
    costs: Counter[str] = Counter()
    for each in by_model:
        costs[each.group[1]] += each.cost_usd_micros or 0
    models = [name for name, _ in costs.most_common(MOST_SERIES)]
    series = {name: _Series.of(len(days)) for name in [*models, OTHERS]}
    for each in by_model:
        at = place.get(each.group[0])
        if at is None:
            continue
        one = series[each.group[1] if each.group[1] in models else OTHERS]
        one.cost[at] += (each.cost_usd_micros or 0) / 1e6
        one.tokens[at] += tokens(each)
        one.requests[at] += each.requests
    shown = {name: each for name, each in series.items() if any(each.requests)}
    return msgspec.json.encode(_Chart(days, shown)).decode()
