"""`/processors`: what each has still to do, and transcripts that were given up on, to try again or drop."""

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from precedent.errors import BadInput
from precedent.http.access import Acting, PageRoutes, Program, allow
from precedent.jobs.records import PREFIX
from precedent.pipeline import backlog
from precedent.security import audit
from precedent.security.acting import By
from precedent.security.principals import Role, Scope

from .contract import Entry, Group, Pages
from .forms import Fields, Form
from .rendering import done, render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
OPERATE = allow(Role.ADMIN, scope=Scope.WRITE)
PAGE = "/processors"
ROWS = 200
MOST_NAME = 4_000


@routes.add("GET", PAGE, ADMIN)
def processors(request: Request, program: Program) -> HTMLResponse:
    """Show every processor and what was given up on."""
    with program.store.read() as tx:
        found = backlog.processors(tx, now=program.clock.now())
        failed = backlog.failed(tx, waiting=True)
    dead = [each for each in failed if each.next_attempt_at is None]
    waiting = [each for each in failed if each.next_attempt_at is not None]
    last = program.runs.last_begun(PREFIX + each.processor for each in found)
    return render(
        request,
        "processors.html",
        rows=[(each, last.get(PREFIX + each.processor)) for each in found],
        jobs=program.jobs,
        prefix=PREFIX,
        faults=program.processors.faults,
        dead=dead[:ROWS],
        dead_count=len(dead),
        waiting=waiting[:ROWS],
        due=sum(each.backlog for each in found),
        lag_us=max((each.lag_us for each in found), default=0),
        withheld=sum(each.withheld for each in found),
    )


@routes.add("POST", "/processors/retry", OPERATE)
def retry(request: Request, program: Program, acting: Acting, form: Form) -> RedirectResponse:
    """Try transcripts again, from their first attempt."""
    sessions, processor = _which(form)
    with program.store.write() as tx:
        count = backlog.retry(tx, sessions, processor=processor, now=program.clock.now())
        _note(
            tx,
            acting,
            action="retry_dead_letters",
            processor=processor,
            count=count,
            sessions=sessions,
            now=program.clock.now(),
        )
    return done(request, PAGE, f"To be tried again in the next run: {count:,}.")


@routes.add("POST", "/processors/drop", OPERATE)
def drop(request: Request, program: Program, acting: Acting, form: Form) -> RedirectResponse:
    """Take transcripts off the list without processing them."""
    sessions, processor = _which(form)
    with program.store.write() as tx:
        count = backlog.drop(tx, sessions, processor=processor)
        _note(
            tx,
            acting,
            action="drop_dead_letters",
            processor=processor,
            count=count,
            sessions=sessions,
            now=program.clock.now(),
        )
    return done(request, PAGE, f"Dropped from the list: {count:,}; the archive keeps them.")


def _which(form: Fields) -> tuple[list[str] | None, str]:
    """Return the transcripts, None for all, and the processor."""
    session, processor = form.text("session", most=MOST_NAME), form.text("processor")
    if not processor or bool(session) == (form.text("all") == "yes"):
        raise BadInput("name a processor, and one transcript or all")
    return ([session] if session else None), processor


def _note(
    tx: sa.Connection, by: By, *, action: str, processor: str, count: int, sessions: list[str] | None, now: int
) -> None:
    audit.record(tx, by.act(action, f"processor:{processor}", transcripts=count, sessions=sessions), now=now)


PAGES = Pages(routes, (Entry("Processors", PAGE, "process", Group.OPERATION, ADMIN),))
