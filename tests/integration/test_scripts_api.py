"""Scripts over HTTP and on the command line, with a real worker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from builders import ManualTime
from callers import SCHEDULER_SECRET, client, person, serving, token, working
from conftest import MakeApp
from deployed_scripts import deploy, last
from places import until
from precedent.app import App
from precedent.cli import cli
from precedent.jobs.records import SCRIPTS
from precedent.scripts.model import MAX_SOURCE_BYTES
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role, Scope
from precedent.telemetry.health import checks

ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(make_app: MakeApp) -> App:
    return make_app(scheduler_token=SCHEDULER_SECRET)


@pytest.fixture
def server(app: App) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture
def admin(app: App, server: str) -> Iterator[httpx.Client]:
    with client(server, token(app, person(app, "root", Role.ADMIN))) as found:
        yield found


def given(**more: Any) -> dict[str, Any]:
    return {"name": "report", "source": "print('fine')"} | more


def finished(admin: httpx.Client, number: int) -> dict[str, Any]:
    until(lambda: admin.get(f"/api/scripts/runs/{number}").json()["finished_at"] is not None, what="the run ends")
    found: dict[str, Any] = admin.get(f"/api/scripts/runs/{number}").json()
    return found


def test_a_script_is_deployed_run_by_a_worker_and_told_of(app: App, admin: httpx.Client) -> None:
    made = admin.post("/api/scripts", json=given(schedule="every 1h", parameters={"who": "ada"}))
    assert made.status_code == 200, made.text
    assert (made.json()["version"], len(made.json()["next"]), made.json()["last"]) == (1, 5, None)
    asked = admin.post("/api/scripts/report/run")
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    busy = admin.post("/api/scripts/report/run")
    assert busy.status_code == 409
    assert busy.json()["error"]["details"]["run"] == asked.json()["id"]
    with working(app):
        found = finished(admin, asked.json()["id"])
    assert (found["state"], found["exit_code"], found["requested_by"]) == ("done", 0, "root")
    output = admin.get(f"/api/scripts/runs/{found['id']}/output").json()
    assert (output["head"], output["tail"], output["dropped_bytes"]) == ("fine\n", "", 0)
    page = admin.get("/api/scripts/report/runs?limit=1").json()
    assert [each["id"] for each in page["rows"]] == [found["id"]]
    assert admin.get(f"/api/scripts/report/runs?before={found['id']}").json() == {"rows": [], "next": None}
    assert admin.get("/api/scripts").json()["rows"][0]["last"]["id"] == found["id"]


def test_the_clocks_call_runs_what_is_due_and_a_failure_makes_it_partial(
    app: App, server: str, admin: httpx.Client, manual_time: ManualTime
) -> None:
    deploy(app, "bad", "raise SystemExit(3)", schedule="every 1h")
    deploy(app, "good", "print(1)", schedule="every 1h")
    manual_time.advance(2 * 3600)
    with client(server, SCHEDULER_SECRET) as clock, working(app):
        answer = clock.post("/api/scripts/run-due")
        assert answer.status_code == 200, answer.text
        assert answer.json()["ok"] is False
        details = answer.json()["details"]
        assert (details["scripts_due"], details["done"], details["failed"]) == (2, 1, 1)
        assert (details["failures"][0]["script"], details["failures"][0]["reason"]) == ("bad", "exit code 3")
        again = clock.post("/api/scripts/run-due").json()["details"]
        assert again["scripts_due"] == 0
        assert clock.get("/api/scripts").status_code == 403
    assert last(app, "good").due_at is not None
    assert last(app, "good").run_id == answer.json()["run"]["id"]


def test_the_web_process_runs_none_and_a_second_call_is_409_with_the_run(app: App, admin: httpx.Client) -> None:
    deploy(app, "report", "print(1)")
    admin.post("/api/scripts/report/run")
    number = app.runs.latest(SCRIPTS)[0].id
    busy = admin.post("/api/scripts/run-due?wait=0")
    assert (busy.status_code, busy.json()["error"]["details"]["run"]) == (409, number)
    assert last(app, "report").state == "queued"
    with working(app):
        finished(admin, last(app, "report").id)


@ONE
def test_scripts_are_for_admins_who_may_write(app: App, server: str) -> None:
    deploy(app, "report", "print(1)")
    for role in (Role.VIEWER, Role.MEMBER, Role.REVIEWER):
        with client(server, token(app, person(app, role.value, role))) as found:
            assert found.get("/api/scripts").status_code == 403
            assert found.post("/api/scripts/report/run").status_code == 403
            assert found.post("/api/scripts/run-due").status_code == 403
    with client(server, token(app, person(app, "boss", Role.ADMIN), Scope.READ)) as reader:
        assert reader.get("/api/scripts/report").status_code == 200
        assert reader.post("/api/scripts", json=given(name="x")).status_code == 403
        assert reader.delete("/api/scripts/report").status_code == 403


@ONE
@pytest.mark.parametrize(
    "more",
    [
        {"name": "No"}, {"name": "../x"}, {"source": ""}, {"source": 7}, {"schedule": "every blue moon"},
        {"parameters": {"a": [1]}}, {"parameters": {"a": None}}, {"parameters": {"a": {"b": 1}}}, {"parameters": [1]},
        {"secrets": {"TOKEN": 1}}, {"secrets": {"lower": "x"}}, {"timeout_s": 0}, {"timeout_s": "60"},
        {"network": "yes"}, {"other": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_422_and_nothing_is_deployed(admin: httpx.Client, more: dict[str, Any]) -> None:
    answer = admin.post("/api/scripts", json=given(**more))
    assert answer.status_code in {400, 422}, answer.text
    assert admin.get("/api/scripts").json()["rows"] == []


@ONE
def test_a_bad_schedule_is_422_with_the_column(admin: httpx.Client) -> None:
    answer = admin.post("/api/scripts", json=given(schedule="daily 25:00"))
    assert answer.status_code == 422, answer.text
    assert "column" in answer.json()["error"]["message"]
    assert admin.post("/api/scripts", json=given(source="#" * MAX_SOURCE_BYTES)).status_code == 200
    assert admin.post("/api/scripts", json=given(name="y", source="é" * MAX_SOURCE_BYTES)).status_code == 413


@ONE
def test_unknown_ones_are_404(admin: httpx.Client) -> None:
    for method, path in (
        ("GET", "x"), ("PUT", "report"), ("DELETE", "x"), ("POST", "x/pause"), ("POST", "x/resume"), ("POST", "x/run"),
        ("GET", "x/runs"), ("GET", "x/versions"), ("GET", "x/versions/1"), ("GET", "runs/7"), ("GET", "runs/7/output"),
    ):  # fmt: skip
        body = given() if method == "PUT" else {} if method == "POST" else None
        assert admin.request(method, f"/api/scripts/{path}", json=body).status_code == 404, path


@ONE
def test_a_script_is_changed_paused_resumed_and_removed(app: App, admin: httpx.Client) -> None:
    admin.post("/api/scripts", json=given(schedule="every 1h"))
    changed = admin.put("/api/scripts/report", json=given(source="print(2)", timeout_s=5))
    assert (changed.json()["version"], changed.json()["timeout_s"], changed.json()["next"]) == (2, 5, [])
    assert admin.get("/api/scripts/report/versions/1").json()["source"] == "print('fine')"
    assert [each["number"] for each in admin.get("/api/scripts/report/versions").json()["rows"]] == [2, 1]
    assert admin.post("/api/scripts/report/pause", json={"reason": "holiday"}).json()["paused"] == "holiday"
    assert admin.post("/api/scripts/report/resume").json()["paused"] == ""
    assert admin.post("/api/scripts", json=given()).status_code == 409
    assert admin.delete("/api/scripts/report").json() == {"removed": "report"}
    assert admin.get("/api/scripts").json() == {"rows": []}


def test_a_running_job_takes_what_is_asked_for_meanwhile(app: App, admin: httpx.Client) -> None:
    deploy(app, "slow", "import time\ntime.sleep(3)")
    deploy(app, "quick", "print(1)")
    with working(app):
        slow = admin.post("/api/scripts/slow/run").json()["id"]
        until(lambda: last(app, "slow").state == "running", what="it runs")
        quick = finished(admin, admin.post("/api/scripts/quick/run").json()["id"])
        assert quick["state"] == "done"
        assert last(app, "slow").state == "running"
        assert finished(admin, slow)["run_id"] == quick["run_id"]


# The command line -----------------------------------------------------------------------------------------------------


@ONE
def test_commands_deploy_run_and_tell(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.py"
    red = "\x1b]0;title\x07\x1b[31mred\x1b[0m\x1b"
    file.write_text(f"import os\nprint({red!r}, os.environ['PARAM_SIZE'], os.environ['PARAM_WHO'])\n")
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", app.settings.database_url)

    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(cli, ["--data-dir", str(app.settings.data_dir), "scripts", *arguments])
        return found.exit_code, found.stdout

    assert call("deploy", str(file), "--param", "size=3", "--param", "who=ada", "--timeout", "20")[0] == 0
    status, text = call("run", "report")
    assert (status, text) == (0, "red\ufffd 3 ada\n")
    number = last(app, "report").id
    assert call("output", str(number))[1] == "red\ufffd 3 ada\n"
    assert json.loads(call("output", str(number), "--json")[1])["head"] == f"{red} 3 ada\n"
    assert json.loads(call("list", "--json")[1])[0]["parameters"] == {"size": 3, "who": "ada"}
    assert [each["state"] for each in json.loads(call("history", "report", "--json")[1])] == ["done"]
    file.write_text("raise SystemExit(4)")
    assert call("deploy", str(file), "--schedule", "every 1h", "--secret", "TOKEN=vault")[0] == 0
    shown = json.loads(call("show", "report", "--json")[1])
    assert (shown["script"]["version"], shown["script"]["secrets"], len(shown["versions"])) == (
        2,
        {"TOKEN": "vault"},
        2,
    )
    assert call("run", "report")[0] == 1
    for command in ("pause", "resume"):
        assert call(command, "report")[0] == 0
    for command in ("list", "show report", "history report"):
        assert call(*command.split())[0] == 0
    assert call("remove", "report")[0] == 0
    assert call("show", "report")[0] != 0
    assert call("deploy", str(file), "--param", "nothing")[0] != 0


def test_the_job_is_as_operators_know_it_and_is_well_while_it_runs_long(
    app: App, admin: httpx.Client, manual_time: ManualTime
) -> None:
    record = app.jobs[SCRIPTS]
    assert (record.schedule, record.path, record.timeout_s) == ("every 1m", "/api/scripts/run-due", 600)
    assert record.variable == "SCHEDULER_SCRIPT_RUN_INTERVAL"
    deploy(app, "slow", "import time\ntime.sleep(60)", timeout_s=60)
    with working(app):
        admin.post("/api/scripts/slow/run")
        until(lambda: last(app, "slow").state == "running", what="it runs")
        (check,) = [
            each for each in checks(app.health.figures(), records=app.jobs.values(), serving=True)
            if each.name == f"job {SCRIPTS}"
        ]  # fmt: skip
        assert check.detail.startswith("under way since")
        app.script_registry.remove("slow", by=BY_COMMAND_LINE)
