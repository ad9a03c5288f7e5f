"""Writes down that somebody looked at what is another person's."""

from fastapi import Request

from precedent.app import App
from precedent.security import audit, visibility
from precedent.security.principals import Principal
from precedent.usage.sessions import Owned

from .access import by
from .questions import MAX_TEXT


def note_look(request: Request, program: App, caller: Principal, action: str, resource: str) -> None:
    """Write an audit row."""
    act = by(request, caller).act(action, resource, query=request.url.query[:MAX_TEXT])
    with program.store.write() as tx:
        audit.record(tx, act, now=program.clock.now())


def note_transcript(request: Request, program: App, caller: Principal, found: Owned, action: str) -> None:
    """Write an audit row when a transcript is somebody else's."""
    if visibility.is_anothers(caller, found.user_id):
        note_look(request, program, caller, action, f"transcript:{found.session_file}")
