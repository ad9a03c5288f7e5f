"""Asking for runs over HTTP: a real API and a real worker on both databases."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from callers import person, token
from places import LIMIT_S, Place, until
from plugin_processors import GO, WAITING
from precedent.security import audit
from precedent.security.principals import Role, Scope
from precedent.store.schema import audit as audit_table

RUN = "/api/admin/run-session-processor"
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def api(place: Place) -> httpx.Client:
    """A client of an API, as the scheduler."""
    return place.serve()[1]


def run(client: httpx.Client, processor: str = "obedient", **more: Any) -> httpx.Response:
    query = {"processor": processor} | ({"wait": more.pop("wait")} if "wait" in more else {})
    return client.post(RUN, params=query, **more)


def error(answer: httpx.Response) -> dict[str, Any]:
    """Return what went wrong, and see that the shape is the one that all errors have."""
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message", "request_id", "details"}
    return dict(body["error"])


def audited(place: Place, action: str = "run_session_processor:obedient") -> list[tuple[str, str]]:
    """Return principal and result of the acts of a kind, and see that each has what it must have."""
    with place.app.store.read() as tx:
        assert audit.verify(tx).row is None
        rows = tx.execute(sa.select(audit_table).where(audit_table.c.action == action).order_by(audit_table.c.id)).all()
    assert all(row.resource.startswith("job:session-processor:") and row.duration_us >= 0 for row in rows)
    return [(row.principal, row.result) for row in rows]


ME = "scheduler@system.local"


@only_sqlite
def test_who_may_not_is_refused_and_what_makes_no_sense_is_named(place: Place, api: httpx.Client) -> None:
    anonymous = httpx.Client(base_url=api.base_url, trust_env=False)
    assert run(anonymous).status_code == 401
    wrong = run(anonymous, headers={"authorization": "Bearer wrong"})
    assert (wrong.status_code, error(wrong)["code"]) == (401, "unauthenticated")
    member = token(place.app, person(place.app, "bea", Role.MEMBER), Scope.WRITE)
    refused = run(anonymous, headers={"authorization": f"Bearer {member}"})
    assert (refused.status_code, error(refused)["code"]) == (403, "forbidden")
    missing = api.post(RUN)
    assert (missing.status_code, error(missing)["code"]) == (422, "invalid")
    unknown = run(api, "usege")
    assert unknown.status_code == 400
    assert all(name in error(unknown)["message"] for name in ("usege", "friction", "obedient", "secrets", "usage"))
    assert audited(place, "run_session_processor:usege") == [(ME, "invalid")]
    broken = run(api, "broken")
    assert (broken.status_code, error(broken)["code"]) == (503, "misconfigured")
    assert "NO_SUCH_THING" in error(broken)["message"]
    assert audited(place, "run_session_processor:broken") == [(ME, "misconfigured")]
    assert place.app.runs.latest() == []
    anonymous.close()


def test_a_run_that_is_asked_for_is_done_counted_and_audited(place: Place, api: httpx.Client) -> None:
    place.start()
    place.write("item 1", "item 2")
    answer = run(api)
    assert answer.status_code == 200
    body = answer.json()
    assert body["ok"] is True and body["run"]["due_at"] is None and body["run"]["requested_by"] == ME
    assert {
        "processor",
        "scanned",
        "processed",
        "skipped",
        "capped",
        "errors",
        "items_extracted",
        "errors_detail",
    } <= set(body["details"])
    assert (body["details"]["processed"], body["details"]["items_extracted"]) == (2, 2)
    assert audited(place) == [(ME, "done")]
    assert api.get(body["url"]).json() == body["run"]


def test_partial_errors_are_told_with_ok_false(place: Place, api: httpx.Client) -> None:
    place.start()
    place.write("item", "extract: terminal")
    answer = run(api)
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert answer.json()["details"]["errors"] == 1
    assert "told to fail for good" in answer.json()["details"]["errors_detail"][0]["error"]
    assert audited(place) == [(ME, "partial")]


def test_a_processor_without_its_settings_says_so_unlike_a_typo(place: Place, api: httpx.Client) -> None:
    place.start()
    place.write("extract: misconfigured")
    answer = run(api)
    assert answer.status_code == 503
    assert error(answer)["code"] == "misconfigured" and "no key is set" in error(answer)["message"]
    again = run(api)
    assert again.status_code == 200 and again.json()["ok"] is False
    assert "no key is set" in again.json()["details"]["paused"]
    assert audited(place) == [(ME, "failed"), (ME, "skipped")]


def test_a_run_that_raises_is_audited_first_and_then_told_with_its_type(place: Place, api: httpx.Client) -> None:
    place.start()
    with place.app.store.write() as tx:
        tx.exec_driver_sql("DROP TABLE plugin_item")
    with place.app.store.write() as tx:
        tx.exec_driver_sql("ALTER TABLE transcript RENAME TO hidden")
    answer = run(api)
    with place.app.store.write() as tx:
        tx.exec_driver_sql("ALTER TABLE hidden RENAME TO transcript")
    assert answer.status_code == 500
    assert error(answer)["code"] == "run_failed" and error(answer)["details"]["type"] in error(answer)["message"]
    assert audited(place) == [(ME, "failed")]
    assert run(api, wait=LIMIT_S).status_code == 200, "the lock ended with the run"


def test_a_second_call_is_told_that_it_is_running_and_others_are_not_affected(place: Place, api: httpx.Client) -> None:
    place.start()
    place.write("extract: wait", "item")
    first = run(api, wait=0)
    assert first.status_code == 202 and first.json()["ok"] is None
    until((place.shared / WAITING).exists, what="the run is under way")
    second = run(api)
    assert second.status_code == 409
    assert "already running" in error(second)["message"]
    assert error(second)["details"] == {"run": first.json()["run"]["id"]}
    assert run(api, "usage").status_code == 200
    begun = time.monotonic()
    assert run(api, "friction", wait=LIMIT_S).status_code == 200
    assert time.monotonic() - begun < LIMIT_S
    (place.shared / GO).touch()
    until(lambda: api.get(first.headers["location"]).json()["state"] == "done", what="the run is done")
    assert run(api).status_code == 200
    assert audited(place) == [(ME, "conflict"), (ME, "done"), (ME, "done")]


def test_wait_is_how_long_an_answer_may_take(place: Place, api: httpx.Client) -> None:
    begun = time.monotonic()
    answer = run(api, wait=0.5)
    assert 0.5 <= time.monotonic() - begun < LIMIT_S / 2
    assert answer.status_code == 202 and answer.json()["run"]["state"] == "queued"
    assert answer.headers["location"] == answer.json()["url"]
    place.start()
    until(lambda: api.get(answer.json()["url"]).json()["state"] == "done", what="the run is done")


def test_a_due_instant_is_one_run_however_often_it_is_asked_for(place: Place, api: httpx.Client) -> None:
    place.start()
    due = {"Idempotency-Key": "1790000000000000"}
    numbers = {run(api, headers=due).json()["run"]["id"] for _ in range(3)}
    assert len(numbers) == 1
    assert len(audited(place)) == 1


def test_two_apis_on_one_store_start_one_run(place: Place, api: httpx.Client) -> None:
    _, other = place.serve()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: run((api, other)[number % 2], wait=0), range(8)))
        assert sorted(each.status_code for each in answers) == [202] + [409] * 7
        due = {"Idempotency-Key": "1790000000000000"}
        place.start()
        until(lambda: api.get("/api/admin/runs").json()["runs"][0]["state"] == "done", what="the run is done")
        answers = list(pool.map(lambda number: run((api, other)[number % 2], headers=due), range(8)))
        assert {each.status_code for each in answers} == {200}
        assert len({each.json()["run"]["id"] for each in answers}) == 1


@only_sqlite
def test_a_full_disk_is_told_as_unavailable_and_passes_by_itself(place: Place) -> None:
    process, client = place.serve()
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
    answer = run(client, wait=0)
    assert (answer.status_code, error(answer)["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert run(client, wait=0).status_code == 202


@only_sqlite
def test_an_api_that_stops_lets_go_who_waits(place: Place) -> None:
    process, client = place.serve()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, client)
        until(lambda: bool(place.app.runs.latest()), what="the run is asked for")
        process.terminate()
        assert waiting.result().status_code == 202
        assert process.wait(LIMIT_S) == 0
