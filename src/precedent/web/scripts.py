"""`/scripts`: scheduled scripts: deploying, running, pausing, and what their runs print."""

from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.errors import BadInput, Busy, Conflict, TooLarge
from precedent.http.access import Acting, PageRoutes, Program, allow
from precedent.scripts import listing
from precedent.scripts.model import MAX_SOURCE_BYTES, Script
from precedent.security.principals import Role, Scope

from .addresses import address
from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .rendering import done, render

routes = PageRoutes()
ADMIN, MANAGE = allow(Role.ADMIN), allow(Role.ADMIN, scope=Scope.WRITE)
PAGE = "/scripts"
RUNS = 25
MOST_JSON = 100_000
_Name = Annotated[str, Path(max_length=63)]
_Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
_EXAMPLE = 'print("It is done.")\n'


@routes.add("GET", PAGE, ADMIN)
def list_scripts(request: Request, program: Program) -> HTMLResponse:
    """List scripts."""
    with program.store.read() as tx:
        rows = listing.scripts(tx, now=program.clock.now())
    return render(request, "scripts.html", rows=rows, going=any(_goes_on(each.last) for each in rows))


@routes.add("GET", "/scripts/deploy", MANAGE)
def deploy_form(request: Request, program: Program, name: Annotated[str, Query(max_length=63)] = "") -> HTMLResponse:
    """Show the form of a script."""
    given: dict[str, Any] = msgspec.to_builtins(Script(name="", source=_EXAMPLE))
    if name:
        with program.store.read() as tx:
            found = listing.one(tx, name, now=program.clock.now())
            source = listing.source(tx, name, found.version).source
        given = msgspec.structs.asdict(found) | {"source": source}
    texts = {each: msgspec.json.encode(given[each]).decode() for each in ("parameters", "secrets")}
    return render(request, "script_deploy.html", given=given | texts, name=name, fault="")


@routes.add("POST", "/scripts/deploy", MANAGE)
def deploy(
    request: Request,
    program: Program,
    acting: Acting,
    form: Form,
    name: Annotated[str, Query(max_length=63)] = "",
) -> HTMLResponse | RedirectResponse:
    """Deploy a script, or its next version."""
    try:
        made = _script(form)
        if name:
            program.script_registry.change(name, made, by=acting)
        else:
            program.script_registry.deploy(made, by=acting)
    except (BadInput, Conflict, TooLarge) as error:
        given = form | {"network": form.text("network") == "yes"}
        return render(request, "script_deploy.html", status=400, given=given, name=name, fault=str(error))
    return done(request, f"{PAGE}/{made.name}", f"{made.name} is deployed.")


@routes.add("GET", "/scripts/{name}", ADMIN)
def show_script(request: Request, program: Program, name: _Name, before: _Before = None) -> HTMLResponse:
    """Show a script."""
    with program.store.read() as tx:
        found = listing.one(tx, name, now=program.clock.now())
        runs = listing.runs(tx, name, limit=RUNS, before=before)
        versions = listing.versions(tx, name)
        source = listing.source(tx, name, found.version)
    here = f"{PAGE}/{name}"
    return render(
        request, "script.html", script=found, runs=runs, versions=versions, source=source.source,
        going=_goes_on(found.last), first=here if before else "",
        following=address(here, before=runs[-1].id) if len(runs) == RUNS else "",
    )  # fmt: skip


@routes.add("POST", "/scripts/{name}/run", MANAGE)
def run_script(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Have a worker run a script now."""
    try:
        number = program.ask_for_script(name, by=acting)
    except Busy as busy:
        return done(request, f"{PAGE}/{name}", str(busy), bad=True)
    return done(request, f"{PAGE}/runs/{number}", f"{name} was asked to run.")


@routes.add("POST", "/scripts/{name}/pause", MANAGE)
def pause_script(request: Request, program: Program, acting: Acting, name: _Name, form: Form) -> RedirectResponse:
    """Keep a script from being run by its schedule."""
    program.script_registry.pause(name, form.text("reason", most=200).strip() or "paused by hand", by=acting)
    return done(request, f"{PAGE}/{name}", f"{name} is paused.")


@routes.add("POST", "/scripts/{name}/resume", MANAGE)
def resume_script(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Let a script be run by its schedule again."""
    program.script_registry.resume(name, by=acting)
    return done(request, f"{PAGE}/{name}", f"{name} runs by its schedule again.")


@routes.add("POST", "/scripts/{name}/remove", MANAGE)
def remove_script(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Remove a script with its versions and runs."""
    program.script_registry.remove(name, by=acting)
    return done(request, PAGE, f"The script {name} is gone.")


@routes.add("GET", "/scripts/runs/{number}", ADMIN)
def show_run(request: Request, program: Program, number: Annotated[int, Path(ge=1, le=2**53)]) -> HTMLResponse:
    """Show a run with what it has printed up to now."""
    with program.store.read() as tx:
        run, output = listing.run(tx, number), listing.output(tx, number)
    return render(request, "script_run.html", run=run, output=output, going=_goes_on(run))


def _goes_on(run: listing.ScriptRunShown | None) -> bool:
    return run is not None and run.finished_at is None


def _script(form: Fields) -> Script:
    given: dict[str, Any] = {
        "name": form.text("name"), "source": form.text("source", most=MAX_SOURCE_BYTES).replace("\r\n", "\n"),
        "schedule": form.text("schedule", most=200).strip(), "network": form.text("network") == "yes",
        "timeout_s": form.text("timeout_s", most=6),
    }  # fmt: skip
    try:
        for each in ("parameters", "secrets"):
            given[each] = msgspec.json.decode(form.text(each, most=MOST_JSON) or "{}")
        return msgspec.convert(given, Script, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"this is no script: {error}") from error


PAGES = Pages(routes, (Entry("Scripts", PAGE, "script", Group.OPERATION, ADMIN),))
