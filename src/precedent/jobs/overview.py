"""Every job at a glance: what is remembered of it, its newest run and its open ones, in a handful of look-ups."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store import Store
from precedent.store.schema import job, run

from .records import Job, Overlap
from .runs import JobMemory, RunRecord

_COLUMNS = [run.c[each] for each in RunRecord._fields]


class JobState(NamedTuple):
    """How a job stands.

    Attributes:
        memory: what is remembered of it; None when it was never asked for.
        last_run: its newest row.
        open_runs: runs that are queued or under way, the oldest first.
    """

    memory: JobMemory | None = None
    last_run: RunRecord | None = None
    open_runs: tuple[RunRecord, ...] = ()


def states(store: Store, records: Mapping[str, Job]) -> dict[str, JobState]:
    """Return how jobs stand, by name."""
    newest = (
        sa.select(run.c.id)
        .where(run.c.name == job.c.name)
        .order_by(run.c.requested_at.desc(), run.c.id.desc())
        .limit(1)
        .correlate(job)
        .scalar_subquery()
    )
    with store.read() as tx:
        memories = {row.name: JobMemory(*row) for row in tx.execute(sa.select(*[job.c[f] for f in JobMemory._fields]))}
        last = tx.execute(sa.select(*_COLUMNS).where(run.c.id.in_(sa.select(newest).select_from(job)))).all()
        under_way = tx.execute(sa.select(*_COLUMNS).where(run.c.finished_at.is_(None)).order_by(run.c.id)).all()
    runs = {row.name: RunRecord(*row) for row in last}
    open_runs: dict[str, list[RunRecord]] = defaultdict(list)
    for row in under_way:
        open_runs[row.name].append(RunRecord(*row))
    return {name: JobState(memories.get(name), runs.get(name), tuple(open_runs[name])) for name in records}


def run_now(record: Job, state: JobState) -> str:
    """Say what becomes of a run that is asked for now."""
    if not record.runs:
        return "only reads and has no runs"
    if not state.open_runs:
        return "starts"
    holder = state.open_runs[0].id
    match record.overlap:
        case Overlap.ALLOW:
            return f"starts beside run {holder}"
        case Overlap.QUEUE_ONE if len(state.open_runs) == 1:
            return f"waits for the end of run {holder}"
        case _:
            return f"is refused while run {holder} is open"
