"""Named places where a test may kill the process, to prove that nothing is lost or doubled.

`PRECEDENT_FAULT=collect.appended:3` kills the process with SIGKILL when it reaches that place for the third time.
Unset, as always outside tests, a place costs one comparison.
"""

import os
import signal

POINTS = (
    "collect.listed",
    "collect.opened",
    "collect.scrubbed",
    "collect.appended",
    "collect.replaced",
    "collect.synced",
    "collect.catalogued",
    "collect.committed",
    "collect.swept",
    "collect.withdrawn",
    "upload.received",
    "upload.appended",
    "upload.committed",
    "push.spooled",
    "push.sent",
    "push.recorded",
    "extract.begun",
    "extract.read",
    "extract.answered",
    "run.requested",
    "run.opened",
    "run.planned",
    "run.claimed",
    "run.extracted",
    "store.requests",
    "store.events",
    "store.rollups",
    "store.state",
    "store.committed",
    "run.failed",
    "run.closing",
    "run.closed",
    "run.put_back",
    "expire.committed",
    "erase.committed",
    "erase.deleted",
    "compress.written",
    "compress.renamed",
    "compress.removed",
    "unpack.written",
    "unpack.renamed",
    "backup.written",
    "restore.objects",
    "restore.loaded",
    "model.kept",
    "model.stored",
    "memory.stored",
    "memory.read",
    "marketplace.moved",
    "marketplace.published",
    "table.renamed",
    "table.published",
    "import.read",
    "import.written",
    "import.committed",
)
"""Every place; a test visits each."""

_wanted, _, _count = os.environ.get("PRECEDENT_FAULT", "").partition(":")
_left = [int(_count or 1)]


def reach(point: str) -> None:
    """Pass a named place."""
    if point == _wanted:
        _left[0] -= 1
        if _left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
