"""Watches every request: counts it, times it, traces it, and writes a line to the log.

The route's template is told, never the path: paths name sessions and persons.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from precedent.telemetry.context import bound
from precedent.telemetry.events import Events
from precedent.telemetry.logs import event
from precedent.telemetry.metrics import Metrics
from precedent.telemetry.tracing import Tracing

NO_ROUTE = "none"
"""The route of a request that fits none."""
QUIET = frozenset({"/livez", "/readyz", "/api/health", "/metrics"})
"""Routes that are asked every few seconds; the log tells of them at the level `debug`."""
_TRACEPARENT = b"traceparent"


LastResort = Callable[[Request, Exception], ASGIApp]


def route_of(scope: Any) -> str:
    """Return the template of a request's route."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))


class ObserveMiddleware:
    """Watches requests.

    Args:
        last_resort: answers what nobody expected. The framework's own place for that is outside of all middleware: its
            answers would have neither an id nor our headers, and their connection would be cut.
        metrics: counts them.
        events: told of each.
        tracing: has a span for each.
    """

    def __init__(
        self, app: ASGIApp, *, last_resort: LastResort, metrics: Metrics, events: Events, tracing: Tracing
    ) -> None:
        self._app, self._last_resort = app, last_resort
        self._metrics, self._events, self._tracing = metrics, events, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, started, method = time.perf_counter(), 500, False, str(scope["method"])

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = int(message["status"]), True
            await send(message)

        parent = dict(scope["headers"]).get(_TRACEPARENT, b"").decode("ascii", "replace")
        number = str(scope.get("state", {}).get("request_id", ""))
        with (
            bound(request_id=number),
            self._tracing.span(method, server=True, parent=parent, **{"http.request.method": method}) as span,
        ):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:  # the last resort of all requests
                response = self._last_resort(Request(scope, receive), error)
                if started:
                    raise  # half an answer is on its way; cutting it shows that it is half
                await response(scope, receive, answer)
            finally:
                route, took = route_of(scope), time.perf_counter() - began
                self._metrics.request(route=route, method=method, status=status, seconds=took)
                attributes: dict[str, str | int] = {"http.route": route, "http.response.status_code": status}
                span.set(**attributes)
                if status >= 500:
                    span.fail(str(status))
                told: dict[str, str | int | float] = {
                    "route": route,
                    "method": method,
                    "status": status,
                    "duration_ms": round(took * 1000, 1),
                }
                quiet = route in QUIET and status < 500
                event("http_request", told, logger=__name__, level=logging.DEBUG if quiet else logging.INFO)
                if not quiet:
                    self._events.send("http_request", **told)
