"""A process that has no descriptors left answers cleanly or waits, and goes on by itself when it has some again."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx
import pytest

from builders import claude_session, session_id
from callers import person, token
from places import LIMIT_S, OBEDIENT, Place, until
from precedent.errors import Busy
from precedent.jobs.records import COLLECTOR
from precedent.jobs.runs import MAX_ATTEMPTS
from precedent.security.principals import Role
from precedent.store.schema import run

UNAVAILABLE = 503
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def no_descriptors(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let a process open nothing more while the block runs."""
    taken = set(map(int, os.listdir(f"/proc/{process.pid}/fd")))
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (next(each for each in count() if each not in taken), hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))


def test_an_api_without_descriptors_refuses_cleanly_and_goes_on_by_itself(place: Place) -> None:
    proof = token(place.app, person(place.app, "ada", Role.ADMIN))
    process, web = place.serve(proof)
    session = session_id("uploaded")
    source = claude_session(session, 3)

    def ask(due_at: int) -> dict[str, httpx.Response]:
        key = {"idempotency-key": str(due_at)}
        return {
            "look": web.get("/api/admin/runs"),
            "run": web.post(f"/api/admin/jobs/{COLLECTOR}/run?wait=0", headers=key),
            "upload": web.post(f"/api/sessions/claude-code/{session}?at=0", content=source),
        }

    with no_descriptors(process):
        found = [ask(due_at) for due_at in range(3)]
    assert {each["upload"].status_code for each in found} == {UNAVAILABLE}
    for answer in (each for asked in found for each in asked.values()):
        assert answer.status_code in {200, 202, 409, UNAVAILABLE}, answer.text
        if answer.status_code == UNAVAILABLE:
            assert answer.headers["retry-after"].isdigit()
            assert answer.json()["error"]["code"] == "unavailable"
            assert str(place.app.settings.data_dir) not in answer.text and "Traceback" not in answer.text
    again = [ask(due_at) for due_at in range(3)]
    assert [each["upload"].status_code for each in again] == [200, 409, 409]
    with httpx.Client(base_url=web.base_url, headers=web.headers, timeout=LIMIT_S) as other:
        assert other.get("/api/admin/runs").status_code == 200
    dues = [each.due_at for each in place.app.runs.latest() if each.name == COLLECTOR]
    assert sorted(each for each in dues if each is not None) == [0, 1, 2]
    assert process.poll() is None


def test_a_worker_without_descriptors_loses_nothing_and_goes_on_by_itself(place: Place) -> None:
    place.write(*[f"item {number}" for number in range(4)])
    process = place.start()
    with no_descriptors(process):
        first = place.ask()
        until(lambda: place.run(first).attempt > 0, what="the worker tries")
        until(lambda: place.run(first).state in {"queued", "failed"}, what="it cannot")
        assert process.poll() is None
    failed = place.run(first)
    assert failed.state == "queued" or "Too many open files" in failed.error

    def done() -> bool:
        try:
            return place.done(place.ask(OBEDIENT)).outcome == "done"
        except Busy:
            return False

    until(done, what="the next run is done")
    until(lambda: len(place.items()) == 4, what="everything is stored")
    assert place.items() == [f"item {number}" for number in range(4)]
    assert process.poll() is None


def test_a_worker_survives_that_it_cannot_put_on_disk_what_it_wrote(place: Place) -> None:
    process = place.start()
    ended = subprocess.Popen(["true"])
    ended.wait()
    with no_descriptors(process):
        lost = place.app.runs.open(place.app.jobs[COLLECTOR], by="ada").id
        with place.app.store.write() as tx:
            tx.execute(run.update().where(run.c.id == lost).values(pid=ended.pid, attempt=MAX_ATTEMPTS))
        until(lambda: place.run(lost).state == "lost", what="the worker gives it up")
        until(lambda: "Too many open files" in place.said(), what="the worker says what it lacks")
    assert place.done(place.ask(place.app.jobs[COLLECTOR])).outcome == "done"
    assert process.poll() is None
