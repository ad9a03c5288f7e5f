"""Syncs marketplaces: children that read them, and what of it becomes rows; one failure stops no other."""

import os
import queue
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent import children
from precedent.clock import Clock
from precedent.errors import Fault, PrecedentError
from precedent.faults import reach
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import marketplace, marketplace_plugin

from . import contents
from .model import LOGIN, NotSynced, Synced, SyncOrder
from .registry import one

AT_A_TIME = 2
TIME_S = 120.0
"""For one repository."""

GRACE_S = 3600.0
MAX_ANSWER_BYTES = 64 << 20
MAX_DETAILS = 100
READ_BYTES = 1 << 16
STAGING = ".staging-"


class SyncStats(msgspec.Struct, kw_only=True):
    """What one sync did.

    Attributes:
        marketplaces: that were looked at.
        synced: of them with something new.
        unchanged: of them without.
        failed: of them that could not be read.
        plugins: in those that were synced.
        errors_detail: each failed marketplace with its error.
    """

    marketplaces: int = 0
    synced: int = 0
    unchanged: int = 0
    failed: int = 0
    plugins: int = 0
    errors_detail: list[dict[str, str]] = []


class Syncing:
    """Syncs marketplaces.

    Args:
        store: the database.
        secrets: where the secrets of repositories are.
        settings: folders, and where URLs may lead.
        clock: time.
        time_s: seconds that one repository may take.
    """

    def __init__(
        self, store: Store, secrets: SecretStore, *, settings: Settings, clock: Clock, time_s: float = TIME_S
    ) -> None:
        self._store, self._secrets, self._settings, self._clock = store, secrets, settings, clock
        self._time_s = time_s
        self.root = settings.data_dir / "marketplaces"

    @property
    def contents(self) -> Path:
        """Folder of the contents of plugins."""
        return self.root / "contents"

    def sync(self, names: Sequence[str] | None = None, *, stopping: Callable[[], bool] = lambda: False) -> SyncStats:
        """Sync all marketplaces that are enabled, or those that are named.

        Raises:
            NotFound: a named one does not exist; nothing was synced.
        """
        with self._store.read() as tx:
            if names is None:
                query = sa.select(marketplace).where(marketplace.c.enabled).order_by(marketplace.c.name)
                rows = list(tx.execute(query))
            else:
                rows = [one(tx, name) for name in dict.fromkeys(names)]
        self.contents.mkdir(parents=True, exist_ok=True, mode=0o700)
        waiting: queue.SimpleQueue[sa.Row[Any]] = queue.SimpleQueue()
        for row in rows:
            waiting.put(row)
        stats, lock = SyncStats(marketplaces=len(rows)), threading.Lock()

        def body() -> None:
            child: _Child | None = None
            try:
                while not stopping() and not waiting.empty():
                    try:
                        row = waiting.get_nowait()
                    except queue.Empty:
                        return
                    child = child or _Child()
                    found = self._one(row, child, stopping)
                    if not child.lives:
                        child = None
                    with lock:
                        _add(stats, row, found)
            finally:
                if child is not None:
                    child.end()

        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="sync") as threads:
            bodies = [threads.submit(body) for _ in range(min(AT_A_TIME, len(rows)))]
        for each in bodies:
            each.result()  # what ended one of them, such as a database that is gone, fails the run
        self.sweep()
        return stats

    def _one(self, row: "sa.Row[Any]", child: "_Child", stopping: Callable[[], bool]) -> Synced | NotSynced | None:
        """Sync one marketplace and write down what became of it; None when we are to stop."""
        try:
            with self._folder() as folder:
                found = child.ask(self._order(row, folder), stopping, time_s=self._time_s)
                if isinstance(found, Synced):
                    for plugin in found.plugins:
                        os.replace(plugin.file, contents.path_of(self.contents, plugin.content_hash))
                    reach("marketplace.moved")
                    self._publish(row, found)
        except (PrecedentError, OSError) as error:
            found = NotSynced(kind=Fault.of(error), error=str(error))
        if isinstance(found, NotSynced):
            self._note(row, found)
        return found

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _order(self, row: "sa.Row[Any]", folder: Path) -> SyncOrder:
        with self._store.read() as tx:
            query = sa.select(marketplace_plugin).where(marketplace_plugin.c.marketplace_id == row.id)
            missing = [
                each for each in tx.execute(query) if not each.gone
                and not contents.path_of(self.contents, each.content_hash).exists()
            ]  # fmt: skip
        return SyncOrder(
            url=row.url,
            ref=row.ref,
            pin=row.pin,
            secret=self._secrets.resolve(row.secret) if row.secret else "",
            login=row.login or LOGIN,
            commit_id="" if missing else row.commit_id,  # a restored backup has no contents
            folder=str(folder.resolve()),
            egress_private=list(self._settings.egress_private),
        )

    def _publish(self, row: "sa.Row[Any]", found: Synced) -> None:
        """Make what was read the marketplace, in one transaction; what is trusted stays so."""
        now = self._clock.now()
        values: dict[str, Any] = {"checked_at": now, "failures": 0, "error": "", "error_kind": ""}
        if not found.unchanged:
            defects = msgspec.json.encode(found.defects).decode()
            values |= {"synced_at": now, "commit_id": found.commit_id, "defects": defects}
        with self._store.write() as tx:
            current = tx.execute(sa.select(marketplace).where(marketplace.c.id == row.id)).first()
            if current is None or (current.url, current.ref, current.pin) != (row.url, row.ref, row.pin):
                return  # it was changed meanwhile: the next sync reads the other place
            tx.execute(marketplace.update().where(marketplace.c.id == row.id).values(**values))
            if found.unchanged:
                return
            theirs = marketplace_plugin.c.marketplace_id == row.id
            known = {each.name: each for each in tx.execute(sa.select(marketplace_plugin).where(theirs))}
            for plugin in found.plugins:
                said = {
                    "content_hash": plugin.content_hash, "about": msgspec.json.encode(plugin.about).decode(),
                    "gone": False, "seen_at": now,
                }  # fmt: skip
                if (before := known.pop(plugin.name, None)) is None:
                    tx.execute(marketplace_plugin.insert().values(marketplace_id=row.id, name=plugin.name, **said))
                else:
                    tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == before.id).values(**said))
            for each in known.values():
                tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == each.id).values(gone=True))
        reach("marketplace.published")

    def _note(self, row: "sa.Row[Any]", found: NotSynced) -> None:
        values = {
            "checked_at": self._clock.now(), "failures": row.failures + 1, "error": found.error,
            "error_kind": found.kind.value,
        }  # fmt: skip
        with self._store.write() as tx:
            tx.execute(marketplace.update().where(marketplace.c.id == row.id).values(**values))

    def sweep(self, *, grace_s: float = GRACE_S) -> int:
        """Remove contents and leftovers that nothing names and nobody has touched for a while; return how many."""
        with self._store.read() as tx:
            rows = tx.execute(sa.select(marketplace_plugin.c.content_hash, marketplace_plugin.c.trusted_hash)).all()
        named = {contents.path_of(self.contents, each) for row in rows for each in row if each}
        before, removed = time.time() - grace_s, 0
        for path in [*self.contents.glob("*.content"), *self.root.glob(f"{STAGING}*")]:
            if path not in named and path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
                removed += 1
        return removed


