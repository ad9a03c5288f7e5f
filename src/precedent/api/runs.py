"""Runs: asking for one, waiting for its end, looking at them; `/api/admin/runs`."""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pydantic
from fastapi import Depends, Header, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.errors import Busy, Misconfigured
from precedent.http.access import Program, Routes, allow
from precedent.http.errors import answer
from precedent.jobs.records import named
from precedent.jobs.runs import RunRecord
from precedent.security import audit
from precedent.security.principals import Role, Scope

routes = Routes(prefix="/api/admin", tags=["runs"])
JOBS = allow(Role.ADMIN, Role.SCHEDULER, scope=Scope.JOBS)
FIRST_LOOK_S, LONGEST_LOOK_S = 0.01, 0.5
RUNNING = "queued", "running"
LAST_INSTANT = 253_402_300_799_000_000
"""The last second of the year 9999, UTC microseconds; whoever reads numbers of JSON as floats reads it exactly."""

RESPOND_ASYNC = "respond-async"


class Run(pydantic.BaseModel):
    """One run; times are UTC microseconds."""

    id: int
    job: str
    state: str
    due_at: int | None
    requested_by: str
    requested_at: int
    started_at: int | None
    finished_at: int | None
    attempt: int
    duration_us: int | None
    counts: dict[str, Any]
    error_class: str
    error: str

    @classmethod
    def of(cls, record: RunRecord) -> "Run":
        """Return it as it is shown."""
        took = None
        if record.started_at is not None and record.finished_at is not None:
            took = max(0, record.finished_at - record.started_at)
        return cls(
            id=record.id, job=record.name, state=record.state, due_at=record.due_at, requested_by=record.requested_by,
            requested_at=record.requested_at, started_at=record.started_at, finished_at=record.finished_at,
            attempt=record.attempt, duration_us=took, counts=msgspec.json.decode(record.counts),
            error_class=record.error_class, error=record.error,
        )  # fmt: skip


class RunAnswer(pydantic.BaseModel):
    """What asking for a run gives.

    `ok` and `details` are there when the run has ended.
    """

    ok: bool | None
    run: Run
    url: str
    details: dict[str, Any]


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": RunAnswer, "description": "The run has ended."},
    202: {"model": RunAnswer, "description": "The run goes on; `Location` is its place."},
}
"""How a route that asks for a run answers."""


class Terms(pydantic.BaseModel):
    """How a run is asked for.

    Attributes:
        wait_s: seconds to wait for its end; None: until the end.
        due_at: the instant at which it was due, UTC microseconds; None outside the schedule.
    """

    wait_s: float | None
    due_at: int | None


def terms(
    wait: Annotated[
        Annotated[float, Field(ge=0, le=3600)] | SkipJsonSchema[None],
        Query(description="Seconds to wait for the end; without it, until the end."),
    ] = None,
    # Nobody can send a header that is null.
    due_at: Annotated[
        Annotated[int, Field(ge=0, le=LAST_INSTANT)] | SkipJsonSchema[None],
        Header(
            alias="Idempotency-Key",
            description="The instant at which the run was due, UTC microseconds. Each instant is one run at most.",
        ),
    ] = None,
    prefer: Annotated[
        str, Header(description="`respond-async` answers at once, with the place of the run (RFC 7240).")
    ] = "",
) -> Terms:
    """Read how a run is asked for."""
    wanted = {each.strip().lower() for each in prefer.split(",")}
    return Terms(wait_s=0.0 if wait is None and RESPOND_ASYNC in wanted else wait, due_at=due_at)


AskedTerms = Annotated[Terms, Depends(terms)]


async def ask(
    request: Request, program: App, by: str, name: str, asked: Terms, *, told: Mapping[str, object] | None = None
) -> Response:
    """Ask for a run of a job, and wait for its end as long as the caller wants; `told` is what its work is told.

    Raises:
        NotFound: there is no such job.
        Busy: it is running already, and its overlap rule takes no other run; that is audited.
    """
    record = named(program.jobs, name)
    try:
        number = (await run_in_threadpool(program.request, name, by=by, due_at=asked.due_at, told=told)).id
    except Busy as busy:
        details = {"error": str(busy), "run": busy.holder}
        act = audit.Act(by, record.action, record.resource, "conflict", details=details)
        await run_in_threadpool(note, program, request, act)
        raise
    ends = None if asked.wait_s is None else time.monotonic() + asked.wait_s
    pause = FIRST_LOOK_S
    while True:
        found = await run_in_threadpool(program.runs.get, number)
        left = pause if ends is None else min(pause, ends - time.monotonic())
        stopping = getattr(request.app.state, "stopping", False)
        if found.state not in RUNNING or left <= 0 or stopping or await request.is_disconnected():
            return _answer(request, found)
        await asyncio.sleep(left)
        pause = min(LONGEST_LOOK_S, pause * 1.5)


def _answer(request: Request, found: RunRecord) -> Response:
    shown = Run.of(found)
    url = f"/api/admin/runs/{found.id}"
    if found.state in RUNNING:
        body = RunAnswer(ok=None, run=shown, url=url, details={})
        return Response(body.model_dump_json(), 202, {"Location": url}, "application/json")
    if found.outcome in {"failed", "lost"}:
        kind = found.error_class or found.outcome
        if kind == Misconfigured.__name__:
            return answer(request, 503, "misconfigured", found.error, details={"run": found.id, "type": kind})
        return answer(request, 500, "run_failed", f"{kind}: {found.error}", details={"run": found.id, "type": kind})
    body = RunAnswer(ok=found.outcome == "done", run=shown, url=url, details=shown.counts)
    return Response(body.model_dump_json(), 200, None, "application/json")


def note(program: App, request: Request, act: audit.Act) -> None:
    """Audit a refused request, within bounds; see `security.refusals`."""
    act = act._replace(request_id=request.state.request_id, address=request.client.host if request.client else "")
    request.state.audited = True
    program.refusals.note(act)


@routes.add("GET", "/runs/{run_id}", JOBS)
def show_run(program: Program, run_id: int) -> Run:
    """Show one run."""
    return Run.of(program.runs.get(run_id))


class RunList(pydantic.BaseModel):
    """Runs, newest first; `next` is the `before` of the next page."""

    runs: list[Run]
    next: int | None


@routes.add("GET", "/runs", JOBS)
def list_runs(
    program: Program,
    job: str | None = None,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RunList:
    """List runs, newest first."""
    found = program.runs.latest(job, limit=limit, before=before)
    return RunList(runs=[Run.of(each) for each in found], next=found[-1].id if len(found) == limit else None)
