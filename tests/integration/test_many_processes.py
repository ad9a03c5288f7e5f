"""Several APIs, workers and schedulers on one database and one data folder, of which some are killed on the way."""

import getpass
import json
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile

import httpx
import psutil
import pytest
import sqlalchemy as sa

from builders import fill
from places import LIMIT_S, OBEDIENT, TOKEN, Place, until
from plugin_processors import GO, WAITING
from precedent.clock import SECOND
from precedent.jobs.records import COLLECTOR, PREFIX
from precedent.schedules import instants, parse
from precedent.store.schema import audit as audit_table
from precedent.store.schema import run, usage_request

STOP_S = 15.0
"""Alone on a machine it is under 5."""

USAGE = PREFIX + "usage"
AWAY_S, MADE_UP_S = 90 * 60, 24 * 3600
EACH = 20
"""Due instants of a second each that both clocks of the test ask for, before the deaths and after them."""


def clock(url: str, names: Sequence[str], dues: Sequence[int]) -> None:
    """Ask for a run of each job at each due instant until it is answered, as any clock may."""
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=LIMIT_S) as web:

        def answered(name: str, due_at: int) -> bool:
            try:
                found = web.post(f"/api/admin/jobs/{name}/run?wait=0", headers={"idempotency-key": str(due_at)})
            except httpx.HTTPError:
                return False
            assert found.status_code in {200, 202, 409, 503}, found.text
            return found.status_code != 503

        for due_at in dues:
            for name in names:
                until(lambda name=name, due_at=due_at: answered(name, due_at), what=f"{name} is asked for")  # type: ignore[misc]


def seen_last(place: Place) -> dict[str, set[int]]:
    """Let the jobs have been seen last some hours ago; return what has been due since, by job."""
    now, expected = place.app.clock.now(), {}
    for job in place.app.jobs.values():
        if job.runs:
            begins, schedule = now - AWAY_S * SECOND, parse(job.schedule, name=job.name)
            expected[job.name] = set(takewhile(lambda at: at <= now, instants(schedule, after=begins)))
            place.app.runs.missed(job, sorted(expected[job.name])[:1], by="test", reason="where the test begins")
    return expected


def due(place: Place) -> Counter[tuple[str, int]]:
    """Return how many rows there are of each due instant of each job."""
    with place.app.store.read() as tx:
        rows = tx.execute(sa.select(run.c.name, run.c.due_at).where(run.c.due_at.is_not(None)))
        return Counter((name, due_at) for name, due_at in rows)


def open_runs(place: Place) -> list[tuple[int, bool]]:
    """Return the runs that have not ended, and whether each is under way."""
    with place.app.store.read() as tx:
        query = sa.select(run.c.id, run.c.started_at.is_not(None)).where(run.c.finished_at.is_(None))
        return [(number, bool(begun)) for number, begun in tx.execute(query)]


def ends_told(place: Place) -> Counter[int]:
    """Return how often the audit log tells the end of each run."""
    with place.app.store.read() as tx:
        rows = tx.execute(sa.select(audit_table.c.result, audit_table.c.details))
        told = [json.loads(details) for result, details in rows if result != "conflict"]
    return Counter(each["run"] for each in told if "run" in each)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_many_processes_give_one_run_for_each_due_instant_although_some_are_killed(place: Place) -> None:
    fill(place.home, sessions=6, turns=3)
    place.write("extract: wait", *[f"item {number}" for number in range(4)], owner=getpass.getuser())
    expected = seen_last(place)
    begins = place.app.clock.now() // SECOND - MADE_UP_S
    dues = [(begins + number) * SECOND for number in range(2 * EACH)]
    asked = [job.name for job in (OBEDIENT, place.app.jobs[COLLECTOR], place.app.jobs[USAGE])]

    apis = [place.serve() for _ in range(2)]
    urls = [str(web.base_url) for _, web in apis]
    workers = [place.start() for _ in range(3)]
    held = place.ask()
    until((place.shared / WAITING).exists, what="a run is under way")
    schedulers = [place.schedule(url) for url in urls]
    with ThreadPoolExecutor(2) as clocks:
        list(clocks.map(lambda url: clock(url, asked, dues[:EACH]), urls))
        victim = next(each for each in workers if each.pid == place.run(held).pid)
        api, web = apis.pop()
        for each in (victim, api):
            each.kill()
            each.wait()
        go_on = clocks.map(lambda url: clock(url, asked, dues[EACH:]), urls)
        apis.append(place.serve(port=int(web.base_url.port or 0)))
        list(go_on)
    (place.shared / GO).touch()

    wanted = {(name, at) for name, all_of_it in expected.items() for at in all_of_it}
    wanted |= {(name, at) for name in asked for at in dues}
    until(lambda: wanted <= due(place).keys(), what="every due instant has its row")
    until(lambda: not open_runs(place), what="every run has ended")
    assert set(due(place).values()) == {1}
    assert (place.run(held).outcome, place.run(held).attempt) == ("done", 2)

    living = [process for process, _ in apis] + schedulers + [each for each in workers if each is not victim]
    assert [each.poll() for each in living] == [None] * 6
    children = [child for each in living for child in psutil.Process(each.pid).children(recursive=True)]
    for each in living:
        each.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert [each.wait(LIMIT_S) for each in living] == [0] * 6
    assert time.monotonic() - begun < STOP_S
    assert not psutil.wait_procs(children, timeout=STOP_S)[1]
    explained(place)


def explained(place: Place) -> None:
    """See that nothing is left under way, each row says what became of it, and nothing was stored twice."""
    assert not [number for number, under_way in open_runs(place) if under_way]
    assert set(due(place).values()) == {1}
    with place.app.store.read() as tx:
        rows = tx.execute(sa.select(run.c.id, run.c.outcome, run.c.error).where(run.c.finished_at.is_not(None))).all()
        requests = tx.scalar(sa.select(sa.func.count()).select_from(usage_request))
    assert {row.outcome for row in rows} <= {"done", "skipped", "missed"}
    assert [row.id for row in rows if row.outcome != "done" and not row.error] == []
    assert ends_told(place) == Counter(row.id for row in rows)
    assert [each for each in place.items() if "item" in each] == [f"item {number}" for number in range(4)]
    assert len(place.items()) == 4 + 6 * 3
    assert requests == 6 * 3 * 2
    assert "Traceback" not in place.said(), place.said()
