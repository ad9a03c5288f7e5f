"""Stores notes as they were found or sent: what is unchanged is left as it is, what is gone is marked."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from precedent.store.schema import knowledge_note

from .model import Note, fingerprint
from .places import Place, place_of

UPLOADED = "upload:"
"""Begins the source of notes that a device sent; its name follows. That of a home is the home's path."""


class Stored(NamedTuple):
    """What became of the notes of one source."""

    new: int
    changed: int
    skipped: int
    removed: int


def known(tx: sa.Connection, user_id: int, *, source: str) -> list[Place]:
    """Return where notes of a source were seen that are not known to be gone."""
    note = knowledge_note.c
    query = sa.select(note.path, note.folder).where(
        note.user_id == user_id, note.source == source, note.removed_at.is_(None)
    )
    return [place_of(path, folder) for path, folder in tx.execute(query)]


def keep(
    tx: sa.Connection, user_id: int, found: Iterable[Note], *, source: str, unread: Collection[str] = (), now: int
) -> Stored:
    """Bring the stored notes of a source in line with what there is of them now.

    Args:
        tx: the transaction.
        user_id: the person.
        found: every note that there is.
        source: where they are from.
        unread: paths of notes that may be there and could not be read: they stay as they are.
        now: UTC microseconds.
    """
    note = knowledge_note.c
    columns = (note.id, note.path, note.folder, note.content_hash, note.removed_at)
    query = sa.select(*columns).where(note.user_id == user_id, note.source == source)
    # In the order in which they are read, or both wait for each other.
    query = query.order_by(note.id).with_for_update()
    rows = {row.path: row for row in tx.execute(query)}
    new = changed = skipped = removed = 0
    seen: list[int] = []
    present = {each.path: each for each in found}
    for path, each in present.items():
        row, mark = rows.get(path), fingerprint(each.text)
        if row is not None and (row.content_hash, row.folder, row.removed_at) == (mark, each.folder, None):
            skipped += 1
            seen.append(row.id)
            continue
        values = {
            "folder": each.folder, "text": each.text, "content_hash": mark, "seen_at": now, "changed_at": now,
            "removed_at": None, "attempts": 0, "next_attempt_at": 0, "error": "",
        }  # fmt: skip
        if row is None:
            new += 1
            tx.execute(knowledge_note.insert().values(user_id=user_id, source=source, path=path, **values))
        else:
            changed += 1
            tx.execute(knowledge_note.update().where(note.id == row.id).values(**values))
    if seen:
        _update(tx, seen, {"seen_at": now})
    gone = [row.id for path, row in rows.items() if row.removed_at is None and path not in {*present, *unread}]
    if gone:
        # The words go at once; what rests on them is settled when the person's notes are read.
        _update(tx, gone, {"text": "", "content_hash": "", "removed_at": now, "next_attempt_at": 0})
        removed = len(gone)
    return Stored(new, changed, skipped, removed)


def _update(tx: sa.Connection, ids: list[int], values: dict[str, object]) -> None:
    for first in range(0, len(ids), 500):
        tx.execute(knowledge_note.update().where(knowledge_note.c.id.in_(ids[first : first + 500])).values(**values))
