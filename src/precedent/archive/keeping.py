"""Brings archive and catalogue forward together, in the order that loses nothing whoever dies in between."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from precedent.clock import Clock
from precedent.faults import reach
from precedent.store import Store
from precedent.store.schema import transcript

from . import catalogue, people
from .catalogue import MAX_FOLDERS, Change, Entry, Listener
from .contract import Archive
from .copying import Copy
from .erasing import was_erased
from .naming import storable


def change_of(
    copy: Copy,
    *,
    name: str,
    entry: Entry | None,
    identity: dict[str, object],
    source_path: str,
    fingerprint: str,
    folders: set[str],
    observed_at: int,
) -> Change:
    """Return how the catalogue changes by what was copied.

    Args:
        copy: what was written to the archive.
        name: session file of the transcript.
        entry: what the catalogue had; None for a new transcript.
        identity: columns of a new transcript; empty for a known one.
        source_path: where it came from.
        fingerprint: of the source.
        folders: working folders that are known without reading the source.
        observed_at: UTC microseconds.
    """
    values = {
        **identity,
        "source_path": source_path,
        "source_fingerprint": fingerprint,
        "source_offset": copy.source_offset,
        "source_blocks": copy.source_blocks,
        "object_key": copy.object_key,
        "length": copy.length,
        "generation": copy.generation,
        "content_hash": copy.content_hash,
        "archive_blocks": copy.archive_blocks,
        "redactions": copy.redactions if entry is None else transcript.c.redactions + copy.redactions,
        "folders": "\n".join(sorted(map(storable, copy.folders | folders))[:MAX_FOLDERS]),
        "observed_at": observed_at,
    }
    replaced = entry.object_key if entry and entry.object_key != copy.object_key else ""
    return Change(name, entry, values, replaced)


class Keeper:
    """Keeps what was copied.

    Args:
        store: the database.
        archive: where transcripts go.
        listener: told of every change in its transaction.
        clock: time.
    """

    def __init__(self, store: Store, archive: Archive, *, listener: Listener, clock: Clock) -> None:
        self._store, self.archive, self._listener, self._clock = store, archive, listener, clock

    def person(self, user: str) -> int | None:
        """Return a person's id; one who is not known yet is added. None for one who was erased."""
        with self._store.write() as tx:
            return None if was_erased(tx, user) else people.ensure(tx, user, now=self._clock.now())

    def begin(self, user: str) -> tuple[int, list[Entry], set[str]]:
        """Return a person's id, what the catalogue has of them, and which sessions they deleted."""
        with self._store.write() as tx:
            user_id = people.ensure(tx, user, now=self._clock.now())
            return user_id, catalogue.entries(tx, user_id), catalogue.buried(tx, user_id)

    def alone(self, user_id: int, *, wait_s: float = float("inf")) -> AbstractContextManager[None]:
        """Be the only one who writes to a person's part of the archive, in any process, until the block ends.

        Whoever appends holds this from reading the catalogue to committing it: an append drops what stands beyond the
        catalogued length, which another's commit may just have made part of the transcript.

        Raises:
            Transient: another one wrote for longer than `wait_s` seconds.
        """
        return self.archive.alone(str(user_id), wait_s=wait_s)

    def now(self) -> int:
        """Return the time, for a source whose own cannot be."""
        return self._clock.now()

    def digests(self, entry: Entry) -> tuple[bytes, bytes]:
        """Return the digests of a transcript's source and of its archived content."""
        with self._store.read() as tx:
            return catalogue.digests(tx, entry.id)

    def entries(self, session_files: Sequence[str]) -> list[Entry]:
        """Return what the catalogue has of session files."""
        with self._store.read() as tx:
            return [entry for name in session_files if (entry := catalogue.entry(tx, name))]

    def commit(
        self,
        changes: Sequence[Change],
        touched: Sequence[tuple[str, str, int]],
        *,
        also: Callable[[sa.Connection], None] = lambda _: None,
    ) -> list[Change]:
        """Catalogue a batch whose archive objects are written; return what another collector was ahead of.

        Args:
            changes: what is new.
            touched: see `catalogue.seen`.
            also: done in the same transaction.
        """
        self.archive.sync(str(change.values["object_key"]) for change in changes)
        reach("collect.synced")
        with self._store.write() as tx:
            lost = catalogue.commit(tx, changes, listener=self._listener, now=self._clock.now())
            catalogue.seen(tx, touched)
            also(tx)
            reach("collect.catalogued")
        reach("collect.committed")
        for change in changes:
            if change.replaced and change not in lost:
                self.archive.delete(change.replaced)
        reach("collect.swept")
        return lost

    def withdraw(self, entry: Entry) -> None:
        """Remove a transcript and everything derived from it."""
        with self._store.write() as tx:
            # Before the commit: whoever dies in between finds the transcript again and removes it then.
            for key in catalogue.remove(tx, [entry.id], listener=self._listener):
                self.archive.delete(key)
            reach("collect.withdrawn")
