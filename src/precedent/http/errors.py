"""The one shape of errors, for every route and every fault.

    {"error": {"code": "busy", "message": "…", "request_id": "…", "details": {…}}}

No stack, no SQL, no path and no secret stands in it: what fails on our side is told in words of this module, or with
everything taken out that looks like a place or a statement. The log has the rest, under the request's id.
"""

import errno
import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import pydantic
import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from precedent import errors

from .access import GIT_PATHS, is_page
from .observing import route_of
from .refusals import audit_refusal

log = logging.getLogger(__name__)


class ErrorBody(pydantic.BaseModel):
    """What went wrong."""

    code: str
    message: str
    request_id: str
    details: dict[str, Any] = {}


class ErrorAnswer(pydantic.BaseModel):
    """Every error has this shape."""

    error: ErrorBody


STATUS: dict[type[errors.PrecedentError], tuple[int, str]] = {
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.Forbidden: (403, "forbidden"),
    errors.NotFound: (404, "not_found"),
    errors.Gone: (410, "gone"),
    errors.Private: (403, "private"),
    errors.TooLarge: (413, "too_large"),
    errors.Unsupported: (415, "unsupported_media_type"),
    errors.Busy: (409, "busy"),
    errors.Conflict: (409, "conflict"),
    errors.BadInput: (400, "bad_input"),
    errors.Misconfigured: (503, "misconfigured"),
    errors.Exhausted: (429, "exhausted"),
    errors.Terminal: (500, "failed"),
    errors.Transient: (503, "unavailable"),
}
"""Status and code by error; the nearest base counts."""

RETRY_S = 5
_PASSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What the system refuses now and may give later: room, descriptors, memory, a disk that answers."""

UNAUTHENTICATED = 401
METHOD_NOT_ALLOWED = 405
SERVER_FAULT = 500
"""Statuses from here on are not the caller's doing."""
_PLACE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?<![\w/.])(?:~|\.{1,2})?/|[A-Za-z]:\\)[^\s'\",;)]+")
_STATEMENT = re.compile(r"[\[(]?\b(?:SQL:|SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|BEGIN)\s.*", re.DOTALL)
_CODES = {
    400: "bad_input",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


ErrorPage = Callable[[Request, int, ErrorBody], Response]
"""Shows an error to a person; `app.state.error_page` has it where there are pages."""


def answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    details: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in the one shape; to a person who looks at pages, as a page."""
    number = getattr(request.state, "request_id", "")
    if status >= SERVER_FAULT:
        message = plain(message)
    body = ErrorBody(code=code, message=message, request_id=number, details=details or {})
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and _is_for_a_person(request):
        shown = page(request, status, body)
        shown.headers.update({} if status == UNAUTHENTICATED else headers or {})
        return shown
    return JSONResponse(ErrorAnswer(error=body).model_dump(), status_code=status, headers=headers)


def _is_for_a_person(request: Request) -> bool:
    """Tell whether a browser asks for a page of ours, or for a place that is none of a program's."""
    asked = "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
    route = request.scope.get("route")
    return asked and (is_page(route) if route is not None else not request.url.path.startswith("/api"))


def last_resort(request: Request, error: Exception) -> Response:
    """Return the answer to a fault that nobody expected, and tell the log."""
    log.error("%s failed", route_of(request.scope), exc_info=error)
    return answer(request, 500, "internal", f"something failed here ({type(error).__name__}); the log says more")


def away(request: Request, error: sa.exc.SQLAlchemyError) -> Response:
    """Return the answer while the database is unavailable."""
    log.warning("the database is unavailable: %s", getattr(error, "orig", error))
    message = "the database is unavailable; try again"
    return answer(request, 503, "unavailable", message, headers={"Retry-After": str(RETRY_S)})


def _methods(web: FastAPI, path: str) -> set[str]:
    """Return what may be done at a path: the framework names the methods of one of its routes only.

    Where paths of two forms fit, the first form counts, as for calls.
    """
    found: dict[str, set[str]] = {}
    for route in iter_route_contexts(web.routes):
        if route.methods and compile_path(route.path or "")[0].match(path):
            found.setdefault(route.path or "", set()).update(route.methods)
    return next(iter(found.values()), set())


def plain(message: str) -> str:
    """Return the first line of a message without places, addresses and statements of SQL."""
    return _PLACE.sub("…", _STATEMENT.sub("…", message.partition("\n")[0])).replace("\0", "\ufffd")


def add_error_shape(web: FastAPI) -> None:
    """Answer every error of an application in the one shape."""

    @web.exception_handler(errors.PrecedentError)
    async def ours(request: Request, error: errors.PrecedentError) -> Response:
        if isinstance(error.__cause__, sa.exc.DBAPIError):
            return away(request, error.__cause__)  # what the database says names hosts and users
        status, code = next(found for kind in type(error).__mro__ if (found := STATUS.get(kind)))
        headers: dict[str, str] = {}
        details: dict[str, Any] = {}
        match error:
            case errors.Unauthenticated():
                git = request.url.path.startswith(GIT_PATHS)
                headers["WWW-Authenticate"] = 'Basic realm="Precedent"' if git else "Bearer"
            case errors.Exhausted(retry_after_s=seconds):
                headers["Retry-After"] = str(max(1, round(seconds)))
            case errors.Busy(holder=holder):
                details = {"run": holder} if holder else {}
            case errors.Conflict(state=state):
                details = dict(state)
            case errors.Transient():
                headers["Retry-After"] = str(RETRY_S)
        await audit_refusal(request, status, str(error))
        return answer(request, status, code, str(error), details=details, headers=headers)

    @web.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [{"at": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
        said = "; ".join(f"{each['at']}: {each['message']}" for each in faults)
        await audit_refusal(request, 422, said)
        return answer(request, 422, "invalid", said, details={"faults": faults})

    @web.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "http_error")
        if error.status_code == METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(sorted(_methods(web, request.url.path)))}
            return answer(request, METHOD_NOT_ALLOWED, code, f"{request.method} is not for this path", headers=headers)
        return answer(request, error.status_code, code, str(error.detail), headers=error.headers)

    @web.exception_handler(sa.exc.OperationalError)
    @web.exception_handler(sa.exc.InterfaceError)
    @web.exception_handler(sa.exc.TimeoutError)
    async def database(request: Request, error: sa.exc.SQLAlchemyError) -> Response:
        return away(request, error)

    @web.exception_handler(OSError)
    async def system(request: Request, error: OSError) -> Response:
        if error.errno not in _PASSES:
            raise error  # nobody expected it
        log.warning("%s cannot be answered now: %s", route_of(request.scope), error)
        message = f"the server cannot do this now ({os.strerror(error.errno)}); try again later"
        return answer(request, 503, "unavailable", message, headers={"Retry-After": str(RETRY_S)})

    @web.exception_handler(sa.exc.DataError)
    @web.exception_handler(OverflowError)
    async def unfit(request: Request, error: Exception) -> Response:
        log.info("%s %s: a value that no database takes (%s)", request.method, request.url.path, type(error).__name__)
        return answer(request, 400, "bad_input", "a value is too large or of a form that no database takes")
