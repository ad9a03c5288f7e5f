"""Makes the web application: routes, error shape, request ids."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from precedent import plugins
from precedent.app import App

from . import (
    admin,
    audit,
    auth,
    data,
    export,
    findings,
    health,
    jobs,
    knowledge,
    knowledge_pairs,
    mcp,
    metrics,
    notes,
    password_page,
    people,
    privacy,
    runs,
    sessions,
    status,
    uploads,
    usage,
)
from .access import check, routes_of
from .errors import add_error_shape, last_resort
from .observing import ObserveMiddleware
from .openapi import Described
from .refusals import flushing
from .requests import RequestMiddleware

MODULES = (
    health,
    status,
    usage,
    sessions,
    findings,
    knowledge,
    knowledge_pairs,
    mcp,
    notes,
    data,
    export,
    uploads,
    jobs,
    runs,
    admin,
    audit,
    auth,
    people,
    privacy,
    password_page,
    metrics,
)


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

    web = Described(
        title="Precedent",
        version="1",
        summary="Exact usage figures and reviewed team knowledge from the transcripts of coding agents.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    web.state.app = app
    web.state.metrics = told
    web.state.agents = frozenset(each.name for each in plugins.installed(plugins.READERS))
    web.state.uploads = uploads.Places()
    web.state.exports = export.turns()
    _ = app.site, app.oidc, app.egress  # settings that do not go together are told now and not to the first caller
    for module in MODULES:
        web.include_router(module.routes)
    web.include_router(data.plain_routes)
    add_error_shape(web)
    web.add_middleware(ObserveMiddleware, last_resort=last_resort, metrics=told, events=app.events, tracing=app.tracing)
    web.add_middleware(RequestMiddleware)
    if app.settings.trusted_proxies:
        web.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(app.settings.trusted_proxies))
    check(routes_of(web))
    return web
