"""`/marketplaces`: repositories of plugins, what their plugins would run, and which of them are trusted."""

from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.errors import BadInput, Busy, Conflict, NotFound
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.jobs.marketplaces import NAMES
from precedent.jobs.records import MARKETPLACES
from precedent.marketplaces import catalogue, contents
from precedent.marketplaces.model import Marketplace
from precedent.marketplaces.registry import one
from precedent.security.principals import Principal, Role, Scope

from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .rendering import done, render

routes = PageRoutes()
READER = allow(Role.VIEWER)
RUN = allow(Role.ADMIN, scope=Scope.JOBS)
MANAGE = allow(Role.ADMIN, scope=Scope.WRITE)
PAGE = "/marketplaces"
MAX_SHOWN_BYTES = 100_000
MOST_FILES = 200
_Name = Annotated[str, Path(max_length=63)]
_Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


@routes.add("GET", PAGE, READER)
def list_plugins(
    request: Request, program: Program, caller: Caller, text: _Text = "", edit: _Text = ""
) -> HTMLResponse:
    """List plugins, and for admins the marketplaces."""
    return _list(request, program, caller, text=text, edit=edit)


@routes.add("POST", PAGE, MANAGE)
def save(
    request: Request, program: Program, caller: Caller, acting: Acting, form: Form, edit: _Text = ""
) -> HTMLResponse | RedirectResponse:
    """Add a marketplace, or replace what is said of one."""
    try:
        given = _marketplace(form)
        if edit:
            program.marketplaces.change(edit, given, by=acting)
        else:
            program.marketplaces.add(given, by=acting)
    except (BadInput, Conflict, NotFound) as error:
        return _list(request, program, caller, edit=edit, given=form, fault=str(error))
    return done(request, PAGE, f"{given.name} is kept; the next sync reads it.")


@routes.add("POST", "/marketplaces/sync", RUN)
def sync(request: Request, program: Program, caller: Caller, form: Form) -> RedirectResponse:
    """Sync one marketplace, or all that are enabled."""
    name = form.text("name")
    if name:
        with program.store.read() as tx:
            one(tx, name)
    try:
        found = program.request(MARKETPLACES, by=caller.name, told={NAMES: [name]} if name else None)
    except Busy as busy:
        return done(request, PAGE, str(busy), bad=True)
    return done(request, PAGE, f"Run {found.id} reads it as soon as a worker is free.")


@routes.add("POST", "/marketplaces/{name}/remove", MANAGE)
def remove(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Remove a marketplace with its plugins."""
    program.marketplaces.remove(name, by=acting)
    return done(request, PAGE, f"{name} is gone; its plugins are served no longer.")


@routes.add("GET", "/marketplaces/{name}/plugins/{plugin}", READER)
def show_plugin(request: Request, program: Program, caller: Caller, name: _Name, plugin: _Name) -> HTMLResponse:
    """Show a plugin as it is to be trusted; to others than admins as it is served."""
    with program.store.read() as tx:
        found = catalogue.plugin(tx, name, plugin, caller)
    files = [
        (path, executable, len(data), contents.text(data, most=MAX_SHOWN_BYTES))
        for path, executable, data in contents.read(program.syncing.contents, found.content_hash)
    ]
    return render(
        request, "plugin.html", plugin=found, files=files[:MOST_FILES], left=max(0, len(files) - MOST_FILES),
        runs=[each for each in found.about.components if each.command], admin=caller.role is Role.ADMIN,
    )  # fmt: skip


@routes.add("POST", "/marketplaces/{name}/plugins/{plugin}/trust", MANAGE)
def trust(
    request: Request, program: Program, acting: Acting, name: _Name, plugin: _Name, form: Form
) -> RedirectResponse:
    """Serve a plugin as it was seen; when it is another by now, nothing is trusted."""
    try:
        program.marketplaces.trust(name, plugin, content_hash=form.text("content_hash", most=64), by=acting)
    except Conflict as error:
        return done(request, _place(name, plugin), str(error), bad=True)
    return done(request, _place(name, plugin), f"{plugin} is trusted and served.")


@routes.add("POST", "/marketplaces/{name}/plugins/{plugin}/block", MANAGE)
def block(request: Request, program: Program, acting: Acting, name: _Name, plugin: _Name) -> RedirectResponse:
    """Serve a plugin no longer."""
    program.marketplaces.block(name, plugin, by=acting)
    return done(request, _place(name, plugin), f"{plugin} is blocked.")


def _list(
    request: Request,
    program: App,
    caller: Principal,
    *,
    text: str = "",
    edit: str = "",
    given: Fields | None = None,
    fault: str = "",
) -> HTMLResponse:
    admin = caller.role is Role.ADMIN
    with program.store.read() as tx:
        plugins = catalogue.plugins(tx, caller, text=text)
        found = catalogue.marketplaces(tx) if admin else []
    edited = next((each for each in found if each.name == edit), None)
    return render(
        request, "marketplaces.html", status=400 if fault else 200, plugins=plugins, marketplaces=found, text=text,
        admin=admin, edit=edit if edited or given else "", edited=edited, given=given, fault=fault,
    )  # fmt: skip


def _marketplace(form: Fields) -> Marketplace:
    teams = [each.strip() for each in form.text("teams").split(",") if each.strip()]
    return Marketplace(
        name=form.text("name"), url=form.text("url", most=2_000).strip(), ref=form.text("ref").strip(),
        pin=form.text("pin").strip(), secret=form.text("secret").strip(), login=form.text("login"), teams=teams,
        enabled=form.text("enabled") == "yes",
    )  # fmt: skip


def _place(name: str, plugin: str) -> str:
    return f"{PAGE}/{quote(name, safe='')}/plugins/{quote(plugin, safe='')}"


PAGES = Pages(routes, (Entry("Plugins", PAGE, "shop", Group.OPERATION, READER),))
