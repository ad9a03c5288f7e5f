"""Syncs marketplaces: has them read, and makes rows of it; one failure stops no other."""

import os
import queue
import shutil
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

from precedent.clock import Clock
from precedent.errors import Fault, PrecedentError
from precedent.faults import reach
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import marketplace, marketplace_plugin

from . import contents
from .model import LOGIN, About, NotSynced, PluginFound, Synced, SyncOrder
from .reader import Reader
from .registry import one

AT_A_TIME = 2
TIME_S = 120.0
"""For one repository."""

GRACE_S = 3600.0
MAX_DETAILS = 100
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
            child: Reader | None = None
            try:
                while not stopping() and not waiting.empty():
                    try:
                        row = waiting.get_nowait()
                    except queue.Empty:
                        return
                    child = child or Reader()
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

    def _one(self, row: "sa.Row[Any]", child: "Reader", stopping: Callable[[], bool]) -> Synced | NotSynced | None:
        """Sync one marketplace and write down what became of it; None when we are to stop."""
        try:
            with self._folder() as folder:
                found = child.ask(self._order(row, folder), stopping, time_s=self._time_s)
                if isinstance(found, Synced):
                    for file, digest in {each.file: each.content_hash for each in found.plugins}.items():
                        os.replace(file, contents.path_of(self.contents, digest))
                    reach("marketplace.moved")
                    if not self._publish(row, found):
                        return NotSynced(kind=Fault.TRANSIENT, error="it was changed or removed while it was read")
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

    def _publish(self, row: "sa.Row[Any]", found: Synced) -> bool:
        """Make what was read the marketplace, in one transaction; what is trusted stays so.

        Returns: False when the marketplace leads elsewhere by now, and nothing was written.
        """
        now = self._clock.now()
        values: dict[str, Any] = {"checked_at": now, "failures": 0, "error": "", "error_kind": ""}
        if not found.unchanged:
            defects = msgspec.json.encode(found.defects).decode()
            values |= {"synced_at": now, "commit_id": found.commit_id, "defects": defects}
        with self._store.write() as tx:
            current = tx.execute(sa.select(marketplace).where(marketplace.c.id == row.id)).first()
            if current is None or (current.url, current.ref, current.pin) != (row.url, row.ref, row.pin):
                return False  # the next sync reads the other place
            tx.execute(marketplace.update().where(marketplace.c.id == row.id).values(**values))
            if found.unchanged:
                return True
            theirs = marketplace_plugin.c.marketplace_id == row.id
            known = {each.name: each for each in tx.execute(sa.select(marketplace_plugin).where(theirs))}
            for plugin in found.plugins:
                before = known.pop(plugin.name, None)
                about = msgspec.json.encode(_kept(before, plugin)).decode()
                said = {"content_hash": plugin.content_hash, "about": about, "gone": False, "seen_at": now}
                if before is None:
                    tx.execute(marketplace_plugin.insert().values(marketplace_id=row.id, name=plugin.name, **said))
                else:
                    tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == before.id).values(**said))
            for each in known.values():
                tx.execute(marketplace_plugin.update().where(marketplace_plugin.c.id == each.id).values(gone=True))
        reach("marketplace.published")
        return True

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


def _kept(before: "sa.Row[Any] | None", plugin: PluginFound) -> About:
    """Return what is told of a plugin: with the words of before as long as its files are the same.

    Trust is in its files, and these words may stand in a list that is none of them: whoever trusts has seen the first.
    """
    if before is None or before.content_hash != plugin.content_hash:
        return plugin.about
    was = msgspec.json.decode(before.about, type=About)
    return msgspec.structs.replace(plugin.about, description=was.description, version=was.version)


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
