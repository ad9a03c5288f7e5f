"""Refreshes tables: which are due, one child process for each, what became of it; one failure stops no other."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent import children
from precedent.clock import Clock
from precedent.errors import Fault, NotFound, PrecedentError
from precedent.schedules import latest, parse
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import data_file, data_source, data_table

from . import publishing
from .model import Column, Kind, Landed, Mode, Order, Refused
from .publishing import Look, Outcome

AT_A_TIME = 2
MAX_DETAILS = 100
LOOK_S = 0.2
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY")


class RefreshStats(msgspec.Struct, kw_only=True):
    """What one run of data refresh did.

    Attributes:
        tables_due: that were to be read.
        published: of them with something new.
        unchanged: of them without.
        failed: of them that could not be read.
        rows: of the published tables.
        size_bytes: of their files.
        files_removed: that no table names any more.
        errors_detail: each failed table with its error and kind.
    """

    tables_due: int = 0
    published: int = 0
    unchanged: int = 0
    failed: int = 0
    rows: int = 0
    size_bytes: int = 0
    files_removed: int = 0
    errors_detail: list[dict[str, str]] = []


class _Due(NamedTuple):
    """A table to read, with its source.

    Attributes:
        due_at: the instant at which it was due; None when it was asked for by name.
    """

    table: "sa.Row[Any]"
    source: "sa.Row[Any]"
    due_at: int | None


class Refreshing:
    """Reads tables.

    Args:
        store: the database.
        secrets: where the secrets of sources are.
        settings: folders and limits.
        clock: time.
    """

    def __init__(self, store: Store, secrets: SecretStore, *, settings: Settings, clock: Clock) -> None:
        self._store, self._secrets, self._settings, self._clock = store, secrets, settings, clock
        self.root = settings.tables_dir

    def refresh(
        self,
        names: Sequence[str] | None = None,
        *,
        run_id: int | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> RefreshStats:
        """Read the tables that are due, or those that are named whether they are due or not.

        Raises:
            NotFound: a named one does not exist; nothing was read.
        """
        due = self._named(names) if names is not None else self._due()
        stats = RefreshStats(tables_due=len(due))
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="refresh") as threads:
            for each, outcome in zip(due, threads.map(lambda one: self._one(one, run_id, stopping), due), strict=True):
                _add(stats, each, outcome)
        publishing.prune(self._store, now=self._clock.now())
        stats.files_removed = publishing.sweep(self._store, self.root)
        return stats

    def known(self, names: Sequence[str]) -> None:
        """See that tables exist.

        Raises:
            NotFound: one does not.
        """
        self._named(names)

    def _due(self) -> list[_Due]:
        """Return the tables that are due, those that waited longest first."""
        now, found = self._clock.now(), []
        for table, source in self._rows(data_table.c.paused_reason == ""):
            due_at = latest(parse(table.schedule, name=table.name), last=table.last_due_at, now=now)
            if due_at is None and table.next_attempt_at is not None and table.next_attempt_at <= now:
                due_at = table.last_due_at
            if due_at is not None:
                found.append(_Due(table, source, due_at))
        return sorted(found, key=lambda each: each.table.checked_at or 0)

    def _named(self, names: Sequence[str]) -> list[_Due]:
        wanted = dict.fromkeys(names)
        found = {table.name: _Due(table, source, None) for table, source in self._rows(sa.true())}
        if missing := [name for name in wanted if name not in found]:
            raise NotFound(f"no table {missing[0]!r}; `precedent data tables` names them")
        return [found[name] for name in wanted]

    def _rows(self, which: "sa.ColumnElement[bool]") -> "list[tuple[sa.Row[Any], sa.Row[Any]]]":
        with self._store.read() as tx:
            sources = {row.id: row for row in tx.execute(sa.select(data_source))}
            tables = tx.execute(sa.select(data_table).where(which).order_by(data_table.c.name)).all()
        return [(table, sources[table.source_id]) for table in tables]

    def _one(self, due: _Due, run_id: int | None, stopping: Callable[[], bool]) -> Outcome:
        """Read one table and write down what became of it."""
        if stopping():
            return Outcome("stopped")
        look = Look(due.table.id, due.table.version, run_id, due.due_at, self._clock.now())
        folder = Path(tempfile.mkdtemp(prefix=publishing.STAGING, dir=self.root))
        try:
            try:
                found = self._read(due, folder, stopping)
            except PrecedentError as error:
                found = Refused(kind=Fault.of(error), error=str(error))
            if found is None:
                return Outcome("stopped")
            if isinstance(found, Refused):
                return publishing.note_failure(self._store, look, found, now=self._clock.now())
            return publishing.publish(self._store, self.root, look, found, now=self._clock.now())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _read(self, due: _Due, folder: Path, stopping: Callable[[], bool]) -> Landed | Refused | None:
        """Have a child read a table; None when we are to stop."""
        order = self._order(due, folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "precedent.tables.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=children.environment(*_PROXIES) | {"HOME": str(folder), "TMPDIR": str(folder)},
        )
        left_s: float = due.table.timeout_s
        given: bytes | None = msgspec.json.encode(order)
        while True:
            try:
                answer, _ = process.communicate(given, timeout=min(LOOK_S, left_s))
                break
            except subprocess.TimeoutExpired:
                given, left_s = None, left_s - LOOK_S
                if stopping() or left_s <= 0:
                    process.kill()
                    process.communicate()
                    if stopping():
                        return None
                    said = f"not read within {due.table.timeout_s} s; raise timeout_s of the table, or select less"
                    return Refused(kind=Fault.TRANSIENT, error=said)
        try:
            return msgspec.json.decode(answer, type=Landed | Refused)
        except msgspec.DecodeError:
            said = f"the process that reads the table ended without an answer (status {process.returncode})"
            return Refused(kind=Fault.TRANSIENT, error=said)

    def _order(self, due: _Due, folder: Path) -> Order:
        table, source = due.table, due.source
        with self._store.read() as tx:
            query = sa.select(data_file.c.sha256).where(data_file.c.table_id == table.id).order_by(data_file.c.id)
            parts = [publishing.path_of(self.root, table.id, each) for each in tx.scalars(query)]
        anew = not all(path.exists() for path in parts)  # a restored backup has none
        mode = Mode(table.mode)
        if anew or (mode is not Mode.FULL and not table.cursor_value):
            parts = []
        files_dir = self._settings.data_files_dir
        return Order(
            kind=Kind(source.kind),
            place=source.place,
            options=msgspec.json.decode(source.options),
            secret=self._secrets.resolve(source.secret) if source.secret else "",
            selection=msgspec.json.decode(table.selection),
            mode=mode,
            cursor_column=table.cursor_column,
            key_columns=msgspec.json.decode(table.key_columns),
            fingerprint="" if anew or not parts else table.fingerprint,
            cursor_value=table.cursor_value if parts else "",
            content=table.content,
            parts=[str(path.resolve()) for path in parts],
            columns=msgspec.json.decode(table.columns, type=list[Column]),
            folder=str(folder.resolve()),
            max_rows=min(table.max_rows, self._settings.data_max_rows),
            max_bytes=min(table.max_bytes, self._settings.data_max_mb << 20),
            files_dir=str(files_dir.resolve()) if files_dir else "",
            egress_private=list(self._settings.egress_private),
            memory_mb=self._settings.data_memory_mb,
        )


def _add(stats: RefreshStats, due: _Due, outcome: Outcome) -> None:
    match outcome.outcome:
        case "published":
            stats.published += 1
            stats.rows += outcome.rows
            stats.size_bytes += outcome.size_bytes
        case "unchanged":
            stats.unchanged += 1
        case "failed":
            stats.failed += 1
            if len(stats.errors_detail) < MAX_DETAILS:
                stats.errors_detail.append({"table": due.table.name, "error": outcome.error})
