"""Reads one person's notes and brings the items in line with what stands in them.

Nothing that people decided is touched: an item keeps its id, its status and the words that somebody gave it as long as
a note says what it rests on. What is said no longer loses its evidence, and an item without any returns to review or
goes, see `erasing.settle`. Reading again what was read changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from precedent.archive import consent
from precedent.knowledge import erasing, intake
from precedent.knowledge.intake import FOUND_BY_MODEL, Source
from precedent.knowledge.model import Finding, Kind, Origin, Place, plain
from precedent.knowledge.scanning import scan
from precedent.model import Purpose
from precedent.store import bulk
from precedent.store.schema import knowledge_evidence, knowledge_item, knowledge_note, user

from . import withdrawing
from .approval import BY, approve, new_items
from .cutting import Statement, cut

DETECTOR = "notes/1"
SCORE = 500
_Words = tuple[str, str]
_FAR = 400
"""Characters around a statement that are looked at for what is suspicious."""


class Outcome(NamedTuple):
    """What reading a person's notes came to; see `model.MemoryStats`."""

    items_new: int = 0
    items_approved: int = 0
    items_withdrawn: int = 0


class _Note(NamedTuple):
    id: int
    path: str
    changed_at: int
    mark: str
    """Fingerprint of its text; empty for a note that is gone or that the person does not want to be read."""


class Missing(NamedTuple):
    """A statement that was not written down.

    Attributes:
        note: that says it.
        words: quote and context.
        finding: what becomes of it.
    """

    note: _Note
    words: _Words
    finding: Finding


class _Said(NamedTuple):
    id: int
    item_id: int
    note_id: int
    quote: str
    context: str
    line: int
    start: int


def due(tx: sa.Connection, *, now: int) -> list[int]:
    """Return the persons with notes that were not read as they are now, in order."""
    note, wanted = knowledge_note.c, set[int]()
    columns = (note.user_id, note.folder, note.content_hash, note.processed_hash, note.detector)
    query = sa.select(*columns).where(note.next_attempt_at <= now)
    found = [tuple(row) for row in tx.execute(query)]
    allowed = _consents(tx, {row[0] for row in found})
    for user_id, folder, content, processed, detector in found:
        may = consent.allows_folder(allowed, user_id, folder)
        if user_id not in wanted and not _is_read(content, processed, detector, may):
            wanted.add(user_id)
    return sorted(wanted)


def read(tx: sa.Connection, user_id: int, *, approves: bool, now: int) -> Outcome:
    """Bring items in line with a person's notes.

    Args:
        tx: the transaction.
        user_id: the person.
        approves: new items that nothing speaks against are approved at once.
        now: UTC microseconds.
    """
    notes = _unread(tx, user_id)
    before = _last(tx)
    said = _said(tx, user_id)
    doubted: set[int] = set()
    for note in notes:
        doubted |= _take(tx, user_id, note, said, now=now)
        _mark(tx, note)
    withdrawn = _without_evidence(tx, doubted)
    erasing.settle(tx, withdrawn, now=now)
    return _outcome(tx, user_id, before, approves=approves, withdrawn=len(withdrawn), now=now)


def missing(tx: sa.Connection, user_id: int) -> list[Missing]:
    """Return what a person's notes say that was not written down, in order."""
    said = {(each.note_id, plain(each.quote), each.context) for each in _said(tx, user_id)}
    found = []
    for note in _unread(tx, user_id, lock=False):
        text = _text(tx, note)
        found += [
            Missing(note, (each.quote, each.context), _finding(each, note, text))
            for each in cut(text)
            if (note.id, each.quote, each.context) not in said
        ]
    return found


def add(tx: sa.Connection, user_id: int, some: Sequence[Missing], *, approves: bool, now: int) -> Outcome:
    """Write down some of what is missing; `read` does the rest, and takes back what is not so any more.

    Args:
        tx: the transaction.
        user_id: the person.
        some: of what `missing` returned; what is of a note that changed meanwhile is left out.
        approves: as of `read`.
        now: UTC microseconds.
    """
    unread = {(note.id, note.mark) for note in _unread(tx, user_id)}
    before, elsewhere = _last(tx), _by_words(_said(tx, user_id))
    for each in some:
        if (each.note.id, each.note.mark) in unread:
            _add(tx, each, elsewhere, source_of(user_id, each.note.id), now=now)
    return _outcome(tx, user_id, before, approves=approves, now=now)


def _outcome(tx: sa.Connection, user_id: int, before: int, *, approves: bool, withdrawn: int = 0, now: int) -> Outcome:
    new = new_items(tx, user_id, before)
    return Outcome(len(new), approve(tx, new, now=now) if approves else 0, withdrawn)


def _last(tx: sa.Connection) -> int:
    return tx.scalar(sa.select(sa.func.max(knowledge_item.c.id))) or 0


def _unread(tx: sa.Connection, user_id: int, *, lock: bool = True) -> list[_Note]:
    """Return a person's notes that were not read as they are now, by id; `lock` lets nobody else change them."""
    note = knowledge_note.c
    columns = (note.id, note.path, note.folder, note.content_hash, note.changed_at, note.processed_hash, note.detector)
    query = sa.select(*columns).where(note.user_id == user_id).order_by(note.id)
    query = query.with_for_update() if lock else query
    allowed, found = _consents(tx, {user_id}), []
    for row in tx.execute(query):
        may = consent.allows_folder(allowed, user_id, row.folder)
        if not _is_read(row.content_hash, row.processed_hash, row.detector, may):
            found.append(_Note(row.id, row.path, row.changed_at, row.content_hash if may else ""))
    return found


