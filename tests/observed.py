"""The HTTP interface on a real socket for tests of what it tells of itself, and servers that it tells it to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import uvicorn

from precedent.app import App
from precedent.server import create

LIMIT_S = 20.0


def until(condition: Callable[[], bool], *, what: str) -> None:
    """Wait for something, with a limit."""
    ends = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > ends:
            pytest.fail(f"not within {LIMIT_S} s: {what}")
        time.sleep(0.01)


@contextmanager
def client_of(app: App) -> Iterator[httpx.Client]:
    """Serve a program over HTTP while the block runs; yields a client of it."""
    config = uvicorn.Config(create(app), host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive(), what="the server starts")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20.0, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(LIMIT_S)


class Receiver:
    """A server that keeps what is posted to it.

    Attributes:
        status: what it answers.
        hang: while set, it answers nothing.
        got: path and body of each call, in order.
    """

    def __init__(self) -> None:
        self.status, self.hang = 200, threading.Event()
        self.got: list[tuple[str, bytes]] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.got.append((self.path, body))
                if outer.hang.is_set():
                    outer.released.wait(LIMIT_S)
                try:
                    self.send_response(outer.status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the caller has given up

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def json(self) -> list[Any]:
        """Return the bodies."""
        return [json.loads(body) for _, body in self.got]

    def close(self) -> None:
        """End it."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LIMIT_S)
