"""Scheduled scripts: deploying them, running them, and what their runs printed; `/api/scripts`."""

from typing import Annotated

import msgspec
from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from precedent.app import App
from precedent.http.access import Acting, Caller, Program, Routes, allow
from precedent.http.questions import whole
from precedent.jobs.records import SCRIPTS
from precedent.schedules import Fault, parse
from precedent.scripts import listing
from precedent.scripts.listing import Output, ScriptRunShown, ScriptShown, SourceShown, VersionShown
from precedent.scripts.model import LONGEST_TIMEOUT_S, MAX_SOURCE_BYTES, Script
from precedent.security.principals import Role, Scope

from .data_questions import PauseGiven
from .runs import ANSWERS, JOBS, LAST_INSTANT, AskedTerms, ask
from .structs import Removed, StructRoutes

routes = StructRoutes(prefix="/api/scripts", tags=["scripts"])
plain_routes = Routes(prefix="/api/scripts", tags=["scripts"])
ADMIN, MANAGE = allow(Role.ADMIN), allow(Role.ADMIN, scope=Scope.WRITE)
Named = Annotated[str, Path(max_length=63)]
Number = Annotated[int, Path(ge=1, le=LAST_INSTANT)]
Value = Annotated[str, Field(max_length=8_192)] | bool | int | float


class ScriptGiven(BaseModel):
    """A script that is to be deployed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(max_length=63)]
    source: Annotated[str, Field(max_length=MAX_SOURCE_BYTES, description="Python text, at most 1 MiB of UTF-8.")]
    schedule: Annotated[str, Field(max_length=200, description="Empty: it runs when somebody asks.")] = ""
    parameters: Annotated[dict[str, Value], Field(max_length=100)] = {}
    secrets: Annotated[
        dict[str, str], Field(max_length=100, description="Names of secrets, by environment variable.")
    ] = {}
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_S), BeforeValidator(whole)] = 300
    network: Annotated[bool, Field(description="It may use the network.")] = False

    @field_validator("schedule")
    @classmethod
    def _known(cls, text: str) -> str:
        """Refuse a bad schedule as any other bad field, with the column of the fault."""
        if text:
            try:
                parse(text, name="")
            except Fault as fault:
                raise ValueError(str(fault)) from fault
        return text

    def script(self) -> Script:
        """Return it as the service takes it."""
        return Script(**self.model_dump())


class ScriptList(msgspec.Struct, kw_only=True):
    """Scripts, by name."""

    rows: list[ScriptShown]


class VersionList(msgspec.Struct, kw_only=True):
    """Texts that were deployed, newest first."""

    rows: list[VersionShown]


class ScriptRunList(msgspec.Struct, kw_only=True):
    """Runs of a script, newest first.

    Attributes:
        next: the `before` of the next page; null when there is none.
    """

    rows: list[ScriptRunShown]
    next: int | None


@plain_routes.add("POST", "/run-due", JOBS, responses=ANSWERS)
async def run_due_scripts(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Have a worker run the scripts that are due."""
    return await ask(request, program, caller.name, SCRIPTS, asked)


@routes.add("GET", "", ADMIN)
def list_scripts(program: Program) -> ScriptList:
    """List scripts with their newest runs."""
    with program.store.read() as tx:
        return ScriptList(rows=listing.scripts(tx, now=program.clock.now()))


@routes.add("POST", "", MANAGE)
def deploy_script(program: Program, by: Acting, given: ScriptGiven) -> ScriptShown:
    """Deploy a script."""
    program.script_registry.deploy(given.script(), by=by)
    return _shown(program, given.name)


@routes.add("GET", "/{name}", ADMIN)
def show_script(program: Program, name: Named) -> ScriptShown:
    """Show a script with its next times and its newest run."""
    return _shown(program, name)


@routes.add("PUT", "/{name}", MANAGE)
def change_script(program: Program, by: Acting, name: Named, given: ScriptGiven) -> ScriptShown:
    """Replace what is said of a script; another text is its next version."""
    program.script_registry.change(name, given.script(), by=by)
    return _shown(program, name)


@routes.add("DELETE", "/{name}", MANAGE)
def remove_script(program: Program, by: Acting, name: Named) -> Removed:
    """Remove a script with its versions and runs; one under way is ended."""
    program.script_registry.remove(name, by=by)
    return Removed(removed=name)


@routes.add("POST", "/{name}/pause", MANAGE)
def pause_script(program: Program, by: Acting, name: Named, given: PauseGiven) -> ScriptShown:
    """Keep a script from being run by its schedule."""
    program.script_registry.pause(name, given.reason, by=by)
    return _shown(program, name)


@routes.add("POST", "/{name}/resume", MANAGE)
def resume_script(program: Program, by: Acting, name: Named) -> ScriptShown:
    """Let a script be run by its schedule again."""
    program.script_registry.resume(name, by=by)
    return _shown(program, name)


@routes.add("POST", "/{name}/run", MANAGE, status_code=202)
def run_script(program: Program, by: Acting, name: Named) -> ScriptRunShown:
    """Have a worker run a script now; 409 with the run when it is running already."""
    number = program.ask_for_script(name, by=by)
    with program.store.read() as tx:
        return listing.run(tx, number)


@routes.add("GET", "/{name}/versions", ADMIN)
def list_script_versions(program: Program, name: Named) -> VersionList:
    """List the versions of a script."""
    with program.store.read() as tx:
        return VersionList(rows=listing.versions(tx, name))


@routes.add("GET", "/{name}/versions/{number}", ADMIN)
def show_script_version(program: Program, name: Named, number: Number) -> SourceShown:
    """Show the text of a version."""
    with program.store.read() as tx:
        return listing.source(tx, name, number)


@routes.add("GET", "/{name}/runs", ADMIN)
def list_script_runs(
    program: Program,
    name: Named,
    before: Annotated[int | None, Query(ge=1, le=LAST_INSTANT)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ScriptRunList:
    """List runs of a script."""
    with program.store.read() as tx:
        found = listing.runs(tx, name, limit=limit, before=before)
    return ScriptRunList(rows=found, next=found[-1].id if len(found) == limit else None)


@routes.add("GET", "/runs/{number}", ADMIN)
def show_script_run(program: Program, number: Number) -> ScriptRunShown:
    """Show one run of a script."""
    with program.store.read() as tx:
        return listing.run(tx, number)


@routes.add("GET", "/runs/{number}/output", ADMIN)
def show_script_output(program: Program, number: Number) -> Output:
    """Show what a run has printed up to now."""
    with program.store.read() as tx:
        return listing.output(tx, number)


def _shown(program: App, name: str) -> ScriptShown:
    with program.store.read() as tx:
        return listing.one(tx, name, now=program.clock.now())
