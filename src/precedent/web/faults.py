"""Pages for what cannot be shown; who has not logged in is led to the login."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from precedent.http.errors import ErrorBody
from precedent.security.site import safe_path

from .rendering import render

TITLES = {
    401: "Log in first",
    403: "This is not for you",
    404: "There is nothing here",
    405: "This cannot be done here",
    409: "Something else came first",
    410: "It was deleted",
    413: "That is too much",
    422: "This address is not understood",
    429: "Not so fast",
    503: "Not right now",
}


def login_url(request: Request) -> str:
    """Return the address of the login, which leads back here afterwards."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or safe_path(here) == "/":
        return "/login"
    return f"/login?next={quote(here, safe='')}"


def error_page(request: Request, status: int, error: ErrorBody) -> Response:
    """Return the page for an error."""
    if status == 401:
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"hx-redirect": "/login"})
        return RedirectResponse(login_url(request), 303)
    if status == 404 and error.message == HTTPStatus.NOT_FOUND.phrase:  # what the framework says
        error = error.model_copy(update={"message": "No page has this address. It may be an old one, or cut off."})
    title = TITLES.get(status, "Something went wrong")
    return render(request, "fault.html", status=status, fault=error, title=title, number=status)
