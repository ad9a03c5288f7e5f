"""Looks through one home: decides what each source is, has it copied and catalogues it in batches.

One thread looks, decides and catalogues; others copy, see `transfers`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from precedent.errors import BadInput
from precedent.faults import reach
from precedent.transcripts.contract import Identity, Reader, StoreReader
from precedent.transcripts.times import EARLIEST, LATEST

from .catalogue import Change, Entry
from .copying import Copy, starts_alike
from .counts import CollectStats, Progress
from .folder import MAX_PART_BYTES
from .keeping import Keeper, change_of
from .naming import UPLOADED, object_key, session_file, storable
from .privacy import Privacy, folder_beside
from .sources import Candidate, Failed, Home, Refused, walk
from .stores import Stored, agent_type_of, stored
from .transfers import Equal, Transfer, Transfers
from .unpacking import plain_name, unpack_file

HEAD_BYTES = 256 << 10
BATCH_FILES = 64
BATCH_BYTES = 64 << 20
MAX_UNDER_WAY = 64
"""Sources that are open at a time: enough to keep the threads busy while a batch is committed."""
MAX_RENDERED = 4
"""Stored sessions that are open at a time: each is a file in the folder of temporary files."""


class Visit:
    """The collection of one home.

    Args:
        home: where to collect from.
        keeper: keeps what was copied.
        readers: by agent.
        privacy: what the home's person wants to be left alone.
        threads: that copy.
        stats: to count in.
        progress: told after every batch.
        stopping: asked between sources and while one is copied.
    """

    def __init__(
        self,
        home: Home,
        *,
        keeper: Keeper,
        readers: Mapping[str, Reader],
        privacy: Privacy,
        threads: ThreadPoolExecutor,
        stats: CollectStats,
        progress: Progress,
        stopping: Callable[[], bool],
    ) -> None:
        self._home, self._keeper, self._readers, self._privacy = home, keeper, readers, privacy
        self._stats, self._progress, self._stopping = stats, progress, stopping
        self._transfers = Transfers(keeper.archive, threads, is_private=privacy.covers_folder, stopping=stopping)
        self._changes: list[Change] = []
        self._touched: list[tuple[str, str, int]] = []
        self._bytes = 0

    def collect(self) -> None:
        """Bring the home's part of the archive up to date."""
        self._owner = self._home.path.stat().st_uid
        person = self._keeper.person(self._home.user)
        if person is None:
            self._stats.users_erased += 1
            return
        with self._keeper.alone(person):
            self._collect()

    def _collect(self) -> None:
        self._user_id, known, self._deleted = self._keeper.begin(self._home.user)
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
                self._keeper.archive.delete(object_key(entry.session_file, generation=entry.generation - 1))
        try:
            for reader in self._readers.values():
                for found in self._sources(reader):
                    if self._stopping():
                        break
                    if found.path not in withdrawn:
                        self._consider(found, reader)
            self._settle()
            self._flush()
        finally:
            self._transfers.abandon()

    def _sources(self, reader: Reader) -> Iterator[Candidate | Stored | Refused | Failed]:
        for root in reader.roots:
            yield from walk(self._home.path, root)
        if isinstance(reader, StoreReader):
            yield from stored(self._home.path, reader, known=self._fingerprint)

    def _fingerprint(self, path: str) -> str:
        entry = self._by_path.get(path)
        return entry.source_fingerprint if entry else ""

    def _consider(self, found: Candidate | Stored | Refused | Failed, reader: Reader) -> None:
        if isinstance(found, Refused | Failed):
            self._stats.files_refused += isinstance(found, Refused)
            self._stats.files_failed += isinstance(found, Failed)
            self._stats.error(found.path, found.reason)
            return
        if isinstance(found, Candidate) and not self._is_source(found, reader):
            return
        entry = self._by_path.get(found.path)
        if entry is not None and entry.source_fingerprint == found.fingerprint:
            self._stats.files_skipped += 1
            return
        if isinstance(found, Stored) and self._is_kept_out(found, entry):
            return
        try:
            descriptor = found.open(owner=self._owner)
            if isinstance(found, Candidate) and found.form:
                descriptor = unpack_file(descriptor, form=found.form)
        except BadInput as error:
            self._stats.files_refused += isinstance(found, Candidate)
            self._stats.files_failed += isinstance(found, Stored)
            self._stats.error(found.path, str(error))
            return
        except FileNotFoundError:
            return
        except OSError as error:
            self._failed(found, error.strerror or str(error))
            return
        reach("collect.opened")
        transfer = None
        try:
            transfer = self._decided(found, reader, entry, descriptor)
        except (OSError, BadInput) as error:
            self._failed(found, str(error))
        finally:
            if transfer is None:
                os.close(descriptor)
        if transfer is not None:
            self._transfers.begin(transfer)
            self._settle(MAX_UNDER_WAY if isinstance(found, Candidate) else MAX_RENDERED)

    def _settle(self, leave: int = 0) -> None:
        """Wait until no more than some sources are under way; commit when a batch is full."""
        for transfer, outcome in self._transfers.finished(leave=leave):
            if isinstance(outcome, OSError | BadInput):
                self._failed(transfer.found, str(outcome))
                continue
            self._take(transfer, outcome)
            if len(self._changes) >= BATCH_FILES or self._bytes >= BATCH_BYTES:
                self._flush()

    def _failed(self, found: Candidate | Stored, reason: str) -> None:
        self._stats.files_failed += 1
        self._stats.error(found.path, reason)

    def _is_source(self, found: Candidate, reader: Reader) -> bool:
        """Tell whether a file is a transcript by its place; of one that stands there compressed as well, the plain."""
        return reader.accepts(found.plain) and not (found.form and found.has_sibling(found.plain.name))

    def _is_kept_out(self, found: Stored, entry: Entry | None) -> bool:
        """A stored session tells without being read whether it may be; at every collection it would be read anew."""
        session, identity = found.session, found.session.identity
        if identity.native_id in self._deleted:
            self._stats.files_deleted += 1
            return True
        if self._privacy.covers_session(identity.native_id, identity.agent_id, identity.parent_id) or (
            session.folder and self._privacy.covers_folder(session.folder)
        ):
            self._leave_alone(entry)
            return True
        return False

    def _is_private(self, entry: Entry) -> bool:
        """A person may have changed their mind since the transcript was archived."""
        return self._privacy.covers_session(entry.native_id, entry.agent_id, entry.parent_id) or any(
            self._privacy.covers_folder(folder) for folder in entry.works_in()
        )

    def _decided(
        self, found: Candidate | Stored, reader: Reader, entry: Entry | None, descriptor: int
    ) -> Transfer | None:
        """Decide what an opened source is; None when it is not to be copied."""
        head = os.pread(descriptor, HEAD_BYTES, 0)
        if entry is None:
            if b"\n" not in head and len(head) < HEAD_BYTES:
                head = head if head.rstrip().endswith(b"}") else b""
            if not head.strip():
                self._stats.files_skipped += 1
                return None
            if not reader.detect(head):
                others = [each for each in self._readers.values() if each.detect(head)]
                if not others:
                    self._stats.files_unknown += 1
                    return None
                reader = others[0]
        told = reader.identify(found.plain, head)
        identity = Identity(
            native_id=storable(told.native_id), agent_id=storable(told.agent_id), parent_id=storable(told.parent_id)
        )
        name = session_file(self._home.user, identity, max_bytes=MAX_PART_BYTES)
        if identity.native_id in self._deleted:
            self._stats.files_deleted += 1
            return None
        beside = self._folder_beside(found, reader)
        if self._privacy.covers_session(identity.native_id, identity.agent_id, identity.parent_id) or any(
            self._privacy.covers_folder(folder) for folder in beside
        ):
            if name not in self._by_name:  # a collector that died may have begun to write it
                self._keeper.archive.delete(object_key(name, generation=0))
            self._leave_alone(entry)
            return None
        names = {name, entry.session_file} if entry else {name}
        if any(map(self._transfers.is_under_way, names)) or any(each.session_file in names for each in self._changes):
            # A second file of the same ids: it is told apart from the first, which must be catalogued.
            self._settle()
            self._flush()
        namesake = self._by_name.get(name) if entry is None else None
        entry = entry or namesake
        if namesake is not None and not self._moved(namesake, found, descriptor):
            name = session_file(self._home.user, identity, max_bytes=MAX_PART_BYTES, apart=found.path)
            entry = self._by_name.get(name)
        if entry is not None:
            folders = beside.union(entry.works_in())
            blocks = self._keeper.digests(entry)
            return Transfer(found, descriptor, reader, entry, entry.session_file, {}, folders, *blocks)
        columns: dict[str, object] = {
            "session_file": name,
            "user_id": self._user_id,
            "agent": reader.agent,
            "native_id": identity.native_id,
            "agent_id": identity.agent_id,
            "agent_type": agent_type_of(found, owner=self._owner) if identity.agent_id else "",
            "parent_id": identity.parent_id,
        }
        return Transfer(found, descriptor, reader, None, name, columns, beside, b"", b"")

    def _take(self, transfer: Transfer, copy: Copy | Equal | None) -> None:
        """Note what became of a source."""
        found, entry = transfer.found, transfer.entry
        if copy is None:
            self._leave_alone(entry)
            return
        if isinstance(copy, Equal) or not copy.bytes_read:
            self._stats.files_skipped += 1
            if isinstance(copy, Equal) and entry is not None:
                self._touched.append((found.fingerprint, found.path, entry.id))
            return
        at = found.modified_at if EARLIEST <= found.modified_at < LATEST else self._keeper.now()
        change = change_of(
            copy,
            name=transfer.name,
            entry=entry,
            identity=transfer.identity,
            source_path=found.path,
            fingerprint=found.fingerprint,
            folders=transfer.folders,
            observed_at=at,
        )
        self._changes.append(change)
        self._bytes += copy.bytes_read
        self._stats.bytes_read += copy.bytes_read
        self._stats.redactions += copy.redactions
        self._stats.files_copied += 1

    def _moved(self, entry: Entry, found: Candidate | Stored, descriptor: int) -> bool:
        """Tell whether a file is a catalogued transcript's source that moved, not a second one of the same name."""
        if plain_name(entry.source_path) == plain_name(found.path):
            return True  # it was compressed or unpacked in its place
        if entry.source_path.startswith(UPLOADED):
            return True  # the same session of the same person came by both ways
        if os.path.lexists(entry.source_path) or any(change.entry is entry for change in self._changes):
            return False
        source_blocks, _ = self._keeper.digests(entry)
        return starts_alike(descriptor, entry.source_offset, source_blocks)

    def _folder_beside(self, found: Candidate | Stored, reader: Reader) -> set[str]:
        """Return the working folder that a file near a transcript names, where the transcript itself cannot."""
        if isinstance(found, Stored):
            return set()
        return folder_beside(self._home.path, reader, path=found.path, relative=found.relative)

    def _leave_alone(self, entry: Entry | None) -> None:
        if entry is None:
            self._stats.files_private += 1
        else:
            self._withdraw(entry)

    def _withdraw(self, entry: Entry) -> None:
        self._flush()
        self._keeper.withdraw(entry)
        self._by_path.pop(entry.source_path, None)
        self._by_name.pop(entry.session_file, None)
        self._stats.files_withdrawn += 1

    def _flush(self) -> None:
        if self._changes or self._touched:
            lost = self._keeper.commit(self._changes, self._touched)
            self._stats.files_copied -= len(lost)
        for new in self._keeper.entries([change.session_file for change in self._changes if change.entry is None]):
            self._by_name[new.session_file] = new
            self._by_path[new.source_path] = new
        self._changes, self._touched, self._bytes = [], [], 0
        self._progress(self._stats)
