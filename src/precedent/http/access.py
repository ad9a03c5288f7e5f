"""Who may call a route: every route declares it, and without a declaration the application does not start."""

import base64
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute, iter_route_contexts

from precedent.app import App
from precedent.errors import ContractBroken, Forbidden, Transient, Unauthenticated
from precedent.security.acting import By
from precedent.security.principals import Principal, Role, Scope
from precedent.security.site import Presented

from .observing import route_of

log = logging.getLogger(__name__)

PAGE = "x-page"
"""Marks the routes of pages."""

OPEN_PATHS = frozenset({"/api/openapi.json"})
"""Routes of the framework itself, which show nothing of anybody."""


GIT_PATHS = "/git/"
"""Where git clients come, with a token as the password of any user."""


class Access(NamedTuple):
    """Who may call.

    Attributes:
        roles: any of them; empty for everybody, without proof.
        scope: that the caller's proof must have; None: any.
    """

    roles: frozenset[Role]
    scope: Scope | None = Scope.READ


PUBLIC = Access(frozenset())
"""Everybody; who calls is not looked at, so that a session that has ended keeps nobody out."""


def allow(*roles: Role, scope: Scope | None = Scope.READ) -> Access:
    """Return access for these roles and those that include them; scope None: with any proof."""
    return Access(frozenset(roles), scope)


def program(request: Request) -> App:
    """Return the program behind the application."""
    found = request.app.state.app
    if not isinstance(found, App):
        raise TypeError("the application has no program")
    return found


def _principal(request: Request) -> Principal:
    """Return who calls; the access check has put it there."""
    found = request.state.principal
    if not isinstance(found, Principal):
        raise Unauthenticated("this route knows no caller")
    return found


def presented(request: Request) -> Presented:
    """Return what a request shows of its caller."""
    headers = request.headers
    authorization = headers.get("authorization", "")
    return Presented(
        authorization=_of_git(authorization) if request.url.path.startswith(GIT_PATHS) else authorization,
        cookies=request.cookies,
        address=request.client.host if request.client else "",
        method=request.method,
        scheme=request.url.scheme,
        host=headers.get("host", ""),
        origin=headers.get("origin", ""),
        fetch_site=headers.get("sec-fetch-site", ""),
        forwarded="x-forwarded-for" in headers or "forwarded" in headers,
    )


def _of_git(header: str) -> str:
    """Return the bearer token that a git client shows as a password; git knows no other way."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        _, _, password = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except ValueError:
        return header  # it is refused as any other that is no token
    return f"Bearer {password}"


def by(request: Request, principal: Principal) -> By:
    """Return who does something, for the audit log."""
    return By(principal, request.state.request_id, request.client.host if request.client else "")


def _by(request: Request) -> By:
    return by(request, _principal(request))


Program = Annotated[App, Depends(program)]
Caller = Annotated[Principal, Depends(_principal)]
Acting = Annotated[By, Depends(_by)]


def guard(access: Access) -> Callable[[Request], None]:
    """Return the dependency that lets only those pass who may call."""

    def enter(request: Request) -> None:
        request.state.principal = None
        if not access.roles:
            return
        found = program(request).authenticate(presented(request))
        request.state.principal = found
        if found is not None and found.role is Role.SCHEDULER:
            _note_scheduler(request)
        if found is None:
            raise Unauthenticated("log in, or send a bearer token")
        if not found.may(roles=access.roles, scope=access.scope):
            log.warning("%s was refused %s %s", found.name, request.method, route_of(request.scope))
            raise Forbidden(_refusal(found, access))

    return enter


def _note_scheduler(request: Request) -> None:
    try:
        program(request).contacts.seen(request.client.host if request.client else "")
    except (sa.exc.SQLAlchemyError, Transient) as error:
        log.warning("a scheduler's call was not noted: %s", error)


def _refusal(principal: Principal, access: Access) -> str:
    if access.scope is None or access.scope in principal.scopes:
        return f"{principal.name} may not do this; it takes {' or '.join(sorted(access.roles))}"
    if access.scope is Scope.LOGIN:
        return "this takes a login; no token may do it"
    return f"this proof may not do this; it takes the scope {access.scope}"


class Routes(APIRouter):
    """A router whose routes declare who may call them."""

    def add(
        self, method: str, path: str, access: Access, **more: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that adds a route."""
        extra = {"x-access": {"roles": sorted(access.roles), "scope": access.scope.value if access.scope else None}}
        return self.api_route(
            path,
            methods=[method],
            dependencies=[Depends(guard(access))],
            openapi_extra=extra | more.pop("openapi_extra", {}),
            **more,
        )


class PageRoutes(Routes):
    """A router of pages for people: HTML, which the description of the interface for programs leaves out."""

    def add(
        self, method: str, path: str, access: Access, **more: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that adds a page, or what a form of a page is sent to."""
        given = {"include_in_schema": False, "response_model": None, "response_class": HTMLResponse} | more
        return super().add(method, path, access, openapi_extra={PAGE: True}, **given)


def is_page(route: object) -> bool:
    """Tell whether a route is a page's."""
    return bool((getattr(route, "openapi_extra", None) or {}).get(PAGE))


class RouteAccess(NamedTuple):
    """One route of an application.

    Attributes:
        access: what it declares; None: nothing.
        page: it is for people and gives HTML.
    """

    method: str
    path: str
    access: Access | None
    page: bool = False


_CONVERTER = re.compile(r"(?<=\w):\w+(?=})")
"""What a path says of the kind of a parameter; only the router wants to know."""


def routes_of(web: FastAPI) -> list[RouteAccess]:
    """Return every route with what it declares."""
    found = []
    # A router that was included stands as one entry in `web.routes`; this looks into it.
    for route in iter_route_contexts(web.routes):
        path, methods = _CONVERTER.sub("", route.path or ""), route.methods or set()
        declared = route.openapi_extra if isinstance(route.original_route, APIRoute) else None
        said = (declared or {}).get("x-access")
        access = _declared(said) if said else None
        page = is_page(route.original_route)
        found += [RouteAccess(method, path, access, page) for method in sorted(methods - {"HEAD"})]
    return found


def _declared(said: Mapping[str, Any]) -> Access:
    return Access(frozenset(map(Role, said["roles"])), Scope(said["scope"]) if said["scope"] else None)


def check(routes: Iterable[RouteAccess]) -> None:
    """Refuse routes that do not say who may call them.

    Raises:
        ContractBroken: there are such; the message names them.
    """
    silent = [f"{each.method} {each.path}" for each in routes if each.access is None and each.path not in OPEN_PATHS]
    if silent:
        raise ContractBroken(f"routes without declared roles: {', '.join(silent)}")
