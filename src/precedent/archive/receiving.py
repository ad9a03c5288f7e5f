"""Takes uploads: a source whose bytes arrive in parts, kept by the same steps as one that is collected.

The bytes count from the source's beginning, as its sender has scrubbed it. The sender says where its part starts and
which state it continues; whatever else is true here is a conflict that tells the sender what it needs to go on. What
was collected from a home may be continued by an upload and the other way round: it is one transcript.
"""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, Gone, NotFound, Private, Terminal, Transient, Unsupported
from precedent.faults import reach
from precedent.store import Store
from precedent.store.schema import transcript, user
from precedent.transcripts.contract import DocumentParser, Identity, Reader

from . import catalogue
from .blocks import DIGEST_BYTES, digest, last_block_start
from .catalogue import Change, Entry, Listener
from .contract import Archive
from .copying import Copy, copy_new
from .folder import MAX_PART_BYTES
from .keeping import Keeper, change_of
from .naming import UPLOADED, object_key, session_file, storable, user_key
from .privacy import covers
from .quotas import Quota, UploadLimits

HEAD_BYTES = 256 << 10
WAIT_S = 10.0
"""How long an upload waits for another one, or a collection, of the same person."""


class Address(NamedTuple):
    """Which transcript is meant, among those of one person.

    Attributes:
        agent: name of the agent.
        native_id: the session's id as the agent gave it; any text.
        agent_id: the sub-agent whose transcript it is; empty for a session's main transcript.
        parent_id: the session it was forked or spawned from; empty for none.
        device: tells the person's devices apart, of which two may have different sessions of one id; any text.
        agent_type: of the sub-agent, where a file beside its transcript names it.
    """

    agent: str
    native_id: str
    agent_id: str = ""
    parent_id: str = ""
    device: str = ""
    agent_type: str = ""


class Standing(NamedTuple):
    """How much of a source we have.

    Attributes:
        offset: bytes of the source, in whole lines; 0 for an unknown one.
        digest: of the last block of them, hexadecimal; empty when it is not known.
        state: names exactly this standing; what continues it gives it back.
        taken: bytes of the upload that were taken.
        redactions: secrets that were found in them here.
        at_digest: of the last block before the place that was asked for, hexadecimal; empty when it is not known.
    """

    offset: int = 0
    digest: str = ""
    state: str = ""
    taken: int = 0
    redactions: int = 0
    at_digest: str = ""


class Upload(NamedTuple):
    """One part of a source.

    Attributes:
        address: of the transcript.
        at: the place in the source where it starts.
        state: the standing that it continues or replaces; None when the sender does not say.
        replaces: the source was rewritten, and this is its new beginning.
        descriptor: of a file with the part alone; it stays the caller's.
    """

    address: Address
    at: int
    state: str | None
    replaces: bool
    descriptor: int


class _Place(NamedTuple):
    """What is known of an address: its transcript and session file, and the digests as an upload counts them."""

    entry: Entry | None
    name: str
    offset: int = 0
    source_blocks: bytes = b""
    archive_blocks: bytes = b""

    @property
    def standing(self) -> Standing:
        if self.entry is None:
            return Standing()
        return _standing(self.entry.generation, self.offset, self.source_blocks, self.archive_blocks)


