"""`/account`: one's own tokens, password, sessions of browsers, and what one's transcripts may be used for."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.errors import BadInput, Exhausted, NotFound, Unauthenticated
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow, presented
from precedent.model import Purpose
from precedent.pipeline.wishes import Wish
from precedent.security.principals import Principal, Role, Scope
from precedent.security.tokens import DEFAULT_DAYS, MAX_DAYS, Token
from precedent.store.schema import user

from .contract import Pages
from .forms import Form
from .rendering import done, render

routes = PageRoutes()
ANYBODY = allow(Role.VIEWER)
LOGIN = allow(Role.VIEWER, scope=Scope.LOGIN)
WRITE = allow(Role.VIEWER, scope=Scope.WRITE)
SCOPES = (Scope.READ, Scope.WRITE, Scope.UPLOAD, Scope.JOBS, Scope.METRICS)
PAGE = "/account"
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@routes.add("GET", PAGE, ANYBODY)
def account(request: Request, program: Program, caller: Caller) -> HTMLResponse:
    """Show what is one's own."""
    return _page(request, program, caller)


@routes.add("POST", "/account/tokens", LOGIN)
def create_token(request: Request, program: Program, acting: Acting, form: Form) -> HTMLResponse:
    """Make a token and show it this once."""
    days = form.text("days")
    try:
        scopes = {Scope(each) for each in form.all("scope")} & set(SCOPES)
        if not scopes or not days.isdecimal() or len(days) > 4:
            raise BadInput(f"choose what the token may do, and how many days it lives: 1 to {MAX_DAYS}")
        minted = program.tokens.create(
            acting.principal.name, name=form.text("name"), scopes=scopes, days=int(days), by=acting
        )
    except ValueError as error:
        raise BadInput("there is no such scope") from error
    except BadInput as error:
        return _page(request, program, acting.principal, status=400, token_fault=str(error))
    return _page(request, program, acting.principal, secret=minted.secret, made=minted.token)


@routes.add("POST", "/account/tokens/{token_id}/revoke", LOGIN)
def revoke_token(request: Request, program: Program, acting: Acting, token_id: Number) -> RedirectResponse:
    """Make one of one's own tokens void."""
    program.tokens.revoke(token_id, by=acting, key=acting.principal.name)
    return done(request, PAGE, "The token is void.")


@routes.add("POST", "/account/password", LOGIN)
def change_password(request: Request, program: Program, acting: Acting, form: Form) -> HTMLResponse | RedirectResponse:
    """Change one's own password; one's other sessions end."""
    shown = presented(request)
    cookie = shown.cookies.get(program.site.cookie(shown), "")
    new = form.text("new", most=1_024)
    try:
        if new != form.text("again", most=1_024):
            raise BadInput("the two are not the same")
        program.logins.change_password(form.text("current", most=1_024), new, cookie=cookie, by=acting)
    except (Unauthenticated, Exhausted, BadInput) as error:
        return _page(request, program, acting.principal, status=400, password_fault=str(error))
    return done(request, PAGE, "Your password is changed; your other sessions have ended.")


@routes.add("POST", "/account/sessions/end", LOGIN)
def end_other_sessions(request: Request, program: Program, acting: Acting) -> RedirectResponse:
    """End all of one's sessions of browsers but this one."""
    shown = presented(request)
    count = program.logins.end_others(shown.cookies.get(program.site.cookie(shown), ""), by=acting)
    return done(request, PAGE, f"{count} other sessions have ended.")


@routes.add("POST", "/account/consent", WRITE)
def set_consent(request: Request, program: Program, caller: Caller, form: Form) -> RedirectResponse:
    """Change what one's transcripts may be used for, everywhere or in a project."""
    try:
        purpose = Purpose(form.text("purpose"))
    except ValueError as error:
        raise BadInput("there is no such purpose") from error
    wanted = {"yes": True, "no": False, "": None}
    if form.text("allowed") not in wanted:
        raise BadInput("a rule allows or does not")
    key = _key_of(program, caller)
    if key is None:
        raise NotFound(f"{caller.name} is no person; whoever logs in with an account is")
    changed = program.wishes.set(
        key, purpose, project=form.text("project"), allowed=wanted[form.text("allowed")], by=caller.name,
        request_id=request.state.request_id,
    )  # fmt: skip
    said = f"{changed.withheld:,} results were removed, {changed.pending:,} pieces of work are to be done again."
    return done(
        request, PAGE, f"Your wish is kept. {said}" if changed.withheld or changed.pending else "Your wish is kept."
    )


def _page(
    request: Request,
    program: App,
    caller: Principal,
    *,
    status: int = 200,
    secret: str = "",
    made: Token | None = None,
    token_fault: str = "",
    password_fault: str = "",
) -> HTMLResponse:
    key = _key_of(program, caller)
    wishes: list[Wish] = list(program.wishes.of(key)) if key else []
    own = caller.may(roles=LOGIN.roles, scope=LOGIN.scope) and key is not None
    return render(
        request,
        "account.html",
        status=status,
        key=key,
        own=own,
        tokens=program.tokens.listed(caller.name) if own else [],
        scopes=SCOPES,
        days=DEFAULT_DAYS,
        most_days=MAX_DAYS,
        now=program.clock.now(),
        secret=secret,
        made=made,
        token_fault=token_fault,
        password_fault=password_fault,
        wishes=wishes,
        defaults=[each for each in wishes if not each.project],
        projects=[each for each in wishes if each.project],
    )


def _key_of(program: App, caller: Principal) -> str | None:
    if not caller.user_id:
        return None
    with program.store.read() as tx:
        return tx.scalar(sa.select(user.c.key).where(user.c.id == caller.user_id))


PAGES = Pages(routes)
