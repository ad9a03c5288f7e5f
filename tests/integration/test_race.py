"""Several schedulers race over the same due instants, and are killed at random."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from functools import cached_property
from pathlib import Path

import pytest
import sqlalchemy as sa

from callers import SCHEDULER_SECRET, serving
from precedent.app import App
from precedent.clock import SECOND
from precedent.jobs.records import Job
from precedent.schedules import instants, parse
from precedent.settings import load
from precedent.store.schema import run
from race_driver import race_jobs

DRIVER = Path(__file__).parents[1] / "race_driver.py"
SCHEDULERS, JOBS = 5, 3
MINUTE = 60 * SECOND


class Racing(App):
    """The program with jobs of a race."""

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """See `App`."""
        return {job.name: job for job in race_jobs(JOBS)}


def race(app: App, *, each: int, limit_s: float, seed: int) -> int:
    """Let schedulers race over that many due instants of each job; return how many were killed."""
    now = app.clock.now()
    expected: dict[str, set[int]] = {}
    for name, job in app.jobs.items():
        schedule = parse(job.schedule, name=name)
        first = schedule.after(now - (each + 1) * MINUTE)
        app.runs.missed(job, [first], by="test", reason="where the race begins")
        following = instants(schedule, after=first)
        expected[name] = {first} | {next(following) for _ in range(each - 1)}

    def rows() -> dict[str, set[int]]:
        with app.store.read() as tx:
            found: dict[str, set[int]] = {name: set() for name in app.jobs}
            for name, due_at in tx.execute(sa.select(run.c.name, run.c.due_at)):
                found[name].add(due_at)
        return found

    chance, killed = random.Random(seed), 0
    with serving(app) as url:
        command = [sys.executable, str(DRIVER), url, SCHEDULER_SECRET, str(len(app.jobs))]
        drivers = [subprocess.Popen(command) for _ in range(SCHEDULERS)]
        try:
            ends = time.monotonic() + limit_s
            while any(expected[name] - found for name, found in rows().items()):
                assert time.monotonic() < ends, f"the race takes longer than {limit_s} s"
                time.sleep(chance.uniform(2, 8))
                victim = chance.randrange(SCHEDULERS)
                drivers[victim].kill()
                drivers[victim].wait()
                drivers[victim] = subprocess.Popen(command)
                killed += 1
        finally:
            for driver in drivers:
                driver.kill()
                driver.wait()
    with app.store.read() as tx:
        every = Counter((name, due_at) for name, due_at in tx.execute(sa.select(run.c.name, run.c.due_at)))
    assert set(every.values()) == {1}
    assert {due_at for _, due_at in every} >= set().union(*expected.values())
    return killed


@pytest.fixture
def racing(tmp_path: Path, database_url: str) -> App:
    return Racing(load(data_dir=tmp_path / "data", database_url=database_url, scheduler_token=SCHEDULER_SECRET))


@pytest.mark.timeout(150)
def test_five_schedulers_that_race_and_die_give_one_run_for_each_due_instant(racing: App) -> None:
    try:
        race(racing, each=20, limit_s=110, seed=1)
    finally:
        racing.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_five_schedulers_that_race_over_ten_thousand_instants_give_one_run_for_each(racing: App) -> None:
    seed = int(os.environ.get("PYTEST_SEED", "2"))
    try:
        assert race(racing, each=3334, limit_s=3000, seed=seed) > 50
    finally:
        racing.close()
