"""Times whole commands, as the operating system accounts for them."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PRECEDENT = (sys.executable, "-m", "precedent.cli")

# Who develops may keep the interpreter from writing what it compiled; who uses the program has it compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class Measured(NamedTuple):
    """One finished command.

    Attributes:
        wall_s: wall time.
        cpu_s: processor time of the command and its children.
        rss_mb: peak memory of the largest single process.
    """

    wall_s: float
    cpu_s: float
    rss_mb: float


def run(command: Sequence[str], *, env: dict[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the message has what it said.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **(env or {})})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {output.read()[-2000:]!r}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def row(name: str, runs: Sequence[Measured], *, note: str = "") -> str:
    """Return one line of a result table: medians, with the range of the wall time."""
    walls = sorted(each.wall_s for each in runs)
    return (
        f"{name:<44} wall {statistics.median(walls):7.3f} s ({walls[0]:.3f} to {walls[-1]:.3f})  "
        f"cpu {statistics.median(each.cpu_s for each in runs):7.3f} s  "
        f"rss {max(each.rss_mb for each in runs):6.1f} MB  {note}".rstrip()
    )


def machine() -> str:
    """Return what the figures were measured on."""
    name = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{name}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
