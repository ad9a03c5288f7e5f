"""`/sessions`: the list, and one session with what its transcripts say.

All text of a transcript is what somebody else wrote: the templates escape it, and nothing takes it for markup.
"""

import sys
from collections import defaultdict
from typing import Annotated, Any, NamedTuple

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field, model_validator

from precedent.app import App
from precedent.errors import NotFound
from precedent.http.access import Acting, Caller, PageRoutes, Program, allow
from precedent.http.looking import note_transcript
from precedent.http.questions import MAX_TEXT, Cursor, Dated, Question, Text, Values, persons_seen
from precedent.knowledge.marks import Mark, marks
from precedent.pipeline import event_search
from precedent.pipeline.event_pages import EventPage, EventShown, Named, transcripts
from precedent.pipeline.event_search import Hits
from precedent.processors.friction import rows as friction
from precedent.processors.friction.rows import MomentShown
from precedent.security import visibility
from precedent.security.principals import Role, Scope
from precedent.usage import sessions as service
from precedent.usage.report import Filter, Report
from precedent.usage.sessions import FaultyLine, Owned

from .addresses import address
from .addresses import session as session_address
from .asking import chips, choices, given_fields
from .contract import Entry, Group, Pages
from .rendering import done, render
from .usage_tables import tokens

routes = PageRoutes()
OWN = allow(Role.MEMBER)
PER_PAGE = 50
EVENTS = 100
MAX_EVENTS = 10_000_000
FOLDED = frozenset({"result", "instruction", "summary", "context"})
"""Kinds of events whose text is folded: nobody reads along in them."""
LONG = 1_500
"""Characters from which on any text is folded."""

Name = Annotated[str, Path(max_length=MAX_TEXT, pattern=r"^[^\x00/]+$")]


class SessionsQuery(Dated):
    """Which sessions."""

    person: Values = Field([])
    agent: Values = Field([])
    project: Values = Field([])
    after: Cursor | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class OneQuery(Question):
    """Which part of which session.

    Attributes:
        line: the page that shows this line is led to.
        offset: likewise, of the line that begins at this byte.
        q: words to search for.
    """

    person: Text | None = None
    transcript: Text | None = None
    after: int = Field(0, ge=0, le=MAX_EVENTS)
    line: int = Field(0, ge=0, le=MAX_EVENTS)
    offset: int | None = Field(None, ge=0, le=2**62)
    q: Text = ""
    searched: int = Field(0, ge=0, le=MAX_EVENTS)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class Line(NamedTuple):
    """An event as the page shows it.

    Attributes:
        number: of events before it.
        folded: its text is hidden until somebody opens it.
        marks: items that its line is evidence of.
        moments: of friction on its line.
        defects: on its line.
        tokens: of its requests: read, written to a cache, read from one, answered.
        first: it is the first one of its line.
        faulty: lines that could not be read, between this event and the next.
    """

    number: int
    event: EventShown
    folded: bool
    marks: list[Mark]
    moments: list[MomentShown]
    tokens: tuple[int, int, int, int] | None
    first: bool
    faulty: list[FaultyLine]


@routes.add("GET", "/sessions", OWN)
def list_sessions(
    request: Request, program: Program, caller: Caller, question: Annotated[SessionsQuery, Query()]
) -> HTMLResponse:
    """List sessions, the last active first."""
    start, end = question.instants()
    visible = persons_seen(caller, single=True)
    where = service.Where(
        visible=visible, persons=tuple(question.person), agents=tuple(question.agent),
        projects=tuple(question.project), start=start, end=end,
    )  # fmt: skip
    with program.store.read() as tx:
        page = service.sessions(tx, where=where, limit=PER_PAGE, after=question.after)
        shown = choices(Report(tx, where=Filter(visible=visible)), caller, "person", "project", "agent")
    return render(
        request, "sessions.html", asked=question, page=page, choices=shown, everybody=visible is None,
        filtered=bool(question.person or question.agent or question.project or question.since or question.until),
        chips=chips("/sessions", question), link=session_address,
        first=address("/sessions", question) if question.after else "",
        following=address("/sessions", question, after=page.next) if page.next else "",
    )  # fmt: skip


