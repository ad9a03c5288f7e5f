"""Runs of processors: opened in the ledger, worked on by one or more workers, closed with what they did."""

from collections.abc import Callable

from precedent import plugins
from precedent.clock import Clock
from precedent.errors import Fenced
from precedent.faults import reach
from precedent.pipeline import backlog, state
from precedent.pipeline.contract import Processor
from precedent.pipeline.runner import Budget, Progress, Runner
from precedent.pipeline.stats import RunStats
from precedent.store import Store

from .runs import OpenRun, Runs

PREFIX = "session-processor:"
"""Of the job names of processors."""


class Processing:
    """Runs installed processors.

    Args:
        store: the database.
        runs: the ledger of runs.
        runner: does the work.
        budget: of one run.
        clock: time.
    """

    def __init__(self, store: Store, runs: Runs, runner: Runner, *, budget: Budget, clock: Clock = Clock()) -> None:
        self._store, self._runs, self._runner = store, runs, runner
        self._budget, self._clock = budget, clock

    def run(self, name: str, *, progress: Progress = lambda _: None) -> RunStats:
        """Run a processor over what is due, in this process.

        Raises:
            NotFound: no such processor is installed.
            Busy: it is running already.
        """
        self.register(plugins.processor(name)[0])
        with self._runs.running(PREFIX + name) as run:
            reach("run.opened")
            stats = self._work(name, run, budget=self._budget, stopping=lambda: False, progress=progress)
        self.end(run.id, stats)
        return stats

    def begin(self, name: str) -> int:
        """Open a run of a processor and return its id.

        Raises:
            NotFound: no such processor is installed.
            Busy: it is running already.
        """
        processor, _ = plugins.processor(name)
        self.register(processor)
        run_id = self._runs.open(PREFIX + name)
        reach("run.opened")
        return run_id

    def work(
        self,
        name: str,
        run_id: int,
        *,
        transcripts: int | None = None,
        stopping: Callable[[], bool] = lambda: False,
        progress: Progress = lambda _: None,
    ) -> RunStats:
        """Do a part of an open run; several workers may do so at the same time.

        Args:
            name: of the processor.
            run_id: of the open run.
            transcripts: how many at most; None for what the budget allows.
            stopping: asked between transcripts; true ends the part.
            progress: told after every commit.

        Raises:
            Fenced: the run was declared lost; what was stored stays stored.
        """
        budget = self._budget if transcripts is None else self._budget._replace(transcripts=transcripts)
        with self._runs.alive(run_id) as lost:
            return self._work(name, OpenRun(run_id, lost.is_set), budget=budget, stopping=stopping, progress=progress)

    def _work(
        self, name: str, run: OpenRun, *, budget: Budget, stopping: Callable[[], bool], progress: Progress
    ) -> RunStats:
        processor, plugin = plugins.processor(name)
        stats = self._runner.run(
            processor,
            plugin.path,
            run_id=run.id,
            budget=budget,
            still_ours=lambda: not (run.is_lost() or stopping()),
            progress=progress,
        )
        if run.is_lost():
            raise Fenced(f"run {run.id} was declared lost; what it had stored stays")
        return stats

    def end(self, run_id: int, stats: RunStats) -> None:
        """Close a run with what it did."""
        reach("run.closing")
        self._runs.close(run_id, outcome="partial" if stats.errors else "done", counts=stats)

    def due(self, name: str) -> int:
        """Return how many transcripts a processor has to do."""
        with self._store.read() as tx:
            return state.count_due(tx, name, now=self._clock.now())

    def backlogs(self) -> list[backlog.Backlog]:
        """Return what every processor has to do and has given up on."""
        self.register_all()
        with self._store.read() as tx:
            return backlog.processors(tx, now=self._clock.now())

    def pause(self, name: str, reason: str) -> None:
        """Keep a processor from running; an empty reason lets it run again.

        Raises:
            NotFound: no such processor is installed.
        """
        processor, _ = plugins.processor(name)
        self.register(processor)
        with self._store.write() as tx:
            state.pause(tx, name, reason)

    def register_all(self) -> list[Processor]:
        """Make every installed processor known, so that changes become pending for it, and return them."""
        found = [plugins.processor(plugin.name)[0] for plugin in plugins.installed(plugins.PROCESSORS)]
        for processor in found:
            self.register(processor)
        return found

    def register(self, processor: Processor) -> None:
        """Make a processor known in its version."""
        with self._store.read() as tx:
            if state.is_registered(tx, processor.name, version=processor.version):
                return
        with self._store.write() as tx:
            state.register(tx, processor, now=self._clock.now())
