"""Looking at runs and at what is remembered of jobs."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from precedent.clock import DAY
from precedent.errors import NotFound
from precedent.store.schema import job, run

from .doing import Doing
from .rows import KEPT_DAYS, JobMemory, RunRecord

_COLUMNS = [run.c[each] for each in RunRecord._fields]


class Looking(Doing):
    """The side of the ledger that shows; see `runs.Runs`."""

    def latest(self, name: str | None = None, *, limit: int = 20, before: int | None = None) -> list[RunRecord]:
        """Return the newest runs of a job, or of all, newest first; `before` is the id to go on from."""
        query = sa.select(*_COLUMNS).order_by(run.c.id.desc()).limit(limit)
        if name is not None:
            query = query.where(run.c.name == name)
        if before is not None:
            query = query.where(run.c.id < before)
        with self._store.read() as tx:
            return [RunRecord(*row) for row in tx.execute(query)]

    def last_begun(self, names: Iterable[str]) -> dict[str, RunRecord]:
        """Return of each job, by name, the newest run that was begun: none that was skipped, missed or waits."""
        with self._store.read() as tx:
            found = {name: tx.execute(_last_begun(), {"job": name}).first() for name in names}
        return {name: RunRecord(*row) for name, row in found.items() if row is not None}

    def jobs(self) -> dict[str, JobMemory]:
        """Return what is remembered of jobs, by name."""
        with self._store.read() as tx:
            rows = tx.execute(sa.select(*[job.c[each] for each in JobMemory._fields]))
            return {row.name: JobMemory(*row) for row in rows}

    def get(self, run_id: int) -> RunRecord:
        """Return one run.

        Raises:
            NotFound: there is none of that id.
        """
        with self._store.read() as tx:
            row = tx.execute(sa.select(*_COLUMNS).where(run.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"no run {run_id}")
        return RunRecord(*row)

    def is_under_way(self, run_id: int, *, fence: int) -> bool:
        """Tell whether a run is still being done by the one who had this fence."""
        with self._store.read() as tx:
            row = tx.execute(sa.select(run.c.fence, run.c.finished_at).where(run.c.id == run_id)).first()
        return row is not None and row.finished_at is None and row.fence == fence

    def prune(self) -> int:
        """Remove finished runs older than `KEPT_DAYS`; return how many."""
        limit = self._clock.now() - KEPT_DAYS * DAY
        with self._store.write() as tx:
            return tx.execute(run.delete().where(run.c.finished_at < limit)).rowcount


@cache
def _last_begun() -> sa.Select[Any]:
    begun = sa.select(*_COLUMNS).where(run.c.name == sa.bindparam("job"), run.c.started_at.is_not(None))
    return begun.order_by(run.c.id.desc()).limit(1)