class Receiver:
    """Takes uploads.

    Args:
        store: the database.
        archive: where transcripts go.
        readers: by agent.
        listener: told of every change in its transaction.
        private_folders: opted out for everybody.
        limits: of one person and day.
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
        limits: UploadLimits,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._archive, self._readers = store, archive, readers
        self._keeper = Keeper(store, archive, listener=listener, clock=clock)
        self._private_folders, self._quota = frozenset(private_folders), Quota(limits, clock=clock)

    def standing(self, user_id: int, address: Address, *, at: int | None = None) -> Standing:
        """Return how much of a source we have.

        Args:
            user_id: the person.
            address: of the transcript.
            at: also tell the digest of the last block before this place.

        Raises:
            Gone: the session was deleted.
            NotFound: no such agent is known.
        """
        self._reader(address.agent)
        with self._store.read() as tx:
            place = self._place(tx, user_id, address)
        self._sweep(place.entry)
        found = place.standing
        if at is None or place.entry is None or not 0 < at <= place.offset or place.source_blocks == b"":
            return found
        start = last_block_start(at)
        block = self._archive.read(place.entry.object_key, start=start, end=at)
        return found._replace(at_digest=digest(block).hex() if len(block) == at - start else "")

    def admit(self, user_id: int, *, size_bytes: int) -> None:
        """See whether a person may upload so much more today.

        Raises:
            Exhausted: not before tomorrow.
        """
        with self._store.read() as tx:
            self._quota.check(tx, user_id, size_bytes=size_bytes)

    def receive(self, user_id: int, upload: Upload) -> Standing:
        """Archive and catalogue the whole lines of a part, and return how much of the source we have then.

        A torn last line is left for later: the part's next upload starts at the returned offset.

        Raises:
            Conflict: the source stands elsewhere here; its state tells where.
            Gone: the session was deleted.
            Private: it works in a folder that is kept private here; what was known of it is withdrawn.
            Unsupported: the content is not of the agent.
            Exhausted: the person has uploaded enough for today.
            Transient: another one writes for the same person, or the disk is full.
        """
        reach("upload.received")
        reader = self._reader(upload.address.agent)
        with self._keeper.alone(user_id, wait_s=WAIT_S):
            try:
                return self._receive(user_id, upload, reader)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise Transient(f"the upload cannot be kept now ({reason}); try again later") from error

    def withdraw(self, user_id: int, address: Address) -> bool:
        """Remove a transcript and everything derived from it, as its person keeps it private; tell whether it was here.

        Raises:
            Gone: the session was deleted.
            NotFound: no such agent is known.
        """
        self._reader(address.agent)
        with self._keeper.alone(user_id, wait_s=WAIT_S):
            with self._store.read() as tx:
                place = self._place(tx, user_id, address)
            if place.entry is not None:
                self._keeper.withdraw(place.entry)
        return place.entry is not None

    def _receive(self, user_id: int, upload: Upload, reader: Reader) -> Standing:
        size = os.fstat(upload.descriptor).st_size
        with self._store.read() as tx:
            self._quota.check(tx, user_id, size_bytes=size)
            place = self._agreed(tx, user_id, upload)
        self._sweep(place.entry)
        if not upload.at and (unknown := self._unlike(upload.descriptor, reader)):
            self._charge(user_id, size)
            raise unknown
        fresh = upload.replaces or place.entry is None or not place.entry.object_key
        entry = place.entry and place.entry._replace(source_offset=place.offset)
        copy = copy_new(
            self._archive,
            upload.descriptor,
            entry=entry,
            name=place.name,
            fresh=fresh,
            source_blocks=b"" if fresh else place.source_blocks,
            archive_blocks=b"" if fresh else place.archive_blocks,
            folders_of=reader.folders,
            is_private=lambda folder: covers(self._private_folders, folder),
            documents=isinstance(reader.parser(), DocumentParser),
            origin=upload.at,
        )
        if copy is None:
            self._refuse(user_id, place.entry, size)
        if not copy.bytes_read:
            self._charge(user_id, size)
            return place.standing
        reach("upload.appended")
        return self._commit(user_id, upload, place, copy=copy, size=size)

    def _commit(self, user_id: int, upload: Upload, place: _Place, *, copy: Copy, size: int) -> Standing:
        # Where the scrubbing here found more than the sender's, the source is nowhere to be read again.
        same = copy.source_blocks == copy.archive_blocks and copy.source_offset == copy.length
        copy = copy._replace(source_blocks=copy.source_blocks if same else b"")
        address, entry = upload.address, place.entry
        identity: dict[str, object] = {
            "session_file": place.name,
            "user_id": user_id,
            "agent": address.agent,
            "native_id": address.native_id,
            "agent_id": address.agent_id,
            "agent_type": address.agent_type,
            "parent_id": address.parent_id,
        }
        change = change_of(
            copy,
            name=place.name,
            entry=entry,
            identity={} if entry else identity,
            source_path=_source_path(address),
            fingerprint="",
            folders=set(entry.works_in()) if entry else set(),
            observed_at=self._keeper.now(),
        )
        lost = self._keeper.commit([change], [], also=lambda tx: self._quota.charge(tx, user_id, size_bytes=size))
        reach("upload.committed")
        if lost:
            self._clean_up(change)
            raise Conflict("the transcript was changed by somebody else meanwhile; ask where it stands")
        now = _standing(copy.generation, copy.source_offset, copy.source_blocks, copy.archive_blocks)
        return now._replace(taken=copy.bytes_read, redactions=copy.redactions)

    def _sweep(self, entry: Entry | None) -> None:
        """Remove the generation before a transcript's: a server that died may have left it."""
        if entry is not None and entry.generation:
            self._archive.delete(object_key(entry.session_file, generation=entry.generation - 1))

    def _clean_up(self, change: Change) -> None:
        """Leave no object of a transcript that was removed while we wrote."""
        if not self._keeper.entries([change.session_file]):
            self._archive.delete(str(change.values["object_key"]))

    def _refuse(self, user_id: int, entry: Entry | None, size: int) -> NoReturn:
        self._charge(user_id, size)
        if entry is not None:
            self._keeper.withdraw(entry)
        raise Private("the session works in a folder that is kept private on this server; nothing of it is kept")

    def _charge(self, user_id: int, size: int) -> None:
        with self._store.write() as tx:
            self._quota.charge(tx, user_id, size_bytes=size)

    def _reader(self, agent: str) -> Reader:
        if agent not in self._readers:
            raise NotFound(f"no agent {agent!r} is known here; there are: {', '.join(sorted(self._readers))}")
        return self._readers[agent]

    def _unlike(self, descriptor: int, reader: Reader) -> Terminal | None:
        """Return why content is not an agent's transcript; None when it may be one."""
        head = os.pread(descriptor, HEAD_BYTES, 0)
        if not head.strip() or reader.detect(head):
            return None
        others = [name for name, each in self._readers.items() if each.detect(head)]
        if others:
            return Unsupported(f"this is a transcript of {others[0]}, not of {reader.agent}; upload it under that name")
        if b"\n" not in head and len(head) < HEAD_BYTES:
            return None  # a torn first line
        return Unsupported(f"this is no transcript of {reader.agent}")

    # Where things stand --------------------------------------------------------------------------------------------

    def _agreed(self, tx: sa.Connection, user_id: int, upload: Upload) -> _Place:
        """Return the place that an upload goes to.

        Raises:
            Conflict: the sender thinks that it stands elsewhere.
        """
        place = self._place(tx, user_id, upload.address)
        now = place.standing
        if upload.state is not None and upload.state != now.state:
            raise _conflict("the transcript is in another state here", now)
        if upload.replaces:
            if upload.at:
                raise BadInput("what replaces a source starts at its beginning: at=0")
            if place.entry is not None and upload.state is None:
                raise BadInput("say which state is to be replaced: state=…, as GET tells it")
            if place.entry is not None and place.entry.source_path != _source_path(upload.address):
                # Two devices with different sessions of one id would replace each other for ever.
                return _Place(None, self._apart(tx, user_id, upload.address))
            return place
        if upload.at != now.offset:
            raise _conflict("the upload does not start where the transcript ends here", now)
        return place

    def _place(self, tx: sa.Connection, user_id: int, address: Address) -> _Place:
        """Return what there is at an address.

        Raises:
            Gone: the session was deleted.
        """
        if catalogue.is_buried(tx, user_id, address.native_id):
            raise Gone(f"the session {address.native_id!r} was deleted and is not taken again")
        apart, together = self._names(tx, user_id, address)
        mine = {each.session_file: each for each in self._entries(tx, user_id, address)}
        entry = mine.get(apart) or mine.get(together) or next(iter(mine.values()), None)
        if entry is None:
            taken = catalogue.entry(tx, together) is not None  # another agent's session of the same id
            return _Place(None, apart if taken else together)
        if not entry.object_key:  # its text was too old: it begins anew
            return _Place(entry, entry.session_file)
        source_blocks, archive_blocks = catalogue.digests(tx, entry.id)
        if not entry.source_path.startswith(UPLOADED):
            # What a sender has is scrubbed: of a collected source that is what the archive holds.
            return _Place(entry, entry.session_file, entry.length, archive_blocks, archive_blocks)
        return _Place(entry, entry.session_file, entry.source_offset, source_blocks, archive_blocks)

    def _entries(self, tx: sa.Connection, user_id: int, address: Address) -> list[Entry]:
        """Return a person's transcripts of these ids that this device may continue."""
        columns = [transcript.c[each] for each in Entry._fields]
        query = sa.select(*columns).where(
            transcript.c.user_id == user_id,
            transcript.c.native_id == address.native_id,
            transcript.c.agent_id == address.agent_id,
            transcript.c.agent == address.agent,
        )
        return [Entry(*row) for row in tx.execute(query.order_by(transcript.c.id))]

    def _names(self, tx: sa.Connection, user_id: int, address: Address) -> tuple[str, str]:
        """Return the session files of a transcript of this device alone, and of one that all share."""
        row = tx.execute(sa.select(user.c.key).where(user.c.id == user_id)).one()
        key = user_key(row.key, max_bytes=MAX_PART_BYTES)
        identity = Identity(native_id=address.native_id, agent_id=address.agent_id, parent_id=address.parent_id)
        return (
            session_file(key, identity, max_bytes=MAX_PART_BYTES, apart=f"{address.agent} {_source_path(address)}"),
            session_file(key, identity, max_bytes=MAX_PART_BYTES),
        )

    def _apart(self, tx: sa.Connection, user_id: int, address: Address) -> str:
        return self._names(tx, user_id, address)[0]


def _standing(generation: int, offset: int, source_blocks: bytes, archive_blocks: bytes) -> Standing:
    last = source_blocks[-DIGEST_BYTES:].hex()
    return Standing(offset, last, f"{generation}-{offset}-{last or archive_blocks[-DIGEST_BYTES:].hex()}")


def plain_address(address: Address) -> Address:
    """Return an address as it is catalogued: every database takes it."""
    return Address(*map(storable, address))


def _source_path(address: Address) -> str:
    return UPLOADED + address.device


def _conflict(message: str, now: Standing) -> Conflict:
    return Conflict(
        f"{message}: it has {now.offset} bytes of the source",
        state={"offset": now.offset, "digest": now.digest, "state": now.state},
    )
