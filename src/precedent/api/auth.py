"""Logging in and out, one's own password, tokens and sessions: `/api/auth/…` and `/api/me…`."""

from typing import Annotated, Literal

import pydantic
from fastapi import Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from precedent.errors import Forbidden, NotFound
from precedent.http.access import PUBLIC, Acting, Caller, Program, Routes, allow, by, presented
from precedent.http.signing_in import PLAIN, check_place, end_session, give_session
from precedent.security.logins import NOBODY
from precedent.security.principals import Principal, Role, Scope
from precedent.security.tokens import DEFAULT_DAYS, MAX_DAYS, MAX_NAME
from precedent.security.tokens import Token as TokenRecord

routes = Routes(prefix="/api", tags=["accounts"])
ANYBODY = allow(Role.VIEWER, Role.SCHEDULER, scope=None)
OWN = allow(Role.VIEWER, scope=Scope.LOGIN)
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


class Me(pydantic.BaseModel):
    """Who calls, and what they may do."""

    key: str
    user_id: int | None
    role: Role
    proof: str
    scopes: list[Scope]

    @classmethod
    def of(cls, principal: Principal) -> "Me":
        """Return it as it is shown."""
        return cls(
            key=principal.name,
            user_id=principal.user_id,
            role=principal.role,
            proof=principal.proof,
            scopes=sorted(principal.scopes),
        )


class Ways(pydantic.BaseModel):
    """How people log in here."""

    password: bool
    single_sign_on: bool


class Credentials(pydantic.BaseModel):
    """What a person types to log in: address or key, and password."""

    email: Annotated[str, pydantic.Field(max_length=320)]
    password: Annotated[str, pydantic.Field(max_length=1024)]


class LinkedPassword(pydantic.BaseModel):
    """A new password, with what opens the link of an invitation or a reset."""

    link: Annotated[str, pydantic.Field(max_length=200)]
    password: Annotated[str, pydantic.Field(max_length=1024)]


class ChangedPassword(pydantic.BaseModel):
    """One's current and one's new password."""

    current: Annotated[str, pydantic.Field(max_length=1024)]
    new: Annotated[str, pydantic.Field(max_length=1024)]


class Ended(pydantic.BaseModel):
    """How many sessions ended."""

    sessions: int


class Token(pydantic.BaseModel):
    """One token, without what opens anything; times are UTC microseconds."""

    id: int
    name: str
    user: str
    hint: str
    scopes: list[Scope]
    created_at: int
    created_by: str
    expires_at: int
    last_used_at: int | None
    revoked_at: int | None

    @classmethod
    def of(cls, record: TokenRecord) -> "Token":
        """Return it as it is shown."""
        return cls.model_validate(record._asdict() | {"scopes": list(record.scopes)})


class TokenList(pydantic.BaseModel):
    """Tokens, newest first."""

    tokens: list[Token]


