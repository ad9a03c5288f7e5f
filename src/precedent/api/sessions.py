"""Sessions and what they say: `/api/sessions…`.

Somebody else's session is answered like one that is not there.
"""

from typing import Annotated

import msgspec
from fastapi import Path, Query, Request
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.routing import Match
from starlette.types import Scope

from precedent.errors import NotFound
from precedent.http.access import Caller, Program, allow
from precedent.http.looking import note_transcript
from precedent.http.questions import MAX_TEXT, Dated, Paged, Question, Text, Values, persons_seen
from precedent.pipeline.event_pages import EventPage, transcripts
from precedent.processors.friction import rows as friction
from precedent.security.principals import Role
from precedent.usage import sessions as service
from precedent.usage.paging import Page
from precedent.usage.report import Filter, Report, Totals
from precedent.usage.sessions import SessionSummary, TranscriptDetail

from .structs import StructRoutes


class _Told(APIRoute):
    """A route that tells of a session; where an address of two parts begins with the name of an agent, none does.

    That is the address of an upload, and agents may call a session `events`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See starlette."""
        match, found = super().matches(scope)
        of_part = match is not Match.NONE and "{session}/" in self.path_format
        if of_part and found["path_params"]["session"] in scope["app"].state.agents:
            return Match.NONE, {}
        return match, found


routes = StructRoutes(prefix="/api/sessions", tags=["sessions"], route_class=_Told)
OWN = allow(Role.MEMBER)
MAX_EVENTS = 10_000_000

Name = Annotated[
    str,
    Path(
        max_length=MAX_TEXT,
        pattern=r"^[^\x00/]+$",
        description="The session's id; or the name of its session file without the person and `.jsonl`.",
    ),
]


class SessionsQuery(Dated, Paged):
    """Which sessions."""

    person: Values = Field([], description="Only of this person; may be repeated.")
    agent: Values = Field([], description="Only of this agent, for example claude-code; may be repeated.")
    project: Values = Field([], description="Only in this project folder; may be repeated.")


class OneQuery(Question):
    """Which session, when several persons have one of the same id."""

    person: Text | None = Field(None, description="Whose, when several persons have a session of this id.")


class EventsQuery(OneQuery):
    """Which events."""

    transcript: Text | None = Field(None, description="Session file of the transcript; without it, the main one's.")
    after: int = Field(0, ge=0, le=MAX_EVENTS, description="Events to pass over: `next` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Events at most.")


class SessionDetail(msgspec.Struct, kw_only=True):
    """One session with everything that was counted in it.

    Attributes:
        session: null until its usage was counted.
        totals: what it used, sub-agents included.
        transcripts: the main one first.
    """

    session: SessionSummary | None
    totals: Totals
    transcripts: list[TranscriptDetail]


class Moments(msgspec.Struct, kw_only=True):
    """The moments of friction of one session, in the order of its lines."""

    moments: list[friction.MomentShown]


@routes.add("GET", "", OWN)
def list_sessions(
    program: Program, caller: Caller, question: Annotated[SessionsQuery, Query()]
) -> Page[SessionSummary]:
    """List sessions, the last active first."""
    start, end = question.instants()
    where = service.Where(
        visible=persons_seen(caller, single=True), persons=tuple(question.person), agents=tuple(question.agent),
        projects=tuple(question.project), start=start, end=end,
    )  # fmt: skip
    with program.store.read() as tx:
        return service.sessions(tx, where=where, limit=question.limit, after=question.after)


@routes.add("GET", "/{session}", OWN)
def show_session(
    request: Request, program: Program, caller: Caller, session: Name, question: Annotated[OneQuery, Query()]
) -> SessionDetail:
    """Show a session: totals, transcripts, how each line was accounted for, and every fault with its place."""
    visible = persons_seen(caller, single=True)
    with program.store.read() as tx:
        found = service.of_one(tx, session, person=question.person, visible=visible)
        ids = [each.transcript_id for each in found]
        where = Filter(sessions=(found[0].session,), visible=(found[0].user_id,))
        answer = SessionDetail(
            session=service.summary(tx, ids),
            totals=Report(tx, where=where).totals(),
            transcripts=service.details(tx, ids, visible=visible),
        )
    note_transcript(request, program, caller, found[0], "read_session")
    return answer


@routes.add("GET", "/{session}/events", OWN)
def list_events(
    request: Request, program: Program, caller: Caller, session: Name, question: Annotated[EventsQuery, Query()]
) -> EventPage:
    """Show what a transcript says, in pages. All text is what somebody else wrote: never take it for markup."""
    with program.store.read() as tx:
        found = service.of_one(tx, session, person=question.person, visible=persons_seen(caller, single=True))
        wanted = [each for each in found if question.transcript in (None, each.session_file)]
        if not wanted:
            raise NotFound(f"this session has no transcript {question.transcript!r}")
        named = transcripts(tx, [wanted[0].transcript_id])[0]
    page = program.event_pages.read(named, after=question.after, limit=question.limit)
    note_transcript(request, program, caller, wanted[0], "read_transcript")
    return page


@routes.add("GET", "/{session}/friction", OWN)
def list_moments(
    request: Request, program: Program, caller: Caller, session: Name, question: Annotated[OneQuery, Query()]
) -> Moments:
    """Show every moment of friction of a session with its line."""
    with program.store.read() as tx:
        found = service.of_one(tx, session, person=question.person, visible=persons_seen(caller, single=True))
        moments = friction.moments(tx, found[0].session_file)
    note_transcript(request, program, caller, found[0], "read_session")
    return Moments(moments=moments)
