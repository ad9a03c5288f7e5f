"""Wires the program together: the one file that knows every concrete class."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from precedent import plugins
from precedent.archive import catalogue
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.collect import Progress as CollectProgress
from precedent.archive.folder import FolderArchive
from precedent.archive.sources import Home
from precedent.clock import Clock
from precedent.errors import Fenced, Misconfigured, NotFound
from precedent.faults import reach
from precedent.jobs.runs import Runs
from precedent.pipeline import state
from precedent.pipeline.contract import Processor
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import Budget, Progress, Runner
from precedent.pipeline.stats import RunStats
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import transcript

COLLECTOR = "session-collector"
PROCESSOR_PREFIX = "session-processor:"


@dataclass(frozen=True)
class App:
    """The program with its settings; parts are made when they are first needed.

    Args:
        settings: everything that can be set.
        clock: time and chance.
    """

    settings: Settings
    clock: Clock = Clock()

    @cached_property
    def store(self) -> Store:
        """The database, brought to the newest schema."""
        folder = self.settings.data_dir
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Misconfigured(f"the data folder {folder} cannot be made: {error.strerror}") from error
        store = Store(self.settings.database_url) if self.settings.database_url else Store.in_folder(folder)
        try:
            current = store.is_current()
        except sa.exc.OperationalError as error:
            raise Misconfigured(f"the database cannot be opened: {error.orig}") from error
        if not current:
            # The migration library is heavy and is needed once.
            from precedent.store.migrate import upgrade  # noqa: PLC0415

            upgrade(store)
        return store

    @cached_property
    def archive(self) -> FolderArchive:
        """Where transcripts are."""
        return FolderArchive(self.settings.archive_dir)

    @cached_property
    def runs(self) -> Runs:
        """The ledger of runs."""
        return Runs(self.store, self.clock)

    @cached_property
    def runner(self) -> Runner:
        """Runs processors."""
        settings = self.settings
        return Runner(
            self.store,
            self.archive,
            readers={plugin.name: plugin.path for plugin in plugins.installed(plugins.READERS)},
            limits=Limits(
                time_s=settings.extraction_time_s,
                memory_bytes=settings.extraction_memory_mb << 20,
                processes=settings.processes,
            ),
            clock=self.clock,
        )

    @cached_property
    def budget(self) -> Budget:
        """What one run may do."""
        return Budget(transcripts=self.settings.run_transcripts, seconds=self.settings.run_time_s)

    def collect(self, homes: Sequence[Home], *, progress: CollectProgress = lambda _: None) -> CollectStats:
        """Collect from homes, as one run of the collector.

        Raises:
            Busy: a collection is under way.
        """
        self.register_processors()
        collector = Collector(
            self.store,
            self.archive,
            readers={name: reader for name, (reader, _) in plugins.readers().items()},
            listener=Pending(),
            private_folders=self.settings.private_folders,
            clock=self.clock,
        )
        run_id = self.runs.open(COLLECTOR)
        try:
            with self.runs.alive(run_id):
                stats = collector.collect(homes, progress=progress)
        except BaseException as error:
            self.runs.close(run_id, outcome="failed", error=f"{type(error).__name__}: {error}")
            raise
        failed = stats.files_failed > 0
        self.runs.close(run_id, outcome="partial" if failed else "done", counts=stats)
        return stats

    def run_processor(self, name: str, *, progress: Progress = lambda _: None) -> RunStats:
        """Run a processor over what is due.

        Raises:
            NotFound: no such processor is installed.
            Busy: it is running already.
        """
        processor, plugin = plugins.processor(name)
        self._register(processor)
        run_id = self.runs.open(PROCESSOR_PREFIX + name)
        reach("run.opened")
        try:
            with self.runs.alive(run_id) as lost:
                stats = self.runner.run(
                    processor,
                    plugin.path,
                    budget=self.budget,
                    still_ours=lambda: not lost.is_set(),
                    progress=progress,
                )
                if lost.is_set():
                    raise Fenced(f"run {run_id} was declared lost; what it had stored stays")
        except BaseException as error:
            self.runs.close(run_id, outcome="failed", error=f"{type(error).__name__}: {error}")
            raise
        reach("run.closing")
        self.runs.close(run_id, outcome="partial" if stats.errors else "done", counts=stats)
        return stats

    def register_processors(self) -> list[str]:
        """Make every installed processor known, so that changes become pending for it; return their names."""
        names = []
        for plugin in plugins.installed(plugins.PROCESSORS):
            processor, _ = plugins.processor(plugin.name)
            self._register(processor)
            names.append(plugin.name)
        return names

    def _register(self, processor: Processor) -> None:
        with self.store.read() as tx:
            if state.is_registered(tx, processor.name, version=processor.version):
                return
        with self.store.write() as tx:
            state.register(tx, processor, now=self.clock.now())

    def delete_session(self, name: str) -> int:
        """Delete a session, its sub-agents and everything derived from them; return how many transcripts.

        Raises:
            NotFound: no transcript has this session id or session file.
        """
        with self.store.write() as tx:
            found = catalogue.find(tx, name)
            if not found:
                raise NotFound(f"no session {name!r}; `precedent sessions` lists them")
            keys = catalogue.remove(tx, [entry.id for entry in found], listener=Pending())
        for key in keys:
            self.archive.delete(key)
        return len(found)

    def pause(self, name: str, reason: str) -> None:
        """Keep a processor from running; an empty reason lets it run again.

        Raises:
            NotFound: no such processor is installed.
        """
        processor, _ = plugins.processor(name)
        self._register(processor)
        with self.store.write() as tx:
            state.pause(tx, name, reason)

    def is_empty(self, tx: sa.Connection) -> bool:
        """Tell whether no transcript was ever archived."""
        return tx.scalar(sa.select(transcript.c.id).limit(1)) is None

    def close(self) -> None:
        """Close what was opened."""
        if "store" in self.__dict__:
            self.store.close()


class Pending:
    """Makes changed transcripts pending for every processor; see `archive.catalogue.Listener`."""

    def changed(self, tx: sa.Connection, session_files: Sequence[str], *, now: int) -> None:
        """Mark them pending."""
        state.mark_pending(tx, transcript.c.session_file.in_(session_files), now=now)

    def removed(self, tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
        """Take what every installed processor derived from them."""
        for plugin in plugins.installed(plugins.PROCESSORS):
            processor, _ = plugins.processor(plugin.name)
            processor.remove(transcript_ids, tx)
        state.forget(tx, transcript_ids)
