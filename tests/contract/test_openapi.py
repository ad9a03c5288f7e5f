"""The description of the interface is complete, and the application does what it says for any input."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, assume, settings
from schemathesis.config import SchemathesisConfig

from builders import ManualTime, claude_path, claude_session, home_of, put, session_id
from precedent.app import App
from precedent.http.access import routes_of
from precedent.server import create
from precedent.settings import load
from web_client import ADMIN, AppAs, client_of

TOKEN = "schemathesis"
EXAMPLES, SOAK_EXAMPLES = 3, 100
"""Random calls of each operation, beside those that cover each constraint once."""
UNKNOWN_HEADER = "x-schemathesis-unknown-property"
SLOW = "/run|/export|/login|/password|/accounts|/sync|/query"
"""Not called for each constraint in every test run: some wait for a run or start a process, some hash passwords,
which is slow on purpose."""


@schemathesis.serializer("application/x-ndjson")
def _lines(_context: Any, value: Any) -> Any:
    """Send lines as they are, and what is none as its text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class AppWithToken(AppAs):
    """The program that knows one bearer token."""

    def authenticate(self, *given: Any, **more: Any) -> Any:
        """Return the admin for the token."""
        header = more["authorization"] if "authorization" in more else given[0].authorization
        return self.caller if header == f"Bearer {TOKEN}" else None


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    folder = tmp_path_factory.mktemp("openapi")
    given = load(data_dir=folder / "data", extraction_processes=1)
    app = AppWithToken(given, ManualTime().clock, ADMIN)
    home, name = home_of(folder, "zoe"), session_id("z")
    put(claude_path(home.path, name), claude_session(name, 3))
    app.collect([home])
    for processor in ("usage", "secrets", "friction"):
        app.run_processor(processor)
    yield create(app)
    app.close()


@pytest.fixture(scope="module")
def described(web: FastAPI) -> dict[str, Any]:
    return web.openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_is_described(web: FastAPI, described: dict[str, Any]) -> None:
    routes = {f"{each.method} {each.path}" for each in routes_of(web) if not each.page} - {"GET /api/openapi.json"}
    assert len(routes) > 20
    assert {name for name, _ in operations(described)} == routes


def test_every_operation_says_what_it_does_who_may_call_it_and_what_it_answers(described: dict[str, Any]) -> None:
    components = described["components"]
    for name, operation in operations(described):
        assert operation["summary"] and operation["description"], name
        assert len(operation["tags"]) == 1 and operation["tags"][0] in {tag["name"] for tag in described["tags"]}, name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{name}: {parameter['name']} is not described"
        roles = operation["x-access"]["roles"]
        assert operation["security"] == ([{"bearer": []}, {"cookie": []}] if roles else []), name
        assert set(components["securitySchemes"]) == {"bearer", "cookie"}
        for status in ("4XX", "5XX"):
            reference = operation["responses"][status]["$ref"].rpartition("/")[2]
            schema = components["responses"][reference]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, name
        good = [each for status, each in operation["responses"].items() if status.startswith(("2", "3"))]
        assert good and all(each.get("content") or status_without_content(each) for each in good), name
        for each in good:
            for kind in each.get("content", {}).values():
                assert kind["schema"], f"{name} does not say what it answers"


def status_without_content(response: dict[str, Any]) -> bool:
    return "content" not in response


def test_every_schema_that_is_named_is_there_and_every_field_of_an_answer_is_always_there(
    described: dict[str, Any],
) -> None:
    named: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                named.add(reference)
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(described)
    schemas = described["components"]["schemas"]
    for reference in named:
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert set(schemas["Totals"]["required"]) == set(schemas["Totals"]["properties"])
    assert schemas["Totals"]["properties"]["cost_usd_micros"]["anyOf"][0]["type"] == "integer"
    assert "None when none is priced" in schemas["Totals"]["properties"]["cost_usd_micros"]["description"]


def test_the_description_is_public_json(tmp_path: Path) -> None:
    app = App(load(data_dir=tmp_path / "data"), clock=ManualTime().clock)
    with client_of(app, None) as client:
        assert client.read("/api/openapi.json")["openapi"].startswith("3.1")
    app.close()


# Whatever is sent ---------------------------------------------------------------------------------------------------

# A call that fits the description may still contradict itself (a first day after the last): that is 400.
CONFIG = SchemathesisConfig.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": ["2XX", 400, 401, 403, 404, 409, 429]}}}
)


class Served:
    """The application behind the description: the cases are collected before there is one."""

    def __init__(self) -> None:
        self.web: FastAPI | None = None

    async def __call__(self, *connection: Any) -> None:
        assert self.web is not None
        await self.web(*connection)


def _described() -> tuple[Any, Served]:
    app = App(load(data_dir=Path("/nonexistent")), clock=ManualTime().clock)
    found, served = schemathesis.openapi.from_dict(create(app).openapi(), config=CONFIG), Served()
    found.app = served
    return found, served


SCHEMA, SERVED = _described()


def call(case: Any, web: FastAPI) -> None:
    SERVED.web = web
    assume(UNKNOWN_HEADER not in (case.headers or {}))  # anybody on the way may add headers, so none is refused
    # A text that is no schedule is 422, as a field of the wrong type is; no description can tell the grammar.
    if "/scripts" in case.path and isinstance(case.body, dict) and isinstance(case.body.get("schedule"), str):
        case.body["schedule"] = "every 1h"
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})


@SCHEMA.exclude(path_regex=SLOW).parametrize()  # type: ignore[untyped-decorator]  # the library leaves it so
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_call_breaks_the_description(case: Any, web: FastAPI) -> None:
    call(case, web)


# Without a worker a run that is asked for would be waited for without an end.
@pytest.mark.soak
@SCHEMA.exclude(method="POST", path_regex="/run|/sync").parametrize()  # type: ignore[untyped-decorator]  # the library leaves it so
@settings(max_examples=SOAK_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_none_of_many_calls_breaks_the_description(case: Any, web: FastAPI) -> None:
    call(case, web)
