"""`precedent serve` and the engine below it, as real processes on both databases."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import claude_prompt, claude_reply, session_id
from precedent.serve import Cadence
from precedent.store import Store

LIMIT_S = 40.0


def until(condition: Callable[[], bool], *, what: str) -> None:
    ends = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > ends:
            pytest.fail(f"not within {LIMIT_S} s: {what}")
        time.sleep(0.05)


class Served:
    """A server on a data folder and a home of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home, self.data, self.url = folder / "home", folder / "data", url
        self.sessions = self.home / ".claude" / "projects" / "-code-harbour"
        self.sessions.mkdir(parents=True)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(self.data), "serve"]
        given = {
            "HOME": str(self.home),
            "PRECEDENT_DATABASE_URL": self.url,
            "SCHEDULER_SESSION_COLLECTOR_INTERVAL": "1",
        }
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, **given, **environment}, stderr=log)
        self.processes.append(process)
        return process

    def write(self, number: int, *messages: str) -> None:
        session = session_id(number)
        lines = [claude_prompt("go", session=session)]
        lines += [claude_reply(message, session=session) for message in messages]
        (self.sessions / f"{session}.jsonl").write_bytes(b"".join(lines))

    def requests(self) -> int:
        store = Store(self.url)
        try:
            with store.read() as tx:
                if not sa.inspect(tx).has_table("usage_rollup"):
                    return 0
                return int(tx.scalar(sa.text("SELECT coalesce(sum(requests), 0) FROM usage_rollup")) or 0)
        finally:
            store.close()


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[Served]:
    found = Served(tmp_path, database_url)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_serve_collects_and_counts_by_itself_and_stops_cleanly(served: Served) -> None:
    served.write(1, "msg_a", "msg_b")
    process = served.start()
    until(lambda: served.requests() == 2, what="the first session is counted")
    served.write(2, "msg_c")
    until(lambda: served.requests() == 3, what="a new session is counted")
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - start < 5
    assert b"Traceback" not in (served.home / "log").read_bytes()


def test_a_killed_server_goes_on_where_it_was_and_counts_once(served: Served) -> None:
    for number in range(40):
        served.write(number, f"msg_{number}_a", f"msg_{number}_b")
    first = served.start(PRECEDENT_FAULT="store.rollups:1", PRECEDENT_RUN_TRANSCRIPTS="100000")
    assert first.wait(timeout=LIMIT_S) == -signal.SIGKILL
    served.start()
    until(lambda: served.requests() == 80, what="all sessions are counted")
    time.sleep(1.5)
    assert served.requests() == 80


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_second_server_on_the_same_folder_is_refused(served: Served) -> None:
    served.write(1, "msg_a")
    served.start()
    until(lambda: served.requests() == 1, what="the first server works")
    assert served.start().wait(timeout=LIMIT_S) == 3
    assert b"another `precedent serve` holds" in (served.home / "log").read_bytes()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_engines_database_may_be_emptied_without_losing_a_result(served: Served) -> None:
    served.write(1, "msg_a")
    process = served.start()
    until(lambda: served.requests() == 1, what="the session is counted")
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    for path in served.data.glob("engine.db*"):
        path.unlink()
    served.write(2, "msg_b")
    served.start()
    until(lambda: served.requests() == 2, what="the next session is counted once the engine is new")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_engines_database_is_in_write_ahead_mode(served: Served) -> None:
    served.write(1, "msg_a")
    served.start()
    until(lambda: served.requests() == 1, what="the session is counted")
    connection = sqlite3.connect(served.data / "engine.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_missed_slot_is_made_up_once_and_the_rhythm_kept() -> None:
    cadence = Cadence({"a": 10.0}, now=0.0)
    assert cadence.due(0.0) == ["a"]
    assert cadence.due(9.9) == []
    assert cadence.wait(9.0) == 1.0
    assert cadence.due(57.0) == ["a"]
    assert cadence.due(57.0) == []
    assert cadence.wait(57.0) == 3.0


def test_a_hurried_job_is_due_at_once() -> None:
    cadence = Cadence({"a": 10.0, "b": 10.0}, now=0.0)
    cadence.due(0.0)
    cadence.hurry(["b"], 4.0)
    assert cadence.due(4.0) == ["b"]
    assert cadence.due(13.9) == ["a"]