class _Child:
    """A process that reads one repository after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "precedent.marketplaces.sync_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=children.environment() | {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        )
        self.lives = True

    def ask(self, order: SyncOrder, stopping: Callable[[], bool], *, time_s: float) -> Synced | NotSynced | None:
        """Return what became of an order; None when we are to stop."""
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise RuntimeError("pipes were asked for")
        try:
            given.write(msgspec.json.encode(order) + b"\n")
            given.flush()
        except OSError:
            return self._dead("it ended before it was asked")
        line, ends = bytearray(), time.monotonic() + time_s
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if stopping():
                    self.end()
                    return None
                if time.monotonic() > ends:
                    return self._dead(f"it took longer than {time_s:.0f} s")
                if selector.select(0.2):
                    piece = os.read(answers.fileno(), READ_BYTES)
                    line += piece
                    if not piece or len(line) > MAX_ANSWER_BYTES:
                        return self._dead("it ended" if not piece else "its answer is too long")
        return msgspec.json.decode(bytes(line), type=Synced | NotSynced)

    def _dead(self, why: str) -> NotSynced:
        self.end()
        return NotSynced(kind=Fault.TRANSIENT, error=f"the process that reads the repository gave no answer: {why}")

    def end(self) -> None:
        """End it."""
        self.lives = False
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass  # what was not written yet is lost with the child, as meant
        self._process.wait()


def _add(stats: SyncStats, row: "sa.Row[Any]", found: Synced | NotSynced | None) -> None:
    match found:
        case Synced(unchanged=True):
            stats.unchanged += 1
        case Synced():
            stats.synced += 1
            stats.plugins += len(found.plugins)
        case NotSynced():
            stats.failed += 1
            if len(stats.errors_detail) < MAX_DETAILS:
                stats.errors_detail.append({"marketplace": row.name, "error": found.error, "kind": found.kind.value})
