"""A run with nothing to do at 100,000 catalogued transcripts, and with 1,000 of them changed but equal.

Reference in the same run: listing the same number of files with their times, which is what finding changes by looking
at every transcript would cost. Argument: transcripts (100000).
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from precedent.app import App
from precedent.settings import load
from precedent.store import bulk
from precedent.store.schema import state, transcript, user

from ._measure import machine

COLUMNS = (
    "id", "session_file", "user_id", "agent", "native_id", "source_path", "source_blocks", "object_key", "length",
    "revision", "content_hash", "archive_blocks", "observed_at", "created_at", "changed_at",
)  # fmt: skip
STATE_COLUMNS = (
    "processor_name", "session_file", "transcript_id", "username", "processed_at", "file_hash", "status", "revision",
    "processor_version",
)  # fmt: skip


def main(transcripts: int = 100_000) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        app = App(load(data_dir=Path(folder, "data")))
        _fill(app, transcripts)
        print(f"a tick at {transcripts:,} transcripts; {machine()}")
        print(f"{'nothing changed':<44} {_best(lambda: app.run_processor('usage').scanned, expected=0):8.1f} ms")
        with app.store.write() as tx:
            tx.exec_driver_sql("UPDATE session_processor_state SET status = 'pending' WHERE transcript_id <= 1000")
        start = time.perf_counter()
        skipped = app.run_processor("usage").skipped
        print(f"{f'{skipped:,} touched and equal':<44} {(time.perf_counter() - start) * 1000:8.1f} ms")
        opened = list(Path(folder, "data", "sessions").iterdir()) if Path(folder, "data", "sessions").is_dir() else []
        if opened:
            raise RuntimeError("a tick must not touch the archive")
        files = Path(folder, "files")
        files.mkdir()
        for number in range(transcripts):
            os.close(os.open(files / f"{number}.jsonl", os.O_CREAT | os.O_WRONLY))
        print(f"{'reference: stat of as many files':<44} {_best(lambda: _stat_all(files)):8.1f} ms")
        app.close()


def _best(measured: Callable[[], int], *, expected: int | None = None) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        found = measured()
        times.append((time.perf_counter() - start) * 1000)
        if expected is not None and found != expected:
            raise RuntimeError(f"expected {expected}, found {found}")
    return sorted(times)[len(times) // 2]


def _stat_all(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries)


def _fill(app: App, count: int) -> None:
    app.processing.register_all()
    with app.store.write() as tx:
        bulk.insert(tx, user, ["id", "key", "created_at"], [(1, "somebody", 0)])
        rows = [
            (
                number, f"somebody/{number}.jsonl", 1, "claude-code", str(number), f"/nowhere/{number}.jsonl", b"",
                f"somebody/{number}.jsonl", 1, 1, f"hash-{number}", b"", 0, 0, 0,
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        bulk.insert(tx, transcript, COLUMNS, rows)
        done = [
            ("usage", f"somebody/{number}.jsonl", number, "somebody", 1, f"hash-{number}", "done", 1, 1)
            for number in range(1, count + 1)
        ]
        bulk.insert(tx, state, STATE_COLUMNS, done)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
