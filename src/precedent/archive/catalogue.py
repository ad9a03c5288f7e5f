"""One row per transcript: where it came from, what the archive holds, which revision it is at."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from precedent.store import bulk
from precedent.store.schema import tombstone, transcript, user

from .naming import object_key

MAX_FOLDERS = 200
"""Of one transcript, kept to notice a later opt-out."""


class Listener(Protocol):
    """Told of changes inside the transaction that makes them, so that no change is ever missed."""

    def changed(self, tx: sa.Connection, session_files: Sequence[str], *, now: int) -> None:
        """Transcripts are new, have grown or were replaced."""
        ...

    def removed(self, tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
        """Transcripts are about to be removed, and everything derived from them with it."""
        ...

    def forgotten(self, tx: sa.Connection, user_ids: Sequence[int], *, now: int) -> None:
        """People are about to be erased, after their transcripts."""
        ...


class Entry(NamedTuple):
    """A catalogued transcript, as far as collecting needs it; columns of the same names."""

    id: int
    session_file: str
    agent: str
    native_id: str
    agent_id: str
    parent_id: str
    source_path: str
    source_fingerprint: str
    source_offset: int
    object_key: str
    length: int
    generation: int
    revision: int
    folders: str

    def works_in(self) -> list[str]:
        """Return the folders that the transcript names."""
        return self.folders.split("\n") if self.folders else []


def entries(tx: sa.Connection, user_id: int) -> list[Entry]:
    """Return a person's transcripts."""
    columns = [transcript.c[name] for name in Entry._fields]
    return [Entry(*row) for row in tx.execute(sa.select(*columns).where(transcript.c.user_id == user_id))]


def digests(tx: sa.Connection, transcript_id: int) -> tuple[bytes, bytes]:
    """Return the block digests of a transcript's source and of its archived content."""
    row = tx.execute(
        sa.select(transcript.c.source_blocks, transcript.c.archive_blocks).where(transcript.c.id == transcript_id)
    ).one()
    return row.source_blocks, row.archive_blocks


class Change(NamedTuple):
    """A transcript that was written to the archive and is to be catalogued.

    Attributes:
        session_file: which one.
        entry: what the catalogue had; None for a new transcript.
        values: columns to set.
        replaced: object key of the generation before, to be deleted after the commit; empty for none.
    """

    session_file: str
    entry: Entry | None
    values: dict[str, object]
    replaced: str


def commit(tx: sa.Connection, changes: Sequence[Change], *, listener: Listener, now: int) -> list[Change]:
    """Catalogue changes and tell the listener; return those that another collector was ahead of."""
    for change in changes:
        if "length" in change.values:
            change.values.setdefault("stored_bytes", change.values["length"])
    lost: list[Change] = []
    session_files: list[str] = []
    deleted = _deleted_meanwhile(tx, [each for each in changes if not each.entry])
    if deleted:
        lost += deleted
        changes = [each for each in changes if each not in deleted]
    new = [{"created_at": now, "changed_at": now, "revision": 1, **each.values} for each in changes if not each.entry]
    if new:
        tx.execute(transcript.insert(), new)
    for change in changes:
        before = change.entry
        if before is not None:
            result = tx.execute(
                transcript.update()
                .where(transcript.c.id == before.id, transcript.c.revision == before.revision)
                .values(changed_at=now, revision=before.revision + 1, **change.values)
            )
            if not result.rowcount:
                lost.append(change)
                continue
        session_files.append(change.session_file)
    if session_files:
        listener.changed(tx, session_files, now=now)
    return lost


def _deleted_meanwhile(tx: sa.Connection, new: Sequence[Change]) -> list[Change]:
    """Return those of new transcripts whose session was erased while they were copied."""
    persons = {each.values["user_id"] for each in new}
    if not persons:
        return []
    query = sa.select(tombstone.c.user_id, tombstone.c.native_id).where(tombstone.c.user_id.in_(persons))
    graves = {(row.user_id, row.native_id) for row in tx.execute(query)}
    return [each for each in new if (each.values["user_id"], each.values["native_id"]) in graves]


def seen(tx: sa.Connection, fingerprints: Sequence[tuple[str, str, int]]) -> None:
    """Note sources that were touched and are equal to what we have: (fingerprint, source path, id)."""
    bulk.execute(tx, "UPDATE transcript SET source_fingerprint = ?, source_path = ? WHERE id = ?", fingerprints)


def remove(tx: sa.Connection, ids: Sequence[int], *, listener: Listener) -> list[str]:
    """Remove transcripts with all that was derived from them; return the archive objects to delete.

    Objects of generations before and after the catalogued one are among them: a collector that died may have left them.
    """
    if not ids:
        return []
    query = sa.select(transcript.c.session_file, transcript.c.generation).where(transcript.c.id.in_(ids))
    keys = [object_key(name, generation=each) for name, last in tx.execute(query) for each in range(last + 2)]
    listener.removed(tx, ids)
    tx.execute(transcript.delete().where(transcript.c.id.in_(ids)))
    return keys


def bury(tx: sa.Connection, ids: Sequence[int], *, now: int) -> None:
    """Keep the sessions of these transcripts from being collected again."""
    query = sa.select(transcript.c.user_id, transcript.c.native_id).where(transcript.c.id.in_(ids)).distinct()
    rows = [(row.user_id, row.native_id, now) for row in tx.execute(query)]
    bulk.insert_new(tx, tombstone, ["user_id", "native_id", "deleted_at"], rows)


def buried(tx: sa.Connection, user_id: int) -> set[str]:
    """Return the ids of a person's deleted sessions."""
    return set(tx.scalars(sa.select(tombstone.c.native_id).where(tombstone.c.user_id == user_id)))


def is_buried(tx: sa.Connection, user_id: int, native_id: str) -> bool:
    """Tell whether a person deleted a session."""
    found = sa.select(tombstone.c.user_id).where(tombstone.c.user_id == user_id, tombstone.c.native_id == native_id)
    return tx.execute(found).first() is not None


def entry(tx: sa.Connection, session_file: str) -> Entry | None:
    """Return one transcript; None when it is not catalogued."""
    columns = [transcript.c[each] for each in Entry._fields]
    row = tx.execute(sa.select(*columns).where(transcript.c.session_file == session_file)).first()
    return None if row is None else Entry(*row)


NAME = "session_name"
"""Where statements with `named` take the name."""


def named() -> sa.Subquery:
    """Return person and id, `user_id` and `native_id`, of the sessions of a name; several persons may have one each.

    The statement is given the name as `NAME`: the session's id, the session file of any of its transcripts, or that
    file's name without the person and the ending, for an id that may not stand in an address.
    """
    row, name = transcript.alias("named"), sa.bindparam(NAME, type_=sa.Text)
    columns = (row.c.user_id, row.c.native_id)
    file = user.c.key + sa.literal("/") + name + sa.literal(".jsonl")
    # Three looks by an index each; one condition over two tables would have none.
    return sa.union(
        sa.select(*columns).where(row.c.native_id == name),
        sa.select(*columns).where(row.c.session_file == name),
        sa.select(*columns).join_from(user, row, row.c.session_file == file),
    ).subquery()


def find(tx: sa.Connection, name: str) -> list[Entry]:
    """Return all transcripts of the sessions of a name; see `named`."""
    columns, chosen = [transcript.c[each] for each in Entry._fields], named()
    same = sa.and_(chosen.c.user_id == transcript.c.user_id, chosen.c.native_id == transcript.c.native_id)
    query = sa.select(*columns).join(chosen, same).order_by(transcript.c.id)
    return [Entry(*row) for row in tx.execute(query, {NAME: name})]
