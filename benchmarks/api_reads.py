"""The HTTP interface beside work, and with many sessions.

First a mix of reads at 100 a second for 20 seconds, while another process extracts half of 1 GB over and over at low
priority; goal: 99 of 100 answers within 50 ms. Then the same mix one by one at 100,000 catalogued sessions; goal: 95 of
100 within 100 ms. The server and the extraction are processes of their own, as they are in service; the calls come from
this one. Reference in the same run: the same rate of calls to `/livez`, which touch no database.
Arguments: size in MB (1024), sessions (100000).
"""

import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from precedent.app import App
from precedent.settings import load
from precedent.store import bulk
from precedent.store.schema import state, transcript, usage_name, usage_request, usage_rollup, usage_transcript, user
from precedent.usage.rollups import BUCKET, SPANS

from . import generate
from ._measure import PRECEDENT, machine, run

RATE, SECONDS, WARM_UP_S = 100, 20, 3
GOAL_BESIDE_MS, GOAL_MANY_MS = 50, 100
PER_SESSION = 10
DAY_US = 86_400_000_000
START_US = 1_780_000_000_000_000
LIVE = ("/livez",)


def main(size_mb: int = 1024, sessions: int = 100_000) -> None:
    """Measure and print."""
    print(f"reads over HTTP; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        _beside(Path(folder), size_mb)
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        _many(Path(folder), sessions)


def mix(sessions: Sequence[str]) -> list[str]:
    """Return the calls that a page of figures and one of sessions make, each as often as it is made."""
    some = random.Random(7).sample(list(sessions), min(20, len(sessions)))
    return [
        "/api/usage?by=day&limit=90", "/api/usage?by=day,model&limit=200", "/api/usage?by=person", "/api/usage/totals",
        "/api/usage?by=project", "/api/usage/tools", "/api/sessions?limit=50", "/api/usage/requests?limit=50",
        "/api/status", *[f"/api/sessions/{each}" for each in some[:6]],
        *[f"/api/sessions/{each}/events?limit=50" for each in some[6:12]],
    ]  # fmt: skip


def _beside(folder: Path, size_mb: int) -> None:
    home, data = folder / "home", folder / "data"
    generate.generate(home, files=max(4, round(size_mb * (1 << 20) / generate.MEAN_BYTES)))
    precedent = [*PRECEDENT, "--data-dir", str(data)]
    run([*precedent, "collect", "--home", str(home)])
    # Half of it is there already, so that there is something to read; the other half comes while we read.
    _leave_half(data)
    run([*precedent, "run", "usage"])
    with _served(data) as base:
        names = _names(base)
        _row("reference: /livez, alone", asyncio.run(_timed(base, LIVE)))
        _row("a mix of reads, alone", asyncio.run(_timed(base, mix(names))), goal_ms=GOAL_BESIDE_MS)
        with _extracting(data, precedent) as runs:
            times = asyncio.run(_timed(base, mix(names)))
        _row("a mix of reads beside extraction", times, goal_ms=GOAL_BESIDE_MS)
        print(f"  meanwhile that half was extracted {len(runs)} times, in {statistics.median(runs):.1f} s each")


@contextmanager
def _extracting(data: Path, precedent: Sequence[str]) -> Iterator[list[float]]:
    """Extract half of the transcripts over and over, at low priority, and yield the seconds that each time took."""
    seconds, ended = list[float](), threading.Event()

    def work() -> None:
        while not ended.is_set():
            _forget_half(data)
            seconds.append(run(["nice", "-n", "10", *precedent, "run", "usage"]).wall_s)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield seconds
    finally:
        ended.set()
        worker.join()


def _leave_half(data: Path) -> None:
    _database(data, "UPDATE session_processor_state SET status = 'dropped' WHERE transcript_id % 2 = 1")


def _forget_half(data: Path) -> None:
    again = "status = 'pending', cursor = NULL, file_hash = '', processor_version = 0"
    _database(data, f"UPDATE session_processor_state SET {again} WHERE transcript_id % 2 = 1")


def _database(data: Path, statement: str) -> None:
    app = App(load(data_dir=data))
    with app.store.write() as tx:
        tx.exec_driver_sql(statement)
    app.close()


def _many(folder: Path, sessions: int) -> None:
    app = App(load(data_dir=folder / "data"))
    _fill(app, sessions)
    app.close()
    with _served(folder / "data") as base:
        times: dict[str, list[float]] = defaultdict(list)
        calls = [call for call in mix([f"session-{number}" for number in range(sessions)]) if "/events" not in call]
        calls += ["/api/sessions?person=person-7", "/api/sessions?since=2026-06-10&until=2026-06-12"]
        last = "/api/sessions?limit=50"
        with httpx.Client(base_url=base, timeout=60) as client:
            for _ in range(10):
                for call in calls:
                    times[call.partition("?")[0] if "session-" in call else call].append(_once(client, call))
                page = client.get(last).json()
                last = f"/api/sessions?limit=50&after={page['next']}"
                times["/api/sessions, page by page"].append(_once(client, last))
        every = [each for found in times.values() for each in found]
        _row(f"a mix of reads at {sessions:,} sessions", every, goal_ms=GOAL_MANY_MS)
        for call, found in sorted(times.items(), key=lambda each: -statistics.median(each[1]))[:8]:
            print(f"  {call[:60]:<60} median {statistics.median(found):7.1f} ms")


def _once(client: httpx.Client, call: str) -> float:
    start = time.perf_counter()
    client.get(call).raise_for_status()
    return (time.perf_counter() - start) * 1000


@contextmanager
def _served(data: Path) -> Iterator[str]:
    """Serve a data folder and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"LOCAL_DEV_MODE": "1", "PRECEDENT_PORT": str(port), "PRECEDENT_HOST": "127.0.0.1"}
    process = subprocess.Popen([*PRECEDENT, "--data-dir", str(data), "api"], env=environment, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{base}/livez").raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait()


def _names(base: str) -> list[str]:
    return [row["session"] for row in httpx.get(f"{base}/api/sessions?limit=200", timeout=30).json()["rows"]]


async def _timed(base: str, calls: Sequence[str]) -> list[float]:
    """Call at a fixed rate, whatever the answers take, and return each one's time in ms from when it was due."""
    order, times = random.Random(1), []
    async with httpx.AsyncClient(base_url=base, limits=httpx.Limits(max_connections=200), timeout=30) as client:

        async def one(due: float, *, count: bool) -> None:
            (await client.get(order.choice(calls))).raise_for_status()
            if count:
                times.append((time.perf_counter() - due) * 1000)

        begin, tasks = time.perf_counter(), []
        for number in range(RATE * (SECONDS + WARM_UP_S)):
            due = begin + number / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(due, count=number >= RATE * WARM_UP_S)))
        await asyncio.gather(*tasks)
    return times


