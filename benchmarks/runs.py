"""From the request of a run to its start in an idle worker of another process, and how many small runs a second.

On SQLite; with a URL as argument also on that PostgreSQL, whose tables it makes. The collector runs over an empty home.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from precedent.app import App
from precedent.jobs.records import COLLECTOR
from precedent.settings import load

from ._measure import PRECEDENT, machine

RUNS = 200


def main(url: str = "") -> None:
    """Measure and print."""
    print(f"{RUNS} runs one after the other; {machine()}")
    for name, where in (("SQLite", ""), *([("PostgreSQL", url)] if url else [])):
        with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
            _measure(name, Path(folder), where)


def _measure(name: str, folder: Path, url: str) -> None:
    app = App(load(data_dir=folder / "data", database_url=url))
    app.store.revision()
    environment = {**os.environ, "HOME": str(folder), "PRECEDENT_DATABASE_URL": url}
    process = subprocess.Popen([*PRECEDENT, "--data-dir", str(folder / "data"), "worker"], env=environment)
    try:
        _one(app)  # the worker has loaded what a collection needs
        start, delays = time.monotonic(), []
        for _ in range(RUNS):
            delays.append(_one(app))
        took = time.monotonic() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        app.close()
    delays.sort()
    p50, p99 = (delays[round(share * (RUNS - 1))] for share in (0.5, 0.99))
    print(
        f"{name:<12} started after p50 {p50 / 1000:5.1f} ms, p99 {p99 / 1000:5.1f} ms, max {delays[-1] / 1000:5.1f} ms;"
        f" {RUNS / took:5.1f} runs a second, request to end"
    )


def _one(app: App) -> int:
    """Ask for a run, wait for its end, and return the microseconds until it was begun."""
    number = app.request(COLLECTOR, by="benchmark").id
    while (found := app.runs.get(number)).finished_at is None:
        time.sleep(0.002)
    return (found.started_at or 0) - found.requested_at


if __name__ == "__main__":
    main(*sys.argv[1:])
