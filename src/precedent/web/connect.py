"""`/connect`: how one's agents are given what the team approved, in commands to copy."""

from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import model_validator

from precedent.app import App
from precedent.client.agents import Machine, Platform
from precedent.client.rules_files import AGENTS, target
from precedent.errors import BadInput
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow, presented
from precedent.http.questions import Question, Text
from precedent.security.principals import Principal, Role, Scope

from .asking import given_fields
from .contract import Pages
from .forms import Form
from .places import command, is_here
from .rendering import render

routes = PageRoutes()
ANYBODY = allow(Role.VIEWER)
LOGIN = allow(Role.VIEWER, scope=Scope.LOGIN)
PAGE = "/connect"
SCOPES = frozenset({Scope.READ, Scope.UPLOAD})
"""What a laptop needs: to send transcripts and to ask for the bundle."""
_ANY_HOME = Machine(platform=Platform.LINUX, home=PurePosixPath("~"), environment={}, python="", hook="")


class ConnectQuery(Question):
    """Which agent."""

    agent: Text = AGENTS[0]

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


@routes.add("GET", PAGE, ANYBODY)
def connect(
    request: Request, program: Program, caller: Caller, asked: Annotated[ConnectQuery, Query()]
) -> HTMLResponse:
    """Show the commands that connect an agent."""
    return _page(request, program, caller, asked.agent)


@routes.add("POST", PAGE, LOGIN)
def make_token(request: Request, program: Program, acting: Acting, form: Form) -> HTMLResponse:
    """Make the token that the commands ask for and show it this once."""
    minted = program.tokens.create(acting.principal.name, name="agents", scopes=SCOPES, by=acting)
    return _page(request, program, acting.principal, form.text("agent"), secret=minted.secret)


def _page(request: Request, program: App, caller: Principal, agent: str, *, secret: str = "") -> HTMLResponse:
    if agent not in AGENTS:
        raise BadInput(f"agents that read rules are {', '.join(AGENTS)}")
    return render(
        request,
        "connect.html",
        agent=agent,
        agents=[(each, each) for each in AGENTS],
        rules=target(agent, _ANY_HOME).path,
        may_make=caller.user_id is not None and caller.may(roles=LOGIN.roles, scope=LOGIN.scope),
        secret=secret,
        program=command(request, program),
        server=program.site.base_url(presented(request)),
        here=is_here(request, program),
    )


PAGES = Pages(routes)
