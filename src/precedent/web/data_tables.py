"""`/data/tables`: sources and tables of other systems: what became of them, refreshing, making and changing them."""

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.errors import BadInput, Busy, Conflict, NotFound
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.jobs.records import DATA
from precedent.jobs.refreshing import TABLES
from precedent.security.principals import Role, Scope
from precedent.tables import listing
from precedent.tables.model import Kind, Mode, Source, TableSpec

from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .rendering import done, render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
RUN = allow(Role.ADMIN, scope=Scope.JOBS)
MANAGE = allow(Role.ADMIN, scope=Scope.WRITE)
PAGE = "/data/tables"
MOST_JSON = 20_000
T = TypeVar("T")
_Name = Annotated[str, Path(max_length=63)]
_Which = Annotated[str, Query(max_length=63)]
_SPEC = TableSpec(name="", source="", selection={"table": ""})
_SOURCE = Source(name="", kind=Kind.POSTGRESQL, place="")


@routes.add("GET", PAGE, ADMIN)
def list_tables(request: Request, program: Program) -> HTMLResponse:
    """Show every source and table."""
    with program.store.read() as tx:
        sources, tables = listing.sources(tx), listing.tables(tx, now=program.clock.now())
    return render(request, "data_tables.html", sources=sources, tables=tables)


@routes.add("POST", "/data/refresh", RUN)
def refresh(request: Request, program: Program, caller: Caller, form: Form) -> RedirectResponse:
    """Read a table from its source now, or all that are due."""
    name = form.text("name")
    if name:
        program.refreshing.known([name])
    back = f"{PAGE}/{name}" if name else PAGE
    try:
        found = program.request(DATA, by=caller.name, told={TABLES: [name]} if name else None)
    except Busy as busy:
        return done(request, back, str(busy), bad=True)
    return done(request, back, f"Run {found.id} reads it as soon as a worker is free.")


@routes.add("GET", "/data/tables/{name}", ADMIN)
def show_table(request: Request, program: Program, name: _Name) -> HTMLResponse:
    """Show a table with its columns and its history."""
    with program.store.read() as tx:
        table = listing.table(tx, name, now=program.clock.now())
        history = listing.refreshes(tx, name)
    profile = {each.name: each for each in table.profile}
    return render(
        request, "data_table.html", table=table, history=history, profile=profile, selection=_json(table.selection)
    )


@routes.add("GET", "/data/edit-table", MANAGE)
def edit_table(request: Request, program: Program, name: _Which = "") -> HTMLResponse:
    """Show the form of a table."""
    given: dict[str, Any] = msgspec.to_builtins(_SPEC)
    with program.store.read() as tx:
        if name:
            found = msgspec.structs.asdict(listing.table(tx, name, now=program.clock.now()))
            given = {each: found[each] for each in TableSpec.__struct_fields__}
    lists = {each: ", ".join(given[each]) for each in ("key_columns", "teams")}
    return _table_form(request, program, given=given | lists | {"selection": _json(given["selection"])}, name=name)


@routes.add("POST", "/data/edit-table", MANAGE)
def save_table(
    request: Request, program: Program, acting: Acting, form: Form, name: _Which = ""
) -> HTMLResponse | RedirectResponse:
    """Make a table, or replace what is said of it."""
    try:
        lists = {each: _names(form.text(each)) for each in ("key_columns", "teams")}
        spec = _made(TableSpec, {**form, **lists, "selection": _object(form, "selection")})
        if name:
            program.data_registry.change(name, spec, by=acting)
        else:
            program.data_registry.add(spec, by=acting)
    except (BadInput, Conflict, NotFound) as error:
        return _table_form(request, program, given=form, name=name, fault=str(error))
    return done(request, f"{PAGE}/{spec.name}", "The table is changed." if name else "The table is due at once.")


@routes.add("GET", "/data/edit-source", MANAGE)
def edit_source(request: Request, program: Program, name: _Which = "") -> HTMLResponse:
    """Show the form of a source."""
    with program.store.read() as tx:
        found = listing.source(tx, name) if name else _SOURCE
    return _source_form(request, given=msgspec.to_builtins(found) | {"options": _json(found.options)}, name=name)


@routes.add("POST", "/data/edit-source", MANAGE)
def save_source(
    request: Request, program: Program, acting: Acting, form: Form, name: _Which = ""
) -> HTMLResponse | RedirectResponse:
    """Make a source, or replace what is said of it."""
    try:
        given = _made(Source, {**form, "options": _object(form, "options")})
        if name:
            program.data_registry.change_source(name, given, by=acting)
        else:
            program.data_registry.add_source(given, by=acting)
    except (BadInput, Conflict, NotFound) as error:
        return _source_form(request, given=form, name=name, fault=str(error))
    return done(request, PAGE, f"The source {given.name} is kept.")


@routes.add("POST", "/data/tables/{name}/pause", MANAGE)
def pause_table(request: Request, program: Program, acting: Acting, name: _Name, form: Form) -> RedirectResponse:
    """Keep a table from being read by the schedule."""
    program.data_registry.pause(name, form.text("reason", most=200).strip() or "paused by hand", by=acting)
    return done(request, f"{PAGE}/{name}", f"{name} is paused.")


@routes.add("POST", "/data/tables/{name}/resume", MANAGE)
def resume_table(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Let a table be read by the schedule again."""
    program.data_registry.pause(name, "", by=acting)
    return done(request, f"{PAGE}/{name}", f"{name} is read by its schedule again.")


@routes.add("POST", "/data/tables/{name}/remove", MANAGE)
def remove_table(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Remove a table with its history and files."""
    program.data_registry.remove(name, by=acting)
    return done(request, PAGE, f"The table {name} is gone.")


@routes.add("POST", "/data/sources/{name}/remove", MANAGE)
def remove_source(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Remove a source that no table is read from."""
    try:
        program.data_registry.remove_source(name, by=acting)
    except (BadInput, Conflict) as error:
        return done(request, PAGE, str(error), bad=True)
    return done(request, PAGE, f"The source {name} is gone.")


def _table_form(request: Request, program: App, *, given: Any, name: str, fault: str = "") -> HTMLResponse:
    with program.store.read() as tx:
        sources = [(each.name, f"{each.name} ({each.kind})") for each in listing.sources(tx)]
    return render(
        request, "data_edit_table.html", status=400 if fault else 200, given=given, name=name, fault=fault,
        sources=sources, modes=[(each.value, each.value) for each in Mode],
    )  # fmt: skip


def _source_form(request: Request, *, given: Any, name: str, fault: str = "") -> HTMLResponse:
    return render(
        request, "data_edit_source.html", status=400 if fault else 200, given=given, name=name, fault=fault,
        kinds=[(each.value, each.value) for each in Kind],
    )  # fmt: skip


def _made(kind: type[T], given: dict[str, Any]) -> T:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(str(error)) from error


def _object(form: Fields, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(form.text(name, most=MOST_JSON) or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{name} is no JSON object: {error}") from error


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


PAGES = Pages(routes, (Entry("Tables", PAGE, "table", Group.OPERATION, ADMIN),))
