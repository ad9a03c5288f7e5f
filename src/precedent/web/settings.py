"""`/settings`: how the server is, check by check, and each setting with where its value comes from."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from precedent.http.access import PageRoutes, Program, allow
from precedent.security.principals import Role
from precedent.settings import origins
from precedent.telemetry.health import worst

from .contract import Entry, Group, Pages
from .rendering import render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
PAGE = "/settings"


@routes.add("GET", PAGE, ADMIN)
def settings(request: Request, program: Program) -> HTMLResponse:
    """Show checks and settings; secrets are hidden."""
    checks = program.health.checks()
    rows = origins(program.settings)
    return render(
        request,
        "settings.html",
        checks=sorted(checks, key=lambda each: ("fault", "warning", "ok").index(each.result)),
        worst=worst(checks),
        at=program.health.figures().at,
        given=[each for each in rows if each.origin != "default"],
        rows=[each for each in rows if each.origin == "default"],
    )


PAGES = Pages(routes, (Entry("Settings", PAGE, "gear", Group.ADMINISTRATION, ADMIN),))
