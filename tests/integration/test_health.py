"""Health: what is not well shows, to everybody in one word, to those who belong here in detail."""

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_turn, fill, grow, home_of
from callers import person, token
from conftest import MakeApp
from observed import client_of
from precedent import doctor
from precedent.app import App
from precedent.jobs.execution import execute
from precedent.jobs.records import COLLECTOR
from precedent.jobs.runs import Ending
from precedent.security.principals import Role, Scope
from precedent.telemetry.health import Check

SECRET = "s" * 40
SCHEDULER = {"Authorization": f"Bearer {SECRET}"}
USAGE = "session-processor:usage"
LONG_S = 15
"""By then another look is taken, also on a busy machine, where a look takes long and is kept longer."""


def served(app: App, manual_time: ManualTime) -> None:
    """Do what a well server does: a worker lives, a scheduler calls, every job succeeds."""
    app.processing.register_all()
    app.contacts.seen("127.0.0.1")
    beat(app)
    for record in app.jobs.values():
        if record.runs:
            finish(app, record.name, "done")
    manual_time.advance(LONG_S)


def beat(app: App) -> None:
    now = app.clock.now()
    with app.store.write() as tx:
        tx.execute(sa.text("DELETE FROM worker"))
        tx.execute(
            sa.text("INSERT INTO worker (id, host, pid, started_at, heartbeat_at) VALUES ('w', 'h', 1, :n, :n)"),
            {"n": now},
        )


def finish(app: App, name: str, outcome: str) -> None:
    claimed = app.runs.open(app.jobs[name], by="ada")
    execute(app.runs, app.jobs[name], claimed, lambda *_: Ending(outcome), stopping=lambda: False, clock=app.clock)


def checks(app: App) -> dict[str, Check]:
    return {each.name: each for each in app.health.checks()}


def bad(app: App) -> dict[str, str]:
    return {name: each.detail for name, each in checks(app).items() if each.result != "ok"}


def test_a_well_server_is_well(app: App, manual_time: ManualTime) -> None:
    served(app, manual_time)
    assert bad(app) == {}


def test_a_new_installation_is_well_until_a_job_should_have_run(app: App, manual_time: ManualTime) -> None:
    app.processing.register_all()
    beat(app)
    assert bad(app) == {}
    manual_time.advance(app.jobs[COLLECTOR].grace_s + 1)
    beat(app)
    found = bad(app)
    assert "has never succeeded" in found[f"job {COLLECTOR}"]
    assert "none has called" in found["scheduler"]


@pytest.mark.parametrize("name", [COLLECTOR, USAGE])
def test_a_job_that_has_not_succeeded_for_twice_its_cadence_is_told(
    make_app: MakeApp, manual_time: ManualTime, name: str
) -> None:
    app = make_app(collector_interval_s=100, usage_interval_s=100)
    served(app, manual_time)
    assert app.jobs[name].grace_s == 200
    manual_time.advance(190)
    finish(app, name, "failed")  # a failure is no success
    manual_time.advance(20)
    beat(app)
    app.contacts.seen("127.0.0.1")
    found = bad(app)
    assert "more than 3 min" in found[f"job {name}"]
    assert "the last 1 runs failed" in found[f"job {name}"]


def test_work_that_waits_is_told_although_nothing_new_is_uploaded(
    app: App, manual_time: ManualTime, tmp_path: Path
) -> None:
    home = home_of(tmp_path)
    fill(home)
    app.collect([home])
    served(app, manual_time)
    for _ in range(4):  # runs succeed, and yet nothing is done
        manual_time.advance(600)
        served(app, manual_time)
    found = bad(app)
    assert found["processor usage"].startswith("stuck: 1 due (0 of them grown since)")


def test_a_transcript_that_grew_is_counted_as_unprocessed(app: App, tmp_path: Path, manual_time: ManualTime) -> None:
    home = home_of(tmp_path)
    (path,) = fill(home)
    app.collect([home])
    app.run_processor("usage")
    grow(path, claude_turn(path.stem, 9))
    manual_time.advance(60)
    app.collect([home])
    assert checks(app)["processor usage"].detail.startswith("1 due (1 of them grown since)")


def test_a_silent_scheduler_and_a_silent_worker_are_told(app: App, manual_time: ManualTime) -> None:
    served(app, manual_time)
    manual_time.advance(700)
    found = bad(app)
    assert found["scheduler"].startswith("silent for 11 min")
    assert found["worker"].startswith("silent for 11 min")