@routes.add("GET", "/sessions/{session}", OWN)
def show_session(
    request: Request, program: Program, caller: Caller, session: Name, question: Annotated[OneQuery, Query()]
) -> HTMLResponse | RedirectResponse:
    """Show a session: its figures, what its transcript says page by page, and what was found in it."""
    visible = persons_seen(caller, single=True)
    with program.store.read() as tx:
        found = service.of_one(tx, session, person=question.person, visible=visible)
        chosen = _chosen(found, question.transcript)
        named = next(iter(transcripts(tx, [chosen.transcript_id])), None)
        ids = [each.transcript_id for each in found]
        where = Filter(sessions=(chosen.session,), visible=(chosen.user_id,))
        totals = Report(tx, where=where).totals()
        summary = service.summary(tx, ids)
        details = service.details(tx, ids, visible=visible)
        marked = marks(tx, caller, ids, now=program.clock.now())
        moments = friction.moments(tx, chosen.session_file)
        faulty = service.faulty(tx, chosen.transcript_id)
    more: dict[str, Any] = {"person": question.person, "transcript": question.transcript}
    line = question.line
    if question.offset is not None and named is not None:
        line = event_search.line_at(program.event_pages, named, byte_offset=question.offset)
    if line and named is not None:
        number = event_search.number_of(program.event_pages, named, line=line)
        to = session_address(session, **more, after=number // EVENTS * EVENTS, q=question.q)
        return RedirectResponse(f"{to}#L{line}", 303)
    page, hits = _read(program, named, question)
    note_transcript(request, program, caller, chosen, "read_transcript")
    here: dict[str, Any] = {
        "name": session,
        "more": more,
        "link": session_address,
        "at": lambda number, **extra: session_address(session, **more, after=number // EVENTS * EVENTS, **extra),
        "line": lambda line, **extra: session_address(session, **more | extra, line=line),
    }
    mine = [each for each in marked if each.transcript_id == chosen.transcript_id]
    here_moments = [each for each in moments if each.session_file == chosen.session_file]
    return render(
        request, "session.html", **here, asked=question, chosen=chosen, summary=summary, totals=totals,
        all_tokens=tokens(totals), details=details, marks=marked, moments=moments,
        files={each.transcript_id: each.session_file for each in found},
        lines=_lines(page, question.after, mine, here_moments, faulty) if page else [],
        following=question.after + EVENTS if page and len(page.events) > EVENTS else None, hits=hits, per_page=EVENTS,
        mine=not visibility.is_anothers(caller, chosen.user_id),
        may_erase=caller.may(roles=frozenset({Role.MEMBER}), scope=Scope.WRITE),
    )  # fmt: skip


@routes.add("POST", "/sessions/{session}/erase", allow(Role.MEMBER, scope=Scope.WRITE))
def erase_session(
    request: Request, program: Program, acting: Acting, session: Name, question: Annotated[OneQuery, Query()]
) -> RedirectResponse:
    """Erase a session with everything derived from it; nothing brings it back."""
    caller = acting.principal
    with program.store.read() as tx:
        visible = visibility.visible_users(caller)
        found = service.of_one(tx, session, person=question.person, visible=visible)[0]
    program.erase_session(
        found.session_file, by=caller.name, owner=found.user_id, request_id=request.state.request_id
    )  # fmt: skip
    return done(request, "/sessions", "The session was erased with everything derived from it.")


def _chosen(found: list[Owned], transcript: str | None) -> Owned:
    wanted = [each for each in found if transcript in (None, each.session_file)]
    if not wanted:
        raise NotFound("this session has no such transcript")
    return wanted[0]


def _read(program: App, named: Named | None, question: OneQuery) -> tuple[EventPage | None, Hits | None]:
    if named is None:
        return None, None
    # One more than is shown: its line says which faulty lines stand before it, and that there is a next page.
    page = program.event_pages.read(named, after=question.after, limit=EVENTS + 1)
    if not question.q:
        return page, None
    return page, event_search.search(program.event_pages, named, words=question.q, after=question.searched)


def _lines(
    page: EventPage, after: int, marked: list[Mark], moments: list[MomentShown], faulty: list[FaultyLine]
) -> list[Line]:
    by_line: dict[int, list[Mark]] = defaultdict(list)
    for mark in marked:
        by_line[mark.line].append(mark)
    friction_by_line: dict[int, list[MomentShown]] = defaultdict(list)
    for moment in moments:
        friction_by_line[moment.line].append(moment)
    found, last = [], 0
    following = [*(each.line for each in page.events[1:]), sys.maxsize][: len(page.events)]
    for number, (event, until) in enumerate(zip(page.events, following, strict=True)):
        if number == EVENTS:
            break
        begin = event.line if number or after else 0
        between = [each for each in faulty if begin <= each.line < until]
        found.append(
            Line(
                number=after + number,
                event=event,
                folded=event.kind in FOLDED or len(event.text) > LONG,
                marks=by_line.pop(event.line, []),
                moments=friction_by_line.pop(event.line, []),
                tokens=_tokens(event),
                first=event.line != last,
                faulty=between,
            )
        )
        last = event.line
    return found


def _tokens(event: EventShown) -> tuple[int, int, int, int] | None:
    if not event.requests:
        return None
    return (
        sum(each.input_tokens for each in event.requests),
        sum(each.cache_write_5m_tokens + each.cache_write_1h_tokens for each in event.requests),
        sum(each.cache_read_tokens for each in event.requests),
        sum(each.output_tokens for each in event.requests),
    )


PAGES = Pages(routes, (Entry("Sessions", "/sessions", "sessions", Group.FIGURES, OWN),))
