"""Errors have one shape, and hold no stack, no SQL, no path and no secret, whatever fails and wherever."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from conftest import MakeApp
from observed import client_of
from precedent import errors
from precedent.app import App
from precedent.http.access import routes_of
from precedent.server import create

SECRET = "hunter2-of-the-database"
PATH = "/srv/precedent/private/sessions"
SQL = "SELECT digest FROM token WHERE digest = 'abc'"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def database_error() -> Exception:
    orig = OSError(f'connection to "db.internal", user "root", password "{SECRET}" failed, see {PATH}')
    return sa.exc.OperationalError(SQL, {"digest": SECRET}, orig)


def wrapped() -> Exception:
    error = errors.Misconfigured(f"the database cannot be opened: {SECRET}")
    error.__cause__ = database_error()
    return error


FAULTS: dict[str, tuple[Callable[[], Exception], int]] = {
    "a database that is away": (database_error, 503),
    "a database that cannot be opened": (wrapped, 503),
    "a broken statement": (lambda: sa.exc.ProgrammingError(SQL, {}, ValueError(SECRET)), 500),
    "a broken constraint": (lambda: sa.exc.IntegrityError(SQL, {"x": SECRET}, ValueError(f"Key (x)=({SECRET})")), 500),
    "a bug": (lambda: KeyError(SECRET), 500),
    "a full disk": (lambda: OSError(28, "No space left on device", PATH), 503),
    "too deep": (lambda: RecursionError(SECRET), 500),
    "no memory": (lambda: MemoryError(SECRET), 500),
}


def routes(app: App) -> list[tuple[str, str]]:
    return [
        (each.method, re.sub(r"\{[^}]+\}", "1", each.path))
        for each in routes_of(create(app))
        if each.path not in {"/livez", "/api/openapi.json"}
    ]


def shape(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "request_id", "details"}
    assert re.fullmatch("[a-z_]+", body["error"]["code"])
    return dict(body["error"])


def leaks(text: str) -> list[str]:
    signs = (
        SECRET,
        PATH,
        "db.internal",
        "SELECT",
        "Traceback",
        'File "',
        ".py",
        "sqlalchemy",
        "hunter2",
        "site-packages",
    )
    return [each for each in signs if each in text]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_tells_nothing_of_what_failed_inside(make_app: MakeApp, fault: str) -> None:
    app = make_app(local_dev_mode=True)
    wanted = routes(app)
    error, status = FAULTS[fault]
    assert len(wanted) > 10
    with client_of(app) as client:
        client.get("/api/admin/jobs")

        def fail(*_: object) -> None:
            raise error()

        sa.event.listen(app.store.engine, "before_cursor_execute", fail)
        try:
            seen = 0
            for method, path in wanted:
                answer = client.request(method, path, json={} if method in {"POST", "PUT", "PATCH"} else None)
                assert leaks(answer.text) == [], (method, path)
                if answer.status_code >= 500:
                    assert answer.status_code in {status, 503}, (method, path)
                    shape(answer)
                    seen += 1
            assert seen >= 8
        finally:
            sa.event.remove(app.store.engine, "before_cursor_execute", fail)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/admin/runs/999", 404),
        ("GET", "/api/admin/runs/abc", 422),
        ("DELETE", "/livez", 405),
        ("GET", "/api/admin/runs?limit=0", 422),
        ("GET", "/api/admin/audit?limit=501", 422),
        ("GET", "/api/admin/audit?since=-1", 422),
        ("POST", "/api/admin/run-session-processor", 422),
        ("POST", "/api/admin/run-session-processor?processor=nono", 400),
    ],
)
def test_a_wrong_call_has_the_same_shape(make_app: MakeApp, method: str, path: str, status: int) -> None:
    with client_of(make_app(local_dev_mode=True)) as client:
        answer = client.request(method, path)
        assert answer.status_code == status
        error = shape(answer)
        assert error["request_id"] == answer.headers["x-request-id"]
        assert leaks(answer.text) == []


def test_a_fault_inside_has_the_id_of_its_request_and_the_headers_of_every_answer(make_app: MakeApp) -> None:
    app = make_app(local_dev_mode=True)
    with client_of(app) as client:

        def fail(*_: object) -> None:
            raise KeyError(SECRET)

        sa.event.listen(app.store.engine, "before_cursor_execute", fail)
        answer = client.get("/api/admin/jobs", headers={"x-request-id": "abcdefgh12"})
        sa.event.remove(app.store.engine, "before_cursor_execute", fail)
    assert answer.status_code == 500
    assert shape(answer)["request_id"] == "abcdefgh12"
    assert answer.headers["x-content-type-options"] == "nosniff"
