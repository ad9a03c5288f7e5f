"""Publishes what was read: the files get their final names, and one transaction makes them the table.

Readers see the files of before or of after. Files that no table names any more stay for a while, as somebody may be
reading them, and are then removed.
"""

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.clock import DAY, SECOND
from precedent.errors import Fault
from precedent.faults import reach
from precedent.store import Store, bulk
from precedent.store.schema import data_file, data_refresh, data_table

from .model import Column, Landed, Refused

STAGING = ".staging-"
KEPT_DAYS = 90
"""Of what became of each look at a source."""

GRACE_S = 3600.0
FIRST_REST_S, LONGEST_REST_S = 60, 3600
"""Between tries after something that may pass."""


class Look(NamedTuple):
    """One look at a table's source.

    Attributes:
        table_id: of the table.
        version: from which it began; what somebody else published meanwhile is not overwritten.
        run_id: of the run; None outside of runs.
        due_at: the instant at which it was due; None when it was asked for by name.
        started_at: UTC microseconds.
    """

    table_id: int
    version: int
    run_id: int | None
    due_at: int | None
    started_at: int


class Outcome(NamedTuple):
    """What became of it.

    Attributes:
        outcome: `published`, `unchanged`, `failed`, or `overtaken` when somebody else published meanwhile.
        rows: of the table, when published.
        size_bytes: of its files, when published.
        error: why it failed.
    """

    outcome: str
    rows: int = 0
    size_bytes: int = 0
    error: str = ""


def folder_of(root: Path, table_id: int) -> Path:
    """Return the folder of a table's files."""
    return root / str(table_id)


def path_of(root: Path, table_id: int, sha256: str) -> Path:
    """Return the path of a published file."""
    return folder_of(root, table_id) / f"{sha256}.parquet"


def publish(store: Store, root: Path, look: Look, landed: Landed, *, now: int) -> Outcome:
    """Make what was read the table.

    Args:
        store: the database.
        root: folder of all tables.
        look: what began this.
        landed: what was read.
        now: UTC microseconds.
    """
    if landed.part is not None:
        path = path_of(root, look.table_id, landed.part.sha256)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.replace(landed.file, path)
        _sync(path.parent)
        reach("table.renamed")
    with store.write() as tx:
        row = tx.execute(sa.select(data_table).where(data_table.c.id == look.table_id)).first()
        if row is None or row.version != look.version:
            return Outcome("overtaken")
        values: dict[str, Any] = _settled(look, now) | {
            "failures": 0, "error": "", "error_kind": "", "next_attempt_at": None, "fingerprint": landed.fingerprint,
        }  # fmt: skip
        if landed.part is None:
            outcome, changes = Outcome("unchanged"), []
        else:
            changes = _changes(msgspec.json.decode(row.columns, type=list[Column]), landed.columns)
            size_bytes = _replace_files(tx, look.table_id, landed, now=now)
            outcome = Outcome("published", landed.rows, size_bytes)
            values |= {
                "cursor_value": landed.cursor_value,
                "content": landed.content,
                "columns": msgspec.json.encode(landed.columns).decode(),
                "profile": msgspec.json.encode(landed.profile).decode(),
                "rows": landed.rows,
                "size_bytes": size_bytes,
                "version": look.version + 1,
                "published_at": now,
            }
        tx.execute(data_table.update().where(data_table.c.id == look.table_id).values(**values))
        _note(tx, look, outcome, now=now, changes=changes)
    reach("table.published")
    return outcome


def note_failure(store: Store, look: Look, refused: Refused, *, now: int) -> Outcome:
    """Write down why a table could not be read; what was published stays."""
    with store.write() as tx:
        row = tx.execute(sa.select(data_table.c.failures).where(data_table.c.id == look.table_id)).first()
        if row is None:
            return Outcome("overtaken")
        failures = row.failures + 1
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(row.failures, 10))
        values = _settled(look, now) | {
            "failures": failures,
            "error": refused.error,
            "error_kind": refused.kind.value,
            "next_attempt_at": now + rest_s * SECOND if refused.kind is Fault.TRANSIENT else None,
        }
        tx.execute(data_table.update().where(data_table.c.id == look.table_id).values(**values))
        outcome = Outcome("failed", error=refused.error)
        _note(tx, look, outcome, now=now, kind=refused.kind.value)
    return outcome


def _settled(look: Look, now: int) -> dict[str, Any]:
    return {"checked_at": now} | ({} if look.due_at is None else {"last_due_at": look.due_at})


def _replace_files(tx: sa.Connection, table_id: int, landed: Landed, *, now: int) -> int:
    """Set the files of a table and return the size of all."""
    theirs = data_file.c.table_id == table_id
    part = landed.part
    if part is None:
        raise ValueError("nothing was landed")
    others = data_file.c.sha256 != part.sha256
    if not landed.keeps:
        tx.execute(data_file.delete().where(theirs, others))
    columns = ["table_id", "sha256", "rows", "size_bytes", "created_at"]
    bulk.insert_new(tx, data_file, columns, [(table_id, part.sha256, part.rows, part.size_bytes, now)])
    return int(tx.scalar(sa.select(sa.func.sum(data_file.c.size_bytes)).where(theirs)) or 0)


def _changes(before: list[Column], after: list[Column]) -> list[str]:
    """Say what is new about the columns; nothing of a table that was never there."""
    if not before:
        return []
    old, new = ({each.name: each.type for each in columns} for columns in (before, after))
    found = [f"added {name} {kind}" for name, kind in new.items() if name not in old]
    found += [f"removed {name} {kind}" for name, kind in old.items() if name not in new]
    return found + [f"{name} was {old[name]}, is {new[name]}" for name in new if name in old and old[name] != new[name]]


def _note(
    tx: sa.Connection, look: Look, outcome: Outcome, *, now: int, kind: str = "", changes: list[str] | None = None
) -> None:
    tx.execute(
        data_refresh.insert().values(
            table_id=look.table_id,
            run_id=look.run_id,
            started_at=look.started_at,
            finished_at=now,
            outcome=outcome.outcome,
            rows=outcome.rows,
            size_bytes=outcome.size_bytes,
            changes=msgspec.json.encode(changes or []).decode(),
            error=outcome.error,
            error_kind=kind,
        )
    )


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk before a row names them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(store: Store, *, now: int) -> None:
    """Forget what became of looks that are older than `KEPT_DAYS`."""
    with store.write() as tx:
        tx.execute(data_refresh.delete().where(data_refresh.c.finished_at < now - KEPT_DAYS * DAY))


def sweep(store: Store, root: Path, *, grace_s: float = GRACE_S) -> int:
    """Remove files and leftovers that no table names and nobody has touched for a while; return how many."""
    if not root.exists():
        return 0
    with store.read() as tx:
        named = {(str(row.table_id), f"{row.sha256}.parquet") for row in tx.execute(sa.select(data_file))}
    before, removed = time.time() - grace_s, 0
    for path in root.glob("*/*"):
        if (path.parent.name, path.name) in named or path.parent.name.startswith(STAGING):
            continue
        removed += _remove_old(path, before)
    for path in root.glob(f"{STAGING}*"):
        removed += sum(_remove_old(each, before) for each in sorted(path.rglob("*"), reverse=True))
        removed += _remove_old(path, before)
    return removed


def _remove_old(path: Path, before: float) -> int:
    try:
        if path.stat().st_mtime >= before:
            return 0
        path.rmdir() if path.is_dir() else path.unlink()
    except OSError:  # somebody else was first, or something is left in it
        return 0
    return 1
