"""How late a thousand jobs start, at the clock and at the run, and what the clock costs while nothing is due.

API, worker and clock are processes of their own on one SQLite. Each job is due once a minute and does nothing.
Reference in the same run: bare timers of asyncio, as many a second. Arguments: seconds to watch (60), jobs (1000).
"""

import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import psutil
import sqlalchemy as sa

from precedent.app import App
from precedent.clock import SECOND
from precedent.jobs.execution import Work
from precedent.jobs.records import Job
from precedent.jobs.runs import Ending
from precedent.jobs.worker import Worker, work_until_told
from precedent.scheduler.loop import Scheduler
from precedent.scheduler.server import Answer, Server
from precedent.server.serving import serve
from precedent.settings import Settings, load
from precedent.store.schema import run

from ._measure import machine

WARM_S = 75
"""All jobs begin one after the other within the first minute."""

IDLE_S = 30


class Loaded(App):
    """The program with many jobs that do nothing."""

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """See `App`."""
        return {job.name: job for job in many(int(os.environ["LATENESS_JOBS"]), os.environ["LATENESS_SCHEDULE"])}

    def idle_worker(self) -> Worker:
        """Return a worker for them."""
        works: dict[str, Work] = {name: lambda *_: Ending("done") for name in self.jobs}
        most = self.settings.worker_runs
        return Worker(
            self.store, self.settings.data_dir, self.runs, records=self.jobs, works=works, most=most,
            helping=self.helping,
        )  # fmt: skip


def many(count: int, schedule: str) -> list[Job]:
    """Return jobs that differ in their names."""
    return [
        Job(
            name=f"job-{number}", schedule=schedule, path=f"/api/admin/jobs/job-{number}/run", timeout_s=30,
            action="job", grace_s=120, description="Does nothing.",
        )
        for number in range(count)
    ]  # fmt: skip


class Timing(Server):
    """Notes how late each call begins."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.late: list[tuple[int, int]] = []

    async def start(self, job: Job, due_at: int) -> Answer:
        """See `Server`."""
        self.late.append((due_at, time.time_ns() // 1000 - due_at))
        return await super().start(job, due_at)


def role(name: str, *arguments: str) -> None:
    """Be one of the processes."""
    match name:
        case "api":
            serve(Loaded(settings()))
        case "worker":
            work_until_told(lambda: Loaded(settings()).idle_worker())
        case "clock":
            late = asyncio.run(_clock(float(arguments[0])))
            Path(arguments[1]).write_text(json.dumps(late))
        case "timers":
            timers = asyncio.run(_timers(int(arguments[0]), float(arguments[1])))
            Path(arguments[2]).write_text(json.dumps(timers))


def settings() -> Settings:
    """Return the settings of a process, from its environment."""
    return load()


async def _clock(seconds: float) -> list[tuple[int, int]]:
    found, server = settings(), Timing(os.environ["API_URL"], os.environ["SCHEDULER_API_TOKEN"])
    scheduler = Scheduler(Loaded(found).jobs.values(), server, tick_s=found.tick_s)
    asyncio.get_running_loop().call_later(seconds, scheduler.stop)
    await scheduler.run()
    return server.late


async def _timers(count: int, seconds: float) -> list[float]:
    loop, late = asyncio.get_running_loop(), list[float]()
    start = loop.time() + 0.5

    def fire(at: float) -> None:
        late.append((loop.time() - at) * SECOND)

    for number in range(count):
        at = start + number * seconds / count
        loop.call_at(at, partial(fire, at))
    await asyncio.sleep(seconds + 1)
    return late


def main(seconds: int = 60, jobs: int = 1000) -> None:
    """Measure and print."""
    print(f"lateness of {jobs} jobs, each due once a minute, for {seconds} s; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        _measure(Path(folder), seconds, jobs)


def _measure(folder: Path, seconds: int, jobs: int) -> None:
    environment = _environment(folder, jobs)
    app = App(load(data_dir=folder / "data"))
    app.store.revision()
    servers = [_start(environment, "api"), _start(environment, "worker")]
    try:
        _wait(environment["API_URL"])
        output = folder / "late.json"
        begins = time.time_ns() // 1000 + WARM_S * SECOND
        clock = _start(environment, "clock", str(WARM_S + seconds), str(output))
        time.sleep(WARM_S)
        timers = _start(environment, "timers", str(jobs * seconds // 60), str(seconds), str(folder / "timers.json"))
        before = sum(psutil.Process(clock.pid).cpu_times()[:2])
        time.sleep(seconds - 2)
        busy = sum(psutil.Process(clock.pid).cpu_times()[:2]) - before
        clock.wait(60)
        timers.wait(60)
        time.sleep(3)
        _print("reference: bare timers of asyncio", json.loads((folder / "timers.json").read_text()))
        _print("at the clock", [late for due_at, late in json.loads(output.read_text()) if due_at >= begins])
        with app.store.read() as tx:
            query = sa.select(run.c.started_at - run.c.due_at).where(run.c.due_at >= begins)
            started = list(tx.scalars(query.where(run.c.started_at.is_not(None))))
            open_runs = tx.scalar(sa.select(sa.func.count()).where(run.c.finished_at.is_(None)))
        _print("at the started run", started)
        print(f"{'clock, busy':<40} cpu {100 * busy / (seconds - 2):5.2f} %   runs left open {open_runs}")
        idle = _start({**environment, "LATENESS_SCHEDULE": "daily 00:00"}, "clock", "3600", str(output))
        time.sleep(WARM_S)
        process = psutil.Process(idle.pid)
        before = sum(process.cpu_times()[:2])
        time.sleep(IDLE_S)
        used = sum(process.cpu_times()[:2]) - before
        print(f"{'clock, nothing due':<40} cpu {100 * used / IDLE_S:5.2f} %   rss {process.memory_info().rss >> 20} MB")
        idle.kill()
        idle.wait()
    finally:
        for each in servers:
            each.terminate()
            each.wait()
        app.close()


def _environment(folder: Path, jobs: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        **os.environ,
        "PRECEDENT_DATA_DIR": str(folder / "data"),
        "PRECEDENT_PORT": str(port),
        "API_URL": f"http://127.0.0.1:{port}",
        "SCHEDULER_API_TOKEN": secrets.token_hex(32),
        "LATENESS_JOBS": str(jobs),
        "LATENESS_SCHEDULE": "every 1m",
    }


def _start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmarks.lateness", *arguments], env=environment)


def _wait(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the API does not start")


def _print(name: str, late: Sequence[float]) -> None:
    if len(late) < 2:
        print(f"{name:<40} too few: the machine does not keep up")
        return
    found = statistics.quantiles(late, n=100, method="inclusive")
    shown = "   ".join(f"p{each} {found[each - 1] / 1000:7.1f} ms" for each in (50, 95, 99))
    print(f"{name:<40} {shown}   max {max(late) / 1000:7.1f} ms   of {len(late):,}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].isdigit():
        role(*sys.argv[1:])
    else:
        main(*map(int, sys.argv[1:]))
