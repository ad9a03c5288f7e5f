"""Notes for agents: taking them from laptops, showing them to their persons; `/api/notes`."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Query, Request
from pydantic import Field

from precedent.errors import BadInput, Forbidden
from precedent.http.access import Caller, Program, allow
from precedent.http.bodies import read_body
from precedent.http.errors import ErrorAnswer
from precedent.http.questions import Paged, Text
from precedent.knowledge.notes import listing
from precedent.knowledge.notes.listing import NoteRow, NoteShown
from precedent.knowledge.notes.model import MAX_BODY_BYTES, NotesSent, NotesTaken
from precedent.security.principals import Role, Scope
from precedent.usage.paging import Page

from .structs import StructRoutes

routes = StructRoutes(prefix="/api/notes", tags=["notes"])
READER, UPLOAD = allow(Role.VIEWER), allow(Role.MEMBER, scope=Scope.UPLOAD)

_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": said}
    for status, said in (
        (400, "no notes, too many, or wrongly named"),
        (403, "not a member, or no person"),
        (413, "too large"),
        (503, "the disk is full"),
    )
}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_NOTE = {"type": "object", "required": ["path", "text"], "properties": dict.fromkeys(("path", "folder", "text"), _TEXT)}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["device", "notes"],
                    "properties": {
                        "device": _TEXT,
                        "notes": {"type": "array", "items": _NOTE},
                        "unread": _TEXTS,
                    },
                }
            }
        },
    }
}


class NotesQuery(Paged):
    """Which notes, and which part of the list."""

    person: Annotated[Text, Field(description="Only of this person; others' notes are for admins.")] = ""
    removed: Annotated[bool, Field(description="Also those that are gone.")] = False


async def _body(request: Request) -> bytes:
    return await read_body(request, limit=MAX_BODY_BYTES, what="all notes together")


@routes.add("GET", "", READER)
def list_notes(program: Program, caller: Caller, question: Annotated[NotesQuery, Query()]) -> Page[NoteRow]:
    """List the caller's notes, and everybody's for admins, the newest first."""
    with program.store.read() as tx:
        return listing.paged(tx, caller, **question.model_dump())


@routes.add("GET", "/{note_id:int}", READER)
def show_note(program: Program, caller: Caller, note_id: Annotated[int, Path(ge=0, le=2**63 - 1)]) -> NoteShown:
    """Show a note with what was cut out of it."""
    with program.store.read() as tx:
        return listing.shown(tx, caller, note_id)


@routes.add("POST", "", UPLOAD, responses=_REFUSED, openapi_extra=_BODY)
def take_notes(program: Program, caller: Caller, body: Annotated[bytes, Depends(_body)]) -> NotesTaken:
    """Take all notes that one of the caller's devices has; what it had before and has no longer is gone."""
    if caller.user_id is None:
        raise Forbidden(f"{caller.name} is no person; send notes with a token of the person whose they are")
    program.disk.require_room()
    try:
        sent = msgspec.json.decode(body, type=NotesSent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"these are no notes: {error}") from error
    return program.memory.take(caller.user_id, sent)
