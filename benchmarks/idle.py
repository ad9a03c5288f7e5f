"""`precedent serve` with nothing to do: memory and processor time of all its processes.

Reference in the same run: an interpreter that only sleeps. Argument: seconds to watch (60).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from ._measure import PRECEDENT, machine

SETTLE_S = 15


def main(seconds: int = 60) -> None:
    """Measure and print."""
    print(f"idle for {seconds} s; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        serve = [*PRECEDENT, "--data-dir", str(Path(folder, "data")), "serve"]
        for name, command in (
            ("precedent serve", serve),
            ("reference: a sleeping interpreter", [sys.executable, "-c", "import time; time.sleep(100000)"]),
        ):
            environment = {**os.environ, "HOME": str(home)}
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                time.sleep(SETTLE_S)
                before = _cpu(process.pid)
                time.sleep(seconds)
                used = _cpu(process.pid) - before
                memory = sum(each.memory_info().rss for each in _family(process.pid))
                print(f"{name:<44} cpu {100 * used / seconds:5.2f} %  rss {memory / (1 << 20):6.1f} MB")
            finally:
                process.send_signal(signal.SIGTERM)
                start = time.monotonic()
                process.wait()
                print(f"{'  stopped after':<44} {time.monotonic() - start:5.2f} s")


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(pid: int) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _family(pid))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
