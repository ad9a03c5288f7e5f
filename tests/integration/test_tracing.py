"""Traces: one from the scheduler's start through the request to the run, when an endpoint is set."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeApp
from observed import Receiver, client_of, until
from precedent.errors import Misconfigured
from precedent.settings import Settings
from precedent.telemetry.tracing import NoTracing, tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "s" * 40


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_without_an_endpoint_nothing_is_traced_or_loaded() -> None:
    found = tracing(Settings())
    assert isinstance(found, NoTracing)
    with found.span("x", job="y") as span:
        span.set(outcome="done")
        assert found.traceparent() == ""


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://x"])
def test_an_endpoint_that_is_no_url_stops_the_start(endpoint: str) -> None:
    with pytest.raises(Misconfigured, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        tracing(Settings(otel_endpoint=endpoint))


def test_a_missing_extra_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(Misconfigured, match=r"precedent\[telemetry\]"):
        tracing(Settings(otel_endpoint="http://127.0.0.1:4318"))


def test_a_span_continues_what_came_from_elsewhere() -> None:
    found = tracing(Settings(otel_endpoint="http://127.0.0.1:1"))
    with found.span("a", parent=PARENT):
        outer = found.traceparent()
        with found.span("b"):
            inner = found.traceparent()
    assert outer.split("-")[1] == inner.split("-")[1] == PARENT.split("-")[1]
    assert len({outer, inner, PARENT}) == 3
    with found.span("c", parent="nonsense"):
        assert found.traceparent().split("-")[1] != PARENT.split("-")[1]
    began = time.monotonic()
    found.close()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_trace_goes_from_the_call_to_the_run(make_app: MakeApp, receiver: Receiver, tmp_path: Path) -> None:
    app = make_app(otel_endpoint=receiver.url, scheduler_token=SECRET)
    worker = app.worker(lambda: [])
    thread = threading.Thread(target=worker.work)
    thread.start()
    try:
        with client_of(app) as client:
            headers = {"Authorization": f"Bearer {SECRET}", "traceparent": PARENT}
            answer = client.post("/api/admin/run-session-collector", headers=headers)
        assert answer.status_code == 200
    finally:
        worker.stop()
        thread.join(10)
    app.tracing.close()
    until(lambda: bool(receiver.got), what="spans are exported")
    assert {path for path, _ in receiver.got} == {"/v1/traces"}
    exported = b"".join(body for _, body in receiver.got)
    assert b"run session-collector" in exported
    assert b"/api/admin/run-session-collector" in exported
    assert exported.count(bytes.fromhex(PARENT.split("-")[1])) == 2
    assert SECRET.encode() not in exported
    assert str(tmp_path).encode() not in exported


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_collector_that_hangs_hurts_neither_requests_nor_the_end(make_app: MakeApp, receiver: Receiver) -> None:
    receiver.hang.set()
    app = make_app(otel_endpoint=receiver.url)
    with client_of(app) as client:
        began = time.monotonic()
        for _ in range(50):
            client.get("/livez")
        assert time.monotonic() - began < 15.0
    began = time.monotonic()
    app.tracing.close()
    assert time.monotonic() - began < 5.0
