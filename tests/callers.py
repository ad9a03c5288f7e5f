"""The HTTP interface on a real socket, and callers of every kind."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from precedent.app import App
from precedent.archive.sources import Home
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role, Scope
from precedent.server import create

SCHEDULER_SECRET = "scheduler-secret-of-the-tests-0123456789"
PASSWORD = "quiet harbour at dawn"
ORIGIN = {"sec-fetch-site": "same-origin"}
"""What a browser adds on a page of ours."""

START_S = 10.0


@contextmanager
def serving(app: App, **given: Any) -> Iterator[str]:
    """Serve a program over HTTP on a free port while the block runs; yields its URL."""
    config = uvicorn.Config(
        create(app), host="127.0.0.1", port=0, log_level="error", proxy_headers=False, lifespan="on", **given
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = time.monotonic() + START_S
    while not server.started:
        assert thread.is_alive() and time.monotonic() < ends, "the server does not start"
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(START_S)


@contextmanager
def working(app: App, *homes: Home) -> Iterator[None]:
    """Have a worker in this process while the block runs; it collects from these homes."""
    worker = app.worker(lambda: homes)
    thread = threading.Thread(target=worker.work)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def client(url: str, token: str = "", **headers: str) -> httpx.Client:
    """Return an HTTP client that keeps cookies; with a token it is a program's."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["authorization"] = f"Bearer {token}"
    return httpx.Client(base_url=url, headers=given, timeout=20.0, trust_env=False)


def person(app: App, name: str, role: Role = Role.MEMBER, *, password: str = "") -> str:
    """Make somebody with an account and return their key."""
    made = app.accounts.create(f"{name}@example.com", role=role, by=BY_COMMAND_LINE)
    if password:
        app.accounts.set_password(made.key, password, by=BY_COMMAND_LINE)
    return made.key


def token(app: App, key: str, *scopes: Scope, days: int = 90) -> str:
    """Make a token and return it; without scopes it may do whatever a token may."""
    wanted = scopes or (Scope.WRITE,)
    return app.tokens.create(key, name="test", scopes=wanted, days=days, by=BY_COMMAND_LINE).secret


@contextmanager
def log_in(url: str, name: str, password: str = PASSWORD, **headers: str) -> Iterator[httpx.Client]:
    """Give a browser's client after its login."""
    with client(url, **headers) as found:
        answer = found.post("/api/auth/login", json={"email": name, "password": password}, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
        yield found
