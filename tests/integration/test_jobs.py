"""Jobs over HTTP: every record has its route, any clock drives them, and an operator sees and steers them."""

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Match
from typer.testing import CliRunner

from builders import ManualTime
from callers import SCHEDULER_SECRET, client, person, serving, token, working
from conftest import MakeApp
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import cli
from precedent.clock import SECOND, Clock
from precedent.doctor import examine
from precedent.errors import Busy
from precedent.jobs.records import COLLECTOR, DATA, HEALTH, HOUSEKEEPING, MARKETPLACES, MEMORY, SCRIPTS, Job, Overlap
from precedent.jobs.runs import Claimed, Ending
from precedent.scheduler.loop import Scheduler
from precedent.scheduler.server import Server
from precedent.security.principals import Role, Scope
from precedent.server import create

MINUTE = 60 * SECOND
JOBS = "/api/admin/jobs"


@pytest.fixture
def served(make_app: MakeApp) -> App:
    """The program as a server has it."""
    return make_app(scheduler_token=SCHEDULER_SECRET)


def claim(app: App, record: Job) -> Claimed:
    found = app.runs.claim([record.name])
    assert found is not None
    return found


def end(app: App, record: Job, claimed: Claimed, outcome: str = "done") -> None:
    given = Ending(outcome, error="it broke" if outcome == "failed" else "")
    assert app.runs.close(claimed.id, fence=claimed.fence, record=record, ending=given, by="test", since=0)


