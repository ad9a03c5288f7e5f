"""Whatever goes wrong, the answer has the one shape and tells nothing that is not the caller's to know."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_path, claude_session, home_of, put, session_id
from precedent import errors
from precedent.app import App
from precedent.http.errors import STATUS, plain
from precedent.server import create
from precedent.settings import load
from precedent.usage import report
from web_client import Client, client_of

SECRET = "sk-ant-api03-" + "x" * 24
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b|SELECT|INSERT|sqlite|psycopg|sqlalchemy|/tmp/|/home/|postgresql://|sk-ant"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("errors")
    app = App(load(data_dir=folder / "data", extraction_processes=1), clock=ManualTime().clock)
    home, name = home_of(folder, "zoe"), session_id("z")
    put(claude_path(home.path, name), claude_session(name, 2))
    app.collect([home])
    app.run_processor("usage")
    yield app
    app.close()


@pytest.fixture(scope="module")
def client(world: App) -> Iterator[Client]:
    with client_of(world) as client:
        yield client


def error_of(found: httpx.Response) -> dict[str, Any]:
    """Return the error; fail when it has another shape or says too much."""
    assert found.status_code >= 400
    assert found.headers["content-type"] == "application/json"
    body = found.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"code", "message", "request_id", "details"}
    assert re.fullmatch(r"[a-z_]+", error["code"]) and error["message"] and isinstance(error["details"], dict)
    assert error["request_id"] == found.headers["x-request-id"]
    assert found.headers["x-content-type-options"] == "nosniff" and "content-security-policy" in found.headers
    assert not LEAKS.search(found.text), found.text
    assert isinstance(error, dict)
    return error


CALLS: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "unknown path": ("GET", "/api/nothing", {}, 404, "not_found"),
    "unknown place": ("GET", "/x/../etc/passwd", {}, 404, "not_found"),
    "wrong method": ("DELETE", "/api/usage", {}, 405, "method_not_allowed"),
    "unknown method": ("BREW", "/api/usage", {}, 405, "method_not_allowed"),
    "unknown session": ("GET", "/api/sessions/nothing", {}, 404, "not_found"),
    "unknown parameter": ("GET", "/api/usage?colour=red", {}, 422, "invalid"),
    "NUL in a query": ("GET", "/api/usage?person=a%00b", {}, 422, "invalid"),
    "NUL in a path": ("GET", "/api/sessions/a%00b", {}, 422, "invalid"),
    "no UTF-8 in a query": ("GET", "/api/usage?zone=%ff%fe", {}, 400, "bad_input"),
    "huge value": ("GET", "/api/usage", {"params": {"person": "x" * 50_000}}, 422, "invalid"),
    "many values": ("GET", "/api/usage", {"params": {"person": ["x"] * 2_000}}, 422, "invalid"),
    "huge number": ("GET", "/api/usage?limit=" + "9" * 400, {}, 422, "invalid"),
    "huge number in a path": ("GET", "/api/admin/runs/" + "9" * 30, {}, 400, "bad_input"),
    "no number": ("GET", "/api/admin/runs/first", {}, 422, "invalid"),
    "bad cursor": ("GET", "/api/sessions?after=AAAA", {}, 400, "bad_input"),
    "bad JSON": ("POST", "/api/admin/jobs/session-collector/pause", {"content": b"{no"}, 422, "invalid"),
    "JSON of another shape": ("POST", "/api/admin/jobs/session-collector/pause", {"json": [1]}, 422, "invalid"),
    "endless nesting": (
        "POST", "/api/admin/jobs/session-collector/pause", {"content": b"[" * 100_000}, 400, "bad_input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_cannot_be_answered_gets_the_one_shape(client: Client, name: str) -> None:
    method, path, more, status, code = CALLS[name]
    if "content" in more:
        more = {**more, "headers": {"Content-Type": "application/json"}}
    found = client.request(method, path, **more)
    error = error_of(found)
    assert (found.status_code, error["code"]) == (status, code), found.text[:300]
    assert len(found.content) < 20_000


def test_a_wrong_method_is_told_all_right_ones(client: Client) -> None:
    assert client.request("PATCH", "/api/usage").headers["allow"] == "GET"
    assert client.request("PATCH", "/api/me/tokens").headers["allow"] == "GET, POST"


def test_nobody_and_the_wrong_one_get_the_one_shape(world: App) -> None:
    with client_of(world, None) as client:
        found = client.get("/api/usage")
        assert error_of(found)["code"] == "unauthenticated"
        assert found.headers["www-authenticate"] == "Bearer"


FORCED: dict[str, tuple[Exception, int, str]] = {
    "bug": (RuntimeError(f"at /home/ada/x.py with {SECRET}\nTraceback"), 500, "internal"),
    "broken SQL": (sa.exc.ProgrammingError("SELECT s FROM t", {}, sqlite3.Error("no such table")), 500, "internal"),
    "database gone": (
        sa.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error at /home/x")), 503,
        "unavailable",
    ),
    "no free connection": (sa.exc.TimeoutError("QueuePool limit"), 503, "unavailable"),
    "value for no database": (sa.exc.DataError("SELECT", {}, ValueError("psycopg: \0")), 400, "bad_input"),
    "number for no database": (OverflowError("Python int too large to convert to SQLite INTEGER"), 400, "bad_input"),
    "disk full": (OSError(28, "No space left on device", "/home/ada/precedent.db"), 503, "unavailable"),
    "disk broken": (OSError(5, "Input/output error", "/home/ada/precedent.db"), 503, "unavailable"),
    "no descriptors": (OSError(24, "Too many open files", "/home/ada/precedent.db"), 503, "unavailable"),
    "no permission": (OSError(13, "Permission denied", "/home/ada/precedent.db"), 500, "internal"),
    "wrong setting": (
        errors.Misconfigured("postgresql://root:hunter2@db/x cannot be opened: /home/ada/.pgpass"), 503,
        "misconfigured",
    ),
    "broken plugin": (errors.ContractBroken("/home/ada/plugin.py returned SELECT 1 FROM secret"), 500, "failed"),
    "busy": (errors.Transient("the database was busy; see /tmp/x.log"), 503, "unavailable"),
    "out of memory": (MemoryError(), 500, "internal"),
    "endless recursion": (RecursionError("maximum recursion depth exceeded in /home/x.py"), 500, "internal"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORCED)
def test_a_fault_of_ours_shows_no_stack_no_statement_no_place_and_no_secret(
    world: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    fault, status, code = FORCED[name]

    def fail(*_: Any, **__: Any) -> Any:
        raise fault

    monkeypatch.setattr(report.Report, "totals", fail)
    caplog.set_level(logging.CRITICAL, logger="precedent")
    with client_of(world) as client:
        found = client.get("/api/usage/totals")
    error = error_of(found)
    assert (found.status_code, error["code"]) == (status, code)
    assert "hunter2" not in found.text
    assert ("retry-after" in found.headers) == (code == "unavailable")


@pytest.mark.parametrize("kind", STATUS)
def test_each_of_our_errors_has_a_status_of_its_own_kind(kind: type[errors.PrecedentError]) -> None:
    status, _ = STATUS[kind]
    assert status == 503 or (status >= 500) == (kind in {errors.Terminal, errors.Transient})


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("/home/ada/x cannot be opened", "… cannot be opened"),
        ("see C:\\Users\\ada\\x.db", "see …"),
        ("run 12 of 3/4 failed", "run 12 of 3/4 failed"),
        ("OperationalError: no\n[SQL: SELECT 1]", "OperationalError: no"),
        ("it said (SELECT a FROM b)", "it said …"),
        ("sqlite:////var/x.db is gone", "… is gone"),
    ],
)
def test_what_looks_like_a_place_or_a_statement_is_taken_out(message: str, shown: str) -> None:
    assert plain(message) == shown


def test_the_application_has_no_page_of_errors_beside(tmp_path: Path) -> None:
    app = App(load(data_dir=tmp_path / "data"), clock=ManualTime().clock)
    assert not create(app).debug
    app.close()
