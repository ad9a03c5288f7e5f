"""Reads one person's notes and brings the items in line with what stands in them, in one transaction.

Nothing that people decided is touched: an item keeps its id, its status and the words that somebody gave it as long as
a note says what it rests on. What is said no longer loses its evidence, and an item without any returns to review or
goes, see `erasing.settle`. Reading again what was read changes nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.archive import consent
from precedent.knowledge import erasing, intake, rows, versions
from precedent.knowledge.intake import Source
from precedent.knowledge.model import Finding, Item, Kind, Origin, Place, Status, plain
from precedent.knowledge.pairing import OPEN
from precedent.knowledge.scanning import scan
from precedent.knowledge.statuses import TRANSITIONS, Action, after
from precedent.model import Purpose
from precedent.security import audit
from precedent.store import bulk
from precedent.store.schema import knowledge_evidence, knowledge_item, knowledge_note, knowledge_pair, user

from .cutting import Statement, cut

DETECTOR = "notes/1"
BY = "corporate-memory"
SCORE = 500
_OPEN = TRANSITIONS[Action.WITHDRAW].before
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
        if user_id not in wanted and not _is_read(content, processed, detector, _allows(allowed, user_id, folder)):
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
    before = tx.scalar(sa.select(sa.func.max(knowledge_item.c.id))) or 0
    said = _said(tx, user_id)
    doubted: set[int] = set()
    for note in notes:
        doubted |= _take(tx, user_id, note, said, now=now)
        _mark(tx, note)
    withdrawn = _without_evidence(tx, doubted)
    erasing.settle(tx, withdrawn, now=now)
    new = _new_items(tx, user_id, before)
    approved = _approve(tx, new, now=now) if approves else 0
    return Outcome(len(new), approved, len(withdrawn))


def _unread(tx: sa.Connection, user_id: int) -> list[_Note]:
    """Return a person's notes that were not read as they are now, by id."""
    note = knowledge_note.c
    columns = (note.id, note.path, note.folder, note.content_hash, note.changed_at, note.processed_hash, note.detector)
    query = sa.select(*columns).where(note.user_id == user_id).order_by(note.id).with_for_update()
    allowed, found = _consents(tx, {user_id}), []
    for row in tx.execute(query):
        may = _allows(allowed, user_id, row.folder)
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


def _allows(consents: dict[int, consent.Consent], user_id: int, folder: str) -> bool:
    return user_id not in consents or consents[user_id].allows([folder] if folder else [])


def _said(tx: sa.Connection, user_id: int) -> list[_Said]:
    table = knowledge_evidence.c
    query = sa.select(*[table[name] for name in _Said._fields]).where(
        table.user_id == user_id, table.kind == Kind.NOTE.value, table.note_id.is_not(None)
    )
    return [_Said(*row) for row in tx.execute(query.order_by(table.id))]


def _take(tx: sa.Connection, user_id: int, note: _Note, said: Sequence[_Said], *, now: int) -> set[int]:
    """Write down what a note says, and no more of it; return the items of which it says something no longer."""
    here = {(plain(each.quote), each.context): each for each in said if each.note_id == note.id}
    elsewhere = {(plain(each.quote), each.context): each for each in said if each.note_id != note.id}
    source = Source(user_id, f"note:{note.id}", note_id=note.id, origin=Origin.NOTE, by=BY)
    text = _text(tx, note)
    statements = {(each.quote, each.context): each for each in cut(text)}
    # First, because a note is one piece of evidence of an item, and what it says now may be of the same item.
    doubted = _drop(tx, [each for words, each in here.items() if words not in statements])
    for words, statement in statements.items():
        known = here.get(words)
        if known is not None:
            if (known.line, known.start) != (statement.line, statement.start):
                _move(tx, known, statement)
            continue
        finding = _finding(statement, note, text)
        same = elsewhere.get(words)
        if same is not None and _is_edited(tx, same.item_id):
            # Somebody gave it other words, by which it would not be known.
            intake.add_evidence(tx, same.item_id, finding, source, now=now)
        else:
            intake.take(tx, [finding], source, now=now)
    return doubted


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


def _drop(tx: sa.Connection, lost: Sequence[_Said]) -> set[int]:
    """Remove evidence that a note gives no more; return the items that it was of.

    What was rejected, revoked or merged keeps it: it tells that the words were judged when they come back, and whose
    they are when that person is erased.
    """
    ids = sorted({each.item_id for each in lost})
    statuses = bulk.select_in(tx, knowledge_item, ["id", "status"], "id", ids)
    open_ = {int(number) for number, status in statuses if Status(str(status)) in _OPEN}
    bulk.delete_in(tx, knowledge_evidence, "id", [each.id for each in lost if each.item_id in open_])
    return open_


def _without_evidence(tx: sa.Connection, item_ids: set[int]) -> set[int]:
    rows_ = bulk.select_in(tx, knowledge_evidence, ["item_id"], "item_id", sorted(item_ids))
    return item_ids - {int(row[0]) for row in rows_}


def _new_items(tx: sa.Connection, user_id: int, before: int) -> list[Item]:
    """Return the items that this reading made."""
    said = knowledge_evidence.c
    theirs = sa.select(said.item_id).where(said.user_id == user_id, said.kind == Kind.NOTE.value, said.item_id > before)
    item = knowledge_item.c
    return rows.items(tx, item.id > before, item.id.in_(theirs), item.origin == Origin.NOTE.value)


def _approve(tx: sa.Connection, found: Sequence[Item], *, now: int) -> int:
    """Approve new items that nothing speaks against; return how many."""
    pair = knowledge_pair.c
    ids = [item.id for item in found]
    doubted = {
        int(number)
        for column in ("item_a", "item_b")
        for number, status in bulk.select_in(tx, knowledge_pair, [column, pair.status.name], column, ids)
        if status == OPEN
    }
    approved = 0
    for item in found:
        if item.flags or item.id in doubted or item.status is not Status.PENDING:
            continue
        good = msgspec.structs.replace(
            item, status=after(item, Action.APPROVE), approved_hash=item.content_hash, approved_by=BY, approved_at=now
        )
        versions.write(tx, good, Action.APPROVE, by=BY, now=now, reason="the setting for notes says so")
        details = {"content_hash": good.content_hash}
        audit.record(tx, audit.Act(BY, "knowledge_approve", f"knowledge:{item.id}", "ok", details=details), now=now)
        approved += 1
    return approved


def failed(tx: sa.Connection, user_id: int, *, error: str, now: int, rest_us: int) -> None:
    """Note that reading a person's notes failed; they are read again later, each time after a longer rest."""
    note = knowledge_note.c
    tries = tx.scalar(sa.select(sa.func.max(note.attempts)).where(note.user_id == user_id)) or 0
    values = {"attempts": tries + 1, "next_attempt_at": now + rest_us * 2 ** min(tries, 6), "error": error[:500]}
    tx.execute(knowledge_note.update().where(note.user_id == user_id).values(**values))


def name_of(tx: sa.Connection, user_id: int) -> str:
    """Return the key of a person."""
    return str(tx.scalar(sa.select(user.c.key).where(user.c.id == user_id)) or user_id)
