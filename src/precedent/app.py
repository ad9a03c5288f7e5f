"""Wires the program together: the one file that knows every concrete class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from precedent import plugins
from precedent.archive import catalogue, people
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.collect import Progress as CollectProgress
from precedent.archive.folder import FolderArchive
from precedent.archive.sources import Home
from precedent.clock import Clock
from precedent.errors import Misconfigured, NotFound
from precedent.jobs.processing import Processing
from precedent.jobs.runs import Runs
from precedent.pipeline import state
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import Budget, Progress, Runner
from precedent.pipeline.stats import RunStats
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import transcript
from precedent.usage import rollups

COLLECTOR = "session-collector"
"""Job name of the collector."""


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
        """The database, brought to the newest schema.

        Raises:
            Misconfigured: it cannot be made or opened.
        """
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
        """Works through what a processor has to do."""
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
    def processing(self) -> Processing:
        """Runs of processors."""
        budget = Budget(transcripts=self.settings.run_transcripts, seconds=self.settings.run_time_s)
        return Processing(self.store, self.runs, self.runner, budget=budget, clock=self.clock)

    def run_processor(self, name: str, *, progress: Progress = lambda _: None) -> RunStats:
        """Run a processor over what is due; see `Processing.run`."""
        return self.processing.run(name, progress=progress)

    def collect(
        self,
        homes: Sequence[Home],
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: CollectProgress = lambda _: None,
    ) -> CollectStats:
        """Collect from homes, as one run of the collector.

        Raises:
            Busy: a collection is under way.
        """
        self.processing.register_all()
        collector = Collector(
            self.store,
            self.archive,
            readers={name: reader for name, (reader, _) in plugins.readers().items()},
            listener=Pending(),
            private_folders=self.settings.private_folders,
            clock=self.clock,
        )
        with self.runs.running(COLLECTOR) as run:
            # A collection that was declared lost must not write beside its successor.
            stats = collector.collect(homes, stopping=lambda: run.is_lost() or stopping(), progress=progress)
        self.runs.close(run.id, outcome="partial" if stats.files_failed else "done", counts=stats)
        return stats

    def delete_session(self, name: str) -> int:
        """Delete a session for good, its sub-agents and everything derived from them; return how many transcripts.

        Raises:
            NotFound: no transcript has this session id or session file.
        """
        with self.store.write() as tx:
            found = catalogue.find(tx, name)
            if not found:
                raise NotFound(f"no session {name!r}; `precedent sessions list` names them")
            ids = [entry.id for entry in found]
            catalogue.bury(tx, ids, now=self.clock.now())
            keys = catalogue.remove(tx, ids, listener=Pending())
        for key in keys:
            self.archive.delete(key)
        return len(found)

    def merge_people(self, key: str, *, into: str) -> None:
        """Give everything of one person to another, now and for all that is collected later.

        Raises:
            NotFound: there is no such person.
            BadInput: both are the same person.
        """
        with self.store.write() as tx:
            old, new = people.merge(tx, key, into=into)
            rollups.move(tx, old, into=new)

    def is_empty(self) -> bool:
        """Tell whether nothing was ever archived."""
        with self.store.read() as tx:
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
