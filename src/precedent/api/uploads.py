"""Uploads of transcripts: `/api/sessions/{agent}/{native_id}`; see docs/reference/uploads.md."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar

import anyio
import pydantic
from anyio import CapacityLimiter
from fastapi import Depends, Path, Query, Request
from starlette.requests import ClientDisconnect

from precedent.app import App
from precedent.archive.bodies import Body
from precedent.archive.receiving import Address, Standing, Upload, plain_address
from precedent.errors import BadInput, Forbidden, TooLarge
from precedent.http.access import Caller, Program, Routes, allow
from precedent.http.errors import ErrorAnswer
from precedent.security.principals import Principal, Role, Scope

routes = Routes(prefix="/api/sessions", tags=["uploads"])
UPLOAD = allow(Role.MEMBER, scope=Scope.UPLOAD)
AT_A_TIME = 8
"""Bodies that are received at a time by a process; further ones wait."""
WORKING = 4
"""Of them, those that are scrubbed and archived at a time."""
IDLE_S = 60.0
"""Without a byte for so long, a body is given up."""
PIECE_BYTES = 1 << 20
MAX_ID = 512
_T = TypeVar("_T")


class Places:
    """Who may upload now; the others wait, with their bodies not yet read."""

    def __init__(self) -> None:
        self.bodies = asyncio.Semaphore(AT_A_TIME)
        self.work = CapacityLimiter(WORKING)


class Stands(pydantic.BaseModel):
    """How much of a source the server has.

    `offset` is in bytes of the source; `digest` is of the last block of 64 KiB before it, and `at_digest` of the one
    before the place that was asked for; both are empty when they are not known. `state` names exactly this standing.
    """

    offset: int
    digest: str
    state: str
    at_digest: str

    @classmethod
    def of(cls, found: Standing) -> "Stands":
        """Return it as it is shown."""
        return cls(offset=found.offset, digest=found.digest, state=found.state, at_digest=found.at_digest)


class Taken(Stands):
    """What became of an upload: how many of its bytes were taken, and how many secrets were found in them here."""

    taken: int
    redactions: int


class Withdrawn(pydantic.BaseModel):
    """Whether there was something to remove."""

    withdrawn: bool


def _address(
    agent: Annotated[str, Path(max_length=100)],
    native_id: Annotated[str, Path(max_length=MAX_ID, description="The session's id as its agent gave it.")],
    agent_id: Annotated[str, Query(max_length=MAX_ID, description="The sub-agent whose transcript it is.")] = "",
    parent_id: Annotated[str, Query(max_length=MAX_ID, description="The session that it came from.")] = "",
    device: Annotated[str, Query(max_length=100, description="Tells the devices of a person apart.")] = "",
    agent_type: Annotated[str, Query(max_length=200, description="Of the sub-agent, where it is known.")] = "",
) -> Address:
    return plain_address(Address(agent, native_id, agent_id, parent_id, device, agent_type))


_Address = Annotated[Address, Depends(_address)]
_REFUSED = {
    status: {"model": ErrorAnswer, "description": said}
    for status, said in (
        (400, "damaged, or against the protocol"),
        (403, "not a member, or private"),
        (404, "no such agent"),
        (409, "stands elsewhere; `details` has `offset`, `digest` and `state`"),
        (410, "the session was deleted"),
        (413, "too large, or a bomb"),
        (415, "not the agent's content, or another encoding"),
        (429, "enough for today"),
        (503, "busy, or the disk is full"),
    )
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@routes.add("GET", "/{agent}/{native_id}", UPLOAD, responses={s: _REFUSED[s] for s in (403, 404, 410)})
def show_standing(
    program: Program,
    caller: Caller,
    address: _Address,
    at: Annotated[int | None, Query(ge=0, le=1 << 62, description="Also tell the digest before this place.")] = None,
) -> Stands:
    """Tell how much of one of the caller's transcripts is here, so that its upload can go on."""
    return Stands.of(program.receiver.standing(_person(caller), address, at=at))


@routes.add("POST", "/{agent}/{native_id}", UPLOAD, responses=_REFUSED, openapi_extra=_BODY)
async def upload(
    request: Request,
    program: Program,
    caller: Caller,
    address: _Address,
    at: Annotated[int, Query(ge=0, le=1 << 62, description="Place in the source at which the body starts.")],
    state: Annotated[str | None, Query(max_length=100, description="The standing that is continued.")] = None,
    replace: Annotated[bool, Query(description="The source was rewritten; the body is its new beginning.")] = False,
) -> Taken:
    """Take whole lines of one of the caller's transcripts, from a place on."""
    person = _person(caller)
    max_bytes = program.settings.upload_max_mb << 20
    claimed = _length(request)
    if claimed > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes >> 20} MiB; send the source in smaller parts")
    places: Places = request.app.state.uploads
    async with places.bodies:
        await _work(places, program.disk.require_room)
        await _work(places, lambda: program.receiver.admit(person, size_bytes=claimed))
        with Body(encoding=request.headers.get("content-encoding", ""), max_bytes=max_bytes) as body:
            async for piece in _pieces(request):
                await _work(places, lambda piece=piece: body.add(piece))  # type: ignore[misc]
            found = await _work(places, lambda: _receive(program, person, body, address, at, state, replace))
    return Taken(**Stands.of(found).model_dump(), taken=found.taken, redactions=found.redactions)


def _receive(
    program: App, person: int, body: Body, address: Address, at: int, state: str | None, replace: bool
) -> Standing:
    descriptor = body.content()
    return program.receiver.receive(person, Upload(address, at, state, replace, descriptor))


@routes.add("DELETE", "/{agent}/{native_id}", UPLOAD, responses={s: _REFUSED[s] for s in (403, 404, 410, 503)})
def withdraw(program: Program, caller: Caller, address: _Address) -> Withdrawn:
    """Remove one of the caller's transcripts, which they now keep private, with everything derived from it."""
    return Withdrawn(withdrawn=program.receiver.withdraw(_person(caller), address))


async def _work(places: Places, work: Callable[[], _T]) -> _T:
    """Do something that blocks, off the loop; not in the threads of other routes, which uploads must not fill."""
    return await anyio.to_thread.run_sync(work, limiter=places.work)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces that are worth a thread.

    Raises:
        BadInput: its sender went away or fell silent.
    """
    piece = bytearray()
    stream = aiter(request.stream())
    try:
        while True:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(stream, None)
            if chunk is None:
                break
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    except (ClientDisconnect, TimeoutError) as error:
        raise BadInput("the body ended before its end; nothing of it was kept") from error
    if piece:
        yield bytes(piece)


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _person(caller: Principal) -> int:
    if caller.user_id is None:
        raise Forbidden(f"{caller.name} is no person; upload with a token of the person whose sessions they are")
    return caller.user_id
