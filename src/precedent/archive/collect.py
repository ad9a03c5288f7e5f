"""Copies what is new in people's homes into the archive: scrubbed, appended, catalogued.

Order of every step: write to the archive, flush it, commit the catalogue. A death in between leaves bytes beyond the
catalogued length, or an object that no row names; the next collection drops them. A source that shrinks, vanishes or
is replaced never takes anything away from what was derived from it before.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from precedent.clock import Clock
from precedent.errors import BadInput
from precedent.faults import reach
from precedent.store import Store
from precedent.store.schema import transcript
from precedent.transcripts.contract import Reader

from . import catalogue, people
from .catalogue import Change, Entry, Listener
from .contract import Archive
from .copying import Copy, copy_new, same_content, starts_alike
from .folder import MAX_PART_BYTES
from .naming import object_key, session_file
from .privacy import Privacy
from .sources import Candidate, Home, Refused, walk

HEAD_BYTES = 256 << 10
BATCH_FILES = 64
BATCH_BYTES = 64 << 20
MAX_DETAILS = 50
MAX_FOLDERS = 200  # of one transcript, kept to notice a later opt-out


class CollectStats(msgspec.Struct, kw_only=True):
    """Counts of one collection.

    Attributes:
        users_processed: homes that were looked through.
        files_copied: transcripts that are new or have grown or changed.
        files_skipped: unchanged, or not yet one whole line.
        files_private: left alone because their person wants it.
        files_withdrawn: removed because their person made them private after they had been archived.
        files_deleted: left alone because their session was deleted on purpose.
        files_unknown: no transcript by their content.
        files_refused: unsafe to read.
        files_failed: could not be read or written.
        bytes_read: from sources.
        redactions: secrets that were scrubbed.
        errors_detail: the first refusals and failures, each with file and error.
    """

    users_processed: int = 0
    files_copied: int = 0
    files_skipped: int = 0
    files_private: int = 0
    files_withdrawn: int = 0
    files_deleted: int = 0
    files_unknown: int = 0
    files_refused: int = 0
    files_failed: int = 0
    bytes_read: int = 0
    redactions: int = 0
    errors_detail: list[dict[str, str]] = []

    def error(self, path: str, reason: str) -> None:
        """Keep the first refusals and failures."""
        if len(self.errors_detail) < MAX_DETAILS:
            self.errors_detail.append({"file": path, "error": reason})


Progress = Callable[[CollectStats], None]


class Collector:
    """Collects from homes.

    Args:
        store: the database.
        archive: where transcripts go.
        readers: by agent.
        listener: told of every change in its transaction.
        private_folders: opted out for everybody.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        *,
        readers: Mapping[str, Reader],
        listener: Listener,
        private_folders: Sequence[str] = (),
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._archive, self._listener, self._clock = store, archive, listener, clock
        self._readers, self._private_folders = readers, private_folders

    def collect(
        self,
        homes: Iterable[Home],
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: Progress = lambda _: None,
    ) -> CollectStats:
        """Collect every home; the failure of one file or home stops no other.

        Args:
            homes: where to collect from.
            stopping: asked between files; true ends the collection after what is under way.
            progress: told after every batch.
        """
        stats = CollectStats()
        for home in homes:
            try:
                _HomeCollection(self, home, stats, progress).collect(stopping)
            except OSError as error:
                stats.files_failed += 1
                stats.error(str(home.path), str(error))
                continue
            stats.users_processed += 1
        progress(stats)
        return stats

    @property
    def store(self) -> Store:
        """The database."""
        return self._store

    @property
    def archive(self) -> Archive:
        """Where transcripts go."""
        return self._archive

    @property
    def readers(self) -> Mapping[str, Reader]:
        """Readers by agent."""
        return self._readers

    def privacy(self, home: Home) -> Privacy:
        """Return the wishes of a home's person."""
        return Privacy(home.path, folders=self._private_folders)

    def now(self) -> int:
        """Return the time."""
        return self._clock.now()

    def commit(self, changes: Sequence[Change], touched: Sequence[tuple[str, str, int]]) -> list[Change]:
        """Catalogue a batch whose archive objects are written; return what another collector was ahead of."""
        self._archive.sync(str(change.values["object_key"]) for change in changes)
        reach("collect.synced")
        with self._store.write() as tx:
            lost = catalogue.commit(tx, changes, listener=self._listener, now=self._clock.now())
            catalogue.seen(tx, touched)
            reach("collect.catalogued")
        reach("collect.committed")
        for change in changes:
            if change.replaced and change not in lost:
                self._archive.delete(change.replaced)
        reach("collect.swept")
        return lost

    def withdraw(self, entry: Entry) -> None:
        """Remove a transcript and everything derived from it."""
        with self._store.write() as tx:
            # Before the commit: whoever dies in between finds the transcript again and removes it then.
            for key in catalogue.remove(tx, [entry.id], listener=self._listener):
                self._archive.delete(key)
            reach("collect.withdrawn")


