"""What every part of the program stands on: database, archive, ledger of runs, processors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from precedent import plugins, samples
from precedent.archive import demo
from precedent.archive.disk import Disk
from precedent.archive.folder import FolderArchive
from precedent.clock import Clock
from precedent.errors import Misconfigured
from precedent.jobs import records, wake
from precedent.jobs.pending import Pending
from precedent.jobs.processing import Processing
from precedent.jobs.records import Job
from precedent.jobs.runs import Requested, Runs
from precedent.pipeline.event_pages import EventPages, Named
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import Budget, Runner
from precedent.pipeline.wishes import Wishes
from precedent.security import audit
from precedent.security.egress import Egress
from precedent.security.principals import COMMAND_LINE
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import transcript
from precedent.telemetry.events import Events, events
from precedent.telemetry.tracing import Tracing, tracing

if TYPE_CHECKING:
    from precedent.archive.receiving import Receiver
    from precedent.archive.sources import Home
    from precedent.transcripts.contract import Reader


@dataclass(frozen=True)
class Foundation:
    """What the other parts share; parts are made when they are first needed.

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

    @cached_property
    def receiver(self) -> "Receiver":
        """Takes uploads."""
        # The rules for secrets take long to compile; a server does so when it starts.
        from precedent.archive.quotas import UploadLimits  # noqa: PLC0415
        from precedent.archive.receiving import Receiver  # noqa: PLC0415

        self.processing.register_all()
        settings = self.settings
        return Receiver(
            self.store,
            self.archive,
            readers={name: reader for name, (reader, _) in plugins.readers().items()},
            listener=Pending(),
            private_folders=settings.private_folders,
            limits=UploadLimits(size_bytes=settings.upload_mb_per_day << 20, uploads=settings.uploads_per_day),
            clock=self.clock,
        )

    @cached_property
    def event_pages(self) -> EventPages:
        """Shows what transcripts say."""
        readers = plugins.readers()

        def content(named: Named) -> "tuple[Path, Reader]":
            found = readers.get(named.ref.agent)
            if found is None:
                raise Misconfigured(f"no reader of {named.ref.agent} is installed, which wrote this transcript")
            return self.archive.path(named.object_key), found[0]

        return EventPages(content)

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """The record of every job, by name."""
        found = self.processors.usable.values()
        return records.jobs(self.settings, [records.Cadence(each.name, each.cadence_s) for each in found])

    @cached_property
    def processors(self) -> plugins.Processors:
        """What is installed and can be used, and what cannot."""
        return plugins.processors()

    def request(
        self,
        name: str,
        *,
        by: str,
        due_at: int | None = None,
        overlap: records.Overlap | None = None,
        told: Mapping[str, object] | None = None,
    ) -> Requested:
        """Queue a run of a job and wake a worker; see `Runs.request`.

        Args:
            name: of the job.
            by: who asks.
            due_at: the instant at which it was due.
            overlap: a rule instead of the job's own.
            told: what its work is told.
        """
        parent = self.tracing.traceparent()
        request = {**(told or {}), **({"traceparent": parent} if parent else {})}
        record = records.named(self.jobs, name)
        found = self.runs.request(
            record if overlap is None else replace(record, overlap=overlap),
            by=by,
            due_at=due_at,
            request=request or None,
        )
        if found.new:
            wake.wake(self.store, self.settings.data_dir)
        return found

    @cached_property
    def egress(self) -> Egress:
        """Where URLs may lead that somebody sets through us.

        Raises:
            Misconfigured: `egress_private` names what is no place.
        """
        return Egress(self.settings.egress_private)

    @cached_property
    def secrets(self) -> SecretStore:
        """The secrets that are named and not held."""
        return SecretStore(self.settings.secrets_dir)

    @cached_property
    def events(self) -> Events:
        """Where events go."""
        return events(self.settings)

    @cached_property
    def tracing(self) -> Tracing:
        """Where spans go.

        Raises:
            Misconfigured: traces are asked for and cannot be made.
        """
        return tracing(self.settings)

    def audited(self, tx: sa.Connection, action: str, resource: str, *, details: Mapping[str, object]) -> None:
        """Write an act of the command line into the audit log, in the transaction that does it."""
        audit.record(tx, audit.Act(COMMAND_LINE.name, action, resource, "ok", details=details), now=self.clock.now())

    @cached_property
    def disk(self) -> Disk:
        """The room there is, and whether anything more may be taken in."""
        settings = self.settings
        return Disk(
            self.store,
            data_dir=settings.data_dir,
            archive_dir=settings.archive_dir,
            max_bytes=settings.disk_max_mb * 1_000_000,
            min_free_bytes=settings.disk_min_free_mb * 1_000_000,
        )

    @cached_property
    def wishes(self) -> Wishes:
        """What persons allow."""
        return Wishes(self.store, self.processing.register_all, self.clock)

    def is_empty(self) -> bool:
        """Tell whether nothing was ever archived."""
        with self.store.read() as tx:
            return tx.scalar(sa.select(transcript.c.id).limit(1)) is None

    def demo_homes(self) -> "list[Home]":
        """Return the sample homes that are shown as demo data; none where there is none."""
        with self.store.read() as tx:
            return demo.present(tx, samples.homes())
