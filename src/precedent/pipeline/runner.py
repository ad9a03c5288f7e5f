"""Runs one processor over what is due: claim, extract in children, store results and state in one transaction."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import sqlalchemy as sa

from precedent.archive.contract import Archive
from precedent.clock import Clock
from precedent.errors import ContractBroken, Fenced
from precedent.faults import reach
from precedent.store import Store, why

from . import state, withholding
from .content import is_hash_of
from .contract import Done, Extracted, Later, Processor, Reject, Retry, StoresBatches
from .executor import Executor, Executors
from .pool import Limits, Pool
from .retry import judge
from .state import Success, Work
from .stats import RunStats
from .wire import Failed, Task, failed

CHUNK = 2048  # transcripts planned at a time
MANY_DUE = 256
COMMIT_TRANSCRIPTS = 64
COMMIT_BYTES = 256 << 10
"""Of results: a transaction of some 50 ms, after which others that write to the same file get their turn."""
COMMIT_SECONDS = 1.0
REPROCESSED_PER_RUN = 500
CONSENT_LOOK_S = 1.0
"""A withdrawal reaches a run under way after this long."""


class Budget(NamedTuple):
    """What one run may do before it leaves the rest to the next.

    Attributes:
        transcripts: extractions, reprocessing included; skips are free.
        seconds: wall time, checked between transcripts.
    """

    transcripts: int = 100_000
    seconds: float = 240.0


Progress = Callable[[RunStats], None]


class Runner:
    """Runs processors.

    Args:
        store: the database.
        archive: where the transcripts are.
        readers: `module:attribute` of the reader of each agent.
        limits: of one extraction.
        executors: who extracts; by default child processes within the limits.
        clock: time and chance.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        *,
        readers: Mapping[str, str],
        limits: Limits = Limits(),
        executors: Executors | None = None,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._archive, self._readers, self._clock = store, archive, readers, clock
        self._executors: Executors = executors or (lambda _, path: Pool(path, limits=limits))

    def run(
        self,
        processor: Processor,
        path: str,
        *,
        run_id: int = 0,
        budget: Budget = Budget(),
        still_ours: Callable[[], bool] = lambda: True,
        progress: Progress = lambda _: None,
    ) -> RunStats:
        """Process what is due.

        Args:
            processor: what to run.
            path: its `module:attribute`, for the children.
            run_id: in whose name transcripts are claimed; several workers may share a run.
            budget: of this part of the run.
            still_ours: asked between transcripts; false ends it: another took the run over, or we are to stop.
            progress: told after every commit.
        """
        run = _Run(self, processor, run_id, budget=budget, still_ours=still_ours, progress=progress)
        with self._store.write() as tx:
            run.stats.paused = state.paused_reason(tx, processor.name)
            if run.stats.paused:
                return run.stats
            run.stats.dead += state.bury_unfinished(tx, processor.name, now=self._clock.now())
        with ExitStack() as cleanup:
            pool: Executor | None = None

            def start(count: int) -> Executor:
                nonlocal pool
                if pool is None:
                    pool = cleanup.enter_context(self._executors(processor, path))
                    pool.start(count)
                return pool

            for works in run.plan(many_due=start):
                if works:
                    run.work_through(works, start(len(works)))
                if run.stats.paused:
                    break
        run.count_capped()
        return run.stats

    @property
    def database(self) -> Store:
        """The database."""
        return self._store

    @property
    def clock(self) -> Clock:
        """Time and chance."""
        return self._clock

    def is_same(self, work: Work) -> bool:
        """Tell whether an imported row is about what the archive holds."""
        try:
            return is_hash_of(self._archive.path(work.object_key), work.imported_hash, length=work.ref.length)
        except OSError:
            return False  # its extraction will say what is wrong

    def task(self, work: Work) -> Task:
        """Return the extraction that a work asks for."""
        return Task(
            ref=work.ref,
            path=str(self._archive.path(work.object_key)),
            reader=self._readers[work.ref.agent],
            cursor=work.cursor,
        )


