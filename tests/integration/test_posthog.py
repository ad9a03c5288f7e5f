"""Events for PostHog: off without a key, and never at the cost of a request, a run or the end of the process."""

import threading
import time
from collections.abc import Iterator

import pytest

from conftest import MakeApp
from observed import Receiver, client_of, until
from precedent.jobs.records import COLLECTOR
from precedent.telemetry.events import MOST, NoEvents, PostHog

KEY = "phc_" + "k" * 30
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@SQLITE
def test_without_a_key_nothing_is_sent(make_app: MakeApp, receiver: Receiver) -> None:
    app = make_app(posthog_host=receiver.url)
    with client_of(app) as client:
        client.get("/api/admin/jobs")
    assert isinstance(app.events, NoEvents)
    assert receiver.got == []


@SQLITE
def test_a_request_is_told_by_its_template_and_nothing_of_anybody(make_app: MakeApp, receiver: Receiver) -> None:
    app = make_app(posthog_host=receiver.url, posthog_api_key=KEY, local_dev_mode=True)
    with client_of(app) as client:
        client.get("/api/admin/runs/4711", params={"job": "ostrander"}, headers={"x-secret": "ostrander"})
    until(lambda: bool(receiver.got), what="the event is posted")
    assert receiver.got[0][0] == "/batch/"
    (body,) = receiver.json()
    (event,) = body["batch"]
    assert body["api_key"] == KEY
    assert event["event"] == "http_request"
    told = event["properties"]
    assert (told["route"], told["method"], told["status"]) == ("/api/admin/runs/{run_id}", "GET", 404)
    assert told["$process_person_profile"] is False
    text = receiver.got[0][1].decode()
    assert not [each for each in ("4711", "ostrander", "127.0.0.1", str(app.settings.data_dir)) if each in text]


@SQLITE
def test_the_end_of_a_run_is_told(make_app: MakeApp, receiver: Receiver) -> None:
    app = make_app(posthog_host=receiver.url, posthog_api_key=KEY)
    worker = app.worker(lambda: [])
    app.request(COLLECTOR, by="ada")
    thread = threading.Thread(target=worker.work)
    thread.start()
    until(lambda: bool(receiver.got), what="the event is posted")
    worker.stop()
    thread.join(10)
    (event,) = receiver.json()[0]["batch"]
    assert event["event"] == "run_finished"
    assert (event["properties"]["job"], event["properties"]["outcome"]) == (COLLECTOR, "done")


def slowest(make_app: MakeApp, **given: str) -> tuple[float, float]:
    """Return how long 50 requests and the end took, in seconds."""
    app = make_app(**given)
    with client_of(app) as client:
        client.get("/api/admin/jobs")
        began = time.perf_counter()
        for _ in range(50):
            client.get("/api/admin/jobs")
        took = time.perf_counter() - began
    began = time.perf_counter()
    app.events.close()
    return took, time.perf_counter() - began


@SQLITE
@pytest.mark.parametrize("fault", ["hangs", "answers 500", "is closed"])
def test_a_posthog_that_fails_hurts_neither_requests_nor_the_end(
    make_app: MakeApp, receiver: Receiver, fault: str
) -> None:
    plain, _ = slowest(make_app)
    url = receiver.url
    if fault == "hangs":
        receiver.hang.set()
    elif fault == "answers 500":
        receiver.status = 500
    else:
        url = "http://127.0.0.1:1"
    took, end = slowest(make_app, posthog_host=url, posthog_api_key=KEY)
    assert took < 2 * plain + 0.5
    assert end < 5.0


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(receiver: Receiver) -> None:
    receiver.hang.set()
    events = PostHog(key=KEY, host=receiver.url)
    began = time.perf_counter()
    for _ in range(3 * MOST):
        events.send("http_request", route="/x")
    assert time.perf_counter() - began < 8.0
    assert events.dropped > MOST
    began = time.perf_counter()
    events.close()
    assert time.perf_counter() - began < 5.0


def test_what_waits_is_sent_at_the_end(receiver: Receiver) -> None:
    events = PostHog(key=KEY, host=receiver.url)
    for _ in range(5):
        events.send("http_request", route="/x")
    events.close()
    assert sum(len(each["batch"]) for each in receiver.json()) == 5
    assert events.dropped == 0
