"""What the processes of `precedent serve` tell of themselves, and that telling costs nobody anything."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from builders import claude_prompt, claude_reply, session_id
from integration.test_serve import TOKEN, Served, until
from observed import Receiver

TEXT = "Please ask Ostrander about the drawbridge."
METRICS = "token-for-metrics-of-the-tests-0123456789"
PATH = "/services/T0/secret-part-of-the-address"
WRONG = "wrong-proof-4711-of-somebody"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[Served]:
    found = Served(tmp_path, database_url)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def work(served: Served) -> httpx.Client:
    """Have the server collect a session and count it; return a client of it."""
    session = session_id(1)
    lines = [claude_prompt(TEXT, session=session), claude_reply("msg_1", session=session, text=TEXT)]
    (served.sessions / f"{session}.jsonl").write_bytes(b"".join(lines))
    until(lambda: served.ask("/livez") == 200, what="the API answers")
    assert served.ask("/api/admin/run-session-collector", "POST") in {200, 409}
    until(lambda: served.ask("/api/admin/run-session-processor?processor=usage", "POST") == 200, what="it is counted")
    return httpx.Client(base_url=f"http://127.0.0.1:{served.port}", trust_env=False, timeout=20)


def stop(served: Served) -> float:
    """Stop the server and return how long it took, in seconds."""
    began = time.monotonic()
    served.processes[-1].send_signal(signal.SIGTERM)
    assert served.processes[-1].wait(timeout=20) == 0
    return time.monotonic() - began


def test_each_line_is_json_and_holds_neither_secrets_nor_text(served: Served, receiver: Receiver) -> None:
    hook = f"{receiver.url}{PATH}"
    receiver.status = 500  # the log tells of what was not delivered
    served.start(
        PRECEDENT_METRICS_TOKEN=METRICS, PRECEDENT_ALERT_WEBHOOKS=json.dumps([hook]), PRECEDENT_LOG_LEVEL="debug",
        PRECEDENT_LOW_DISK_MB=str(2**40),
    )  # fmt: skip
    with work(served) as client:
        assert client.get("/metrics", headers={"Authorization": f"Bearer {METRICS}"}).status_code == 200
        assert client.get("/api/admin/jobs", headers={"Authorization": f"Bearer {WRONG}"}).status_code == 401
        assert client.get(f"/api/admin/jobs?token={WRONG}").status_code == 401
        until(lambda: bool(receiver.got), what="an alert is posted")
    stop(served)
    content = (served.home / "log").read_bytes()
    lines = [json.loads(line) for line in content.splitlines()]
    assert all({"time", "level", "event", "process"} <= line.keys() for line in lines)
    assert {"serve", "api", "worker", "scheduler"} == {line["process"] for line in lines}
    requests = [line for line in lines if line["event"] == "http_request"]
    assert requests and all(line["request_id"] and line["route"] for line in requests)
    runs = [line for line in lines if line["event"] == "run_finished"]
    assert {(line["job"], line["outcome"]) for line in runs} >= {("session-collector", "done")}
    assert all(line["run_id"] for line in runs)
    for secret in (TOKEN, METRICS, PATH, WRONG, TEXT, "Ostrander"):
        assert secret.encode() not in content, secret
        stored = [path for path in served.data.glob("precedent.db*") if secret.encode() in path.read_bytes()]
        assert secret not in {TOKEN, METRICS, PATH, WRONG} or stored == []


def test_a_server_ends_in_time_although_everybody_whom_it_tells_hangs(served: Served, receiver: Receiver) -> None:
    receiver.hang.set()
    served.start(
        POSTHOG_API_KEY="phc_0123456789", POSTHOG_HOST=receiver.url, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PRECEDENT_ALERT_WEBHOOKS=json.dumps([receiver.url]), PRECEDENT_LOW_DISK_MB=str(2**40),
    )  # fmt: skip
    with work(served) as client:
        began = time.monotonic()
        for _ in range(50):
            assert client.get("/livez").status_code == 200
        assert time.monotonic() - began < 15
        until(lambda: len({path for path, _ in receiver.got}) >= 3, what="all three were called")
    assert stop(served) < 5


def test_the_trace_of_a_start_goes_from_the_scheduler_to_the_run(served: Served, receiver: Receiver) -> None:
    served.start(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    work(served).close()
    until(
        lambda: any(b"start session-collector" in body for _, body in receiver.got), what="the scheduler's span is sent"
    )
    until(lambda: any(b"run session-collector" in body for _, body in receiver.got), what="the run's span is sent")
    stop(served)


def test_a_missing_extra_is_told_at_the_start(served: Served) -> None:
    process = served.start(OTEL_EXPORTER_OTLP_ENDPOINT="nowhere")
    until(lambda: b"OTEL_EXPORTER_OTLP_ENDPOINT is no URL" in (served.home / "log").read_bytes(), what="it is told")
    process.terminate()
    process.wait(20)
