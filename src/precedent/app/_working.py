"""What jobs do: collecting, processing, and the worker that does both."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from precedent import plugins
from precedent.embedding.finding import OFF
from precedent.errors import Busy, Exhausted, Misconfigured
from precedent.jobs import wake
from precedent.jobs.execution import Work, execute
from precedent.jobs.helping import Helping
from precedent.jobs.pending import Pending
from precedent.jobs.processing import ending
from precedent.jobs.records import (
    COLLECTOR,
    DATA,
    EMBEDDINGS,
    HOUSEKEEPING,
    MARKETPLACES,
    MEMORY,
    MODEL,
    PREFIX,
    SCRIPTS,
    Overlap,
)
from precedent.jobs.runs import Ending, OpenRun
from precedent.jobs.worker import Worker
from precedent.pipeline import state
from precedent.pipeline.runner import Progress
from precedent.pipeline.stats import RunStats
from precedent.security.principals import COMMAND_LINE

from ._knowing import Knowing
from ._offering import Offering
from ._scripting import Scripting
from ._tabling import Tabling

if TYPE_CHECKING:
    from precedent.archive.collect import CollectStats
    from precedent.archive.collect import Progress as CollectProgress
    from precedent.archive.sources import Home
    from precedent.jobs.housekeeping import Housekeeping, HousekeepingStats
    from precedent.knowledge.notes.model import MemoryStats
    from precedent.knowledge.vectors import EmbeddingStats
    from precedent.marketplaces.syncing import SyncStats
    from precedent.processors.verification.asking.answering import ModelStats
    from precedent.scripts.running import ScriptStats
    from precedent.tables.refreshing import RefreshStats

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Working(Knowing, Tabling, Offering, Scripting):
    """Does the work of jobs."""

    def worker(self, homes: "Callable[[], Sequence[Home]]") -> Worker:
        """Return a worker; `homes` says where a collection collects from."""
        self.processing.register_all()
        works: dict[str, Work] = {
            COLLECTOR: lambda run, stopping: self._collector_work(
                run, [*homes(), *self.demo_homes()], stopping=stopping
            )
        }
        works[HOUSEKEEPING] = self.housekeeping.work
        works[DATA] = self._data_work
        works[MARKETPLACES] = self._marketplaces_work
        works[SCRIPTS] = self._scripts_work
        if MODEL in self.jobs:
            works[MODEL] = self._model_work
        if EMBEDDINGS in self.jobs:
            works[EMBEDDINGS] = self._embeddings_work
        works[MEMORY] = lambda run, stopping: self._memory_work(run, homes(), stopping=stopping)
        for name in self.jobs:
            if name.startswith(PREFIX):
                works[name] = self._processor_work(name.removeprefix(PREFIX))
        return Worker(
            self.store,
            self.settings.data_dir,
            self.runs,
            records=self.jobs,
            works={name: self._observed(name, work) for name, work in works.items()},
            most=self.settings.worker_runs,
            helping=self.helping,
            clock=self.clock,
        )

    def _observed(self, name: str, work: Work) -> Work:
        """Return work that is traced, and whose end is told."""

        def body(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            parent = str(run.told.get("traceparent", ""))
            began, outcome = time.monotonic(), "failed"
            with self.tracing.span(f"run {name}", parent=parent, job=name, run_id=run.id) as span:
                try:
                    ending = work(run, stopping)
                    outcome = ending.outcome
                finally:
                    span.set(outcome=outcome)
                    took = round((time.monotonic() - began) * 1000)
                    self.events.send("run_finished", job=name, outcome=outcome, duration_ms=took)
                    log.info("run_finished", extra={"outcome": outcome, "duration_ms": took})
            return ending

        return body

    @cached_property
    def helping(self) -> Helping:
        """Lets workers share large runs."""
        return Helping(self.store, self.runs, self.processing, clock=self.clock)

    def _collector_work(self, run: OpenRun, homes: "Sequence[Home]", *, stopping: Callable[[], bool]) -> Ending:
        """Collect, and let the processors begin at once that have something to do."""
        found = self._collection(run, homes, stopping=stopping)
        if not stopping():
            self._begin_processors()
        return found

    def _begin_processors(self) -> None:
        """Ask for a run of each processor that has something to do.

        What is due says so, not what was copied: a collection that was killed after its last commit copies nothing
        when it is done again. One that is under way may have looked for the last time, so another waits for its end.
        """
        now = self.clock.now()
        resting = {name for name, kept in self.runs.jobs().items() if kept.rests(now=now)}
        with self.store.read() as tx:
            due = [
                PREFIX + name
                for name in self.processors.usable
                if not state.paused_reason(tx, name) and state.count_due(tx, name, now=now)
            ]
        for name in due:
            if name not in resting:
                with suppress(Busy):  # one waits already
                    self.request(name, by=COLLECTOR, overlap=Overlap.QUEUE_ONE)

    def _processor_work(self, name: str) -> Work:
        def work(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            wake.wake(self.store, self.settings.data_dir)  # who is idle may find that there is much to do
            stats = self.helping.work(name, run, stopping=stopping)
            return ending(stats, stopped=stopping())

        return work

    def run_processor(self, name: str, *, progress: Progress = lambda _: None) -> RunStats:
        """Run a processor over what is due, in this process; see `Processing.run`."""
        plugins.processor(name)  # an unknown one is told with the names of processors
        return self.processing.run(name, self.jobs[PREFIX + name], by=COMMAND_LINE.name, progress=progress)

    def collect(
        self,
        homes: "Sequence[Home]",
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: "CollectProgress" = lambda _: None,
    ) -> "CollectStats":
        """Collect from homes, as one run of the collector, in this process.

        Raises:
            Busy: a collection is under way.
        """

        def work(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            return self._collection(run, homes, stopping=stopping, progress=progress)

        return cast("CollectStats", self._done_here(COLLECTOR, work, stopping=stopping))

    def _done_here(self, job: str, work: Work, *, stopping: Callable[[], bool] = lambda: False) -> object:
        """Do a job's work in this process, as one run of it; return what was counted.

        Raises:
            Busy: it is under way.
        """
        done: list[Ending] = []

        def kept(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            done.append(work(run, stopping))
            return done[0]

        record = self.jobs[job]
        claimed = self.runs.open(record, by=COMMAND_LINE.name)
        execute(self.runs, record, claimed, kept, stopping=stopping, clock=self.clock)
        return done[0].counts

    def _collection(
        self,
        run: OpenRun,
        homes: "Sequence[Home]",
        *,
        stopping: Callable[[], bool],
        progress: "CollectProgress" = lambda _: None,
    ) -> Ending:
        # The rules for secrets take long to compile, and only a collection needs them.
        from precedent.archive.collect import Collector  # noqa: PLC0415

        self.processing.register_all()
        self.disk.require_room()
        collector = Collector(
            self.store,
            self.archive,
            readers={name: reader for name, (reader, _) in plugins.readers().items()},
            listener=Pending(),
            private_folders=self.settings.private_folders,
            clock=self.clock,
        )
        # A collection that was declared lost must not write beside its successor.
        stats = collector.collect(
            homes, stopping=lambda: run.is_lost() or stopping() or self.disk.is_full(), progress=progress
        )
        if stopping():
            return Ending("stopped", stats)
        if self.disk.is_full():
            return Ending("partial", stats, Exhausted.__name__, self.disk.usage().reason)
        return Ending("partial" if stats.files_failed else "done", stats)

    def read_notes(self, homes: "Sequence[Home]") -> "MemoryStats":
        """Look for notes in homes and read everybody's, as one run in this process.

        Raises:
            Busy: it is under way.
        """
        return cast(
            "MemoryStats",
            self._done_here(MEMORY, lambda run, stopping: self._memory_work(run, homes, stopping=stopping)),
        )

    def _memory_work(self, run: OpenRun, homes: "Sequence[Home]", *, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.memory import work  # noqa: PLC0415  # the rules for secrets are heavy

        return work(self.memory, run, homes, stopping=stopping)

    def ask_model(self) -> "ModelStats":
        """Ask the model about what is new, as one run in this process.

        Raises:
            Misconfigured: no model is configured, or it refuses us.
            Busy: it is under way.
        """
        if MODEL not in self.jobs:
            raise Misconfigured('detection is by rules here; set detection = "llm" and model_name to ask a model')
        return cast("ModelStats", self._done_here(MODEL, self._model_work))

    def _model_work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.detecting import work  # noqa: PLC0415  # the rules take long to compile

        return work(self.store, self.settings, run, stopping=stopping, clock=self.clock)

    def embed(self) -> "EmbeddingStats":
        """Embed what is new, as one run in this process.

        Raises:
            Misconfigured: no model for embeddings is configured, or it is not there.
            Busy: it is under way.
        """
        if EMBEDDINGS not in self.jobs:
            raise Misconfigured(OFF)
        return cast("EmbeddingStats", self._done_here(EMBEDDINGS, self._embeddings_work))

    def _embeddings_work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.embedding import work  # noqa: PLC0415  # numpy is an extra

        if self.encoder is None:
            raise Misconfigured(OFF)
        return work(self.store, self.encoder, run, stopping=stopping)

    def refresh_tables(self, names: Sequence[str] | None = None) -> "RefreshStats":
        """Read the tables that are due, or those that are named, as one run in this process.

        Raises:
            NotFound: a named one does not exist.
            Busy: it is under way.
        """

        def work(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            stats = self.refreshing.refresh(names, run_id=run.id, stopping=stopping)
            return Ending("partial" if stats.failed else "done", stats)

        return cast("RefreshStats", self._done_here(DATA, work))

    def sync_marketplaces(self, names: Sequence[str] | None = None) -> "SyncStats":
        """Sync all marketplaces, or those that are named, as one run in this process.

        Raises:
            NotFound: a named one does not exist.
            Busy: a sync is under way.
        """

        def work(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            stats = self.syncing.sync(names, stopping=stopping)
            return Ending("partial" if stats.failed else "done", stats)

        return cast("SyncStats", self._done_here(MARKETPLACES, work))

    def _marketplaces_work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.marketplaces import work  # noqa: PLC0415  # of many jobs one

        return work(self.syncing, run, stopping=stopping)

    def _data_work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.refreshing import work  # noqa: PLC0415  # of many jobs one

        return work(self.store, self.refreshing, run, stopping=stopping)

    def run_scripts(self) -> "ScriptStats":
        """Run the scripts that are due or asked for, as one run in this process.

        Raises:
            Busy: it is under way, and takes them too.
        """
        return cast("ScriptStats", self._done_here(SCRIPTS, self._scripts_work))

    def _scripts_work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        from precedent.jobs.scripts import work  # noqa: PLC0415  # of many jobs one

        return work(self.script_running, run, stopping=stopping)

    @cached_property
    def housekeeping(self) -> "Housekeeping":
        """What is done every night."""
        from precedent.jobs.housekeeping import Housekeeping  # noqa: PLC0415  # of many jobs one

        return Housekeeping(
            self.store, self.archive, self.runs, disk=self.disk, settings=self.settings, clock=self.clock
        )

    def keep_house(self) -> "HousekeepingStats":
        """Do what is done every night, as one run in this process.

        Raises:
            Busy: it is under way.
        """
        return cast("HousekeepingStats", self._done_here(HOUSEKEEPING, self.housekeeping.work))
