"""Everything that was derived, in a form that does not depend on ids, on order and on the database."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from precedent.archive.folder import LOCKS
from precedent.store import Store
from precedent.store.schema import metadata

Ledger = dict[str, list[str]]
"""By table: its rows as JSON, in order."""

USAGE = tuple(sorted(name for name in metadata.tables if name.startswith("usage_") and name != "usage_name"))
CATALOGUE = ("transcript", "session_processor_state")
_LEFT_OUT = {
    "usage_defect": {"id"},
    "transcript": {"id", "created_at", "changed_at"},
    # How often it was tried and by whom is what a death changes; what came of it is not.
    "session_processor_state": {
        "attempts", "next_attempt_at", "last_error", "error_class", "claim", "claim_run", "claims_open",
        "processed_at", "pending_since",
    },
}  # fmt: skip


def ledger(store: Store, *, tables: Sequence[str] = (*USAGE, *CATALOGUE)) -> Ledger:
    """Return the rows of tables; an id that points elsewhere is replaced by the name there."""
    with store.read() as tx:
        names = _by_id(tx, "SELECT id, kind || ':' || name FROM usage_name")
        transcripts = {0: "none yet"} | _by_id(tx, "SELECT id, session_file FROM transcript")
        users = _by_id(tx, "SELECT id, key FROM user_account")
        pointers = {"transcript_id": transcripts, "ancestor_id": transcripts, "user_id": users}
        found: Ledger = {}
        for table in tables:
            rows = tx.execute(sa.text(f"SELECT * FROM {table}")).mappings().all()
            left_out = _LEFT_OUT.get(table, set())
            shown = [
                {name: _shown(name, value, pointers, names) for name, value in row.items() if name not in left_out}
                for row in rows
            ]
            found[table] = sorted(json.dumps(row, sort_keys=True) for row in shown)
    return found


def _by_id(tx: sa.Connection, query: str) -> dict[int, str]:
    return {number: name for number, name in tx.execute(sa.text(query))}


def _shown(name: str, value: Any, pointers: dict[str, dict[int, str]], names: dict[int, str]) -> object:
    if name.endswith("_id") and isinstance(value, int):
        return pointers.get(name, names)[value]
    return value.hex() if isinstance(value, bytes | memoryview) else value


def archive(root: Path) -> dict[str, str]:
    """Return every file of an archive with a digest of its content."""
    digest: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest()  # noqa: E731
    files = (path for path in root.rglob("*") if path.is_file() and LOCKS not in path.parts)
    return {path.relative_to(root).as_posix(): digest(path.read_bytes()) for path in files}
