"""Copies what is new in people's homes into the archive: scrubbed, appended, catalogued.

Order of every step: write to the archive, flush it, commit the catalogue. A death in between leaves bytes beyond the
catalogued length, or an object that no row names; the next collection drops them. A source that shrinks, vanishes or
is replaced never takes anything away from what was derived from it before.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from precedent.clock import Clock
from precedent.store import Store
from precedent.transcripts.contract import Reader

from .catalogue import Listener
from .contract import Archive
from .counts import CollectStats, Progress
from .keeping import Keeper
from .privacy import Privacy
from .sources import Home
from .visit import Visit

__all__ = ["CollectStats", "Collector", "Progress"]

MAX_THREADS = 4


class Collector:
    """Collects from homes.

    Args:
        store: the database.
        archive: where transcripts go.
        readers: by agent.
        listener: told of every change in its transaction.
        private_folders: opted out for everybody.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        *,
        readers: Mapping[str, Reader],
        listener: Listener,
        private_folders: Sequence[str] = (),
        clock: Clock = Clock(),
    ) -> None:
        self._keeper = Keeper(store, archive, listener=listener, clock=clock)
        self._readers, self._private_folders = readers, private_folders

    def collect(
        self,
        homes: Iterable[Home],
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: Progress = lambda _: None,
    ) -> CollectStats:
        """Collect every home; the failure of one file or home stops no other.

        Args:
            homes: where to collect from.
            stopping: asked between files and while one is copied; true ends the collection. A file that is half
                copied then is copied by the next collection.
            progress: told after every batch.
        """
        stats = CollectStats()
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1), "collect") as threads:
            for home in homes:
                try:
                    Visit(
                        home,
                        keeper=self._keeper,
                        readers=self._readers,
                        privacy=Privacy(home.path, folders=self._private_folders),
                        threads=threads,
                        stats=stats,
                        progress=progress,
                        stopping=stopping,
                    ).collect()
                except OSError as error:
                    stats.files_failed += 1
                    stats.error(str(home.path), str(error))
                    continue
                stats.users_processed += 1
        progress(stats)
        return stats
