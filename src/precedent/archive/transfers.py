"""Copies sources in threads, each one source at a time, and hands over what became of them in the order they came.

So the result does not depend on which thread is faster. Nearly all the time goes into searching, hashing, reading and
writing, which let other threads run.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from precedent.errors import BadInput
from precedent.faults import reach
from precedent.transcripts.contract import DocumentParser, Reader

from .catalogue import Entry
from .contract import Archive
from .copying import Copy, Stopped, copy_new, same_content, starts_alike
from .sources import Candidate
from .stores import Stored


class Transfer(NamedTuple):
    """A source that is to be copied, with all that a thread needs to know of it.

    Attributes:
        found: the source.
        descriptor: of the source, opened.
        reader: of its agent.
        entry: what the catalogue has; None for a new transcript.
        name: session file of the transcript.
        identity: columns of a new transcript; empty for a known one.
        folders: working folders that are known without reading the source.
        source_blocks: digests of the source up to the catalogued offset.
        archive_blocks: digests of the archived content.
    """

    found: Candidate | Stored
    descriptor: int
    reader: Reader
    entry: Entry | None
    name: str
    identity: dict[str, object]
    folders: set[str]
    source_blocks: bytes
    archive_blocks: bytes


class Equal:
    """A source turned out to have what it had."""


Outcome = Copy | Equal | OSError | BadInput | None
"""What became of a source; None when its person keeps it private."""


class Transfers:
    """The sources of one home that are being copied.

    Args:
        archive: where they go.
        threads: that copy.
        is_private: tells whether work in a folder is to be left alone.
        stopping: true ends what is under way.
    """

    def __init__(
        self,
        archive: Archive,
        threads: ThreadPoolExecutor,
        *,
        is_private: Callable[[str], bool],
        stopping: Callable[[], bool],
    ) -> None:
        self._archive, self._threads = archive, threads
        self._is_private, self._stopping = is_private, stopping
        self._under_way = deque[tuple[Transfer, Future[Copy | Equal | None]]]()
        self._over = threading.Event()

    def begin(self, transfer: Transfer) -> None:
        """Copy a source as soon as a thread is free; its descriptor is closed then."""
        self._under_way.append((transfer, self._threads.submit(self._run, transfer)))

    def is_under_way(self, name: str) -> bool:
        """Tell whether a transcript is being copied."""
        return any(transfer.name == name for transfer, _ in self._under_way)

    def finished(self, *, leave: int) -> Iterator[tuple[Transfer, Outcome]]:
        """Wait until no more than some are under way, and yield what became of the others; of stopped ones nothing."""
        while len(self._under_way) > leave:
            transfer, copied = self._under_way.popleft()
            try:
                yield transfer, copied.result()
            except Stopped:
                continue
            except (OSError, BadInput) as error:
                yield transfer, error

    def abandon(self) -> None:
        """After a failure: see that nothing is left that would use what is about to be closed."""
        self._over.set()
        for transfer, copied in self._under_way:
            if copied.cancel():
                os.close(transfer.descriptor)
            else:
                copied.exception()
        self._under_way.clear()

    def _run(self, transfer: Transfer) -> Copy | Equal | None:
        try:
            return self._copy(transfer)
        finally:
            os.close(transfer.descriptor)

    def _copy(self, transfer: Transfer) -> Copy | Equal | None:
        entry, descriptor = transfer.entry, transfer.descriptor
        self._go_on()
        fresh = entry is None
        if entry is not None:
            size = os.fstat(descriptor).st_size
            if size == entry.source_offset and same_content(descriptor, size, transfer.source_blocks):
                return Equal()
            fresh = not entry.object_key or not (
                size > entry.source_offset and starts_alike(descriptor, entry.source_offset, transfer.source_blocks)
            )
        copy = copy_new(
            self._archive,
            descriptor,
            entry=entry,
            name=transfer.name,
            fresh=fresh,
            source_blocks=b"" if fresh else transfer.source_blocks,
            archive_blocks=b"" if fresh else transfer.archive_blocks,
            folders_of=transfer.reader.folders,
            is_private=self._is_private,
            documents=isinstance(transfer.reader.parser(), DocumentParser),
            go_on=self._go_on,
        )
        if copy is not None and copy.bytes_read:
            reach("collect.replaced" if fresh and entry is not None else "collect.appended")
        return copy if copy is None or copy.bytes_read or fresh else Equal()

    def _go_on(self) -> None:
        if self._over.is_set() or self._stopping():
            raise Stopped
