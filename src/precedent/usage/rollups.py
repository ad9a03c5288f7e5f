"""Sums by time, person, agent, model, project and tool, kept up with every write.

Each is kept by quarter of an hour, by UTC day and by 32 days, so that a long time is added up from few rows.

A write collects differences here and applies them once at its end, so the cost follows what changed.
"""

import itertools
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import usage_event_rollup, usage_rollup

from .observation import EventSeen, RequestSeen

BUCKET = 900_000_000
"""Microseconds in a quarter of an hour: every time zone in use is a whole number of them away from UTC."""

SPANS = (3072, 96, 1)
"""Quarter hours that a row is of, the longest first: 32 days, a UTC day, one. Each is a multiple of the next."""

REQUEST_SUMS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "web_searches",
    "cost_usd_micros",
    "priced_requests",
    "recorded_cost_usd_micros",
    "recorded_requests",
    "auto_cost_usd_micros",
    "auto_requests",
    "partial_requests",
)
EVENT_SUMS = ("events", "errors", "rejected", "interrupted")
_EVENT_DIFFERENCES = {0: (1, 0, 0, 0), 1: (1, 0, 0, 0), 2: (1, 1, 0, 0), 3: (1, 0, 1, 0), 4: (1, 0, 0, 1)}
"""What an event adds to `EVENT_SUMS`, by its outcome: none yet, ok, error, rejected, interrupted."""

_REQUEST_KEYS = ("bucket", "user_id", "agent_id", "model_id", "project_id")
_EVENT_KEYS = (*_REQUEST_KEYS, "name_id")


class Owner(NamedTuple):
    """Whose a transcript is, and which agent wrote it.

    Attributes:
        user_id: the person.
        agent_id: the agent's name.
        rank: decides between showings of the same time; the same on every server.
    """

    user_id: int
    agent_id: int
    rank: str


class Rollups:
    """Differences to be applied to the roll-ups.

    A difference is a tuple in the order of the sums; they are added up column by column when they are applied, which
    takes a third of the time of adding each to running sums.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        self._events: dict[tuple[int, ...], list[tuple[int, ...]]] = {}

    def request(self, row: RequestSeen, cost: int | None, owner: Owner, *, sign: int) -> None:
        """Add (sign 1) or take away (sign -1) a request."""
        recorded = row.recorded_cost_usd_micros
        auto = cost if recorded is None else recorded
        difference = (
            1,
            row.input_tokens,
            row.output_tokens,
            row.cache_write_5m_tokens,
            row.cache_write_1h_tokens,
            row.cache_read_tokens,
            row.web_searches or row.result_searches,
            cost or 0,
            cost is not None,
            recorded or 0,
            recorded is not None,
            auto or 0,
            auto is not None,
            row.is_partial(),
        )
        key = row.at // BUCKET, owner.user_id, owner.agent_id, row.model_id, row.project_id
        _add(self._requests, key, difference, sign)

    def event(self, row: EventSeen, owner: Owner, *, sign: int) -> None:
        """Add or take away an event."""
        key = row.at // BUCKET, owner.user_id, owner.agent_id, row.model_id, row.project_id, row.name_id
        _add(self._events, key, _EVENT_DIFFERENCES[row.outcome], sign)

    def apply(self, tx: sa.Connection) -> None:
        """Write the differences; a sum that comes to nothing is removed."""
        for table, keys, names, differences in (
            (usage_rollup, _REQUEST_KEYS, REQUEST_SUMS, self._requests),
            (usage_event_rollup, _EVENT_KEYS, EVENT_SUMS, self._events),
        ):
            sums = {key: tuple(map(sum, zip(*each, strict=True))) for key, each in differences.items()}
            for span in reversed(SPANS):
                if span > 1:
                    sums = _coarser(sums, span)
                rows = [(span, *key, *each) for key, each in sums.items() if any(each)]
                bulk.add_up(tx, table, ["span", *keys, *names], rows)
            if any(each[0] < 0 for each in sums.values()):
                tx.execute(table.delete().where(table.c[names[0]] == 0))


class Stretch(NamedTuple):
    """Quarter hours from `start` up to `end`, to be read from rows of one span."""

    span: int
    start: int
    end: int


def stretches(start: int, end: int) -> list[Stretch]:
    """Return the stretches of the longest spans that together are a range of quarter hours, in order."""
    for span in SPANS:
        first, last = -(-start // span) * span, end // span * span
        if first < last:
            return [*stretches(start, first), Stretch(span, first, last), *stretches(last, end)]
    return []


def prune(tx: sa.Connection, *, before: int) -> int:
    """Remove sums of before a UTC day, and what they add to longer spans; return how many rows.

    Args:
        tx: the transaction.
        before: the first quarter hour that stays, of a UTC day.
    """
    removed = 0
    for table, names in ((usage_rollup, REQUEST_SUMS), (usage_event_rollup, EVENT_SUMS)):
        row = table.c
        removed += tx.execute(table.delete().where(row.bucket < before)).rowcount
        for shorter, span in itertools.pairwise(reversed(SPANS)):
            start = before // span * span
            if start == before:
                continue
            keys = [column for column in table.primary_key if column.name not in {"span", "bucket"}]
            left = sa.select(sa.literal(span), sa.literal(start), *keys, *[_sum(row[name]) for name in names])
            left = left.where(row.span == shorter, row.bucket >= before, row.bucket < start + span).group_by(*keys)
            columns = ["span", "bucket", *[column.name for column in keys], *names]
            tx.execute(table.insert().from_select(columns, left))
    return removed


def _sum(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(column), sa.BigInteger)


def _coarser(sums: dict[tuple[int, ...], tuple[int, ...]], span: int) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return sums by a longer span; the first part of a key is the quarter hour."""
    parts: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for (bucket, *rest), each in sums.items():
        parts.setdefault((bucket // span * span, *rest), []).append(each)
    return {key: tuple(map(sum, zip(*each, strict=True))) for key, each in parts.items()}


def _add(
    into: dict[tuple[int, ...], list[tuple[int, ...]]], key: tuple[int, ...], difference: tuple[int, ...], sign: int
) -> None:
    found = into.get(key)
    if found is None:
        found = into[key] = []
    found.append(difference if sign > 0 else tuple([-each for each in difference]))


def move(tx: sa.Connection, user_id: int, *, into: int) -> None:
    """Add one person's sums to another's."""
    for table in (usage_rollup, usage_event_rollup):
        names = [column.name for column in table.c]
        place = names.index("user_id")
        rows = [tuple(row) for row in tx.execute(sa.select(table).where(table.c.user_id == user_id))]
        bulk.add_up(tx, table, names, [(*row[:place], into, *row[place + 1 :]) for row in rows])
        tx.execute(table.delete().where(table.c.user_id == user_id))
