"""`precedent serve` and the children it keeps, as real processes on both databases."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from builders import claude_prompt, claude_reply, session_id
from precedent import plugins
from precedent.store import Store

LIMIT_S = 60.0
TOKEN = "a secret of the scheduler in tests, long enough"
BACK_S = 5.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


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
        self.port = free_port()

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(self.data), "serve"]
        given = {
            "HOME": str(self.home),
            "PRECEDENT_DATABASE_URL": self.url,
            "PRECEDENT_PORT": str(self.port),
            "SCHEDULER_API_TOKEN": TOKEN,
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

    def ask(self, path: str, method: str = "GET") -> int:
        """Return the status of a request; 0 when nobody answers."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return int(answer.status)
        except OSError as error:
            return getattr(error, "code", 0)

    def collect(self) -> int:
        return self.ask("/api/admin/run-session-collector", "POST")

    def count(self) -> int:
        return self.ask("/api/admin/run-session-processor?processor=usage", "POST")

    def child(self, server: subprocess.Popen[bytes], role: str) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(server.pid).children():
                if each.status() != psutil.STATUS_ZOMBIE and each.cmdline()[-1:] == [role]:
                    return each
        return None

    def requests(self) -> int:
        store = Store(self.url)
        try:
            with store.read() as tx:
                if not sa.inspect(tx).has_table("usage_rollup"):
                    return 0
                return int(
                    tx.scalar(sa.text("SELECT coalesce(sum(requests), 0) FROM usage_rollup WHERE span = 1")) or 0
                )
        finally:
            store.close()

    def done(self) -> set[str]:
        """Return the processors that have done a transcript."""
        store = Store(self.url)
        try:
            with store.read() as tx:
                if not sa.inspect(tx).has_table("session_processor_state"):
                    return set()
                query = "SELECT DISTINCT processor_name FROM session_processor_state WHERE status = 'done'"
                return set(tx.scalars(sa.text(query)))
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


ROLES = ("api", "worker", "scheduler")
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@only_sqlite
def test_serve_without_any_configuration_collects_and_runs_every_installed_processor(served: Served) -> None:
    served.write(1, "msg_a")
    served.start(SCHEDULER_API_TOKEN="")
    names = {plugin.name for plugin in plugins.installed(plugins.PROCESSORS)}
    until(lambda: served.done() == names, what=f"{names} done")


def test_serve_answers_works_and_stops_in_order_within_five_seconds(served: Served) -> None:
    served.write(1, "msg_a", "msg_b")
    process = served.start()
    until(lambda: served.requests() == 2, what="the first session is counted")
    served.write(2, "msg_c")
    until(lambda: served.collect() == 200, what="a collection is done")
    until(lambda: served.count() == 200, what="the usage processor is done")
    assert served.requests() == 3
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    assert process.wait(timeout=LIMIT_S) == 0
    assert time.monotonic() - start < 15  # on a busy machine; alone it is under 5
    assert not [each for each in children if each.is_running()]
    assert b"Traceback" not in (served.home / "log").read_bytes()


def test_a_killed_server_goes_on_where_it_was_and_counts_once(served: Served) -> None:
    for number in range(40):
        served.write(number, f"msg_{number}_a", f"msg_{number}_b")
    first = served.start()
    until(lambda: served.child(first, "worker") is not None, what="the worker is there")
    until(lambda: served.requests() > 0 or served.collect() == 200, what="something is collected")
    first.kill()
    first.wait()
    served.start()
    until(lambda: served.requests() == 80, what="all sessions are counted")
    until(lambda: served.count() == 200, what="another run is done")
    assert served.requests() == 80


@only_sqlite
def test_the_children_of_a_killed_server_end(served: Served) -> None:
    process = served.start()
    until(lambda: all(served.child(process, role) for role in ROLES), what="all children are there")
    until(lambda: served.ask("/livez") == 200, what="the API answers")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


@only_sqlite
def test_a_child_that_is_killed_is_back_and_no_caller_is_turned_away(served: Served) -> None:
    process = served.start()
    until(lambda: all(served.child(process, role) for role in ROLES), what="all children are there")
    until(lambda: served.ask("/readyz") == 200, what="the API answers")
    for role in ROLES:
        old = served.child(process, role)
        assert old is not None
        old.kill()
        until(lambda role=role, old=old: served.child(process, role) not in {None, old}, what=f"{role} is back")  # type: ignore[misc]
        assert served.ask("/readyz") == 200
    until(lambda: served.collect() == 200, what="a run is done again")


@only_sqlite
def test_a_second_server_on_the_same_folder_is_refused(served: Served) -> None:
    served.start()
    until(lambda: served.ask("/livez") == 200, what="the first server works")
    served.port = free_port()
    assert served.start().wait(timeout=LIMIT_S) == 3
    assert b"another `precedent serve` holds" in (served.home / "log").read_bytes()


@only_sqlite
def test_a_taken_port_is_said_and_ends_the_server(served: Served) -> None:
    with socket.create_server(("127.0.0.1", served.port)):
        assert served.start().wait(timeout=LIMIT_S) == 2
    said = (served.home / "log").read_text()
    assert f"port {served.port}" in said and "PRECEDENT_PORT" in said and "Traceback" not in said


@only_sqlite
def test_settings_that_a_child_refuses_end_the_server_with_the_reason(served: Served) -> None:
    refused = {"LOCAL_DEV_MODE": "true", "PRECEDENT_HOST": "0.0.0.0"}  # refused is what we want
    assert served.start(**refused).wait(timeout=LIMIT_S) == 2
    assert "LOCAL_DEV_MODE" in (served.home / "log").read_text()
