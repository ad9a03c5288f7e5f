"""`precedent serve` with nothing to do: its first answer, memory and processor time of all its processes, its end.

Reference in the same run: an interpreter that only sleeps. Argument: seconds to watch (60).
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
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
        port = _free_port()
        for name, command in (
            ("precedent serve", serve),
            ("reference: a sleeping interpreter", [sys.executable, "-c", "import time; time.sleep(100000)"]),
        ):
            environment = {**os.environ, "HOME": str(home), "PRECEDENT_PORT": str(port)}
            start = time.monotonic()
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                if command is serve:
                    _first_answer(port)
                    print(f"{'  first answer after':<44} {time.monotonic() - start:5.2f} s")
                time.sleep(SETTLE_S)
                before = _cpu(process.pid)
                time.sleep(seconds)
                used = _cpu(process.pid) - before
                memory = [each.memory_info().rss / (1 << 20) for each in _family(process.pid)]
                print(f"{name:<44} cpu {100 * used / seconds:5.2f} %  rss {sum(memory):6.1f} MB", end="")
                print(f"  ({', '.join(f'{each:.0f}' for each in memory)})")
            finally:
                process.send_signal(signal.SIGTERM)
                start = time.monotonic()
                process.wait()
                print(f"{'  stopped after':<44} {time.monotonic() - start:5.2f} s")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _first_answer(port: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30):
                return
        except OSError:
            time.sleep(0.01)


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(pid: int) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _family(pid))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
