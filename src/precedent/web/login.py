"""`/login`, `/logout` and `/password`: coming in, going out, and the page that the link of an invitation leads to.

What opens such a link stands behind the `#`; a script puts it into the form, so that it reaches the server in a body
only and no log of an address holds it.
"""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.errors import BadInput, Exhausted, NotFound, Unauthenticated
from precedent.http.access import PUBLIC, Acting, PageRoutes, Program, allow, by, presented
from precedent.http.signing_in import check_place, end_session, give_session
from precedent.security.logins import NOBODY
from precedent.security.principals import Role
from precedent.security.site import safe_path

from .contract import Pages
from .forms import Form
from .places import command
from .rendering import done, render

routes = PageRoutes()
ANYBODY = allow(Role.VIEWER, scope=None)
MAX_TO = 1_000
QUIET = {"referrer-policy": "no-referrer"}


@routes.add("GET", "/login", PUBLIC)
def login_page(
    request: Request, program: Program, to: Annotated[str, Query(alias="next", max_length=MAX_TO)] = "/"
) -> HTMLResponse:
    """Show how to log in."""
    return _login(request, program, to)


@routes.add("POST", "/login", PUBLIC)
def login(request: Request, program: Program, form: Form) -> HTMLResponse | RedirectResponse:
    """Log in with a password, and go where the person wanted to."""
    check_place(request, program)
    to, email = form.text("next"), form.text("email")
    shown = presented(request)
    before = shown.cookies.get(program.site.cookie(shown), "")
    try:
        found = program.logins.with_password(
            email, form.text("password", most=1_024), by=by(request, NOBODY), before=before
        )  # fmt: skip
    except (Unauthenticated, Exhausted) as error:
        return _login(request, program, to, status=401, email=email, fault=str(error))
    answer = RedirectResponse(safe_path(to), 303)
    give_session(request, answer, program, found)
    return answer


@routes.add("POST", "/logout", ANYBODY)
def logout(request: Request, program: Program, acting: Acting) -> RedirectResponse:
    """End the session."""
    answer = done(request, "/login", "You are logged out.")
    end_session(request, answer, program, acting)
    return answer


@routes.add("GET", "/password", PUBLIC)
def password_page(request: Request) -> HTMLResponse:
    """Show the page on which a person sets their password."""
    return render(request, "password.html", headers=QUIET, link="", fault="")


@routes.add("POST", "/password", PUBLIC)
def set_password(request: Request, program: Program, form: Form) -> HTMLResponse | RedirectResponse:
    """Set a password with the link of an invitation or a reset, which is void then."""
    check_place(request, program)
    link, password = form.text("link"), form.text("password", most=1_024)
    fault, status = "The two are not the same.", 400
    if password == form.text("again", most=1_024):
        try:
            program.accounts.redeem(link, password, by=by(request, NOBODY))
            return done(request, "/login", "Your password is set. You can log in now.")
        except NotFound as error:
            fault, status = str(error), 404
        except BadInput as error:
            fault = str(error)
    return render(request, "password.html", status=status, headers=QUIET, link=link, fault=fault)


def _login(
    request: Request, program: App, to: str, *, status: int = 200, email: str = "", fault: str = ""
) -> HTMLResponse:
    return render(
        request,
        "login.html",
        status=status,
        to=safe_path(to),
        email=email,
        fault=fault,
        single_sign_on=program.oidc is not None,
        no_accounts=not program.accounts.any(),
        command=command(request, program, data=True),
    )


PAGES = Pages(routes)
