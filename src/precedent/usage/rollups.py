"""Sums by quarter of an hour, person, agent, model, project and tool, kept up with every write.

A write collects differences here and applies them once at its end, so the cost follows what changed.
"""

from collections import defaultdict
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import usage_event_rollup, usage_rollup

from .observation import EventSeen, RequestSeen

BUCKET = 900_000_000
"""Microseconds in a quarter of an hour: every time zone in use is a whole number of them away from UTC."""

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
    """Differences to be applied to the roll-ups."""

    def __init__(self) -> None:
        self._requests: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0] * len(REQUEST_SUMS))
        self._events: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0] * len(EVENT_SUMS))

    def request(self, row: RequestSeen, cost: int | None, owner: Owner, *, sign: int) -> None:
        """Add (sign 1) or take away (sign -1) a request."""
        recorded = row.recorded_cost_usd_micros
        sums = self._requests[row.at // BUCKET, owner.user_id, owner.agent_id, row.model_id, row.project_id]
        auto = cost if recorded is None else recorded
        sums[0] += sign
        sums[1] += sign * row.input_tokens
        sums[2] += sign * row.output_tokens
        sums[3] += sign * row.cache_write_5m_tokens
        sums[4] += sign * row.cache_write_1h_tokens
        sums[5] += sign * row.cache_read_tokens
        sums[6] += sign * (row.web_searches or row.result_searches)
        if cost is not None:
            sums[7] += sign * cost
            sums[8] += sign
        if recorded is not None:
            sums[9] += sign * recorded
            sums[10] += sign
        if auto is not None:
            sums[11] += sign * auto
            sums[12] += sign
        if row.is_partial():
            sums[13] += sign

    def event(self, row: EventSeen, owner: Owner, *, sign: int) -> None:
        """Add or take away an event."""
        sums = self._events[row.at // BUCKET, owner.user_id, owner.agent_id, row.model_id, row.project_id, row.name_id]
        sums[0] += sign
        if row.outcome > 1:
            sums[row.outcome - 1] += sign

    def apply(self, tx: sa.Connection) -> None:
        """Write the differences; a sum that comes to nothing is removed."""
        for table, keys, names, sums in (
            (usage_rollup, _REQUEST_KEYS, REQUEST_SUMS, self._requests),
            (usage_event_rollup, _EVENT_KEYS, EVENT_SUMS, self._events),
        ):
            rows = [(*key, *values) for key, values in sums.items() if any(values)]
            bulk.add_up(tx, table, [*keys, *names], rows)
            if any(values[0] < 0 for values in sums.values()):
                tx.execute(table.delete().where(table.c[names[0]] == 0))


def move(tx: sa.Connection, user_id: int, *, into: int) -> None:
    """Add one person's sums to another's."""
    for table in (usage_rollup, usage_event_rollup):
        names = [column.name for column in table.c]
        place = names.index("user_id")
        rows = [tuple(row) for row in tx.execute(sa.select(table).where(table.c.user_id == user_id))]
        bulk.add_up(tx, table, names, [(*row[:place], into, *row[place + 1 :]) for row in rows])
        tx.execute(table.delete().where(table.c.user_id == user_id))
