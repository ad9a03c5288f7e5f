"""Jobs: looking at them, running one now, pausing one; `/api/admin/jobs`."""

from typing import Annotated

import pydantic
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.errors import BadInput
from precedent.http.access import Caller, Program, Routes, allow
from precedent.jobs.overview import JobState, run_now, states
from precedent.jobs.records import CatchUp, Job, Overlap, named
from precedent.scheduler.planning import next_due
from precedent.schedules import parse, upcoming
from precedent.security.principals import Role, Scope

from .runs import ANSWERS, JOBS, LAST_INSTANT, AskedTerms, Run, ask

routes = Routes(prefix="/api/admin", tags=["jobs"])
OPERATE = allow(Role.ADMIN, scope=Scope.WRITE)
MOST_INSTANTS = 500


class JobShown(pydantic.BaseModel):
    """One job with what became of it; times are UTC microseconds.

    `next_due_at` lies in the past when no scheduler has asked for what is due. `run_now` says what becomes of a run
    that is asked for now.
    """

    name: str
    description: str
    schedule: str
    method: str
    path: str
    timeout_s: int
    catch_up: CatchUp
    overlap: Overlap
    paused: str
    paused_at: int | None
    paused_by: str
    last_due_at: int | None
    next_due_at: int
    next: list[int]
    failures: int
    backoff_until: int | None
    last_run: Run | None
    run_now: str


class JobList(pydantic.BaseModel):
    """Every job, and the server's time."""

    jobs: list[JobShown]
    now: int


class Pausing(pydantic.BaseModel):
    """Why a job is paused."""

    reason: Annotated[str, pydantic.Field(min_length=1, max_length=200)] = "paused by hand"


class MissedInstants(pydantic.BaseModel):
    """Due instants at which nothing ran, UTC microseconds, and why."""

    instants: Annotated[
        list[Annotated[int, pydantic.Field(ge=0, le=LAST_INSTANT)]],
        pydantic.Field(max_length=MOST_INSTANTS),
    ]
    reason: Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class Noted(pydantic.BaseModel):
    """How many of them were not known yet."""

    noted: int


@routes.add("GET", "/jobs", JOBS)
def list_jobs(program: Program) -> JobList:
    """List every job with its schedule, the next times, and what became of it."""
    now = program.clock.now()
    found = states(program.store, program.jobs)
    return JobList(jobs=[_shown(record, found[record.name], now) for record in program.jobs.values()], now=now)


@routes.add("GET", "/jobs/{name}", JOBS)
def show_job(program: Program, name: str) -> JobShown:
    """Show one job."""
    return _show(program, named(program.jobs, name))


@routes.add("POST", "/jobs/{name}/run", JOBS, responses=ANSWERS)
async def run_job(request: Request, program: Program, caller: Caller, name: str, asked: AskedTerms) -> Response:
    """Run a job now, whether it is due or not; its overlap rule says what becomes of it beside another run."""
    if not named(program.jobs, name).runs:
        raise BadInput(f"{name} only reads; ask {program.jobs[name].method} {program.jobs[name].path} itself")
    return await ask(request, program, caller.name, name, asked)


@routes.add("POST", "/jobs/{name}/pause", OPERATE)
def pause_job(program: Program, caller: Caller, name: str, given: Pausing) -> JobShown:
    """Keep a job from being started by the clock; each due instant becomes a skipped row. It can be run by hand."""
    record = named(program.jobs, name)
    program.runs.pause(record, reason=given.reason, by=caller.name)
    return _show(program, record)


@routes.add("POST", "/jobs/{name}/resume", OPERATE)
def resume_job(program: Program, caller: Caller, name: str) -> JobShown:
    """Let the clock start a job again."""
    record = named(program.jobs, name)
    program.runs.pause(record, reason="", by=caller.name)
    return _show(program, record)


@routes.add("POST", "/jobs/{name}/missed", JOBS)
async def note_missed(program: Program, caller: Caller, name: str, given: MissedInstants) -> Noted:
    """Note due instants at which nothing ran, each once; those that have a run already are left as they are."""
    record = named(program.jobs, name)
    noted = await run_in_threadpool(program.runs.missed, record, given.instants, by=caller.name, reason=given.reason)
    return Noted(noted=noted)


def _show(program: App, record: Job) -> JobShown:
    found = states(program.store, {record.name: record})
    return _shown(record, found[record.name], program.clock.now())


def _shown(record: Job, state: JobState, now: int) -> JobShown:
    schedule = parse(record.schedule, name=record.name)
    memory = state.memory
    last_due_at = memory.last_due_at if memory else None
    next_due_at = next_due(schedule, last_due_at, now=now)
    return JobShown(
        name=record.name,
        description=record.description,
        schedule=record.schedule,
        method=record.method,
        path=record.path,
        timeout_s=record.timeout_s,
        catch_up=record.catch_up,
        overlap=record.overlap,
        paused=memory.paused_reason if memory else "",
        paused_at=memory.paused_at if memory else None,
        paused_by=memory.paused_by if memory else "",
        last_due_at=last_due_at,
        next_due_at=next_due_at,
        next=[next_due_at, *upcoming(schedule, after=max(now, next_due_at), count=4)],
        failures=memory.failures if memory else 0,
        backoff_until=memory.backoff_until or None if memory else None,
        last_run=Run.of(state.last_run) if state.last_run else None,
        run_now=run_now(record, state),
    )
