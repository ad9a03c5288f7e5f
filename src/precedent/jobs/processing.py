"""Runs of processors: opened in the ledger, worked on by one or more workers, closed with what they did."""

from collections.abc import Callable

from precedent import plugins
from precedent.clock import Clock
from precedent.errors import Fenced, Misconfigured
from precedent.pipeline import backlog, state
from precedent.pipeline.contract import Processor
from precedent.pipeline.runner import Budget, Progress, Runner
from precedent.pipeline.stats import RunStats
from precedent.security import audit
from precedent.store import Store

from .execution import execute
from .records import Job
from .runs import Ending, OpenRun, Runs


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

    def run(self, name: str, record: Job, *, by: str, progress: Progress = lambda _: None) -> RunStats:
        """Run a processor over what is due, in this process.

        Raises:
            NotFound: no such processor is installed.
            Busy: it is running already.
        """
        done: list[RunStats] = []

        def work(run: OpenRun, stopping: Callable[[], bool]) -> Ending:
            done.append(self.work(name, run, stopping=stopping, progress=progress))
            return ending(done[0], stopped=False)

        self.register(plugins.processor(name)[0])
        claimed = self._runs.open(record, by=by)
        execute(self._runs, record, claimed, work, stopping=lambda: False, clock=self._clock)
        return done[0]

    def work(
        self,
        name: str,
        run: OpenRun,
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: Progress = lambda _: None,
    ) -> RunStats:
        """Do the work of an open run, or a part of it: several workers may share one.

        Args:
            name: of the processor.
            run: in whose name transcripts are claimed.
            stopping: asked between transcripts; true ends the part.
            progress: told after every commit.

        Raises:
            Fenced: the run was declared lost; what was stored stays stored.
        """
        processor, plugin = plugins.processor(name)
        self.register(processor)
        stats = self._runner.run(
            processor,
            plugin.path,
            run_id=run.id,
            budget=self._budget,
            still_ours=lambda: not (run.is_lost() or stopping()),
            progress=progress,
        )
        if run.is_lost():
            raise Fenced(f"run {run.id} was declared lost; what it had stored stays")
        return stats

    def due(self, name: str) -> int:
        """Return how many transcripts a processor has to do."""
        with self._store.read() as tx:
            return state.count_due(tx, name, now=self._clock.now())

    def backlogs(self) -> list[backlog.Backlog]:
        """Return what every processor has to do and has given up on."""
        self.register_all()
        with self._store.read() as tx:
            return backlog.processors(tx, now=self._clock.now())

    def pause(self, name: str, reason: str, *, by: str) -> None:
        """Keep a processor from running; an empty reason lets it run again.

        Args:
            name: of the processor.
            reason: shown in the status.
            by: who does it, for the audit log.

        Raises:
            NotFound: no such processor is installed.
        """
        processor, _ = plugins.processor(name)
        self.register(processor)
        with self._store.write() as tx:
            state.pause(tx, name, reason)
            action = "pause_processor" if reason else "resume_processor"
            act = audit.Act(by, action, f"processor:{name}", "ok", details={"reason": reason})
            audit.record(tx, act, now=self._clock.now())

    def register_all(self) -> list[Processor]:
        """Make every processor that can be used known, so that changes become pending for it, and return them."""
        found = list(plugins.processors().usable.values())
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


def ending(stats: RunStats, *, stopped: bool) -> Ending:
    """Return how a run of a processor ended.

    Args:
        stats: what it did.
        stopped: it was told to stop.
    """
    if stats.misconfigured:
        return Ending("failed", stats, Misconfigured.__name__, stats.paused)
    if stats.paused:
        return Ending("skipped", stats, error=f"paused: {stats.paused}")
    if stopped and stats.capped:
        return Ending("stopped", stats)
    return Ending("partial" if stats.errors else "done", stats)