class _HomeCollection:
    """The collection of one home."""

    def __init__(self, collector: Collector, home: Home, stats: CollectStats, progress: Progress) -> None:
        self._collector, self._home, self._stats, self._progress = collector, home, stats, progress
        self._privacy = collector.privacy(home)
        self._changes: list[Change] = []
        self._touched: list[tuple[str, str, int]] = []
        self._bytes = 0

    def collect(self, stopping: Callable[[], bool]) -> None:
        self._owner = self._home.path.stat().st_uid
        with self._collector.store.write() as tx:
            self._user_id = people.ensure(tx, self._home.user, now=self._collector.now())
            known = catalogue.entries(tx, self._user_id)
            self._deleted = catalogue.buried(tx, self._user_id)
        self._by_path = {entry.source_path: entry for entry in known}
        self._by_name = {entry.session_file: entry for entry in known}
        reach("collect.listed")
        # Before the sources are looked at: one that is gone is not found there, and may be private all the same.
        private = [entry for entry in known if self._is_private(entry)]
        for entry in private:
            self._withdraw(entry)
        withdrawn = {entry.source_path for entry in private}
        for entry in known:
            if entry.generation:  # a collector that died may have left it
                self._collector.archive.delete(object_key(entry.session_file, generation=entry.generation - 1))
        for reader in self._collector.readers.values():
            for root in reader.roots:
                for found in walk(self._home.path, root):
                    if stopping():
                        break
                    if found.path not in withdrawn:
                        self._consider(found, reader)
        self._flush()

    def _consider(self, found: Candidate | Refused, reader: Reader) -> None:
        if isinstance(found, Refused):
            self._stats.files_refused += 1
            self._stats.error(found.path, found.reason)
            return
        if not reader.accepts(found.relative):
            return
        entry = self._by_path.get(found.path)
        if entry is not None and entry.source_fingerprint == found.fingerprint:
            self._stats.files_skipped += 1
            return
        try:
            descriptor = found.open(owner=self._owner)
        except BadInput as error:
            self._stats.files_refused += 1
            self._stats.error(found.path, str(error))
            return
        except FileNotFoundError:
            return
        except OSError as error:
            self._stats.files_failed += 1
            self._stats.error(found.path, error.strerror or str(error))
            return
        reach("collect.opened")
        try:
            self._copy(found, reader, entry, descriptor)
        except (OSError, BadInput) as error:
            self._stats.files_failed += 1
            self._stats.error(found.path, str(error))
        finally:
            os.close(descriptor)
        if len(self._changes) >= BATCH_FILES or self._bytes >= BATCH_BYTES:
            self._flush()

    def _is_private(self, entry: Entry) -> bool:
        """A person may have changed their mind since the transcript was archived."""
        return self._privacy.covers_session(entry.native_id, entry.agent_id, entry.parent_id) or any(
            self._privacy.covers_folder(folder) for folder in entry.works_in()
        )

    def _copy(self, found: Candidate, reader: Reader, entry: Entry | None, descriptor: int) -> None:
        head = os.pread(descriptor, HEAD_BYTES, 0)
        if entry is None:
            if b"\n" not in head and len(head) < HEAD_BYTES:
                head = head if head.rstrip().endswith(b"}") else b""
            if not head.strip():
                self._stats.files_skipped += 1
                return
            if not reader.detect(head):
                others = [each for each in self._collector.readers.values() if each.detect(head)]
                if not others:
                    self._stats.files_unknown += 1
                    return
                reader = others[0]
        identity = reader.identify(found.relative, head)
        name = session_file(self._home.user, identity, max_bytes=MAX_PART_BYTES)
        if identity.native_id in self._deleted:
            self._stats.files_deleted += 1
            return
        if self._privacy.covers_session(identity.native_id, identity.agent_id, identity.parent_id):
            if name not in self._by_name:  # a collector that died may have begun to write it
                self._collector.archive.delete(object_key(name, generation=0))
            self._leave_alone(entry)
            return
        if any(change.session_file == name for change in self._changes):
            self._flush()  # a second file of the same ids: it is told apart from the first, which must be catalogued
        if entry is None and (entry := self._by_name.get(name)) is not None and not self._moved(entry, descriptor):
            name = session_file(self._home.user, identity, max_bytes=MAX_PART_BYTES, apart=found.path)
            entry = self._by_name.get(name)
        copy = self._copied(found, reader, entry, descriptor, name)
        if copy is None:
            return
        values: dict[str, object] = {
            "source_path": found.path,
            "source_fingerprint": found.fingerprint,
            "source_offset": copy.source_offset,
            "source_blocks": copy.source_blocks,
            "object_key": copy.object_key,
            "length": copy.length,
            "generation": copy.generation,
            "content_hash": copy.content_hash,
            "archive_blocks": copy.archive_blocks,
            "redactions": copy.redactions if entry is None else transcript.c.redactions + copy.redactions,
            "folders": "\n".join(sorted({*copy.folders, *(entry.works_in() if entry else ())})[:MAX_FOLDERS]),
            "observed_at": found.modified_at,
        }
        if entry is None:
            values |= {
                "session_file": name,
                "user_id": self._user_id,
                "agent": reader.agent,
                "native_id": identity.native_id,
                "agent_id": identity.agent_id,
                "agent_type": self._agent_type(found) if identity.agent_id else "",
                "parent_id": identity.parent_id,
            }
        self._changes.append(
            Change(
                entry.session_file if entry else name,
                entry,
                values,
                entry.object_key if entry and entry.object_key != copy.object_key else "",
            )
        )
        self._bytes += copy.bytes_read
        self._stats.bytes_read += copy.bytes_read
        self._stats.redactions += copy.redactions
        self._stats.files_copied += 1

    def _copied(self, found: Candidate, reader: Reader, entry: Entry | None, descriptor: int, name: str) -> Copy | None:
        """Copy what is new; None when there is nothing new or the person keeps it private."""
        source_blocks, archive_blocks = b"", b""
        fresh = entry is None
        if entry is not None:
            with self._collector.store.read() as tx:
                source_blocks, archive_blocks = catalogue.digests(tx, entry.id)
            size = os.fstat(descriptor).st_size
            grown = size > entry.source_offset and starts_alike(descriptor, entry.source_offset, source_blocks)
            if size == entry.source_offset and same_content(descriptor, size, source_blocks):
                self._touched.append((found.fingerprint, found.path, entry.id))
                self._stats.files_skipped += 1
                return None
            fresh = not grown
        copy = copy_new(
            self._collector.archive,
            descriptor,
            entry=entry,
            name=name if entry is None else entry.session_file,
            fresh=fresh,
            source_blocks=b"" if fresh else source_blocks,
            archive_blocks=b"" if fresh else archive_blocks,
            folders_of=reader.folders,
            is_private=self._privacy.covers_folder,
        )
        if copy is None:
            self._leave_alone(entry)
            return None
        if not copy.bytes_read:
            self._stats.files_skipped += 1
            if entry is not None and not fresh:
                self._touched.append((found.fingerprint, found.path, entry.id))
            return None
        reach("collect.replaced" if fresh and entry is not None else "collect.appended")
        return copy

    def _moved(self, entry: Entry, descriptor: int) -> bool:
        """Tell whether a file is a catalogued transcript's source that moved, not a second one of the same name."""
        if os.path.lexists(entry.source_path) or any(change.entry is entry for change in self._changes):
            return False
        with self._collector.store.read() as tx:
            source_blocks, _ = catalogue.digests(tx, entry.id)
        return starts_alike(descriptor, entry.source_offset, source_blocks)

    def _agent_type(self, found: Candidate) -> str:
        name = found.relative.name.removesuffix(".jsonl") + ".meta.json"
        try:
            meta = msgspec.json.decode(found.sibling(name, owner=self._owner, max_bytes=64 << 10), type=_Meta)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        return (meta.agentType or "")[:200]

    def _leave_alone(self, entry: Entry | None) -> None:
        if entry is None:
            self._stats.files_private += 1
        else:
            self._withdraw(entry)

    def _withdraw(self, entry: Entry) -> None:
        self._flush()
        self._collector.withdraw(entry)
        self._by_path.pop(entry.source_path, None)
        self._by_name.pop(entry.session_file, None)
        self._stats.files_withdrawn += 1

    def _flush(self) -> None:
        if self._changes or self._touched:
            lost = self._collector.commit(self._changes, self._touched)
            self._stats.files_copied -= len(lost)
        with self._collector.store.read() as tx:
            for change in self._changes:
                if change.entry is None and (new := catalogue.entry(tx, change.session_file)):
                    self._by_name[change.session_file] = new
                    self._by_path[new.source_path] = new
        self._changes, self._touched, self._bytes = [], [], 0
        self._progress(self._stats)


class _Meta(msgspec.Struct):
    """What Claude Code writes beside a sub-agent's transcript."""

    agentType: str | None = None
