"""A data folder with a home and a processor that does as it is told, and the processes of a server on it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from builders import claude_path, claude_prompt, home_of, install, put, session_id
from precedent.app import App
from precedent.archive.sources import Home
from precedent.jobs import wake
from precedent.jobs.records import PREFIX, Job
from precedent.jobs.runs import RunRecord
from precedent.settings import load
from precedent.store.schema import worker as worker_table

LIMIT_S = 60.0
TOKEN = "a secret of the scheduler in tests, long enough"
OBEDIENT = Job(
    name=PREFIX + "obedient", schedule="every 10m", path="/", timeout_s=60, action="run_obedient", grace_s=1200,
    description="A processor of tests.",
)  # fmt: skip


def until(condition: Callable[[], bool], *, what: str, limit_s: float = LIMIT_S) -> None:
    ends = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > ends:
            pytest.fail(f"not within {limit_s} s: {what}")
        time.sleep(0.02)


class Place:
    """A data folder with a home, a processor that does as it is told, and worker processes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home, self.shared, self.log = home_of(folder), folder / "shared", folder / "log"
        self.shared.mkdir()
        self._python_path = install(
            folder / "plugins", obedient="plugin_processors:OBEDIENT", broken="plugin_processors:NO_SUCH_THING"
        )
        self.app = App(load(data_dir=folder / "data", database_url=url, extraction_processes=1))
        self._url = url
        self.processes: list[subprocess.Popen[bytes]] = []
        self._clients: list[httpx.Client] = []
        with self.app.store.write() as tx:
            tx.exec_driver_sql("CREATE TABLE plugin_item (version BIGINT, transcript_id BIGINT, file TEXT, item TEXT)")

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it can be woken."""
        process = self._start("worker", **environment)
        until(lambda: process.pid in self.known(), what="the worker shows that it lives")
        return process

    def serve(
        self, token: str = TOKEN, *, port: int = 0, **environment: str
    ) -> tuple[subprocess.Popen[bytes], httpx.Client]:
        """Start an API and return it with a client that shows a token, once it answers; 0 is any free port."""
        if not port:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        process = self._start("api", PRECEDENT_PORT=str(port), SCHEDULER_API_TOKEN=TOKEN, **environment)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=LIMIT_S, trust_env=False)
        self._clients.append(client)

        def answers() -> bool:
            try:
                return client.get("/livez").status_code == 200
            except httpx.HTTPError:
                return False

        until(answers, what="the API answers")
        return process, client

    def schedule(self, url: str) -> subprocess.Popen[bytes]:
        """Start a scheduler that asks the API at an address."""
        return self._start("scheduler", API_URL=url, SCHEDULER_API_TOKEN=TOKEN)

    def _start(self, role: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "precedent.cli"]
        command += ["--data-dir", str(self.app.settings.data_dir), role]
        given = {
            "HOME": str(self.home.path), "PRECEDENT_DATABASE_URL": self._url, "PYTHONPATH": self._python_path,
            "TMPDIR": str(self.shared), "PRECEDENT_EXTRACTION_PROCESSES": "1",
        }  # fmt: skip
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, **given, **environment}, stderr=log)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End all processes."""
        for client in self._clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.app.close()

    def known(self) -> set[int]:
        with self.app.store.read() as tx:
            return set(tx.scalars(sa.select(worker_table.c.pid)))

    def write(self, *prompts: str, owner: str = "ada") -> None:
        """Write a session for each prompt and have them collected as a person's."""
        for number, prompt in enumerate(prompts):
            session = session_id(f"{prompt} {number}")
            put(claude_path(self.home.path, session), claude_prompt(prompt, session=session))
        self.app.collect([Home(self.home.path, owner)])

    def ask(self, record: Job = OBEDIENT) -> int:
        number = self.app.runs.request(record, by="ada").id
        wake.wake(self.app.store, self.app.settings.data_dir)
        return number

    def run(self, number: int) -> RunRecord:
        return self.app.runs.get(number)

    def done(self, number: int, *, limit_s: float = LIMIT_S) -> RunRecord:
        until(lambda: self.run(number).finished_at is not None, what=f"run {number} ended", limit_s=limit_s)
        return self.run(number)

    def items(self) -> list[str]:
        with self.app.store.read() as tx:
            return sorted(tx.scalars(sa.text("SELECT item FROM plugin_item")))

    def counts(self, number: int) -> dict[str, int]:
        return dict(json.loads(self.run(number).counts))

    def said(self) -> str:
        return self.log.read_text()
