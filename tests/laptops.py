"""A real server process and laptops that push to it with real processes."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from builders import put
from conftest import TESTS
from precedent.app import App
from precedent.errors import Conflict
from precedent.security.acting import By
from precedent.security.principals import COMMAND_LINE, Role, Scope
from precedent.settings import load
from precedent.store import Store

Result = subprocess.CompletedProcess[str]


class ApiServer:
    """One API process; see `upload_server.py`. It may be killed and started again, at the same port.

    Attributes:
        people: ends the names of the persons of a test that shares the process; shown are theirs alone.
    """

    def __init__(self, data: Path, url: str) -> None:
        self.data, self.database = data, url
        self.port = 0
        self.people = ""
        self._tokens: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, versions: str = "1,1", **environment: str) -> "ApiServer":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-W", "error", str(TESTS / "upload_server.py")),
                *(str(self.data), self.database, str(self.port), versions),
            ],
            env=kept | environment | {"PYTHONPATH": str(TESTS)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        assert told.strip(), "the server did not start"
        self.port = int(told)
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, name: str) -> str:
        """Return a real token: `member-NAME` may upload, `reader-NAME` only read, `revoked-NAME` nothing any more."""
        kind, _, person = f"{name}{self.people}".partition("-")
        if name in self._tokens:
            return self._tokens[name]
        app = App(load(data_dir=self.data, database_url=self.database))
        by = By(COMMAND_LINE)
        try:
            with suppress(Conflict):
                app.accounts.create(f"{person}@example.org", role=Role.MEMBER, by=by)
            scope = Scope.READ if kind == "reader" else Scope.UPLOAD
            made = app.tokens.create(person, name=name, scopes=[scope], by=by)
            if kind == "revoked":
                app.tokens.revoke(made.token.id, by=by)
        finally:
            app.close()
        self._tokens[name] = made.secret
        return made.secret

    def share(self, people: str) -> None:
        """Begin a test with persons of its own."""
        self.people = people
        self._tokens.clear()

    def client(self, token: str = "member-ada") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(token)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        status = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status

    def rows(self, query: str) -> list[dict[str, Any]]:
        store = Store(self.database)
        try:
            with store.read() as tx:
                return [dict(row) for row in tx.execute(sa.text(query)).mappings()]
        finally:
            store.close()

    def transcripts(self) -> list[dict[str, Any]]:
        return self.rows(
            f"""SELECT transcript.*, user_account.key AS person FROM transcript
            JOIN user_account ON user_account.id = transcript.user_id
            WHERE user_account.key IN ('ada{self.people}', 'bob{self.people}') ORDER BY session_file"""
        )

    def notes(self) -> list[dict[str, Any]]:
        """The notes that are not gone, of everybody of the test."""
        return self.rows(
            f"""SELECT knowledge_note.* FROM knowledge_note
            JOIN user_account ON user_account.id = knowledge_note.user_id
            WHERE user_account.key IN ('ada{self.people}', 'bob{self.people}') AND removed_at IS NULL ORDER BY path"""
        )

    def content(self, row: dict[str, Any]) -> bytes:
        """What the archive has of a transcript; its length is the catalogue's."""
        data = (self.data / "sessions" / str(row["object_key"])).read_bytes()
        assert len(data) == row["length"]
        return data

    def archived(self) -> dict[str, bytes]:
        """By session file, with the persons' plain names."""
        return {self._plain(row["session_file"]): self.content(row) for row in self.transcripts()}

    def objects(self) -> list[str]:
        """What stands in the archive, with the persons' plain names."""
        root = self.data / "sessions"
        found = [root / f"{name}{self.people}" for name in ("ada", "bob")]
        names = [path.relative_to(root).as_posix() for folder in found for path in folder.rglob("*.jsonl")]
        return sorted(map(self._plain, names))

    def _plain(self, name: str) -> str:
        owner, _, rest = name.partition("/")
        return f"{owner.removesuffix(self.people) if self.people else owner}/{rest}"


class Laptop:
    """A home that is connected to a server."""

    def __init__(self, home: Path, server: str, *, token: str = "member-ada", device: str = "one") -> None:
        self.home = home
        lines = {"server": server, "token": token, "device": device}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        put(home / ".precedent" / "config.toml", text.encode())

    def call(self, *arguments: str, told: str = "", **environment: str) -> Result:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "precedent.cli", *arguments],
            env=kept | {"HOME": str(self.home), "PRECEDENT_DATA_DIR": str(self.home / "nothing")} | environment,
            input=told,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def push(self, *arguments: str, **environment: str) -> dict[str, Any]:
        done = self.call("push", "--json", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found
