"""Sessions of browsers in requests and answers: where a password may come from, and the cookie."""

from fastapi import Request, Response

from precedent.app import App
from precedent.errors import Forbidden
from precedent.security.acting import By
from precedent.security.logins import LoggedIn

from .access import presented

PLAIN = (
    "this connection is not encrypted; use HTTPS, or set PRECEDENT_PUBLIC_URL to the http:// address to allow it anyway"
)


def check_place(request: Request, program: App) -> None:
    """Take no password over plain HTTP from elsewhere, and none from another site's page.

    Raises:
        Forbidden: it comes from there.
    """
    shown = presented(request)
    if not program.site.may_log_in(shown):
        raise Forbidden(PLAIN)
    if program.site.is_from_other_pages(shown):
        raise Forbidden("this request comes from a page of another site")


def give_session(request: Request, response: Response, program: App, found: LoggedIn) -> None:
    """Put the cookie of a new session into an answer."""
    shown = presented(request)
    response.set_cookie(
        program.site.cookie(shown),
        found.cookie,
        max_age=found.lives_s,
        secure=program.site.is_secure(shown),
        httponly=True,
        samesite="lax",
    )


def end_session(request: Request, response: Response, program: App, acting: By) -> None:
    """End the caller's session; what has no session, such as a token, stays as it is."""
    shown = presented(request)
    name = program.site.cookie(shown)
    if acting.principal.proof == "session":
        program.logins.end(shown.cookies[name], by=acting)
    response.delete_cookie(name, secure=program.site.is_secure(shown), httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
