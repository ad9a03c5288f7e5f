"""The read routes: the figures of the command line, in pages, for whom they are meant."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from builders import (
    ManualTime,
    claude_path,
    claude_prompt,
    claude_reply,
    claude_session,
    grow,
    home_of,
    put,
    session_id,
)
from conftest import NewDatabase
from precedent import plugins, samples
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import cli
from precedent.http.looking import ONE_LOOK_S, Looks
from precedent.security.principals import Principal, Role
from precedent.settings import load
from precedent.store.schema import audit
from web_client import Client, client_of, person

SECRET = "ghp_" + "a1B2" * 9
NAMES = tuple(plugin.name for plugin in plugins.installed(plugins.PROCESSORS))


def fill(app: App, folder: Path) -> None:
    """Two people of the samples, and Zoe, who has a session of Ada's, one with a secret and one without times."""
    homes = [Home(path, path.name) for path in samples.homes()]
    zoe = home_of(folder, "zoe")
    put(claude_path(zoe.path, session_id("z")), claude_session(session_id("z"), 3))
    put(claude_path(zoe.path, session_id("z"), agent="a1"), claude_session(session_id("z"), 2, agent="a1"))
    secret = claude_prompt(f"use {SECRET} please", session=session_id("s"))
    put(claude_path(zoe.path, session_id("s")), secret + claude_reply("msg_s", session=session_id("s")))
    ada = next(path for path in samples.homes() if path.name == "ada")
    copied = next(ada.rglob("*.jsonl"))
    put(zoe.path / copied.relative_to(ada), copied.read_bytes())
    app.collect([*homes, zoe])
    for name in NAMES:
        assert not app.run_processor(name).errors


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One program for all tests of a database: they only read."""
    folder = tmp_path_factory.mktemp("reads")
    new_database: NewDatabase = request.getfixturevalue("postgres_url")
    url = new_database() if request.param == "postgresql" else ""
    app = App(load(data_dir=folder / "data", database_url=url, extraction_processes=1), clock=ManualTime().clock)
    fill(app, folder)
    yield app
    app.close()


@pytest.fixture(scope="module")
def admin(filled: App) -> Iterator[Client]:
    with client_of(filled) as client:
        yield client


@pytest.fixture(scope="module")
def zoe(filled: App) -> Iterator[Client]:
    with client_of(filled, person(filled, "zoe")) as client:
        yield client


@pytest.fixture(scope="module")
def viewer(filled: App) -> Iterator[Client]:
    with client_of(filled, Principal(name="visitor", role=Role.VIEWER)) as client:
        yield client


def command(app: App, *arguments: str) -> Any:
    """What a command of the command line prints as JSON."""
    environment = {"PRECEDENT_DATABASE_URL": app.settings.database_url}
    found = CliRunner().invoke(
        cli, ["--data-dir", str(app.settings.data_dir), *arguments, "--json"], env=environment, catch_exceptions=False
    )
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def grouped(table: Any) -> list[dict[str, Any]]:
    """Rows of a table as the command line prints them."""
    return [
        dict(zip(table["by"], row["group"], strict=True)) | {name: row[name] for name in row if name != "group"}
        for row in table["rows"]
    ]


# The same figures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["date", "person", "agent,model", "project", "session,person", "date,person,model"])
def test_a_report_has_the_figures_of_the_command_line(filled: App, admin: Client, by: str) -> None:
    expected = command(filled, "usage", "by", by)
    assert expected
    assert grouped(admin.read("/api/usage", by=by, limit=500)) == expected


@pytest.mark.parametrize(("name", "period"), [("daily", "day"), ("weekly", "week"), ("monthly", "month")])
def test_day_week_and_month_are_dates_of_that_length(filled: App, admin: Client, name: str, period: str) -> None:
    place = "America/New_York"
    expected = command(filled, "usage", name, "--zone", place)
    assert grouped(admin.read("/api/usage", by=period, zone=place)) == expected
    assert grouped(admin.read("/api/usage", by="date", period=period, zone=place)) == expected


def test_filters_are_those_of_the_command_line(filled: App, admin: Client) -> None:
    options = ("--agent", "claude-code", "--person", "ada", "--person", "grace", "--since", "2026-09-15")
    filters = {"agent": "claude-code", "person": ["ada", "grace"], "since": "2026-09-15"}
    assert admin.read("/api/usage/totals", **filters) == {"group": []} | command(filled, "usage", "totals", *options)
    assert admin.read("/api/usage/totals", cost="display") == {"group": []} | command(
        filled, "usage", "totals", "--cost", "display"
    )


def test_tools_time_blocks_and_requests_are_those_of_the_command_line(filled: App, admin: Client) -> None:
    assert grouped(admin.read("/api/usage/tools", by="agent")) == command(filled, "usage", "tools", "--by", "agent")
    every = [{**each} for each in admin.read("/api/usage/tools", kind=["prompt", "tool"])["rows"]]
    assert {row["kind"] for row in every} == {"prompt", "tool"}
    assert admin.read("/api/usage/time", period="week")["rows"] == command(filled, "usage", "time", "--period", "week")
    times = {"start", "end", "last_at", "at", "first_at"}
    for path, arguments in (
        ("/api/usage/blocks", ("usage", "blocks")),
        ("/api/usage/requests", ("usage", "requests")),
        ("/api/sessions", ("sessions", "list")),
        ("/api/secrets", ("secrets", "list")),
        ("/api/friction", ("friction", "list")),
        ("/api/friction/tools", ("friction", "tools")),
    ):
        found = admin.read(path, limit=500)["rows"]
        expected = command(filled, *arguments)
        assert found
        assert [{name: row[name] for name in row if name not in times} for row in found] == [
            {name: row[name] for name in row if name not in times} for row in expected
        ]


def test_marks_are_counted_as_on_the_command_line(filled: App, admin: Client) -> None:
    found = grouped(admin.read("/api/secrets/totals", by="rule,person"))
    assert [row["person"] for row in found] == ["zoe"]
    expected = command(filled, "secrets", "by", "rule,person")
    assert [{**row, "last_at": None} for row in found] == [{**row, "last_at": None} for row in expected]


def test_status_has_the_backlog_of_the_command_line(filled: App, admin: Client) -> None:
    found, expected = admin.read("/api/status"), command(filled, "status")
    assert {row["processor"] for row in found["processors"]} == {*NAMES}
    assert all(row["last_outcome"] == "done" and isinstance(row["last_run"], int) for row in found["processors"])
    for row in [*found["processors"], *expected["processors"]]:
        row.pop("last_run")
    assert found == expected


def test_a_session_is_shown_with_totals_transcripts_and_defects(filled: App, admin: Client) -> None:
    name = session_id("z")
    found = admin.read(f"/api/sessions/{name}")
    assert found["session"]["session"] == name and found["session"]["transcripts"] == 2
    assert found["transcripts"] == command(filled, "sessions", "show", name)
    assert found["totals"] == {"group": []} | command(filled, "usage", "totals", "--session", name)
    assert admin.read(f"/api/sessions/{name}.a1") == found  # named by a file of its own


# Pages --------------------------------------------------------------------------------------------------------------

LISTS = {
    "/api/usage": {"by": "session,model"},
    "/api/usage/tools": {"by": "person"},
    "/api/usage/time": {},
    "/api/usage/blocks": {},
    "/api/usage/requests": {},
    "/api/sessions": {},
    "/api/secrets": {},
    "/api/secrets/totals": {"by": "rule,session"},
    "/api/friction": {},
    "/api/friction/tools": {},
}


@pytest.mark.parametrize("path", LISTS)
def test_pages_together_are_the_list(admin: Client, path: str) -> None:
    whole = admin.pages(path, limit=500, **LISTS[path])
    assert whole
    for limit in (1, 3):
        assert admin.pages(path, limit=limit, **LISTS[path]) == whole


def test_sessions_without_times_are_in_the_list_and_in_its_pages(app: App, tmp_path: Path) -> None:
    home = home_of(tmp_path, "zoe")
    for number in range(5):
        name = session_id(number)
        lines = claude_session(name, 1)
        if number % 2:
            lines = lines.replace(b'"timestamp"', b'"no_time"')
        put(claude_path(home.path, name), lines)
    app.collect([home])
    app.run_processor("usage")
    with client_of(app) as client:
        whole = client.pages("/api/sessions", limit=500)
        assert sorted(row["session"] for row in whole) == sorted(session_id(number) for number in range(5))
        assert [row["last_at"] is None for row in whole] == [False, False, False, True, True]
        for limit in (1, 2, 3, 4):
            assert client.pages("/api/sessions", limit=limit) == whole
            assert client.pages("/api/sessions", limit=limit, person="zoe") == whole


def test_sessions_are_found_by_person_agent_project_and_days(admin: Client) -> None:
    whole = admin.pages("/api/sessions")
    for name in ("person", "agent", "project"):
        for value in {row[name] for row in whole}:
            expected = [row for row in whole if row[name] == value]
            assert admin.pages("/api/sessions", limit=2, **{name: value}) == expected
    day = 86_400_000_000
    late = [row for row in whole if row["last_at"] >= 1_790_812_800_000_000]  # 2026-10-01
    assert 0 < len(late) < len(whole)
    assert admin.pages("/api/sessions", since="2026-10-01") == late
    assert admin.pages("/api/sessions", until="2026-09-30") == [
        row for row in whole if row["last_at"] < 1_790_726_400_000_000 + day
    ]


@pytest.mark.parametrize("after", ["x", "W10", "WzEsMl0", "bm8", "e30", "WzFlOTksMSwxXQ"])
@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_somewhere_else_is_refused_with_the_reason(admin: Client, path: str, after: str) -> None:
    found = admin.get(path, after=after, **LISTS[path])
    assert found.status_code == 400 and "cursor" in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/usage", "by=colour", 422),
        ("/api/usage", "by=day,day", 400),
        ("/api/usage", "by=day,week", 400),
        ("/api/usage", "limit=0", 422),
        ("/api/usage", "limit=501", 422),
        ("/api/usage", "persn=ada", 422),
        ("/api/usage", "person=%00", 422),
        ("/api/usage", "zone=Mars", 400),
        ("/api/usage", "since=yesterday", 422),
        ("/api/usage", "since=2026-02-02&until=2026-02-01", 400),
        ("/api/usage/tools", "kind=hammer", 422),
        ("/api/secrets/totals", "by=rule,rule", 400),
        ("/api/sessions/x/events", "after=-1", 422),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong_with_it(
    admin: Client, path: str, query: str, status: int
) -> None:
    found = admin.request("GET", f"{path}?{query}")
    assert found.status_code == status
    assert len(found.json()["error"]["message"]) > 10


# Events -------------------------------------------------------------------------------------------------------------


def test_events_come_in_pages_that_together_are_the_transcript(filled: App, admin: Client) -> None:
    path = f"/api/sessions/{session_id('z')}/events"
    whole = admin.pages(path, of="events", limit=500)
    assert [each["kind"] for each in whole[:4]] == ["prompt", "reply", "result", "reply"]
    assert [each["text"] for each in whole if each["kind"] == "prompt"] == [
        f"Please look at berth {number}." for number in range(3)
    ]
    call = whole[1]["calls"][0]
    assert (call["name"], json.loads(call["input"])) == ("Bash", {"command": "make test"})
    assert whole[2]["results"][0] | {"call_id": ""} == {
        "call_id": "", "name": "Bash", "outcome": "ok", "agent_id": "",
    }  # fmt: skip
    assert whole[1]["requests"][0]["output_tokens"] == 30
    for limit in (1, 2, 5):
        assert admin.pages(path, of="events", limit=limit) == whole
    other = admin.pages(path, of="events", transcript=f"zoe/{session_id('z')}.a1.jsonl")
    assert len(other) == 8
    assert admin.get(path, transcript="zoe/none.jsonl").status_code == 404


def test_an_event_stands_where_its_place_says(filled: App, admin: Client) -> None:
    page = admin.read(f"/api/sessions/{session_id('z')}/events")
    content = filled.archive.path(page["session_file"]).read_bytes()
    for event in page["events"]:
        line = content[event["offset"] :].split(b"\n", 1)[0]
        assert line == content.split(b"\n")[event["line"] - 1]


def test_what_a_transcript_says_is_bounded_and_stays_text(app: App, tmp_path: Path) -> None:
    home, name = home_of(tmp_path, "zoe"), session_id("x")
    hostile = "<script>alert(1)</script>\u001b[31m\u202e" + "x" * 100_000
    # Half of a pair of characters, as only an escape can write it.
    put(claude_path(home.path, name), claude_prompt(hostile, session=name).replace(b"xxxx", b"\\ud800", 1))
    app.collect([home])
    app.run_processor("usage")
    with client_of(app) as client:
        found = client.get(f"/api/sessions/{name}/events")
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-content-type-options"] == "nosniff"
        event = found.json()["events"][0]
        assert event["text"].startswith("<script>alert(1)</script>")
        assert len(event["text"]) < event["text_chars"] <= len(hostile)
        assert len(found.content) < 20_000


def test_a_page_of_a_transcript_that_grew_goes_on_where_it_was(app: App, tmp_path: Path) -> None:
    home, name = home_of(tmp_path, "zoe"), session_id("x")
    path = put(claude_path(home.path, name), claude_session(name, 200))
    app.collect([home])
    app.run_processor("usage")
    with client_of(app) as client:
        first = client.read(f"/api/sessions/{name}/events", limit=500)
        rest = client.read(f"/api/sessions/{name}/events", limit=500, after=first["next"])
        assert (len(first["events"]), len(rest["events"]), rest["next"]) == (500, 300, None)
        grow(path, claude_session(name, 2, first=200))
        app.collect([home])
        more = client.read(f"/api/sessions/{name}/events", after=800)
        assert [each["text"] for each in more["events"] if each["kind"] == "prompt"] == [
            "Please look at berth 200.", "Please look at berth 201.",
        ]  # fmt: skip


# Who sees what ------------------------------------------------------------------------------------------------------


def test_a_member_sees_their_own_sessions_and_sums_over_the_team(admin: Client, zoe: Client) -> None:
    assert zoe.read("/api/usage", by="model,agent,date") == admin.read("/api/usage", by="model,agent,date")
    assert zoe.read("/api/usage/totals") == admin.read("/api/usage/totals")
    for path, question in LISTS.items():
        rows = zoe.pages(path, **question)
        everybody = admin.pages(path, **question)
        if all("person" in row for row in everybody):
            assert rows == [row for row in everybody if row["person"] == "zoe"], path
    table = grouped(zoe.read("/api/usage", by="person"))
    assert [row["person"] for row in table] == ["zoe"]
    assert zoe.pages("/api/usage", by="model", person="ada") == []
    assert {row["group"][0] for row in zoe.pages("/api/usage", by="session")} < {
        row["group"][0] for row in admin.pages("/api/usage", by="session")
    }


def test_a_viewer_sees_sums_over_the_team_only(admin: Client, viewer: Client) -> None:
    assert viewer.read("/api/usage", by="model") == admin.read("/api/usage", by="model")
    assert viewer.read("/api/usage/tools") == admin.read("/api/usage/tools")
    assert viewer.read("/api/friction/tools") == admin.read("/api/friction/tools")
    assert viewer.read("/api/secrets/totals") == admin.read("/api/secrets/totals")
    for path, query in (
        ("/api/usage", {"by": "person"}), ("/api/usage", {"by": "session"}), ("/api/usage", {"person": "ada"}),
        ("/api/usage/totals", {"session": "x"}), ("/api/usage/tools", {"by": "person"}), ("/api/usage/time", {}),
        ("/api/usage/blocks", {}), ("/api/usage/requests", {}), ("/api/sessions", {}), ("/api/sessions/x", {}),
        ("/api/sessions/x/events", {}), ("/api/secrets", {}), ("/api/secrets/totals", {"by": "person"}),
        ("/api/friction", {}), ("/api/friction/tools", {"person": "ada"}), ("/api/export/usage", {}),
    ):  # fmt: skip
        assert viewer.get(path, **query).status_code == 403, path


def test_anothers_session_is_answered_like_one_that_is_not_there(admin: Client, zoe: Client) -> None:
    others = [row["session"] for row in admin.pages("/api/sessions", person=["ada", "grace"])]
    mine = {row["session"] for row in zoe.pages("/api/sessions")}
    seen = 0
    for name in others:
        if name in mine:
            continue
        seen += 1
        for rest in ("", "/events", "/friction"):
            theirs, absent = zoe.get(f"/api/sessions/{name}{rest}"), zoe.get(f"/api/sessions/{'0' * len(name)}{rest}")
            assert (theirs.status_code, absent.status_code) == (404, 404)
            bodies = [found.json()["error"] | {"request_id": ""} for found in (theirs, absent)]
            assert bodies[0] == bodies[1]
            assert admin.get(f"/api/sessions/{name}{rest}").status_code == 200
    assert seen


def test_a_session_that_several_people_have_is_each_ones_own(admin: Client, zoe: Client) -> None:
    name = next(row["session"] for row in zoe.pages("/api/sessions") if row["session"] not in (
        session_id("z"), session_id("s")))  # fmt: skip
    assert zoe.read(f"/api/sessions/{name}")["transcripts"][0]["session_file"].startswith("zoe/")
    assert zoe.read(f"/api/sessions/{name}/events")["session_file"].startswith("zoe/")
    assert zoe.read(f"/api/sessions/{name}")["transcripts"][0]["shares_with"] == []
    conflict = admin.get(f"/api/sessions/{name}")
    assert conflict.status_code == 409 and "ada, zoe" in conflict.json()["error"]["message"]
    for key in ("ada", "zoe"):
        assert admin.read(f"/api/sessions/{name}", person=key)["session"]["person"] == key
        assert admin.read(f"/api/sessions/{name}/events", person=key)["session_file"].startswith(f"{key}/")


def test_a_look_of_an_admin_at_anothers_transcript_is_audited_once_a_minute(filled: App, zoe: Client) -> None:
    def rows() -> list[tuple[str, str, str]]:
        with filled.store.read() as tx:
            query = sa.select(audit.c.principal, audit.c.action, audit.c.resource).order_by(audit.c.id)
            found = [tuple(row) for row in tx.execute(query)]
        return [row for row in found if row[1].startswith("read_")]

    name, before = session_id("z"), rows()
    for rest in ("", "/events", "/friction"):
        zoe.read(f"/api/sessions/{name}{rest}")
    assert rows() == before
    with client_of(filled) as admin:
        admin.read(f"/api/sessions/{name}")
        for after in (3, 4, 0):  # who turns pages looks once
            admin.read(f"/api/sessions/{name}/events", limit=1, after=after, transcript=f"zoe/{name}.a1.jsonl")
    assert rows()[len(before) :] == [
        ("root", "read_session", f"transcript:zoe/{name}.jsonl"),
        ("root", "read_transcript", f"transcript:zoe/{name}.a1.jsonl"),
    ]


def test_a_look_goes_on_for_a_minute_and_is_one_persons_at_one_transcript() -> None:
    now = [1000.0]
    looks = Looks(lambda: now[0])
    looks.noted("ada", "read_transcript", "transcript:a")
    now[0] += ONE_LOOK_S - 1
    assert looks.goes_on("ada", "read_transcript", "transcript:a")
    for other in (
        ("bob", "read_transcript", "transcript:a"), ("ada", "read_session", "transcript:a"),
        ("ada", "read_transcript", "transcript:b"),
    ):  # fmt: skip
        assert not looks.goes_on(*other)
    now[0] += 1
    assert not looks.goes_on("ada", "read_transcript", "transcript:a")


def test_nobody_sees_nothing_but_health_and_version(filled: App) -> None:
    with client_of(filled, None) as client:
        for path in (*LISTS, "/api/status", "/api/sessions/x", "/api/export/usage"):
            assert client.get(path).status_code == 401, path
        assert client.read("/api/version")["api"]["min"] <= client.read("/api/version")["api"]["current"]


# Both databases -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers() -> dict[str, list[bytes]]:
    return {}


def test_both_databases_give_the_same_answers_to_the_byte(
    filled: App, admin: Client, answers: dict[str, list[bytes]]
) -> None:
    found = []
    for path, question in LISTS.items():
        found.append(msgspec.json.encode([path, admin.pages(path, limit=4, **question)]))
    found += [admin.get(f"/api/sessions/{session_id('z')}{rest}").content for rest in ("", "/events", "/friction")]
    found.append(admin.get("/api/export/usage", format="ndjson").content)
    answers["sqlite" if filled.store.is_sqlite else "postgresql"] = found
    if len(answers) == 2:
        assert answers["sqlite"] == answers["postgresql"]
