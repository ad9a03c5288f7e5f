"""Notes as a principal may see them: their own, and everybody's for admins."""

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.security.principals import Principal, Role
from precedent.store.schema import knowledge_evidence, knowledge_note, user
from precedent.usage.paging import Integer, Page, page, position


class NoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A note in a list; times are UTC microseconds.

    Attributes:
        person: key of its person.
        source: the home or device that it is from.
        path: as the person knows it.
        folder: the working folder that it is about; empty for all of them.
        changed_at: when it was last seen changed.
        removed_at: when it was gone; None while it is there.
        is_read: what it says is in the items.
        items: how many items rest on it.
        error: why it could not be read; empty when it could.
    """

    id: int
    person: str
    source: str
    path: str
    folder: str
    seen_at: int
    changed_at: int
    removed_at: int | None
    is_read: bool
    items: int
    error: str


class NoteStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What was cut out of a note.

    Attributes:
        item_id: the item that it is evidence of.
        quote: as it stands in the note, white space as one blank.
        line: of the note, from 1.
        start: where it starts, in characters of the text.
        end: where it ends.
    """

    item_id: int
    quote: str
    line: int
    start: int
    end: int


class NoteShown(msgspec.Struct, frozen=True, kw_only=True):
    """A note with its text and what was cut out of it."""

    note: NoteRow
    text: str
    statements: list[NoteStatement]


def paged(
    tx: sa.Connection,
    principal: Principal,
    *,
    person: str = "",
    removed: bool = False,
    limit: int = 100,
    after: str | None = None,
) -> Page[NoteRow]:
    """Return a page of notes, the newest first.

    Args:
        tx: the transaction.
        principal: who looks.
        person: only of the person of this key.
        removed: also those that are gone.
        limit: rows at most.
        after: cursor of the page before; None for the first page.

    Raises:
        BadInput: the cursor is none of this list.
    """
    note = knowledge_note.c
    where = [_mine(principal)]
    where += [user.c.key == person] if person else []
    where += [] if removed else [note.removed_at.is_(None)]
    where += [note.id < position(after, tuple[Integer])[0]] if after is not None else []
    query = _query().where(*where).order_by(note.id.desc()).limit(limit + 1)
    return page([_row(each) for each in tx.execute(query)], limit=limit, key=lambda row: (row.id,))


def shown(tx: sa.Connection, principal: Principal, number: int) -> NoteShown:
    """Return one note.

    Raises:
        NotFound: there is none of this number that the principal may see.
    """
    found = tx.execute(_query().where(_mine(principal), knowledge_note.c.id == number)).first()
    if found is None:
        raise NotFound(f"no note {number}")
    said = knowledge_evidence.c
    columns = [said[name] for name in NoteStatement.__struct_fields__]
    query = sa.select(*columns).where(said.note_id == number).order_by(said.start, said.id)
    statements = [msgspec.convert(dict(row), NoteStatement) for row in map(_plain, tx.execute(query).mappings())]
    return NoteShown(note=_row(found), text=found.text, statements=statements)


def _plain(row: sa.RowMapping) -> dict[str, object]:
    return {str(name): value for name, value in row.items()}


def _mine(principal: Principal) -> sa.ColumnElement[bool]:
    if principal.role is Role.ADMIN:
        return sa.true()
    return knowledge_note.c.user_id == (principal.user_id if principal.user_id is not None else -1)


def _query() -> sa.Select[tuple[object, ...]]:
    said = knowledge_evidence.c
    items = sa.select(sa.func.count()).where(said.note_id == knowledge_note.c.id).scalar_subquery()
    note = knowledge_note.join(user, user.c.id == knowledge_note.c.user_id)
    return sa.select(*knowledge_note.c, user.c.key.label("person"), items.label("items")).select_from(note)


def _row(row: sa.Row[tuple[object, ...]]) -> NoteRow:
    return NoteRow(
        id=row.id, person=row.person, source=row.source, path=row.path, folder=row.folder, seen_at=row.seen_at,
        changed_at=row.changed_at, removed_at=row.removed_at, is_read=row.processed_hash == row.content_hash,
        items=row.items, error=row.error,
    )  # fmt: skip
