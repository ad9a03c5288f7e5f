"""Tables of other systems: keeping them fresh, having and asking them; `/api/sync`, `/api/data`, `/api/query`."""

from typing import Annotated, Any

import msgspec
from fastapi import Body, Path, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.http.access import Acting, Caller, Program, Routes, allow
from precedent.http.errors import ErrorAnswer
from precedent.jobs.records import DATA
from precedent.jobs.refreshing import TABLES
from precedent.security.principals import Role, Scope
from precedent.tables import listing
from precedent.tables.asking import Answer
from precedent.tables.listing import Offered, RefreshShown, TableShown
from precedent.tables.model import Source

from .data_questions import PauseGiven, SourceGiven, SqlGiven, TableGiven, Triggered
from .runs import ANSWERS, JOBS, AskedTerms, ask
from .structs import Removed, StructRoutes

routes = StructRoutes(tags=["data"])
plain_routes = Routes(tags=["data"])
READER = allow(Role.VIEWER)
ADMIN, MANAGE = allow(Role.ADMIN), allow(Role.ADMIN, scope=Scope.WRITE)
Named = Annotated[str, Path(max_length=63)]


class SourceList(msgspec.Struct, kw_only=True):
    """Sources, by name."""

    rows: list[Source]


class TableList(msgspec.Struct, kw_only=True):
    """Tables, by name."""

    rows: list[TableShown]


class RefreshList(msgspec.Struct, kw_only=True):
    """Looks at a table's source, newest first."""

    rows: list[RefreshShown]


class Manifest(msgspec.Struct, kw_only=True):
    """The tables that are for the caller, by name."""

    tables: list[Offered]


@plain_routes.add("POST", "/api/sync/trigger", JOBS, responses=ANSWERS)
async def trigger_refresh(
    request: Request,
    program: Program,
    caller: Caller,
    asked: AskedTerms,
    given: Annotated[Triggered | None, Body()] = None,
) -> Response:
    """Read tables from their sources: all that are due, or those that are named, whether they are due or not."""
    names = given.names() if given else None
    if names is not None:
        await run_in_threadpool(program.refreshing.known, names)
    told = None if names is None else {TABLES: names}
    return await ask(request, program, caller.name, DATA, asked, told=told)


@routes.add("GET", "/api/data/sources", ADMIN)
def list_sources(program: Program) -> SourceList:
    """List where tables are read from."""
    with program.store.read() as tx:
        return SourceList(rows=listing.sources(tx))


@routes.add("POST", "/api/data/sources", MANAGE)
def add_source(program: Program, by: Acting, given: SourceGiven) -> Source:
    """Make a source."""
    program.data_registry.add_source(given.source(), by=by)
    return _source(program, given.name)


@routes.add("GET", "/api/data/sources/{name}", ADMIN)
def show_source(program: Program, name: Named) -> Source:
    """Show a source."""
    return _source(program, name)


@routes.add("PUT", "/api/data/sources/{name}", MANAGE)
def change_source(program: Program, by: Acting, name: Named, given: SourceGiven) -> Source:
    """Replace what is said of a source; its tables are read whole again. Another host loses its secret."""
    program.data_registry.change_source(name, given.source(), by=by)
    return _source(program, name)


@routes.add("DELETE", "/api/data/sources/{name}", MANAGE)
def remove_source(program: Program, by: Acting, name: Named) -> Removed:
    """Remove a source that no table is read from."""
    program.data_registry.remove_source(name, by=by)
    return Removed(removed=name)


@routes.add("GET", "/api/data/tables", ADMIN)
def list_tables(program: Program) -> TableList:
    """List tables with what became of them."""
    with program.store.read() as tx:
        return TableList(rows=listing.tables(tx, now=program.clock.now()))


@routes.add("POST", "/api/data/tables", MANAGE)
def add_table(program: Program, by: Acting, given: TableGiven) -> TableShown:
    """Make a table; it is due at once."""
    program.data_registry.add(given.spec(), by=by)
    return _table(program, given.name)


@routes.add("GET", "/api/data/tables/{name}", ADMIN)
def show_table(program: Program, name: Named) -> TableShown:
    """Show a table with what became of it."""
    return _table(program, name)


@routes.add("PUT", "/api/data/tables/{name}", MANAGE)
def change_table(program: Program, by: Acting, name: Named, given: TableGiven) -> TableShown:
    """Replace what is said of a table; read in another way it is read whole again."""
    program.data_registry.change(name, given.spec(), by=by)
    return _table(program, name)


@routes.add("DELETE", "/api/data/tables/{name}", MANAGE)
def remove_table(program: Program, by: Acting, name: Named) -> Removed:
    """Remove a table with its history and files."""
    program.data_registry.remove(name, by=by)
    return Removed(removed=name)


@routes.add("POST", "/api/data/tables/{name}/pause", MANAGE)
def pause_table(program: Program, by: Acting, name: Named, given: PauseGiven) -> TableShown:
    """Keep a table from being read by the schedule."""
    program.data_registry.pause(name, given.reason, by=by)
    return _table(program, name)


@routes.add("POST", "/api/data/tables/{name}/resume", MANAGE)
def resume_table(program: Program, by: Acting, name: Named) -> TableShown:
    """Let a table be read by the schedule again."""
    program.data_registry.pause(name, "", by=by)
    return _table(program, name)


@routes.add("GET", "/api/data/tables/{name}/refreshes", ADMIN)
def list_refreshes(program: Program, name: Named) -> RefreshList:
    """List the last looks at a table's source."""
    with program.store.read() as tx:
        return RefreshList(rows=listing.refreshes(tx, name))


@routes.add("GET", "/api/data/manifest", READER)
def show_manifest(program: Program, caller: Caller) -> Manifest:
    """List the tables that are for the caller, with the files that they consist of."""
    with program.store.read() as tx:
        return Manifest(tables=listing.offered(tx, caller))


def _source(program: App, name: str) -> Source:
    with program.store.read() as tx:
        return listing.source(tx, name)


def _table(program: App, name: str) -> TableShown:
    with program.store.read() as tx:
        return listing.table(tx, name, now=program.clock.now())


_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {"application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The part that was asked for."},
    304: {"description": "The caller has it."},
    404: {"model": ErrorAnswer, "description": "There is no such file, or it is not for the caller."},
    416: {"description": "There is no such part."},
}


@plain_routes.add("GET", "/api/data/tables/{name}/files/{sha256}", READER, response_class=FileResponse, responses=_FILE)
def download_file(
    request: Request, program: Program, caller: Caller, name: Named, sha256: Annotated[str, Path(max_length=64)]
) -> Response:
    """Download a Parquet file of a table; its name is the SHA-256 of its bytes, and so is its ETag."""
    with program.store.read() as tx:
        path = listing.path(tx, caller, program.tables_root, name=name, sha256=sha256)
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, max-age=31536000, immutable"}
    known = {each.strip().removeprefix("W/").strip('"') for each in request.headers.get("if-none-match", "").split(",")}
    if sha256 in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type="application/vnd.apache.parquet", filename=f"{name}.parquet")


@routes.add("POST", "/api/query", READER)
def query(program: Program, caller: Caller, given: SqlGiven) -> Answer:
    """Answer one SELECT over the caller's tables and over usage figures, within limits of time, rows and memory."""
    return program.ask(caller, given.sql, max_rows=given.max_rows)