# Every record has its route -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_method_and_path_of_every_job_exist_and_let_the_scheduler_in(served: App) -> None:
    web = create(served)
    for job in served.jobs.values():
        scope = {"type": "http", "method": job.method, "path": job.path.partition("?")[0], "headers": []}
        assert any(route.matches(scope)[0] is Match.FULL for route in web.routes), job.path
    with serving(served) as url, client(url, SCHEDULER_SECRET, prefer="respond-async") as scheduler:
        for job in served.jobs.values():
            found = scheduler.request(job.method, job.path)
            assert found.status_code == (202 if job.runs else 200), (job.path, found.text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_job_has_a_variable_cadence_and_client_timeout_that_operators_know(served: App) -> None:
    found = {name: (job.schedule, job.variable, job.timeout_s) for name, job in served.jobs.items()}
    assert found == {
        HEALTH: ("every 5m", "SCHEDULER_HEALTH_CHECK_INTERVAL", 30),
        COLLECTOR: ("every 10m", "SCHEDULER_SESSION_COLLECTOR_INTERVAL", 300),
        "session-processor:friction": ("every 10m", "", 900),
        "session-processor:secrets": ("every 10m", "", 900),
        "session-processor:usage": ("every 10m", "SCHEDULER_USAGE_PROCESSOR_INTERVAL", 300),
        "session-processor:verification": ("every 15m", "SCHEDULER_VERIFICATION_DETECTOR_INTERVAL", 900),
        MEMORY: ("every 17m", "SCHEDULER_CORPORATE_MEMORY_INTERVAL", 900),
        DATA: ("every 15m", "SCHEDULER_DATA_REFRESH_INTERVAL", 120),
        SCRIPTS: ("every 1m", "SCHEDULER_SCRIPT_RUN_INTERVAL", 600),
        MARKETPLACES: ("daily 03:00", "", 900),
        HOUSEKEEPING: ("daily 04:00", "", 3600),
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_override_changes_only_its_job(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_app().jobs
    monkeypatch.setenv("SCHEDULER_USAGE_PROCESSOR_INTERVAL", "90")
    after = make_app().jobs
    assert after["session-processor:usage"].schedule == "every 2m"
    assert {name: job for name, job in after.items() if job != before[name]}.keys() == {"session-processor:usage"}


# Any clock ------------------------------------------------------------------------------------------------------------


def other_clock(url: str, token: str, job: Job) -> dict[str, Any]:
    """All that another clock needs: a POST with the token."""
    request = urllib.request.Request(url + job.path, method=job.method)
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=job.timeout_s) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def test_any_clock_that_posts_with_the_token_drives_the_server(make_app: MakeApp, home: Home) -> None:
    app = make_app(scheduler_token=SCHEDULER_SECRET, clock=Clock())
    with serving(app) as url, working(app, home):
        for job in app.jobs.values():
            body = other_clock(url, SCHEDULER_SECRET, job)
            if job.runs:
                assert body["ok"] is True
                assert body["run"]["due_at"] is None
                assert body["run"]["state"] == "done"


def test_a_due_instant_is_one_run_however_often_it_is_asked_for(served: App) -> None:
    path = f"{JOBS}/{COLLECTOR}/run"
    due = served.clock.now() - MINUTE
    with serving(served) as url, client(url, SCHEDULER_SECRET, prefer="respond-async", idempotency_key=str(due)) as it:
        answers = [it.post(path) for _ in range(3)]
        assert [each.status_code for each in answers] == [202] * 3
        assert len({each.headers["location"] for each in answers}) == 1
        run = it.get(answers[0].headers["location"]).json()
        assert (run["state"], run["due_at"]) == ("queued", due)
        # Another instant, while that run is open, is a skipped row.
        again = it.post(path, headers={"idempotency-key": str(due + 1)})
        assert again.status_code == 409
        skipped = it.get("/api/admin/runs").json()["runs"][0]
        assert (skipped["state"], skipped["due_at"]) == ("skipped", due + 1)
        assert "already running" in skipped["error"]


@pytest.mark.parametrize("key", ["", "-1", "soon", "1e9", "253402300800000000", "9" * 40])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_instant_that_is_none_is_refused(served: App, key: str) -> None:
    with serving(served) as url, client(url, SCHEDULER_SECRET, idempotency_key=key, prefer="respond-async") as it:
        assert it.post(f"{JOBS}/{COLLECTOR}/run").status_code == 422


# Operators ------------------------------------------------------------------------------------------------------------


def test_an_operator_sees_last_and_next_times_and_the_result(served: App, manual_time: ManualTime) -> None:
    record = served.jobs[COLLECTOR]
    with serving(served) as url, client(url, SCHEDULER_SECRET) as it:
        fresh = {each["name"]: each for each in it.get(JOBS).json()["jobs"]}
        assert list(fresh) == list(served.jobs)
        assert fresh[COLLECTOR]["last_run"] is None
        assert fresh[COLLECTOR]["run_now"] == "starts"
        due = fresh[COLLECTOR]["next_due_at"]
        assert fresh[COLLECTOR]["next"] == [due + number * 10 * MINUTE for number in range(5)]

        manual_time.advance(11 * 60)
        served.runs.request(record, by="test", due_at=due)
        shown = it.get(f"{JOBS}/{COLLECTOR}").json()
        assert shown["last_due_at"] == due
        assert shown["next_due_at"] == due + 10 * MINUTE
        assert shown["last_run"]["state"] == "queued"
        assert shown["run_now"] == f"is refused while run {shown['last_run']['id']} is open"
        end(served, record, claim(served, record))
        assert it.get(f"{JOBS}/{COLLECTOR}").json()["last_run"]["state"] == "done"
        assert it.get(f"{JOBS}/nothing").status_code == 404


def test_an_operator_runs_a_job_now_and_pauses_and_resumes_it(served: App) -> None:
    ada = token(served, person(served, "ada", Role.ADMIN), Scope.WRITE, Scope.JOBS)
    now = served.clock.now()
    with serving(served) as url, client(url, ada) as it, client(url, SCHEDULER_SECRET) as scheduler:
        path = f"{JOBS}/{COLLECTOR}"
        assert scheduler.post(f"{path}/pause", json={"reason": "no"}).status_code == 403
        shown = it.post(f"{path}/pause", json={"reason": "the disk is full"}).json()
        assert shown["paused"] == "the disk is full"
        assert shown["paused_by"].startswith("ada")
        due = scheduler.post(f"{path}/run", headers={"idempotency-key": str(now - MINUTE)}).json()
        assert (due["ok"], due["run"]["state"]) == (False, "skipped")
        assert due["run"]["error"] == "paused: the disk is full"
        # By hand it runs all the same.
        assert it.post(f"{path}/run", params={"wait": 0}).status_code == 202
        assert it.post(f"{path}/resume").json()["paused"] == ""
        assert it.post(f"{JOBS}/{HEALTH}/run").status_code == 400
        assert it.post(f"{path}/pause", json={"reason": ""}).status_code == 422


def test_missed_instants_are_rows_with_a_reason_each_once(served: App) -> None:
    now = served.clock.now()
    with serving(served) as url, client(url, SCHEDULER_SECRET) as it:
        body = {"instants": [now - 2 * MINUTE, now - MINUTE], "reason": "not started in time"}
        path = f"{JOBS}/{COLLECTOR}/missed"
        assert it.post(path, json=body).json() == {"noted": 2}
        assert it.post(path, json=body).json() == {"noted": 0}
        runs = it.get("/api/admin/runs", params={"job": COLLECTOR}).json()["runs"]
        assert [(each["state"], each["error"]) for each in runs] == [("missed", "not started in time")] * 2
        assert it.get(f"{JOBS}/{COLLECTOR}").json()["last_due_at"] == now - MINUTE
        # An instant that was missed is not run later.
        late = it.post(f"{JOBS}/{COLLECTOR}/run", headers={"idempotency-key": str(now - MINUTE)})
        assert (late.status_code, late.json()["ok"], late.json()["run"]["state"]) == (200, False, "missed")


def test_a_last_due_instant_never_lies_in_the_future(served: App) -> None:
    record, now = served.jobs[COLLECTOR], served.clock.now()
    served.runs.request(record, by="a clock that is wrong", due_at=now + 1000 * MINUTE)
    assert served.runs.jobs()[COLLECTOR].last_due_at == now


# Overlap --------------------------------------------------------------------------------------------------------------


def overlapping(app: App, rule: Overlap) -> Job:
    return replace(app.jobs[COLLECTOR], name="tidy", overlap=rule)


def test_a_run_is_refused_beside_another_one_unless_the_job_wants_it(served: App) -> None:
    record = overlapping(served, Overlap.SKIP)
    first = served.runs.request(record, by="test").id
    with pytest.raises(Busy) as caught:
        served.runs.request(record, by="test")
    assert caught.value.holder == first


def test_one_run_waits_for_the_end_of_another_and_a_third_is_refused(served: App) -> None:
    record = overlapping(served, Overlap.QUEUE_ONE)
    numbers = [served.runs.request(record, by="test").id for _ in range(2)]
    with pytest.raises(Busy, match="waits for its end"):
        served.runs.request(record, by="test")
    for number in numbers:
        under_way = claim(served, record)
        assert under_way.id == number
        assert served.runs.claim([record.name]) is None
        end(served, record, under_way)
    # The place is free again, whether the waiting run was taken before or not.
    third, fourth = (served.runs.request(record, by="test").id for _ in range(2))
    end(served, record, claim(served, record))
    fifth = served.runs.request(record, by="test").id
    for number in (fourth, fifth):
        under_way = claim(served, record)
        assert under_way.id == number
        end(served, record, under_way)
    assert third < fourth < fifth


def test_runs_go_beside_each_other_if_the_job_allows_it(served: App) -> None:
    record = overlapping(served, Overlap.ALLOW)
    first, second, third = (served.runs.request(record, by="test") for _ in range(3))
    taken = [claim(served, record) for _ in range(3)]
    assert [each.id for each in taken] == [first.id, second.id, third.id]
    end(served, record, taken[1])
    assert served.runs.request(record, by="test").new
    end(served, record, claim(served, record))
    assert served.runs.request(record, by="test").new


def test_a_job_that_keeps_failing_pauses_itself_if_it_asks_for_that(served: App) -> None:
    record = replace(served.jobs[COLLECTOR], pause_after=3)
    for count in range(1, 4):
        served.runs.request(record, by="test")
        end(served, record, claim(served, record), "failed")
        reason = served.runs.jobs()[COLLECTOR].paused_reason
        assert reason == ("failed 3 times in a row" if count == 3 else "")


# Our own clock --------------------------------------------------------------------------------------------------------


@contextmanager
def ticking(app: App, url: str) -> Iterator[None]:
    """Let our scheduler drive a server in the block."""
    loop = asyncio.new_event_loop()
    scheduler = Scheduler(app.jobs.values(), Server(url, SCHEDULER_SECRET), tick_s=1, clock=app.clock)
    thread = threading.Thread(target=loop.run_until_complete, args=(scheduler.run(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(scheduler.stop)
        thread.join()
        loop.close()


def until(condition: Callable[[], object], *, what: str) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, f"not within 30 s: {what}"
        time.sleep(0.05)


def test_our_clock_starts_every_job_once_and_a_restart_starts_none_again(make_app: MakeApp, home: Home) -> None:
    app = make_app(scheduler_token=SCHEDULER_SECRET, clock=Clock())
    jobs = {name for name, job in app.jobs.items() if job.runs}
    works = jobs - {HOUSEKEEPING, MARKETPLACES}  # an interval begins at once, a time of day when it comes
    with serving(app) as url, working(app, home):
        with ticking(app, url):
            until(lambda: {each.name for each in app.runs.latest() if each.state == "done"} == works, what="all ran")
            until(lambda: app.runs.latest(HOUSEKEEPING), what="where the times of day begin is noted")
        before = {(each.name, each.due_at) for each in app.runs.latest() if each.due_at is not None}
        assert {name for name, _ in before} == jobs
        assert app.runs.latest(HOUSEKEEPING)[0].outcome == "missed"
        assert all(each.requested_by == "scheduler@system.local" for each in app.runs.latest() if each.due_at)
        with ticking(app, url):
            time.sleep(3)
    after = [(each.name, each.due_at) for each in app.runs.latest() if each.due_at is not None]
    assert len(after) == len(set(after))
    # Only an instant that has come since then is new.
    for name, due_at in set(after) - before:
        assert due_at >= max(at for known, at in before if known == name and at is not None) + MINUTE * (
            1 if name == SCRIPTS else 10
        )


# What is said ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_doctor_says_when_the_token_lets_nobody_in(make_app: MakeApp) -> None:
    def said(**given: str) -> tuple[str, str]:
        return next((each.result, each.detail) for each in examine(make_app(**given)) if each.name == "scheduler token")

    assert said()[0] == "ok"
    assert said(scheduler_token="short")[0] == "fault"
    assert said(scheduler_token=SCHEDULER_SECRET, api_url="http://127.0.0.1:1")[0] == "warning"
    with serving(make_app(scheduler_token=SCHEDULER_SECRET)) as url:
        assert said(scheduler_token=SCHEDULER_SECRET, api_url=url)[0] == "ok"
        result, detail = said(scheduler_token="x" * 40, api_url=url)
        assert result == "fault"
        assert "SCHEDULER_API_TOKEN" in detail


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_line_shows_and_checks_schedules(tmp_path: Path, database_url: str) -> None:
    def called(*arguments: str) -> tuple[int, Any]:
        found = CliRunner().invoke(cli, ["--data-dir", str(tmp_path / "none"), "schedule", *arguments, "--json"])
        return found.exit_code, json.loads(found.stdout)

    code, jobs = called("list")
    assert code == 0
    assert {each["job"]: each["schedule"] for each in jobs}[COLLECTOR] == "every 10m"
    code, times = called("next", COLLECTOR)
    assert code == 0
    assert len(times) == 5
    code, good = called("check", "daily 07:00 Europe/Berlin")
    assert (code, good["ok"], len(good["next"])) == (0, True, 5)
    code, bad = called("check", "daily 07:00,25:10")
    assert (code, bad["ok"], bad["column"]) == (2, False, 13)
    assert not (tmp_path / "none").exists()
    plain = CliRunner().invoke(cli, ["schedule", "check", "daily 07:00,25:10"])
    assert plain.exit_code == 2
    assert "            ^ column 13: 25 is no hour" in plain.stderr