class NewToken(pydantic.BaseModel):
    """What a token is for, what it may do and for how long."""

    name: Annotated[str, pydantic.Field(min_length=1, max_length=MAX_NAME)]
    scopes: Annotated[
        list[Literal[Scope.READ, Scope.WRITE, Scope.UPLOAD, Scope.JOBS, Scope.METRICS]],
        pydantic.Field(min_length=1, max_length=5),
    ] = [Scope.READ]
    days: Annotated[int, pydantic.Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS


class MintedToken(pydantic.BaseModel):
    """A new token; `secret` is shown this once."""

    secret: str
    token: Token


@routes.add("GET", "/auth/ways", PUBLIC)
def ways(program: Program) -> Ways:
    """Tell how people log in here."""
    return Ways(password=True, single_sign_on=program.oidc is not None)


@routes.add("POST", "/auth/login", PUBLIC)
def login(request: Request, response: Response, program: Program, given: Credentials) -> Me:
    """Log in with a password; the answer sets the session's cookie."""
    check_place(request, program)
    shown = presented(request)
    found = program.logins.with_password(
        given.email,
        given.password,
        by=by(request, NOBODY),
        before=shown.cookies.get(program.site.cookie(shown), ""),
    )
    give_session(request, response, program, found)
    return Me.of(found.principal)


@routes.add("POST", "/auth/logout", ANYBODY, status_code=204)
def logout(request: Request, response: Response, program: Program, acting: Acting) -> None:
    """End the session; what has no session, such as a token, stays as it is."""
    end_session(request, response, program, acting)


@routes.add("POST", "/auth/password", PUBLIC, status_code=204)
def set_password(request: Request, program: Program, given: LinkedPassword) -> None:
    """Set a password with the link of an invitation or a reset, which is void then."""
    check_place(request, program)
    program.accounts.redeem(given.link, given.password, by=by(request, NOBODY))


@routes.add("GET", "/auth/oidc/login", PUBLIC, status_code=302, response_class=RedirectResponse)
def oidc_login(
    request: Request, program: Program, to: Annotated[str, Query(max_length=1000)] = "/"
) -> RedirectResponse:
    """Send the browser to the OpenID Connect provider; afterwards it goes to a path of ours."""
    provider = program.oidc
    if provider is None:
        raise NotFound("there is no single sign-on here")
    shown = presented(request)
    if not program.site.may_log_in(shown):
        raise Forbidden(PLAIN)
    begun = provider.begin(base_url=program.site.base_url(shown), to=to)
    answer = RedirectResponse(begun.url, 302)
    answer.set_cookie(
        program.site.cookie(shown, "oidc"),
        begun.cookie,
        max_age=begun.lives_s,
        secure=program.site.is_secure(shown),
        httponly=True,
        samesite="lax",  # the provider's page leads back here
    )
    return answer


@routes.add("GET", "/auth/oidc/callback", PUBLIC, status_code=303, response_class=RedirectResponse)
def oidc_callback(
    request: Request,
    program: Program,
    state: Annotated[str, Query(max_length=1000)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=1000)] = "",
    iss: Annotated[str, Query(max_length=1000)] = "",
) -> RedirectResponse:
    """Take the browser back from the OpenID Connect provider, and log it in."""
    provider = program.oidc
    if provider is None:
        raise NotFound("there is no single sign-on here")
    shown = presented(request)
    name = program.site.cookie(shown, "oidc")
    proven = provider.finish(
        cookie=shown.cookies.get(name, ""),
        state=state,
        code=code,
        error=error,
        issuer=iss,
        base_url=program.site.base_url(shown),
        by=by(request, NOBODY),
    )
    with program.store.write() as tx:
        found = program.logins.begin(
            tx,
            proven.user_id,
            by=by(request, NOBODY),
            how="oidc",
            before=shown.cookies.get(program.site.cookie(shown), ""),
        )
    answer = RedirectResponse(proven.to, 303)
    answer.delete_cookie(name, secure=program.site.is_secure(shown), httponly=True, samesite="lax")
    give_session(request, answer, program, found)
    return answer


@routes.add("GET", "/me", ANYBODY)
def me(caller: Caller) -> Me:
    """Tell who calls and what they may do."""
    return Me.of(caller)


@routes.add("PUT", "/me/password", OWN, status_code=204)
def change_password(request: Request, program: Program, acting: Acting, given: ChangedPassword) -> None:
    """Change one's own password; one's other sessions end."""
    shown = presented(request)
    cookie = shown.cookies.get(program.site.cookie(shown), "")
    program.logins.change_password(given.current, given.new, cookie=cookie, by=acting)


@routes.add("DELETE", "/me/sessions", OWN)
def end_other_sessions(request: Request, program: Program, acting: Acting) -> Ended:
    """End all of one's sessions but this one."""
    shown = presented(request)
    cookie = shown.cookies.get(program.site.cookie(shown), "")
    return Ended(sessions=program.logins.end_others(cookie, by=acting))


@routes.add("GET", "/me/tokens", OWN)
def list_own_tokens(program: Program, caller: Caller) -> TokenList:
    """List one's own tokens."""
    return TokenList(tokens=[Token.of(each) for each in program.tokens.listed(caller.name)])


@routes.add("POST", "/me/tokens", OWN, status_code=201)
def create_own_token(program: Program, acting: Acting, given: NewToken) -> MintedToken:
    """Make a token for oneself; it is shown this once."""
    minted = program.tokens.create(
        acting.principal.name, name=given.name, scopes=set(given.scopes), days=given.days, by=acting
    )
    return MintedToken(secret=minted.secret, token=Token.of(minted.token))


@routes.add("DELETE", "/me/tokens/{token_id}", OWN, status_code=204)
def revoke_own_token(program: Program, acting: Acting, token_id: Number) -> None:
    """Make one of one's own tokens void."""
    program.tokens.revoke(token_id, by=acting, key=acting.principal.name)
