"""Pages in the browser with many sessions; goal: 95 of 100 within 100 ms.

The server is a process of its own, as in service; time is that of the answer, without what a browser does with it.
Each page is asked for by itself and one after the other.
Arguments: sessions (100000).
"""

import statistics
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from precedent.app import App
from precedent.settings import load

from ._measure import machine
from .api_reads import DAY_US, GOAL_MANY_MS, START_US, _fill, _once, _row, _served

ROUNDS = 20


def main(sessions: int = 100_000) -> None:
    """Measure and print."""
    print(f"pages; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        app = App(load(data_dir=Path(folder) / "data"))
        _fill(app, sessions)
        app.close()
        with _served(Path(folder) / "data") as base:
            _ask(base, sessions)


def _ask(base: str, sessions: int) -> None:
    last = datetime.fromtimestamp((START_US + 200 * DAY_US) // 1_000_000, UTC).date()
    days = f"since={last - timedelta(days=29)}&until={last}"
    calls = [
        "/", f"/usage?{days}", f"/usage?by=person&{days}", f"/usage?by=project&{days}", f"/usage?by=tool&{days}",
        f"/usage?project=/code/7&{days}", f"/usage?since={last - timedelta(days=199)}&until={last}",
        f"/usage/requests?{days}", "/sessions", "/sessions?person=person-7", f"/sessions?{days}", "/account",
    ]  # fmt: skip
    times: dict[str, list[float]] = defaultdict(list)
    with httpx.Client(base_url=base, timeout=60, headers={"accept": "text/html"}) as client:
        for call in calls:
            began = time.perf_counter()
            client.get(call).raise_for_status()
            print(f"  {call[:60]:<60} first  {(time.perf_counter() - began) * 1000:7.1f} ms")
        for _ in range(ROUNDS):
            for call in calls:
                times[call].append(_once(client, call))
    every = [each for found in times.values() for each in found]
    _row(f"pages at {sessions:,} sessions", every, goal_ms=GOAL_MANY_MS)
    for call, found in sorted(times.items(), key=lambda each: -statistics.median(each[1])):
        print(f"  {call[:60]:<60} median {statistics.median(found):7.1f} ms")
