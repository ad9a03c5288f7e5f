"""The clock against a server that answers as it is told to, on the loopback."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from precedent.clock import SECOND, Clock
from precedent.jobs.records import CatchUp, Job
from precedent.scheduler.loop import Scheduler
from precedent.scheduler.server import Server
from precedent.schedules import parse
from scripted_server import Asked, Reply, ScriptedServer

LIMIT_S = 20.0
MINUTE = 60 * SECOND
TOKEN = "a secret of thirty-two characters."
JOBS = "/api/admin/jobs"


class MovableTime:
    """Runs like the real one, from wherever it was put."""

    def __init__(self) -> None:
        self._ahead = 0

    def now(self) -> int:
        return time.time_ns() // 1000 + self._ahead

    def put(self, instant: int) -> None:
        self._ahead += instant - self.now()

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, random=lambda: 0.5)


def a_job(name: str = "tidy", **given: Any) -> Job:
    known: dict[str, Any] = {
        "schedule": "every 10m", "path": f"/run/{name}", "timeout_s": 5, "action": name, "grace_s": 1200,
        "description": "A job of a test.",
    }  # fmt: skip
    return Job(**({"name": name} | known | given))


class World:
    """Jobs, their time, a server that remembers what was due, and schedulers."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = jobs or (a_job(),)
        self.time = MovableTime()
        self.last_due: dict[str, int] = {}
        self.answer: Callable[[Asked], Reply] = lambda _: Reply(200, {"ok": True})
        self.remembers = True
        self.token_known = True
        self.server = ScriptedServer(self._script)

    def _script(self, asked: Asked) -> Reply:
        if not self.token_known:
            return Reply(401, {"error": {"code": "unauthenticated", "message": "this bearer token is not known"}})
        if asked.path == JOBS:
            if not self.remembers:
                return Reply(404, {"detail": "Not Found"})
            listed = [
                {"name": job.name, "schedule": job.schedule, "last_due_at": self.last_due.get(job.name)}
                for job in self.jobs
            ]
            return Reply(200, {"jobs": listed, "now": self.time.now()})
        reply = self.answer(asked)
        if self.remembers and reply.status in {200, 202, 409} and "idempotency-key" in asked.headers:
            name = next(job.name for job in self.jobs if job.path == asked.path)
            self.last_due[name] = max(self.last_due.get(name, 0), asked.key)
        return reply

    def scheduler(self) -> Scheduler:
        return Scheduler(self.jobs, Server(self.server.url, TOKEN), tick_s=0.05, clock=self.time.clock)

    def due(self, job: Job | None = None) -> int:
        """Return the next due instant."""
        job = job or self.jobs[0]
        return parse(job.schedule, name=job.name).after(self.time.now())

    def settle_all(self) -> None:
        """All jobs have run at their last due instant."""
        for job in self.jobs:
            schedule = parse(job.schedule, name=job.name)
            self.last_due[job.name] = schedule.after(self.time.now() - 10 * MINUTE)

    def starts(self, job: Job | None = None) -> list[Asked]:
        job = job or self.jobs[0]
        return self.server.of(job.path, job.method)


async def until(condition: Callable[[], object], *, what: str) -> None:
    ends = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < ends, f"not within {LIMIT_S} s: {what}"
        await asyncio.sleep(0.01)


async def for_a_while() -> None:
    """Long enough for what must not happen."""
    await asyncio.sleep(0.4)


def play(world: World, scene: Callable[[], Coroutine[None, None, None]], *, schedulers: int = 1) -> None:
    """Let schedulers and the server run while a scene is played."""

    async def whole() -> None:
        async with world.server:
            made = [world.scheduler() for _ in range(schedulers)]
            tasks = [asyncio.create_task(each.run()) for each in made]
            try:
                await scene()
            finally:
                for each in made:
                    each.stop()
                await asyncio.wait_for(asyncio.gather(*tasks), LIMIT_S)

    asyncio.run(whole())


