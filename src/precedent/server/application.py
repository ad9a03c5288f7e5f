"""Makes the web application: routes for programs, pages for people, error shape, request ids."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from precedent import api, web
from precedent.api import metrics
from precedent.app import App
from precedent.http.access import check, routes_of
from precedent.http.errors import add_error_shape, last_resort
from precedent.http.looking import Looks
from precedent.http.observing import ObserveMiddleware
from precedent.http.refusals import flushing
from precedent.http.requests import RequestMiddleware


def create(app: App) -> FastAPI:
    """Return the application.

    Raises:
        ContractBroken: a route declares no roles.
        Misconfigured: the settings do not go together.
    """
    told = metrics.of(app)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with flushing(app.refusals):
            yield
        app.close()

    server = api.Described(
        title="Precedent",
        version="1",
        summary="Exact usage figures and reviewed team knowledge from the transcripts of coding agents.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    server.state.app = app
    server.state.metrics = told
    server.state.looks = Looks()
    _ = app.site, app.oidc, app.egress  # settings that do not go together are told now and not to the first caller
    api.add(server)
    web.add(server)
    add_error_shape(server)
    server.add_middleware(
        ObserveMiddleware, last_resort=last_resort, metrics=told, events=app.events, tracing=app.tracing
    )
    server.add_middleware(RequestMiddleware)
    if app.settings.trusted_proxies:
        server.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(app.settings.trusted_proxies))
    check(routes_of(server))
    return server
