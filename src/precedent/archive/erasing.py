"""Erases a session or a person for good, with everything derived, and proves it by a receipt.

The database forgets first, in one transaction; the archive's objects follow. Whoever dies in between leaves objects
that no row names: housekeeping sweeps them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import NotFound
from precedent.faults import reach
from precedent.security import audit
from precedent.security.accounts import keep_an_admin
from precedent.store import Store, bulk, serialize
from precedent.store.schema import login_failure, metadata, receipt, run, state, transcript, user

from . import catalogue
from .catalogue import Entry, Listener
from .folder import FolderArchive

SOMEBODY = "erased person"
"""Stands where a text column named who did something."""

FILES = "archive files"
"""Counts objects of the archive in a receipt, beside the tables."""

PERSON, SESSION = "person", "session"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that something was erased.

    Attributes:
        id: its number.
        at: UTC microseconds.
        kind: `session` or `person`.
        subject: the session's id; of a person a fingerprint, for the name is gone.
        erased_by: who did it.
        counts: rows that each table lost, and files that the archive lost.
    """

    id: int
    at: int
    kind: str
    subject: str
    erased_by: str
    counts: dict[str, int]


class Eraser:
    """Erases.

    Args:
        store: the database.
        archive: where transcripts are.
        listener: removes what was derived.
        clock: time.
    """

    def __init__(self, store: Store, archive: FolderArchive, *, listener: Listener, clock: Clock = Clock()) -> None:
        self._store, self._archive, self._listener, self._clock = store, archive, listener, clock

    def session(self, name: str, *, by: str, owner: int | None = None, request_id: str = "") -> Receipt:
        """Erase a session with its sub-agents; it is not collected again.

        Args:
            name: as `catalogue.named` takes it.
            by: who wants it.
            owner: only theirs; None for anybody's.
            request_id: of the HTTP request.

        Raises:
            NotFound: there is no such session, or it is not theirs.
        """
        with self._store.write() as tx:
            self._store.leave_no_trace(tx)
            found = [each for each in catalogue.find(tx, name) if owner is None or _owner_of(tx, each) == owner]
            if not found:
                raise NotFound(f"no session {name!r}; `precedent sessions list` names them")
            subject = found[0].native_id
            catalogue.bury(tx, [each.id for each in found], now=self._clock.now())
            counts: dict[str, int] = {}
            keys = self._transcripts(tx, found, counts)
            _forget_in_runs(tx, {subject})
            proof = self._receipt(tx, SESSION, subject, counts, by=by, request_id=request_id)
        self._finish(keys)
        return proof

    def person(self, key: str, *, by: str, request_id: str = "") -> Receipt:
        """Erase a person: transcripts, figures, account, tokens, sessions, wishes, and whoever was merged into them.

        Nothing is collected of them again until somebody gives them an account.

        Raises:
            NotFound: there is no such person.
            Conflict: nobody would be left who is an active admin.
        """
        with self._store.write() as tx:
            self._store.leave_no_trace(tx)
            persons = _persons(tx, key)
            ids, keys = [number for number, _, _ in persons], [name for _, name, _ in persons]
            serialize(tx, "accounts")
            keep_an_admin(tx, ids)
            names = [each[0] for each in bulk.select_in(tx, transcript, ["session_file"], "user_id", ids)]
            found = [each for name in names if (each := catalogue.entry(tx, str(name)))]
            counts: dict[str, int] = {}
            objects = self._transcripts(tx, found, counts)
            self._listener.forgotten(tx, ids, now=self._clock.now())
            imported = state.delete().where(state.c.username.in_(keys))
            _count(counts, state.name, tx.execute(imported).rowcount)
            for table, column in _about_persons():
                _count(counts, table.name, _delete_in(tx, table, column, ids))
            words = {each for _, name, email in persons for each in (name, email) if each}
            # As `security.lockout` counts failures.
            theirs = [f"account:{hashlib.sha256(each.strip().lower().encode()).hexdigest()}" for each in words]
            failures = login_failure.delete().where(login_failure.c.key.in_(theirs))
            _count(counts, login_failure.name, tx.execute(failures).rowcount)
            _count(counts, user.name, _delete_in(tx, user, "id", ids))
            _forget_in_runs(tx, words)
            _forget_doers(tx, words)
            by = SOMEBODY if by in words else by
            proof = self._receipt(tx, PERSON, fingerprint(key), counts, by=by, request_id=request_id)
            for other in sorted(set(keys) - {key}):
                self._receipt(tx, PERSON, fingerprint(other), {}, by=by, request_id=request_id)
        self._finish(objects, owners=keys)
        return proof

    def _transcripts(self, tx: sa.Connection, found: Sequence[Entry], counts: dict[str, int]) -> list[str]:
        """Remove transcripts with everything that any table says of them; return their objects."""
        ids = [each.id for each in found]
        before = {table.name: _rows(tx, table, ids) for table in _about_transcripts()}
        keys = catalogue.remove(tx, ids, listener=self._listener)
        for table in _about_transcripts():
            _delete_in(tx, table, "transcript_id", ids)  # of processors that are not installed
            _count(counts, table.name, before[table.name])
        _count(counts, transcript.name, len(ids))
        _count(counts, FILES, sum(map(self._archive.exists, keys)))
        return keys

    def _receipt(
        self, tx: sa.Connection, kind: str, subject: str, counts: Mapping[str, int], *, by: str, request_id: str
    ) -> Receipt:
        now = self._clock.now()
        values = {"at": now, "kind": kind, "subject": subject, "erased_by": by}
        text = msgspec.json.encode(counts).decode()
        number = tx.execute(receipt.insert().values(**values, counts=text).returning(receipt.c.id)).scalar_one()
        act = audit.Act(
            by, f"erase_{kind}", f"{kind}:{subject}", "ok", details={"receipt": number, "counts": counts},
            request_id=request_id,
        )  # fmt: skip
        audit.record(tx, act, now=now)
        return Receipt(id=int(number), at=now, kind=kind, subject=subject, erased_by=by, counts=dict(counts))

    def _finish(self, keys: Iterable[str], *, owners: Iterable[str] = ()) -> None:
        reach("erase.committed")
        for key in keys:
            self._archive.delete(key)
        for owner in owners:
            self._archive.delete_owner(owner)
        reach("erase.deleted")
        self._store.wipe()


