"""`/metrics`, for Prometheus."""

import shutil
import time
from threading import Lock

from fastapi import Request, Response

from precedent.app import App
from precedent.http.access import Routes, allow
from precedent.security.principals import Role, Scope
from precedent.telemetry import alerts
from precedent.telemetry.figures import Archived
from precedent.telemetry.metrics import CONTENT_TYPE, Metrics, Scrape

routes = Routes(tags=["health"])
ARCHIVE_S = 60.0
"""Seconds that the size of the archive is good for: it takes a look at every row of the catalogue."""


class _Look:
    """Reads what a scrape tells."""

    def __init__(self, app: App) -> None:
        self._app, self._lock = app, Lock()
        self._archived: tuple[float, Archived] | None = None

    def __call__(self) -> Scrape:
        app = self._app
        try:
            free = shutil.disk_usage(app.settings.data_dir).free
        except OSError:
            free = None
        with app.store.read() as tx:
            raised = alerts.count(tx)
        return Scrape(app.health.figures(), self._archive(), free, raised, {"posthog": app.events.dropped})

    def _archive(self) -> Archived:
        with self._lock:
            if self._archived is None or time.monotonic() - self._archived[0] > ARCHIVE_S:
                self._archived = time.monotonic(), self._app.archived()
            return self._archived[1]


def of(app: App) -> Metrics:
    """Return the metrics of this process."""
    return Metrics(_Look(app))


@routes.add(
    "GET",
    "/metrics",
    allow(Role.ADMIN, scope=Scope.METRICS),
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Tell the metrics in the format of Prometheus."""
    found = request.app.state.metrics
    if not isinstance(found, Metrics):
        raise TypeError("the application has no metrics")
    return Response(found.text(), media_type=CONTENT_TYPE)
