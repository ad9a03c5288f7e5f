"""Keeping and giving up what is stored: erasing, housekeeping, backups, merging, imports."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from precedent import samples
from precedent.archive import consent, demo, people
from precedent.errors import Busy, Conflict
from precedent.jobs.pending import Pending
from precedent.jobs.records import COLLECTOR, Overlap
from precedent.usage import rollups

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.archive.backup import BackupStats
    from precedent.archive.erasing import Eraser, Receipt
    from precedent.pipeline.importing import ImportStats
    from precedent.security.acting import By

DERIVED_HERE = frozenset({"friction", "secrets", "usage"})
"""Processors whose results are figures of this store: what another installation did adds nothing to them."""


@dataclass(frozen=True)
class Keeping(Foundation):
    """Keeps what is stored, and gives it up."""

    def import_state(self, path: Path, *, dry_run: bool = False) -> "ImportStats":
        """Bring in what the processors of another installation have done, from its DuckDB file.

        Raises:
            BadInput: the file cannot be used.
            Transient: the file is in use.
        """
        # One command of many needs it.
        from precedent.pipeline.importing import import_state  # noqa: PLC0415

        def note(tx: sa.Connection, stats: "ImportStats") -> None:
            # The log is kept for ever: neither the file's name nor what its rows say stands in it.
            named = ("tables", "rows", "imported", "present", "waiting", "deleted", "unusable")
            self.audited(tx, "import_state", "processors", details={name: getattr(stats, name) for name in named})

        return import_state(
            self.store, path, derived_here=DERIVED_HERE, now=self.clock.now(), dry_run=dry_run, also=note
        )

    @cached_property
    def eraser(self) -> "Eraser":
        """Erases sessions and persons."""
        # A few commands of many need it.
        from precedent.archive.erasing import Eraser  # noqa: PLC0415

        return Eraser(self.store, self.archive, listener=Pending(), clock=self.clock)

    def erase_session(self, name: str, *, by: str, owner: int | None = None, request_id: str = "") -> "Receipt":
        """Erase a session, its sub-agents and everything derived from them; see `Eraser.session`."""
        found = self.eraser.session(name, by=by, owner=owner, request_id=request_id)
        self._forget_names()
        return found

    def erase_person(self, key: str, *, by: str, request_id: str = "") -> "Receipt":
        """Erase a person and everything of them; see `Eraser.person`."""
        found = self.eraser.person(key, by=by, request_id=request_id)
        self._forget_names()
        return found

    def may_begin_demo(self) -> bool:
        """Tell whether demo data can be shown: there are no transcripts, and it was not removed before."""
        with self.store.read() as tx:
            return not demo.was_removed(tx, samples.homes()) and self.is_empty()

    def begin_demo(self, *, by: "By") -> None:
        """Have the sample transcripts collected, as those of persons whose keys begin with `demo-`.

        Raises:
            Conflict: there are transcripts already, or there was demo data before.
        """
        if not self.may_begin_demo():
            raise Conflict("demo data is for a server without transcripts, and comes once")
        with self.store.write() as tx:
            demo.begin(tx, samples.homes(), by=by, now=self.clock.now())
        with suppress(Busy):  # one that waits will find them
            self.request(COLLECTOR, by=by.principal.name, overlap=Overlap.QUEUE_ONE)

    def end_demo(self, *, by: "By") -> None:
        """Erase the demo data with its persons."""
        for each in self.demo_homes():
            self.erase_person(each.user, by=by.principal.name, request_id=by.request_id)

    def _forget_names(self) -> None:
        from precedent.tables import usage_snapshots  # noqa: PLC0415  # as above
        from precedent.usage import retention  # noqa: PLC0415  # as above

        if retention.forget_names(self.store):
            self.store.wipe()
        usage_snapshots.remove(self.settings.tables_dir)

    def back_up(self, path: Path) -> "BackupStats":
        """Write everything into a file, as it is at this instant; see `archive.backup`."""
        from precedent.archive import backup  # noqa: PLC0415  # as above

        return backup.back_up(self.store, self.archive, path, clock=self.clock)

    def restore(
        self, path: Path, *, read_back: bool = False, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> "BackupStats":
        """Bring a backup into this data folder and database, which must be empty; see `archive.backup`."""
        from precedent.archive import backup  # noqa: PLC0415  # as above

        return backup.restore(
            self.store, self.archive, path, derived_here=DERIVED_HERE, read_back=read_back, progress=progress
        )

    def merge_people(self, key: str, *, into: str) -> None:
        """Give everything of one person to another, now and for all that is collected later.

        Raises:
            NotFound: there is no such person.
            BadInput: both are the same person.
        """
        from precedent.knowledge import people as knowledge_people  # noqa: PLC0415  # its patterns take long to compile

        processors = self.wishes.processors()
        with self.store.write() as tx:
            old, new = people.merge(tx, key, into=into)
            rollups.move(tx, old, into=new)
            consent.move(tx, old, into=new)
            knowledge_people.move(tx, old, into=new, now=self.clock.now())
            self.wishes.apply(tx, new, processors)
            self.audited(tx, "merge_people", f"person:{key}", details={"into": into})