def receipts(tx: sa.Connection, *, limit: int = 100, before: int | None = None) -> list[Receipt]:
    """Return receipts, newest first; `before` is the id to go on from."""
    query = sa.select(*[receipt.c[name] for name in Receipt.__struct_fields__]).order_by(receipt.c.id.desc())
    if before is not None:
        query = query.where(receipt.c.id < before)
    return [
        Receipt(
            id=row.id, at=row.at, kind=row.kind, subject=row.subject, erased_by=row.erased_by,
            counts=msgspec.json.decode(row.counts, type=dict[str, int]),
        )
        for row in tx.execute(query.limit(limit))
    ]  # fmt: skip


def fingerprint(key: str) -> str:
    """Return what a receipt names a person by, so that they are known when their home is seen again."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16, person=b"precedent").hexdigest()


def was_erased(tx: sa.Connection, key: str) -> bool:
    """Tell whether a person was erased and nobody has made them known again."""
    known = tx.scalar(sa.select(user.c.id).where(user.c.key == key))
    if known is not None:
        return False
    where = receipt.c.kind == PERSON, receipt.c.subject == fingerprint(key)
    return tx.scalar(sa.select(receipt.c.id).where(*where).limit(1)) is not None


def _owner_of(tx: sa.Connection, found: Entry) -> int | None:
    return tx.scalar(sa.select(transcript.c.user_id).where(transcript.c.id == found.id))


def _persons(tx: sa.Connection, key: str) -> list[tuple[int, str, str]]:
    """Return id, key and e-mail of a person and of whoever was merged into them."""
    named = tx.execute(sa.select(user.c.id, user.c.merged_into).where(user.c.key == key)).first()
    if named is None:
        raise NotFound(f"no person {key!r}; `precedent people list` names them")
    number = named.merged_into or named.id
    query = sa.select(user.c.id, user.c.key, user.c.email).where(
        sa.or_(user.c.id == number, user.c.merged_into == number)
    )
    return [(row.id, row.key, row.email) for row in tx.execute(query)]


def _about_transcripts() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if "transcript_id" in table.c]


def _about_persons() -> list[tuple[sa.Table, str]]:
    """Return every table that says something of a person, with the column that says of whom, children first."""
    found = []
    for table in reversed(metadata.sorted_tables):
        for column in table.c:
            if column.name == "user_id" or any(key.column.table is user for key in column.foreign_keys):
                found.append((table, column.name))
    return found


def _rows(tx: sa.Connection, table: sa.Table, ids: Sequence[int]) -> int:
    return len(bulk.select_in(tx, table, ["transcript_id"], "transcript_id", ids))


def _delete_in(tx: sa.Connection, table: sa.Table, column: str, ids: Sequence[int]) -> int:
    found = len(bulk.select_in(tx, table, [column], column, ids))
    bulk.delete_in(tx, table, column, ids)
    return found


def _count(counts: dict[str, int], name: str, number: int) -> None:
    if number:
        counts[name] = counts.get(name, 0) + number


def _forget_in_runs(tx: sa.Connection, words: set[str]) -> None:
    """Take from the ledger of runs what failed of somebody's sessions; the counts stay."""
    for word in words:
        mentions = sa.or_(run.c.counts.contains(word, autoescape=True), run.c.error.contains(word, autoescape=True))
        for number, counts in tx.execute(sa.select(run.c.id, run.c.counts).where(mentions)).all():
            kept = msgspec.json.decode(counts, type=dict[str, object])
            kept.pop("errors_detail", None)
            values = {"counts": msgspec.json.encode(kept).decode(), "error": ""}
            tx.execute(run.update().where(run.c.id == number).values(**values))


def _forget_doers(tx: sa.Connection, words: set[str]) -> None:
    """Replace names where others' rows say who did something; the audit log keeps who did what."""
    for table in metadata.sorted_tables:
        for column in table.c:
            if column.name.endswith("_by") and isinstance(column.type, sa.Text):
                tx.execute(table.update().where(column.in_(words)).values({column.name: SOMEBODY}))