def test_any_call_of_a_scheduler_shows_that_it_lives(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(scheduler_token=SECRET)
    with client_of(app) as client:
        client.get("/api/admin/jobs")
        assert app.health.figures().scheduler_at is None
        client.get("/api/admin/jobs", headers=SCHEDULER)
        manual_time.advance(LONG_S)
        assert app.health.figures().scheduler_at is not None


def test_a_run_that_nobody_takes_is_told(app: App, manual_time: ManualTime) -> None:
    served(app, manual_time)
    app.request(COLLECTOR, by="ada")
    manual_time.advance(130)
    beat(app)
    assert "waits for a worker" in bad(app)[f"job {COLLECTOR}"]


def test_what_is_paused_given_up_on_or_cut_off_is_told(app: App, manual_time: ManualTime, tmp_path: Path) -> None:
    home = home_of(tmp_path)
    fill(home)
    app.collect([home])
    served(app, manual_time)
    app.processing.pause("friction", "no disk", by="ada")
    app.runs.pause(app.jobs[COLLECTOR], reason="holidays", by="ada")
    with app.store.write() as tx:
        tx.execute(sa.text("UPDATE session_processor_state SET status = 'dead' WHERE processor_name = 'usage'"))
        tx.execute(sa.text("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)"))
    manual_time.advance(LONG_S)
    found = bad(app)
    assert found["processor friction"].startswith("paused: no disk")
    assert found[f"job {COLLECTOR}"] == "paused: holidays"
    assert "1 given up on" in found["processor usage"]
    assert "audit verify" in found["audit log"]


def test_a_low_disk_is_told(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(low_disk_mb=2**40)
    served(app, manual_time)
    assert "MB free" in bad(app)["data folder"]


SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What does not depend on the kind of database."""

# Over HTTP --------------------------------------------------------------------------------------------------------


@SQLITE
def test_everybody_may_ask_and_learns_one_word(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(low_disk_mb=2**40)
    served(app, manual_time)
    with client_of(app) as client:
        answer = client.get("/api/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
        assert client.get("/api/health/detailed").status_code == 401


@SQLITE
def test_details_are_for_those_who_log_in(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(local_dev_mode=True)
    served(app, manual_time)
    with client_of(app) as client:
        found = client.get("/api/health/detailed").json()
    names = {each["name"] for each in found["checks"]}
    assert {"worker", "scheduler", "data folder", "schema", "audit log", "processor usage", f"job {USAGE}"} <= names
    assert found["status"] == "ok"
    assert str(app.settings.data_dir) not in str(found)


@SQLITE
def test_the_probes_say_whether_process_and_database_are_there(make_app: MakeApp) -> None:
    with client_of(make_app()) as client:
        assert client.get("/livez").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_without_its_database_a_server_lives_and_is_not_well(
    make_app: MakeApp, manual_time: ManualTime, postgres_url: Any
) -> None:
    app = make_app(database_url=(url := postgres_url()))
    with client_of(app) as client:
        assert client.get("/api/health").status_code == 200
        app.store.engine.dispose()
        postgres_url.drop(url)
        manual_time.advance(3600)  # a look that took long is kept longer
        answers = {path: client.get(path) for path in ("/api/health", "/readyz", "/livez")}
    assert {path: each.status_code for path, each in answers.items()} == {
        "/api/health": 503, "/readyz": 503, "/livez": 200,
    }  # fmt: skip
    assert str(sa.make_url(url).database) not in answers["/api/health"].text


@SQLITE
def test_asking_often_asks_the_database_once(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app()
    count = itertools.count()
    sa.event.listen(app.store.engine, "before_cursor_execute", lambda *_: next(count))
    with client_of(app) as client:
        client.get("/api/health")
        before = next(count)
        for _ in range(20):
            client.get("/api/health")
        assert next(count) == before + 1
        manual_time.advance(LONG_S)
        client.get("/api/health")
        assert next(count) > before + 2


@SQLITE
def test_the_doctor_makes_the_same_checks(app: App, manual_time: ManualTime) -> None:
    served(app, manual_time)
    app.processing.pause("friction", "no disk", by="ada")
    manual_time.advance(LONG_S)
    told = {each.name: (each.result, each.detail) for each in doctor.examine(app)}
    for check in app.health.checks():
        if check.name != "data folder":
            assert told[check.name] == (check.result, check.detail)


@SQLITE
def test_the_doctor_misses_no_server_where_none_ever_ran(app: App) -> None:
    assert {"worker", "scheduler"}.isdisjoint(each.name for each in doctor.examine(app))


# Metrics ----------------------------------------------------------------------------------------------------------

METRICS = {"Authorization": f"Bearer {'m' * 40}"}


def metrics(client: httpx.Client) -> dict[str, float]:
    answer = client.get("/metrics", headers=METRICS)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines)}


@SQLITE
def test_metrics_are_for_the_token_of_metrics_and_it_is_for_nothing_else(make_app: MakeApp) -> None:
    app = make_app(metrics_token="m" * 40, scheduler_token=SECRET)
    with client_of(app) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=SCHEDULER).status_code == 403
        assert client.get("/metrics", headers=METRICS).status_code == 200
        for path in ("/api/admin/jobs", "/api/admin/audit", "/api/health/detailed"):
            assert client.get(path, headers=METRICS).status_code == 403


@SQLITE
def test_a_token_with_the_scope_of_metrics_reads_them_if_it_is_an_admins(app: App) -> None:
    with client_of(app) as client:
        for name, role, status in (("root", Role.ADMIN, 200), ("bea", Role.MEMBER, 403)):
            headers = {"Authorization": f"Bearer {token(app, person(app, name, role), Scope.METRICS)}"}
            assert client.get("/metrics", headers=headers).status_code == status
            assert client.get("/api/admin/audit", headers=headers).status_code == 403


@SQLITE
def test_a_short_token_for_metrics_stops_the_start(make_app: MakeApp) -> None:
    with pytest.raises(Exception, match="PRECEDENT_METRICS_TOKEN"):
        make_app(metrics_token="short").authenticator  # noqa: B018


def test_metrics_tell_what_the_database_knows(make_app: MakeApp, manual_time: ManualTime, tmp_path: Path) -> None:
    app = make_app(metrics_token="m" * 40)
    home = home_of(tmp_path)
    fill(home)
    app.collect([home])
    served(app, manual_time)
    finish(app, USAGE, "failed")
    app.runs.missed(app.jobs[COLLECTOR], [5, 6], by="s", reason="down")
    manual_time.advance(30)
    with client_of(app) as client:
        found = metrics(client)
    assert found['precedent_backlog{processor="usage"}'] == 1
    assert found['precedent_lag_seconds{processor="usage"}'] == 30 + LONG_S
    assert found['precedent_dead_letters{processor="usage"}'] == 0
    assert found[f'precedent_runs_total{{job="{USAGE}",outcome="failed"}}'] == 1
    assert found[f'precedent_runs_total{{job="{COLLECTOR}",outcome="done"}}'] == 2
    assert found[f'precedent_runs_total{{job="{COLLECTOR}",outcome="missed"}}'] == 2
    assert found[f'precedent_run_seconds_count{{job="{USAGE}"}}'] == 2
    assert found[f'precedent_run_seconds_bucket{{job="{USAGE}",le="0.1"}}'] == 2
    assert found[f'precedent_job_last_success_age_seconds{{job="{USAGE}"}}'] == 30 + LONG_S
    assert found[f'precedent_job_failures{{job="{USAGE}"}}'] == 1
    assert found["precedent_scheduler_age_seconds"] == 30 + LONG_S
    assert found["precedent_worker_heartbeat_age_seconds"] == 30 + LONG_S
    assert found["precedent_transcripts"] == 1
    assert found["precedent_archive_bytes"] > 100
    assert found["precedent_audit_broken"] == 0


def test_several_processes_tell_the_same(make_app: MakeApp, manual_time: ManualTime) -> None:
    first, second = make_app(metrics_token="m" * 40), make_app(metrics_token="m" * 40)
    served(first, manual_time)
    with client_of(first) as one, client_of(second) as two:
        found = [{k: v for k, v in metrics(each).items() if "run" in k or "job" in k} for each in (one, two)]
    assert found[0] == found[1]
    assert found[0]


def test_counts_of_runs_outlive_their_rows(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(metrics_token="m" * 40)
    served(app, manual_time)
    manual_time.advance(100 * 86_400)
    assert app.runs.prune() > 0
    with client_of(app) as client:
        assert metrics(client)[f'precedent_runs_total{{job="{USAGE}",outcome="done"}}'] == 1


@SQLITE
def test_requests_are_counted_by_the_template_of_their_route(make_app: MakeApp) -> None:
    app = make_app(metrics_token="m" * 40, local_dev_mode=True)
    with client_of(app) as client:
        for number in range(5):
            client.get(f"/api/admin/runs/{number}")
            client.get(f"/nothing/{number}")
        client.request("BREW", "/livez")
        found = metrics(client)
    key = "precedent_http_requests_total"
    assert found[f'{key}{{method="GET",route="/api/admin/runs/{{run_id}}",status="404"}}'] == 5
    assert found[f'{key}{{method="GET",route="none",status="404"}}'] == 5
    assert not [each for each in found if "BREW" in each or "/nothing" in each]
    assert found['precedent_http_request_seconds_count{method="GET",route="none"}'] == 5