def _row(name: str, times: Sequence[float], *, goal_ms: float | None = None) -> None:
    cuts = statistics.quantiles(times, n=100)
    goal = f"  goal: p{'95' if goal_ms == GOAL_MANY_MS else '99'} {goal_ms:g} ms" if goal_ms else ""
    print(
        f"{name:<46} p50 {cuts[49]:6.1f} ms  p95 {cuts[94]:6.1f} ms  p99 {cuts[98]:6.1f} ms  {len(times):,} calls{goal}"
    )


def _fill(app: App, sessions: int) -> None:
    """Write the rows that so many sessions of 50 people over 200 days would have."""
    processors = app.processing.register_all()
    kinds = [("agent", "claude-code"), ("model", "one"), ("model", "two"), ("modifiers", ""), ("prices", "x")]
    kinds += [("project", f"/code/{number}") for number in range(40)]
    with app.store.write() as tx:
        bulk.insert(tx, user, ["id", "key", "created_at"], [(number, f"person-{number}", 0) for number in range(1, 51)])
        bulk.insert(tx, usage_name, ["id", "kind", "name"], [(at, *each) for at, each in enumerate(kinds, 1)])
        rows, facts, requests, done = [], [], [], []
        sums: dict[tuple[int, ...], int] = {}
        for number in range(sessions):
            person, project = number % 50 + 1, 6 + number % 40
            name, begin = f"session-{number}", START_US + number * (200 * DAY_US // sessions)
            file = f"person-{person}/{name}.jsonl"
            rows.append(
                (number + 1, file, person, "claude-code", name, f"/x/{name}", b"", file, 1, 1, "h", b"", 0, 0, 0)
            )
            facts.append((number + 1, begin, begin + 3_600_000_000, 600_000_000, project, f"Title {number}", 40))
            done += [(each.name, file, number + 1, f"person-{person}", "done", each.version) for each in processors]
            for request in range(PER_SESSION):
                at, key = begin + request * 60_000_000, number * PER_SESSION + request + 1
                model = 2 + number % 2
                requests.append(
                    (key, number + 1, at, request, 0, project, model, 4, 10, 200, 0, 0, 9000, 0, 0, 400, 1, 0, 5000, 5)
                )
                for span in SPANS:
                    group = (span, at // BUCKET // span * span, person, 1, model, project)
                    sums[group] = sums.get(group, 0) + 1
        bulk.insert(tx, transcript, _TRANSCRIPT, rows)
        bulk.insert(tx, state, _STATE, done)
        bulk.insert(tx, usage_transcript, _FACTS, facts)
        bulk.insert(tx, usage_request, _REQUEST, requests)
        bulk.insert(
            tx, usage_rollup, [*_GROUP, "requests", "output_tokens", "cost_usd_micros", "priced_requests"],
            [(*group, count, count * 200, count * 5000, count) for group, count in sums.items()],
        )  # fmt: skip


_TRANSCRIPT = (
    "id", "session_file", "user_id", "agent", "native_id", "source_path", "source_blocks", "object_key", "length",
    "revision", "content_hash", "archive_blocks", "observed_at", "created_at", "changed_at",
)  # fmt: skip
_FACTS = ("transcript_id", "first_at", "last_at", "active_us", "project_id", "title", "lines")
_STATE = ("processor_name", "session_file", "transcript_id", "username", "status", "processor_version")
_GROUP = ("span", "bucket", "user_id", "agent_id", "model_id", "project_id")
_REQUEST = (
    "key", "transcript_id", "at", "line", "byte_offset", "project_id", "model_id", "modifiers_id", "input_tokens",
    "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens", "web_searches",
    "result_searches", "content_chars", "flags", "generation", "cost_usd_micros", "price_version_id",
)  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
