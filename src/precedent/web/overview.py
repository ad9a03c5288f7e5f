"""`/`: whether all is well, what was used, what waits."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from precedent.http.access import Caller, PageRoutes, Program, allow
from precedent.security.principals import Role

from .contract import Entry, Group, Pages
from .rendering import render

routes = PageRoutes()
TEAM = allow(Role.VIEWER)


@routes.add("GET", "/", TEAM)
def overview(request: Request, program: Program, caller: Caller) -> HTMLResponse:
    """Show everything at a glance."""
    return render(request, "overview.html", checks=program.health.checks())


PAGES = Pages(routes, (Entry("Overview", "/", "overview", Group.FIGURES, TEAM),))
