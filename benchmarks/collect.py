"""First collection of 1 GB of transcripts with redaction, and a second one of what did not change.

References in the same run: `cp -r` of the same tree, which reads and writes as much and looks at nothing; the rules of
redaction applied to every line of the same bytes on one core, as it was done before there was a filter; and looking at
every file's times. Arguments: size in MB (1024), runs (3). Exit code 1 when a figure is missed.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from . import generate
from ._measure import PRECEDENT, Measured, machine, row, run

FLOOR_MB_S = 150.0
MAX_RSS_MB = 150.0
GROWN = 20

EVERYWHERE = """
import sys
from pathlib import Path
from precedent.archive.redact import redact
for path in Path(sys.argv[1]).rglob("*.jsonl"):
    redact(path.read_bytes(), everywhere=True)
"""
LOOK = """
import os, sys
for folder, _, names, place in os.fwalk(sys.argv[1]):
    for name in names:
        os.stat(name, dir_fd=place, follow_symlinks=False)
"""


def main(size_mb: int = 1024, runs: int = 3) -> int:
    """Measure and print; 1 when slower or larger than it may be."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        home, data, copy = Path(folder, "home"), Path(folder, "data"), Path(folder, "copy")
        made = generate.generate(home, files=max(1, round(size_mb * (1 << 20) / generate.MEAN_BYTES)))
        size = made.size_bytes / 1e6
        command = [*PRECEDENT, "--data-dir", str(data), "collect", "--home", str(home)]
        print(f"collecting, {size:,.0f} MB in {made.files:,} files; {machine()}")

        def speed(seconds: float) -> str:
            return f"{size / seconds:.0f} MB/s"

        first: list[Measured] = []
        copied: list[Measured] = []
        plain: list[Measured] = []
        for _ in range(runs):
            for target, commands, results in (
                (data, command, first),
                (copy, ["cp", "-r", str(home), str(copy)], copied),
            ):
                shutil.rmtree(target, ignore_errors=True)
                results.append(run(commands))
            plain.append(run([sys.executable, "-c", EVERYWHERE, str(home)]))
        shutil.rmtree(copy)
        best = min(each.wall_s for each in first)
        print(row("precedent collect, new", first, note=f"{speed(best)} at best, floor {FLOOR_MB_S:.0f} MB/s"))
        print(row("reference: cp -r, not flushed", copied, note=speed(min(each.wall_s for each in copied))))
        note = f"{speed(min(each.cpu_s for each in plain))} of processor"
        print(row("reference: rules on every line, one core", plain, note=note))
        print(row("precedent collect, unchanged", [run(command) for _ in range(runs)]))
        print(
            row("reference: looking at every file", [run([sys.executable, "-c", LOOK, str(home)]) for _ in range(runs)])
        )
        print(row("reference: starting the program", [run([*PRECEDENT, "--version"]) for _ in range(runs)]))
        grown = [_grow_and_collect(home, command) for _ in range(runs)]
        print(row(f"precedent collect, {GROWN} files grew by a line", grown))
        return int(size / best < FLOOR_MB_S or max(each.rss_mb for each in first) > MAX_RSS_MB)


def _grow_and_collect(home: Path, command: list[str]) -> Measured:
    for path in sorted(home.rglob("*.jsonl"))[:GROWN]:
        with path.open("r+b") as file:
            line = file.readline()
            file.seek(0, 2)
            file.write(line)
    return run(command)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
