"""What growth costs: 20 lines at the end of 10 of many transcripts, and 10 KB at the end of one of 50 MB.

The first is measured as a whole process, start-up included, beside a run with nothing to do and beside ccusage, when
it is on the path or `CCUSAGE` names it, which reads everything again. The second is counted in bytes that the system
handed to the extraction; the reference is the size of the transcript. Arguments: size in MB (1024), runs (5).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from precedent.pipeline.contract import Transcript, TranscriptRef
from precedent.processors.usage import PROCESSOR
from precedent.transcripts.claude_code import READER

from . import generate
from ._measure import PRECEDENT, machine, row, run

GROWN_FILES = 10
GROWN_LINES = 20
LARGE_BYTES = 50 << 20
APPENDED_BYTES = 10 << 10
MOST_BEYOND = 64 << 10  # bytes that may be read beside those appended


def main(size_mb: int = 1024, runs: int = 5) -> None:
    """Measure and print.

    Raises:
        RuntimeError: an append was read with more than `MOST_BEYOND` beside it.
    """
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        home, data = Path(folder, "home"), Path(folder, "data")
        made = generate.generate(home, files=max(GROWN_FILES, round(size_mb * (1 << 20) / generate.MEAN_BYTES)))
        print(f"growth of {made.size_bytes / 1e6:,.0f} MB in {made.files:,} files; {machine()}")
        _grown(home, data, runs)
        _large(Path(folder))


def _grown(home: Path, data: Path, runs: int) -> None:
    precedent = [*PRECEDENT, "--data-dir", str(data)]
    collect, usage = [*precedent, "collect", "--home", str(home)], [*precedent, "run", "usage"]
    run(collect)
    run(usage)
    files = sorted(home.rglob("*.jsonl"))[:GROWN_FILES]
    more = cycle(_lines(home))
    collected, counted = [], []
    for _ in range(runs):
        for path in files:
            with path.open("ab") as file:
                file.writelines(next(more) for _ in range(GROWN_LINES))
        collected.append(run(collect))
        counted.append(run(usage))
    print(row("precedent run usage, unchanged", [run(usage) for _ in range(runs)]))
    print(row(f"precedent run usage, {GROWN_LINES} lines in {GROWN_FILES} files", counted))
    print(row("precedent collect of the same", collected))
    if ccusage := os.environ.get("CCUSAGE") or shutil.which("ccusage"):
        environment = {"CLAUDE_CONFIG_DIR": str(home / ".claude")}
        print(row("reference: ccusage", [run([ccusage, "daily", "--offline", "--json"], env=environment)]))


def _lines(home: Path) -> list[bytes]:
    """Lines of a later seed of the generator: requests that are not there yet."""
    other = home.with_name("more")
    generate.generate(other, files=GROWN_FILES * 4, seed=2)
    return [line for path in sorted(other.rglob("*.jsonl")) for line in path.read_bytes().splitlines(keepends=True)]


def _large(folder: Path) -> None:
    path, lines = folder / "large.jsonl", cycle(_lines(folder / "large"))
    size = _append(path, lines, until=LARGE_BYTES)
    first = PROCESSOR.extract(_transcript(path), None)
    appended = _append(path, lines, until=APPENDED_BYTES)
    before = _bytes_read()
    PROCESSOR.extract(_transcript(path), first.cursor)
    read = _bytes_read() - before
    if read > appended + MOST_BEYOND:
        raise RuntimeError(f"{read:,} bytes were read for {appended:,} appended")
    print(f"{'bytes read for an append':<44} {read:,} for {appended:,} appended; reference: {size:,} in the transcript")


def _append(path: Path, lines: Iterator[bytes], *, until: int) -> int:
    """Append lines until that many bytes were written, and return how many those were."""
    written = 0
    with path.open("ab") as file:
        while written < until:
            written += file.write(next(lines))
    return written


def _transcript(path: Path) -> Transcript:
    ref = TranscriptRef(
        id=1, session_file="somebody/large.jsonl", user_id=1, username="somebody", agent="claude-code",
        native_id="large", agent_id="", parent_id="", generation=0, revision=1, length=path.stat().st_size,
        content_hash="", observed_at=0,
    )  # fmt: skip
    return Transcript(ref, path=path, reader=READER)


def _bytes_read() -> int:
    """Bytes that the system has handed to this process so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines())
    return int(counts["rchar"])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
