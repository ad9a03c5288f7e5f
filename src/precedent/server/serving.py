"""Serves the application with uvicorn."""

import signal
from types import FrameType

import uvicorn
from fastapi import FastAPI

from precedent.app import App
from precedent.listening import port_of

from .application import create

DRAIN_S = 3
"""Requests under way have this long to end."""

KEEP_ALIVE_S = 75
"""An idle connection is kept for longer than clients and proxies do, so that none is closed under a request."""


class _Server(uvicorn.Server):
    """Tells requests that wait for the end of a run that the server stops, so that they answer now."""

    def __init__(self, config: uvicorn.Config, web: FastAPI) -> None:
        super().__init__(config)
        self._web = web

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn, which would also send itself the signal again at the end: a stop is no failure."""
        self._web.state.stopping = True
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def serve(app: App) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        Misconfigured: the port is taken, or settings do not go together.
    """
    settings = app.settings
    _ = app.authenticator, app.meanings  # what they refuse is said now and not at the first request
    web = create(app)
    config = uvicorn.Config(
        web,
        http="httptools",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=False,  # the application does it, and only for proxies that are trusted
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    with port_of(settings.host, settings.port) as door:
        _Server(config, web).run(sockets=[door])
