"""Writes refused calls of job routes and of administration into the audit log, within bounds."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.errors import Transient
from precedent.security.audit import Act
from precedent.security.principals import Principal
from precedent.security.refusals import WINDOW_S, Refusals

RESULTS: Mapping[int, str] = {
    400: "invalid",
    401: "denied",
    403: "denied",
    409: "conflict",
    422: "invalid",
    429: "exhausted",
    503: "unavailable",
}
"""The result that the audit log tells, by status; other statuses are no refusals."""
PREFIX = "/api/admin/"
READS = frozenset({"GET", "HEAD"})
UNKNOWN = "unknown"

log = logging.getLogger(__name__)


async def audit_refusal(request: Request, status: int, message: str) -> None:
    """Audit a refused call, unless its route has done so.

    Audited are calls of `/api/admin/…`: each that was denied, and each that was to change something.
    """
    route = request.scope.get("route")
    if status not in RESULTS or not isinstance(route, APIRoute) or not route.path.startswith(PREFIX):
        return
    if getattr(request.state, "audited", False) or (request.method in READS and status not in {401, 403}):
        return
    principal = getattr(request.state, "principal", None)
    app = request.app.state.app
    act = Act(
        principal.name if isinstance(principal, Principal) else UNKNOWN,
        f"{request.method} {route.path}",
        _resource(request, app),
        RESULTS[status],
        details={"status": status, "error": message[:300]},
        request_id=getattr(request.state, "request_id", ""),
        address=request.client.host if request.client else "",
    )
    await run_in_threadpool(_note, app.refusals, act)


def _resource(request: Request, app: App) -> str:
    """Name the job that was meant, if there is one: what else a caller writes into an address is not kept."""
    wanted = request.url.path + (f"?processor={name}" if (name := request.query_params.get("processor")) else "")
    return next((job.resource for job in app.jobs.values() if job.path == wanted), request.scope["route"].path)


def _note(refusals: Refusals, act: Act) -> None:
    try:
        refusals.note(act)
    except (sa.exc.SQLAlchemyError, Transient) as error:
        log.warning("a refusal was not audited: %s", error)


@asynccontextmanager
async def flushing(refusals: Refusals) -> AsyncIterator[None]:
    """Write each minute, and at the end, what was only counted."""

    async def body() -> None:
        while True:
            await asyncio.sleep(WINDOW_S)
            await run_in_threadpool(_flush, refusals, ending=False)

    task: asyncio.Task[Any] = asyncio.create_task(body())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await run_in_threadpool(_flush, refusals, ending=True)


def _flush(refusals: Refusals, *, ending: bool) -> None:
    try:
        refusals.flush(ending=ending)
    except (sa.exc.SQLAlchemyError, Transient) as error:
        log.warning("refusals were not audited: %s", error)
