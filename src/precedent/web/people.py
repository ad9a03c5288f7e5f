"""`/people`: accounts, teams, invitations, and erasing a person with everything of them."""

from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.archive import erasing
from precedent.errors import BadInput, Conflict, NotFound
from precedent.http.access import Acting, PageRoutes, Program, allow, presented
from precedent.security.accounts import INVITATION, RESET, Link
from precedent.security.principals import Role, Scope

from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .rendering import done, render

routes = PageRoutes()
MANAGE = allow(Role.ADMIN, scope=Scope.LOGIN)
PAGE = "/people"
ROLES = (Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN)
RECEIPTS = 20
_Key = Annotated[str, Path(max_length=300)]
_Name = Annotated[str, Path(max_length=100)]
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@routes.add("GET", PAGE, MANAGE)
def people(request: Request, program: Program) -> HTMLResponse:
    """Show accounts, teams and receipts."""
    return _list(request, program)


@routes.add("POST", PAGE, MANAGE)
def invite(request: Request, program: Program, acting: Acting, form: Form) -> HTMLResponse:
    """Make an account, and show the link with which its person sets a password."""
    try:
        email, name = form.text("email", most=200), form.text("name", most=200)
        made = program.accounts.create(email, role=_role(form), name=name, by=acting)
    except (BadInput, Conflict) as error:
        return _list(request, program, status=400, fault=str(error), given=form)
    link = program.accounts.link(made.key, kind=INVITATION, by=acting)
    return _one(request, program, made.key, link=link)


@routes.add("GET", "/people/{key}", MANAGE)
def show_person(request: Request, program: Program, key: _Key) -> HTMLResponse:
    """Show an account with its teams and tokens."""
    return _one(request, program, program.accounts.get(key).key)


@routes.add("POST", "/people/{key}/change", MANAGE)
def change_person(request: Request, program: Program, acting: Acting, key: _Key, form: Form) -> RedirectResponse:
    """Change role and name, or whether the account is active."""
    active = {"yes": True, "no": False}.get(form.text("active"))
    role = _role(form) if form.text("role") else None
    name = form.text("name", most=200) if "name" in form else None
    try:
        program.accounts.change(key, role=role, active=active, name=name, by=acting)
    except (BadInput, Conflict) as error:
        return done(request, _place(key), str(error), bad=True)
    said = "" if active is None else " is active again" if active else " may not log in any more; tokens are void"
    return done(request, _place(key), f"{key}{said or ' is changed'}.")


@routes.add("POST", "/people/{key}/reset", MANAGE)
def reset(request: Request, program: Program, acting: Acting, key: _Key) -> HTMLResponse:
    """Make a link with which the person sets a new password, and show it this once."""
    return _one(request, program, key, link=program.accounts.link(key, kind=RESET, by=acting))


@routes.add("POST", "/people/{key}/tokens/{token_id}/revoke", MANAGE)
def revoke(request: Request, program: Program, acting: Acting, key: _Key, token_id: _Number) -> RedirectResponse:
    """Make one of somebody's tokens void."""
    program.tokens.revoke(token_id, by=acting)
    return done(request, _place(key), "The token is void.")


@routes.add("POST", "/people/{key}/erase", MANAGE)
def erase(request: Request, program: Program, acting: Acting, key: _Key, form: Form) -> RedirectResponse:
    """Erase a person with everything of them; the form repeats whom."""
    if form.text("key") != key:
        return done(request, _place(key), "That is not the key of this person; nobody was erased.", bad=True)
    proof = program.erase_person(key, by=acting.principal.name, request_id=acting.request_id)
    return done(request, PAGE, f"The person is erased, with everything of them. Receipt {proof.id} is the proof.")


@routes.add("POST", "/teams", MANAGE)
def create_team(request: Request, program: Program, acting: Acting, form: Form) -> RedirectResponse:
    """Make a team."""
    try:
        made = program.teams.create(form.text("name", most=100), by=acting)
    except (BadInput, Conflict) as error:
        return done(request, PAGE, str(error), bad=True)
    return done(request, PAGE, f"There is a team {made.name} now.")


@routes.add("POST", "/teams/{name}/delete", MANAGE)
def delete_team(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Delete a team; its members stay."""
    try:
        program.teams.delete(name, by=acting)
    except Conflict as error:
        return done(request, PAGE, str(error), bad=True)
    return done(request, PAGE, f"The team {name} is gone.")


@routes.add("POST", "/teams/{name}/add", MANAGE)
def add_member(request: Request, program: Program, acting: Acting, name: _Name, form: Form) -> RedirectResponse:
    """Make somebody a member of a team."""
    program.teams.add(name, form.text("key"), by=acting)
    return done(request, PAGE, f"{form.text('key')} is in {name}.")


@routes.add("POST", "/teams/{name}/remove", MANAGE)
def remove_member(request: Request, program: Program, acting: Acting, name: _Name, form: Form) -> RedirectResponse:
    """Make somebody no member of a team any more."""
    program.teams.remove(name, form.text("key"), by=acting)
    return done(request, PAGE, f"{form.text('key')} is not in {name} any more.")


def _list(
    request: Request, program: App, *, status: int = 200, fault: str = "", given: Fields | None = None
) -> HTMLResponse:
    with program.store.read() as tx:
        receipts = erasing.receipts(tx, limit=RECEIPTS, before=None)
    return render(
        request, "people.html", status=status, accounts=program.accounts.listed(), teams=program.teams.listed(),
        receipts=receipts, roles=_choices(), fault=fault, given=given or {},
    )  # fmt: skip


def _one(request: Request, program: App, key: str, *, link: Link | None = None) -> HTMLResponse:
    found = program.accounts.get(key)
    return render(
        request,
        "person.html",
        account=found,
        url=link.url(program.site.base_url(presented(request))) if link else "",
        expires_at=link.expires_at if link else None,
        roles=_choices(),
        teams=[each for each in program.teams.listed() if found.key in each.members],
        tokens=program.tokens.listed(found.key),
        now=program.clock.now(),
    )


def _choices() -> list[tuple[str, str]]:
    return [(each.value, each.value) for each in ROLES]


def _role(form: Fields) -> Role:
    for each in ROLES:
        if each.value == form.text("role"):
            return each
    raise BadInput("there is no such role")


def _place(key: str) -> str:
    if not key:
        raise NotFound("nobody is named")
    return f"/people/{quote(key, safe='')}"


PAGES = Pages(routes, (Entry("People", PAGE, "people", Group.ADMINISTRATION, MANAGE),))