class _Run:
    """One run under way."""

    def __init__(
        self,
        runner: Runner,
        processor: Processor,
        run_id: int,
        *,
        budget: Budget,
        still_ours: Callable[[], bool],
        progress: Progress,
    ) -> None:
        self._runner, self._processor, self._run_id = runner, processor, run_id
        self._still_ours = still_ours
        self._store, self._clock = runner.database, runner.clock
        self._budget, self._progress = budget, progress
        self._ends = time.monotonic() + budget.seconds
        self._consent, self._looked = (0, 0), time.monotonic()
        self.stats = RunStats(processor=processor.name)

    def plan(self, *, many_due: Callable[[int], object]) -> Iterator[Sequence[Work]]:
        """Yield what is to be done, in chunks, until nothing is due or the budget is spent.

        Args:
            many_due: told how many are due when claiming them takes long enough to prepare for them meanwhile.
        """
        name = self._processor.name
        while (left := self._left()) > 0:
            with self._store.read() as tx:
                due = state.count_due(tx, name, now=self._clock.now())
            if not due:
                break
            if due >= MANY_DUE:
                many_due(due)
            reach("run.planned")
            with self._store.write() as tx:
                works = state.take(tx, name, now=self._clock.now(), limit=min(CHUNK, left), run_id=self._run_id)
                scanned, works = len(works), self._allowed(tx, works)
                equal = [work for work in works if work.file_hash == work.ref.content_hash]
                if equal:
                    state.settle_equal(tx, name, equal)
            if not scanned:
                break
            reach("run.claimed")
            settled = {work.ref.session_file for work in [*equal, *self._done_elsewhere(works)]}
            self.stats.scanned += scanned
            self.stats.skipped += len(settled)
            yield [work for work in works if work.ref.session_file not in settled]
        if (left := min(self._left(), REPROCESSED_PER_RUN)) > 0 and not self.stats.paused:
            version = self._processor.version
            with self._store.write() as tx:
                works = state.take_outdated(tx, name, version=version, limit=left, run_id=self._run_id)
                works = self._allowed(tx, works)
            if works:
                yield works

    def _allowed(self, tx: sa.Connection, works: Sequence[Work]) -> list[Work]:
        """Leave out what persons do not allow: the processor never sees it."""
        self._consent = withholding.consent_stamp(tx, self._processor)
        withheld = withholding.withhold(tx, self._processor, works)
        self.stats.withheld += len(withheld)
        return [work for work in works if work.ref.id not in withheld]

    def _consent_changed(self) -> bool:
        """Look now and then whether somebody changed their mind since works were claimed."""
        if time.monotonic() - self._looked < CONSENT_LOOK_S:
            return False
        self._looked = time.monotonic()
        with self._store.read() as tx:
            return withholding.consent_stamp(tx, self._processor) != self._consent

    def _done_elsewhere(self, works: Sequence[Work]) -> Sequence[Work]:
        """Settle the transcripts whose imported row tells of just this content; return them."""
        imported = [work for work in works if work.imported_hash and self._runner.is_same(work)]
        if imported:
            with self._store.write() as tx:
                state.settle_imported(tx, self._processor.name, imported, version=self._processor.version)
        return imported

    def count_capped(self) -> None:
        """Count what the budget left over."""
        with self._store.read() as tx:
            self.stats.capped = state.count_due(tx, self._processor.name, now=self._clock.now())

    def _left(self) -> int:
        if time.monotonic() >= self._ends or not self._still_ours():
            return 0
        return self._budget.transcripts - self.stats.processed - self.stats.errors - self.stats.later

    def work_through(self, works: Sequence[Work], pool: Executor) -> None:
        """Process a chunk."""
        by_file = {work.ref.session_file: work for work in works}
        batch: list[tuple[Work, Done]] = []
        size, since = 0, time.monotonic()
        for task, answer in pool.run(self._tasks(works)):
            reach("run.extracted")
            work = by_file.pop(task.ref.session_file)
            if not isinstance(answer, Done):
                self._not_done(work, answer)
                continue
            batch.append((work, answer))
            size += len(answer.payload)
            if len(batch) >= COMMIT_TRANSCRIPTS or size >= COMMIT_BYTES or time.monotonic() - since >= COMMIT_SECONDS:
                self._store_batch(batch)
                batch, size, since = [], 0, time.monotonic()
        if batch:
            self._store_batch(batch)
        if by_file:
            with self._store.write() as tx:
                state.release(tx, self._processor.name, list(by_file.values()))

    def _tasks(self, works: Sequence[Work]) -> Iterator[Task]:
        for work in works:
            if time.monotonic() >= self._ends or self.stats.paused or not self._still_ours():
                return
            if self._consent_changed():
                return  # what is left is claimed anew, and looked at with the new wishes
            yield self._runner.task(work)

    def _store_batch(self, batch: Sequence[tuple[Work, Done]]) -> None:
        """Store results and state in one transaction; if that fails, one by one to find who is to blame."""
        try:
            items = self._commit(batch)
        except Exception as error:  # foreign code: `store` of a processor may raise anything
            if len(batch) > 1:
                for each in batch:
                    self._store_batch([each])
            elif not isinstance(error, Fenced):
                self._not_done(batch[0][0], _store_failed(error))
            return
        reach("store.committed")
        self.stats.processed += len(batch)
        self.stats.reprocessed += sum(not work.pending for work, _ in batch)
        self.stats.items_extracted += sum(items)
        self._progress(self.stats)

    def _commit(self, batch: Sequence[tuple[Work, Done]]) -> list[int]:
        extracted = [Extracted(ref=work.ref, payload=done.payload, restarted=work.restarted) for work, done in batch]
        with self._store.write() as tx:
            items = _store(self._processor, extracted, tx)
            successes = [Success(work, count, done.cursor) for (work, done), count in zip(batch, items, strict=True)]
            ours = state.finish(
                tx, self._processor.name, successes, version=self._processor.version, now=self._clock.now()
            )
            reach("store.state")
            if not ours:
                raise Fenced("another worker took these transcripts over; its results stand")
        return items

    def _not_done(self, work: Work, answer: Retry | Later | Reject | Failed) -> None:
        now, name = self._clock.now(), self._processor.name
        match answer:
            case Later(after_s=after_s):
                self.stats.later += 1
                with self._store.write() as tx:
                    state.postpone(
                        tx, name, work, status="pending", attempts=work.attempts,
                        next_attempt_at=state.soon(now, after_s),
                    )  # fmt: skip
                return
            case Failed(kind="misconfigured", error=error):
                self.stats.paused, self.stats.misconfigured = error, True
                with self._store.write() as tx:
                    state.pause(tx, name, error)
                    state.postpone(
                        tx, name, work, status="pending", attempts=work.attempts, next_attempt_at=0,
                        error_class="misconfigured", error=error,
                    )  # fmt: skip
                self.stats.failed(work.ref.session_file, error, dead=False)
                return
            case Retry(reason=error, after_s=wanted):
                kind, after = "transient", wanted
            case Reject(reason=error):
                kind, after = "rejected", None
            case Failed(kind=kind, error=error):
                after = None
        attempts = work.attempts + 1
        verdict = judge(kind, attempts=attempts, random=self._clock.random, after_s=after)
        with self._store.write() as tx:
            state.postpone(
                tx,
                name,
                work,
                status="dead" if verdict.dead else "pending",
                attempts=attempts,
                next_attempt_at=state.soon(now, verdict.delay_s),
                error_class=kind,
                error=error,
            )
        reach("run.failed")
        self.stats.failed(work.ref.session_file, error, dead=verdict.dead)
        self._progress(self.stats)


def _store(processor: Processor, extracted: Sequence[Extracted], tx: sa.Connection) -> list[int]:
    if isinstance(processor, StoresBatches):
        items = processor.store_batch(extracted, tx)
    else:
        items = [processor.store(each, tx) for each in extracted]
    if len(items) != len(extracted) or not all(isinstance(each, int) and each >= 0 for each in items):
        raise ContractBroken(f"store of {processor.name!r} must return the number of items, 0 or more")
    return list(items)


def _store_failed(error: Exception) -> Failed:
    found = failed(error, said=why(error))
    # The database may be away or busy for a while, which no processor can help.
    return Failed(kind="transient", error=found.error) if isinstance(error, sa.exc.OperationalError) else found
