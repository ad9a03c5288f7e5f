"""Reads over HTTP beside scripts that attack.

A server as in service: API and worker as processes of their own. The same reads, one by one: while nothing else runs,
while a fork bomb is started again and again, and while a script prints 10 GB. Goal: 99 of 100 answers within twice the
time of a quiet server. Reference in the same run: the quiet server, measured before and after.
Arguments: reads in each part (2000), times (1): how often all is repeated.
"""

import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from precedent.app import App
from precedent.scripts import listing
from precedent.scripts.model import Script
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role, Scope
from precedent.settings import load

from ._measure import PRECEDENT, machine

START_S = 30.0
TIMEOUT_S = 600
PATHS = ("/api/usage/totals", "/api/sessions?limit=50", "/api/usage?by=day&limit=90", "/api/scripts", "/api/status")
ATTACKS = {
    "a fork bomb, again and again": """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    "a script that prints 10 GB": "import os\nfor _ in range(10 << 10):\n    os.write(1, b'x' * (1 << 20))",
    "a script that writes 10 GB": "for n in range(10 << 10):\n    open(f'f{n}', 'wb').write(bytes(1 << 20))",
}


def main(reads: int = 2_000, times: int = 1) -> None:
    """Measure and print."""
    print(f"reads beside scripts that attack; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder, _server(Path(folder)) as (app, web):
        for _ in range(times):
            _calls(web, reads // 4)
            quiet = _told("a quiet server", _calls(web, reads))
            for name, source in ATTACKS.items():
                with _again_and_again(app, source) as count:
                    found = _told(name, _calls(web, reads))
                    print(f"  {count[0]} runs begun; {found / quiet:.2f} times the quiet server's p99")
            _told("a quiet server again", _calls(web, reads))


def _calls(web: httpx.Client, count: int) -> list[float]:
    """Return how long each of many reads took, in milliseconds."""
    found = []
    for number in range(count):
        began = time.perf_counter()
        web.get(PATHS[number % len(PATHS)]).raise_for_status()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _told(name: str, found: list[float]) -> float:
    p99 = statistics.quantiles(found, n=100)[98]
    print(f"{name}: p50 {statistics.median(found):.1f} ms, p99 {p99:.1f} ms, longest {max(found):.0f} ms")
    return p99


@contextmanager
def _again_and_again(app: App, source: str) -> Iterator[list[int]]:
    """Run a script, and begin it again whenever it ended, while the block runs."""
    given = Script(name="attack", source=source, timeout_s=TIMEOUT_S)
    app.script_registry.deploy(given, by=BY_COMMAND_LINE)
    ended, count = threading.Event(), [0]

    def keep() -> None:
        while not ended.is_set():
            with app.store.read() as tx:
                last = listing.one(tx, "attack", now=0).last
            if last is None or last.finished_at is not None:
                app.ask_for_script("attack", by=BY_COMMAND_LINE)
                count[0] += 1
            ended.wait(0.2)

    thread = threading.Thread(target=keep)
    thread.start()
    time.sleep(2)  # it is under way
    try:
        yield count
    finally:
        ended.set()
        thread.join()
        app.script_registry.remove("attack", by=BY_COMMAND_LINE)
        time.sleep(3)  # it has ended


@contextmanager
def _server(folder: Path) -> Iterator[tuple[App, httpx.Client]]:
    app = App(load(data_dir=folder / "data"))
    key = app.accounts.create("root@example.com", role=Role.ADMIN, by=BY_COMMAND_LINE).key
    token = app.tokens.create(key, name="bench", scopes=[Scope.WRITE], by=BY_COMMAND_LINE).secret
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PRECEDENT_DATA_DIR": str(folder / "data"), "PRECEDENT_PORT": str(port)}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([*PRECEDENT, each], **quiet) for each in ("api", "worker")]  # type: ignore[call-overload]
    headers = {"authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False) as web:
            ends = time.monotonic() + START_S
            while True:
                try:
                    web.get("/livez").raise_for_status()
                    break
                except httpx.HTTPError:
                    if time.monotonic() > ends:
                        raise
                    time.sleep(0.1)
            yield app, web
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.wait()
        app.close()


if __name__ == "__main__":
    import sys

    main(*map(int, sys.argv[1:]))
