"""Counts ended runs by job and outcome, in the transaction that ends them.

The rows of `run` go after 90 days, and there may be millions; what is counted here stays, and a look at it costs one
small table. Every process sees the same counts.
"""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND
from precedent.store.schema import run_total

BUCKETS = {
    "le_100ms": 0.1,
    "le_1s": 1.0,
    "le_10s": 10.0,
    "le_1m": 60.0,
    "le_5m": 300.0,
    "le_15m": 900.0,
    "le_1h": 3600.0,
}
"""Seconds by the column that counts the runs which took no longer."""

SUCCESS = frozenset({"done", "partial"})
"""Outcomes of a run that did its work; a transcript that failed in it has a state of its own."""


class Total(NamedTuple):
    """What is known of the runs of a job that ended in one way.

    Attributes:
        duration_us: of all together, in microseconds.
        last_at: when the newest ended, UTC microseconds.
        within: how many took at most so many seconds, in the order of `BUCKETS`.
    """

    job: str
    outcome: str
    runs: int
    duration_us: int
    last_at: int
    within: tuple[int, ...]


def count(tx: sa.Connection, *, job: str, outcome: str, duration_us: int, now: int) -> None:
    """Count one run that ended."""
    new = {
        "runs": 1,
        "duration_us": duration_us,
        **{name: int(duration_us <= seconds * SECOND) for name, seconds in BUCKETS.items()},
    }
    changed = ", ".join(f"{name} = run_total.{name} + excluded.{name}" for name in new)
    columns = ["name", "outcome", "last_at", *new]
    statement = (
        f"INSERT INTO run_total ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)}) "
        f"ON CONFLICT (name, outcome) DO UPDATE SET last_at = excluded.last_at, {changed}"
    )
    tx.execute(sa.text(statement), {"name": job, "outcome": outcome, "last_at": now, **new})


def totals(tx: sa.Connection) -> list[Total]:
    """Return all counts, by job and outcome."""
    query = sa.select(run_total).order_by(run_total.c.name, run_total.c.outcome)
    return [
        Total(
            row.name,
            row.outcome,
            row.runs,
            row.duration_us,
            row.last_at,
            tuple(getattr(row, name) for name in BUCKETS),
        )
        for row in tx.execute(query)
    ]
