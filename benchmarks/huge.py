"""Memory for transcripts that are far too large: one of 1 GB, and one with a line of 100 MB.

Both are collected and counted by the real command; the memory is that of the largest single process. Reference in the
same run: reading the same files line by line. Argument: size of the large file in MB (1024).
"""

import sys
import tempfile
from itertools import cycle
from pathlib import Path

from . import generate
from ._measure import PRECEDENT, machine, row, run

MOST_MB = 256
LINE_BYTES = 100 << 20
FOLDER = ".claude/projects/-work-huge"
REFERENCE = "import sys\nfor line in open(sys.argv[1], 'rb'): pass"


def main(size_mb: int = 1024) -> None:
    """Measure and print.

    Raises:
        RuntimeError: a process took more than `MOST_MB`.
    """
    print(f"huge transcripts; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        generate.generate(Path(folder, "other"), files=40)
        lines = [
            line
            for path in sorted(Path(folder, "other").rglob("*.jsonl"))
            for line in path.read_bytes().splitlines(keepends=True)
        ]
        _measure(Path(folder, "file"), f"a transcript of {size_mb:,} MB", lines, size=size_mb << 20)
        _measure(Path(folder, "line"), f"a line of {LINE_BYTES >> 20} MB", lines[:50], long=True)


def _measure(folder: Path, name: str, lines: list[bytes], *, size: int = 0, long: bool = False) -> None:
    path = folder / "home" / FOLDER / "0b8ee9a2-3c44-4b8e-9f0e-55d2f1a0c9b7.jsonl"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        written = 0
        for line in cycle(lines) if size else lines:
            written += file.write(line)
            if size and written >= size:
                break
        if long:
            file.write(b'{"type":"user","uuid":"long","message":{"role":"user","content":"')
            for _ in range(LINE_BYTES >> 20):
                file.write(b"a long story " * 80_660)
            file.write(b'"},"timestamp":"2026-01-05T09:00:00.000Z"}\n')
    precedent = [*PRECEDENT, "--data-dir", str(folder / "data")]
    found = [
        (f"collect: {name}", run([*precedent, "collect", "--home", str(folder / "home")])),
        (f"run usage: {name}", run([*precedent, "run", "usage"])),
    ]
    for what, measured in found:
        print(row(what, [measured]))
        if measured.rss_mb > MOST_MB:
            raise RuntimeError(f"{what} took {measured.rss_mb:.0f} MB")
    print(row("reference: for line in file", [run([sys.executable, "-c", REFERENCE, str(path)])]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
