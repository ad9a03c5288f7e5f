"""`/jobs`: what the clock starts, what became of it, running something now; `/jobs/runs/{id}`: one run."""

from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.app import App
from precedent.errors import BadInput, Busy
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.jobs.overview import JobState, run_now, states
from precedent.jobs.records import Job, named
from precedent.jobs.runs import RunRecord
from precedent.scheduler.planning import next_due
from precedent.schedules import parse
from precedent.security.principals import Role, Scope

from .addresses import address
from .contract import Entry, Group, Pages
from .forms import Form
from .rendering import done, render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
RUN = allow(Role.ADMIN, scope=Scope.JOBS)
OPERATE = allow(Role.ADMIN, scope=Scope.WRITE)
RUNS = 25
MOST_REASON = 200
_Name = Annotated[str, Path(max_length=200)]
_Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


class Row(NamedTuple):
    """A job as it is listed; `next` is UTC microseconds."""

    job: Job
    state: JobState
    next: int
    paused: str
    running: bool
    asked: str


@routes.add("GET", "/jobs", ADMIN)
def list_jobs(request: Request, program: Program) -> HTMLResponse:
    """List every job."""
    rows = _rows(program, program.jobs)
    return render(
        request,
        "jobs.html",
        rows=rows,
        running=any(each.running for each in rows),
        newest=program.runs.latest(limit=10),
        now=program.clock.now(),
        took=took,
    )


@routes.add("GET", "/jobs/{name}", ADMIN)
def show_job(request: Request, program: Program, name: _Name, before: _Before = None) -> HTMLResponse:
    """Show a job with its runs."""
    record = named(program.jobs, name)
    runs = program.runs.latest(name, limit=RUNS, before=before)
    here = f"/jobs/{name}"
    return render(
        request,
        "job.html",
        row=_rows(program, {name: record})[0],
        runs=runs,
        first=here if before else "",
        following=address(here, before=runs[-1].id) if len(runs) == RUNS else "",
        now=program.clock.now(),
        took=took,
    )


@routes.add("POST", "/jobs/{name}/run", RUN)
def run_job(request: Request, program: Program, caller: Caller, name: _Name) -> RedirectResponse:
    """Run a job now, whether it is due or not."""
    if not named(program.jobs, name).runs:
        raise BadInput(f"{name} only reads; it has no runs")
    try:
        found = program.request(name, by=caller.name)
    except Busy as busy:
        return done(request, f"/jobs/{name}", str(busy), bad=True)
    return done(request, f"/jobs/runs/{found.id}", f"{name} was asked to run.")


@routes.add("POST", "/jobs/{name}/pause", OPERATE)
def pause_job(request: Request, program: Program, acting: Acting, name: _Name, form: Form) -> RedirectResponse:
    """Keep a job from being started by the clock."""
    reason = form.text("reason", most=MOST_REASON).strip()
    program.runs.pause(named(program.jobs, name), reason=reason or "paused by hand", by=acting.principal.name)
    return done(request, f"/jobs/{name}", f"{name} is paused.")


@routes.add("POST", "/jobs/{name}/resume", OPERATE)
def resume_job(request: Request, program: Program, acting: Acting, name: _Name) -> RedirectResponse:
    """Let the clock start a job again."""
    program.runs.pause(named(program.jobs, name), reason="", by=acting.principal.name)
    return done(request, f"/jobs/{name}", f"{name} runs by its schedule again.")


@routes.add("GET", "/jobs/runs/{run_id}", ADMIN)
def show_run(request: Request, program: Program, run_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> HTMLResponse:
    """Show one run with what it counted and what went wrong."""
    run = program.runs.get(run_id)
    counts: dict[str, Any] = msgspec.json.decode(run.counts)
    plain = {name: value for name, value in counts.items() if not isinstance(value, dict | list)}
    more = {name: value for name, value in counts.items() if name not in plain and value}
    return render(
        request,
        "run.html",
        run=run,
        known=run.name in program.jobs,
        took=took(run, program.clock.now()),
        counts=plain,
        more={name: msgspec.json.format(msgspec.json.encode(value)).decode() for name, value in more.items()},
    )


def took(run: RunRecord, now: int) -> int | None:
    """Return how long a run took, or has taken up to now, in microseconds."""
    return None if run.started_at is None else max(0, (run.finished_at or now) - run.started_at)


def _rows(program: App, records: dict[str, Job]) -> list[Row]:
    now, found = program.clock.now(), states(program.store, records)
    rows = []
    for name, record in records.items():
        state = found[name]
        memory = state.memory
        schedule = parse(record.schedule, name=name)
        due = next_due(schedule, memory.last_due_at if memory else None, now=now)
        paused = memory.paused_reason if memory else ""
        rows.append(Row(record, state, due, paused, bool(state.open_runs), run_now(record, state)))
    return rows


PAGES = Pages(routes, (Entry("Jobs", "/jobs", "clock", Group.OPERATION, ADMIN),))