def test_a_due_instant_is_asked_for_with_the_token_and_the_instant() -> None:
    world = World(a_job(path="/run/tidy?part=1"))
    world.settle_all()
    due = world.due()

    async def scene() -> None:
        await for_a_while()
        assert world.starts() == []
        world.time.put(due - SECOND // 10)
        await until(world.starts, what="the job is started")
        await for_a_while()
        world.time.put(world.due())
        await until(lambda: len(world.starts()) == 2, what="the next one is started")

    play(world, scene)
    first, second = world.starts()
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert first.key == due
    assert second.key == due + 10 * MINUTE


def test_a_job_that_reads_is_asked_for_with_its_method() -> None:
    world = World(a_job(method="GET", runs=False))
    play(world, lambda: until(world.starts, what="the job is started"))
    assert world.starts()[0].method == "GET"


def test_a_run_that_goes_on_is_followed_to_its_end_and_not_started_twice(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    looks: list[Asked] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(202, {"url": "/api/admin/runs/7"}, {"Location": "/api/admin/runs/7"})
        looks.append(asked)
        return Reply(200, {"id": 7, "state": "running" if len(looks) < 2 else "failed"})

    world.answer = answer

    async def scene() -> None:
        await until(lambda: len(looks) == 2, what="the run is followed")
        await for_a_while()

    play(world, scene)
    assert len(world.starts()) == 1
    assert looks[0].path == "/api/admin/runs/7"
    assert "tidy: /api/admin/runs/7 failed" in caplog.text


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/steal", "//example.org/steal", "https://example.org/steal"])
def test_the_token_goes_to_no_other_server(place: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.answer = lambda _: Reply(202, None, {"Location": place})
    play(world, lambda: until(lambda: "is not on this server" in caplog.text, what="it is said"))
    assert all("steal" not in each.path for each in world.server.asked)


def test_already_running_settles_the_instant_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.answer = lambda _: Reply(409, {"error": {"code": "busy", "message": "already running as run 7"}})

    async def scene() -> None:
        await until(world.starts, what="the job is started")
        await for_a_while()
        assert len(world.starts()) == 1
        world.time.put(world.due())
        await until(lambda: len(world.starts()) == 2, what="the next instant")

    play(world, scene)
    assert "failed" not in caplog.text


@pytest.mark.parametrize("remembers", [True, False])
def test_a_slow_job_is_not_started_twice_and_the_others_keep_their_cadence(remembers: bool) -> None:
    slow, quick = a_job("slow", timeout_s=300), a_job("quick")
    world = World(slow, quick)
    world.remembers = remembers
    world.answer = lambda asked: Reply(200, after_s=3600 if asked.path == slow.path else 0)

    async def scene() -> None:
        await until(lambda: world.starts(slow) and world.starts(quick), what="both are started")
        for count in range(2, 6):
            world.time.put(world.due(quick))
            await until(partial(lambda count: len(world.starts(quick)) == count, count), what="the quick one goes on")

    async def whole() -> None:
        async with world.server:
            found = world.scheduler()
            task = asyncio.create_task(found.run())
            await scene()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())
    assert len(world.starts(slow)) == 1


@pytest.mark.parametrize("noted", [True, False])
def test_a_timeout_while_the_server_works_is_no_failure_and_no_second_run(
    noted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(a_job(timeout_s=1))

    def answer(asked: Asked) -> Reply:
        if len(world.starts()) > 1:
            return Reply(200, {"ok": True})
        if noted:
            world.last_due["tidy"] = asked.key
        return Reply(299, after_s=60)

    world.answer = answer

    async def scene() -> None:
        await until(lambda: "ReadTimeout" in caplog.text, what="it takes too long")
        if not noted:
            await until(lambda: len(world.starts()) == 2, what="the server is asked for the same run")
        await for_a_while()

    play(world, scene)
    assert len(world.starts()) == (1 if noted else 2)
    assert len({each.key for each in world.starts()}) == 1
    assert "failed" not in caplog.text


def test_a_plain_server_that_does_not_answer_in_time_is_not_asked_twice() -> None:
    world = World(a_job(timeout_s=1))
    world.remembers = False
    world.answer = lambda _: Reply(200, after_s=60 if len(world.starts()) == 1 else 0)

    async def scene() -> None:
        await until(world.starts, what="the job is started")
        await asyncio.sleep(1.5)
        assert len(world.starts()) == 1
        world.time.put(world.due())
        await until(lambda: len(world.starts()) == 2, what="the next instant")

    play(world, scene)
    assert world.starts()[0].key != world.starts()[1].key


def test_a_token_that_proves_nothing_is_said_at_start_and_costs_no_instant(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.settle_all()
    world.token_known = False
    due = world.due()

    async def scene() -> None:
        await until(lambda: "SCHEDULER_API_TOKEN" in caplog.text, what="it is said")
        world.time.put(due)
        await for_a_while()
        world.token_known = True
        await until(world.starts, what="the job is started")

    play(world, scene)
    assert [each.key for each in world.starts()] == [due]
    assert caplog.text.count("SCHEDULER_API_TOKEN") == 1
    assert TOKEN not in caplog.text


def test_a_server_that_is_away_costs_no_instant() -> None:
    world = World()
    world.settle_all()
    due = world.due()

    async def whole() -> None:
        async with world.server:
            found = world.scheduler()
            task = asyncio.create_task(found.run())
            await until(lambda: world.server.asked, what="the scheduler looks")
        world.time.put(due)
        await for_a_while()
        async with world.server:
            await until(world.starts, what="the job is started")
            found.stop()
            await asyncio.wait_for(task, LIMIT_S)

    asyncio.run(whole())
    assert [each.key for each in world.starts()] == [due]


def test_a_server_that_wants_to_be_asked_later_is_asked_later() -> None:
    world = World()
    at: list[float] = []

    def answer(_: Asked) -> Reply:
        at.append(time.monotonic())
        return Reply(503, None, {"Retry-After": "1"}) if len(at) == 1 else Reply(200)

    world.answer = answer
    play(world, lambda: until(lambda: len(at) == 2, what="it is asked again"))
    assert at[1] - at[0] >= 1
    assert world.starts()[0].key == world.starts()[1].key


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_there_is_no_hot_loop_on_failure(status: int, remembers: bool) -> None:
    world = World()
    world.remembers = remembers
    world.answer = lambda _: Reply(status, {"detail": "no"})

    async def scene() -> None:
        await until(world.starts, what="the job is started")
        await asyncio.sleep(1.5)

    play(world, scene)
    assert len(world.starts()) <= 4
    assert len({each.key for each in world.starts()}) == 1


def test_a_job_that_fails_at_a_plain_server_rests_longer_each_time() -> None:
    world = World(a_job(schedule="every 1m"))
    world.remembers = False
    at: list[int] = []

    def answer(_: Asked) -> Reply:
        at.append(world.time.now())
        return Reply(500, {"detail": "it broke"})

    world.answer = answer

    async def scene() -> None:
        while len(at) < 6:
            await asyncio.sleep(0.06)
            world.time.put(world.time.now() + MINUTE // 2)

    play(world, scene)
    rests = [(after - before) // MINUTE for before, after in pairwise(at)]
    assert rests[0] <= 2
    assert rests[-1] >= 4
    assert len({each.key for each in world.starts()}) == len(at)


def test_a_failed_run_is_settled_and_the_next_instant_comes(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    failed = {"error": {"code": "run_failed", "message": "OSError: disk full"}}
    world.answer = lambda _: Reply(500, failed)

    async def scene() -> None:
        await until(world.starts, what="the job is started")
        await for_a_while()
        assert len(world.starts()) == 1
        world.time.put(world.due())
        await until(lambda: len(world.starts()) == 2, what="the next instant")

    play(world, scene)
    assert "OSError: disk full" in caplog.text


def test_what_was_missed_in_a_downtime_is_reported_and_the_latest_is_made_up() -> None:
    world = World()
    last = world.due() - 60 * MINUTE
    world.last_due["tidy"] = last
    play(world, lambda: until(world.starts, what="the job is started"))
    (missed,) = world.server.of(f"{JOBS}/tidy/missed")
    assert missed.body["instants"] == [last + number * 10 * MINUTE for number in range(1, 5)]
    assert "not started in time" in missed.body["reason"]
    assert [each.key for each in world.starts()] == [last + 50 * MINUTE]


def test_all_that_was_missed_is_made_up_one_after_the_other_if_the_job_wants_it() -> None:
    world = World(a_job(catch_up=CatchUp.ALL))
    last = world.due() - 40 * MINUTE
    world.last_due["tidy"] = last
    play(world, lambda: until(lambda: len(world.starts()) == 3, what="three are made up"))
    assert [each.key for each in world.starts()] == [last + number * 10 * MINUTE for number in (1, 2, 3)]


def test_a_first_start_spreads_the_jobs() -> None:
    world = World(*[a_job(f"job-{number}") for number in range(6)])
    at: list[float] = []

    def answer(_: Asked) -> Reply:
        at.append(time.monotonic())
        return Reply(200)

    world.answer = answer
    play(world, lambda: until(lambda: len(at) == 6, what="all are started"))
    assert at[-1] - at[0] > 2
    assert len({each.path for each in world.server.asked if each.method == "POST"}) == 6


def test_schedulers_that_do_not_know_of_each_other_ask_for_the_same_instants() -> None:
    world = World(*[a_job(f"job-{number}") for number in range(4)])
    world.settle_all()
    expected = {job.name: world.due(job) for job in world.jobs}

    async def scene() -> None:
        await for_a_while()
        world.time.put(max(expected.values()))
        await until(lambda: all(len(world.starts(job)) == 3 for job in world.jobs), what="each asks for each")

    play(world, scene, schedulers=3)
    for job in world.jobs:
        assert {each.key for each in world.starts(job)} == {expected[job.name]}


def test_a_last_run_in_the_future_counts_as_now() -> None:
    world = World()
    world.last_due["tidy"] = world.time.now() + 400 * 86_400 * SECOND
    start, due = world.time.now(), world.due()

    async def scene() -> None:
        await for_a_while()
        assert world.starts() == []
        world.time.put(due + 10 * MINUTE)
        await until(world.starts, what="the job is started")

    play(world, scene)
    assert 10 * MINUTE <= world.starts()[0].key - start < 20 * MINUTE


def test_a_clock_that_is_wrong_follows_the_servers() -> None:
    world = World()
    world.settle_all()
    due = world.due()
    wrong = Clock(now=lambda: world.time.now() - 365 * 86_400 * SECOND, random=lambda: 0.5)

    async def whole() -> None:
        async with world.server:
            found = Scheduler(world.jobs, Server(world.server.url, TOKEN), tick_s=0.05, clock=wrong)
            task = asyncio.create_task(found.run())
            await for_a_while()
            world.time.put(due)
            await until(world.starts, what="the job is started")
            found.stop()
            await task

    asyncio.run(whole())
    assert [each.key for each in world.starts()] == [due]


# As a process ---------------------------------------------------------------------------------------------------------


def start_process(folder: Path, url: str, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(folder), "scheduler"]
    given = {"API_URL": url, "SCHEDULER_API_TOKEN": TOKEN, "HOME": str(folder)}
    return subprocess.Popen(command, env={**os.environ, **given, **environment}, stderr=subprocess.PIPE)


async def told_to_stop(process: subprocess.Popen[bytes]) -> float:
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await until(lambda: process.poll() is not None, what="the end")
    return time.monotonic() - start


def run_process(folder: Path, script: Callable[[Asked], Reply], scene: Callable[[ScriptedServer, Any], Any]) -> bytes:
    async def whole() -> bytes:
        async with ScriptedServer(script) as server:
            process = start_process(folder, server.url)
            try:
                await scene(server, process)
            finally:
                process.kill()
                _, errors = process.communicate()
            return errors

    return asyncio.run(whole())


def remembering(jobs: Sequence[str], last_due_at: int | None) -> Reply:
    listed = [{"name": name, "last_due_at": last_due_at} for name in jobs]
    return Reply(200, {"jobs": listed, "now": time.time_ns() // 1000})


def test_an_idle_scheduler_ends_within_a_second_and_has_made_no_database(tmp_path: Path) -> None:
    names = ["health-check", "session-collector", *(f"session-processor:{n}" for n in ("friction", "secrets", "usage"))]

    async def scene(server: ScriptedServer, process: subprocess.Popen[bytes]) -> None:
        await until(lambda: server.of(JOBS, "GET"), what="the scheduler looks")
        await for_a_while()
        took.append(await told_to_stop(process))
        assert process.returncode == 0

    took: list[float] = []
    while not took or (min(took) >= 1 and len(took) < 3):  # a busy machine may be late once
        errors = run_process(tmp_path, lambda _: remembering(names, time.time_ns() // 1000), scene)
        assert b"Traceback" not in errors
    assert min(took) < 1
    assert not list(tmp_path.glob("*.db"))


def test_open_calls_are_waited_for_a_little_at_the_end(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        return Reply(404) if asked.path == JOBS else Reply(200, after_s=3600)

    async def scene(server: ScriptedServer, process: subprocess.Popen[bytes]) -> None:
        await until(lambda: server.of("/api/admin/run-session-collector"), what="a call is open")
        assert await told_to_stop(process) < 5
        assert process.returncode == 0

    assert b"Traceback" not in run_process(tmp_path, script, scene)


def test_a_refused_token_is_said_by_the_process(tmp_path: Path) -> None:
    async def scene(server: ScriptedServer, process: subprocess.Popen[bytes]) -> None:
        await until(lambda: len(server.asked) >= 2, what="it looks again")
        assert await told_to_stop(process) < 5

    assert b"SCHEDULER_API_TOKEN" in run_process(tmp_path, lambda _: Reply(401), scene)


@pytest.mark.parametrize("value", ["", "0", "-1", "soon"])
@pytest.mark.parametrize("variable", ["SCHEDULER_TICK_SECONDS", "SCHEDULER_SCRIPT_RUN_INTERVAL"])
def test_a_variable_that_makes_no_sense_stops_the_start_and_is_named(tmp_path: Path, variable: str, value: str) -> None:
    process = start_process(tmp_path, "http://127.0.0.1:1", **{variable: value})
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert variable.encode() in errors