def _text(tx: sa.Connection, note: _Note) -> str:
    query = sa.select(knowledge_note.c.text).where(knowledge_note.c.id == note.id)
    return str(tx.scalar(query) or "") if note.mark else ""


def _mark(tx: sa.Connection, note: _Note) -> None:
    values = {"processed_hash": note.mark, "detector": DETECTOR, "attempts": 0, "next_attempt_at": 0, "error": ""}
    tx.execute(knowledge_note.update().where(knowledge_note.c.id == note.id).values(**values))


def _is_read(content: str, processed: str, detector: str, allowed: bool) -> bool:
    wanted = content if allowed else ""
    return processed == wanted and (detector == DETECTOR or not wanted)


def _consents(tx: sa.Connection, user_ids: Iterable[int]) -> dict[int, consent.Consent]:
    return consent.of_persons(tx, Purpose.SERVER, user_ids=user_ids)


def _said(tx: sa.Connection, user_id: int) -> list[_Said]:
    table = knowledge_evidence.c
    query = sa.select(*[table[name] for name in _Said._fields]).where(
        table.user_id == user_id, table.kind == Kind.NOTE.value, table.note_id.is_not(None), sa.not_(FOUND_BY_MODEL)
    )
    return [_Said(*row) for row in tx.execute(query.order_by(table.id))]


def _take(tx: sa.Connection, user_id: int, note: _Note, said: Sequence[_Said], *, now: int) -> set[int]:
    """Write down what a note says, and no more of it; return the items of which it says something no longer."""
    here = _by_words(each for each in said if each.note_id == note.id)
    elsewhere = _by_words(each for each in said if each.note_id != note.id)
    text, source = _text(tx, note), source_of(user_id, note.id)
    statements = {(each.quote, each.context): each for each in cut(text)}
    # First, because a note is one piece of evidence of an item, and what it says now may be of the same item.
    doubted = withdrawing.drop(tx, [each.id for words, each in here.items() if words not in statements])
    doubted |= withdrawing.drop_unquoted(tx, note.id, text)
    for words, statement in statements.items():
        known = here.get(words)
        if known is None:
            _add(tx, Missing(note, words, _finding(statement, note, text)), elsewhere, source, now=now)
        elif (known.line, known.start) != (statement.line, statement.start):
            _move(tx, known, statement)
    return doubted


def _add(tx: sa.Connection, each: Missing, elsewhere: Mapping[_Words, _Said], source: Source, *, now: int) -> None:
    same = elsewhere.get(each.words)
    if same is not None and _is_edited(tx, same.item_id):
        # Somebody gave it other words, by which it would not be known.
        intake.add_evidence(tx, same.item_id, each.finding, source, now=now)
    else:
        intake.take(tx, [each.finding], source, now=now)


def _by_words(said: Iterable[_Said]) -> dict[_Words, _Said]:
    return {(plain(each.quote), each.context): each for each in said}


def source_of(user_id: int, note_id: int) -> Source:
    """Return a note as the source of what it says."""
    return Source(user_id, f"note:{note_id}", note_id=note_id, origin=Origin.NOTE, by=BY)


def _finding(statement: Statement, note: _Note, text: str) -> Finding:
    around = text[max(0, statement.start - _FAR) : statement.end + _FAR]
    place = Place(
        line=statement.line, byte_offset=0, turn=note.path, start=statement.start, end=statement.end,
        said_at=note.changed_at,
    )  # fmt: skip
    return Finding(
        kind=Kind.NOTE, title=statement.title, content=statement.content, quote=statement.quote, place=place,
        detector=DETECTOR, context=statement.context, score=SCORE,
        suspicious=any(flag.name != "long" for flag in scan(around)),
    )  # fmt: skip


def _move(tx: sa.Connection, known: _Said, statement: Statement) -> None:
    values = {"line": statement.line, "start": statement.start, "end": statement.end}
    tx.execute(knowledge_evidence.update().where(knowledge_evidence.c.id == known.id).values(**values))


def _is_edited(tx: sa.Connection, item_id: int) -> bool:
    return bool(tx.scalar(sa.select(knowledge_item.c.edited_by).where(knowledge_item.c.id == item_id)))


def _without_evidence(tx: sa.Connection, item_ids: set[int]) -> set[int]:
    rows_ = bulk.select_in(tx, knowledge_evidence, ["item_id"], "item_id", sorted(item_ids))
    return item_ids - {int(row[0]) for row in rows_}


def failed(tx: sa.Connection, user_id: int, *, error: str, now: int, rest_us: int) -> None:
    """Note that reading a person's notes failed; they are read again later, each time after a longer rest."""
    note = knowledge_note.c
    tries = tx.scalar(sa.select(sa.func.max(note.attempts)).where(note.user_id == user_id)) or 0
    values = {"attempts": tries + 1, "next_attempt_at": now + rest_us * 2 ** min(tries, 6), "error": error[:500]}
    tx.execute(knowledge_note.update().where(note.user_id == user_id).values(**values))


def name_of(tx: sa.Connection, user_id: int) -> str:
    """Return the key of a person."""
    return str(tx.scalar(sa.select(user.c.key).where(user.c.id == user_id)) or user_id)
