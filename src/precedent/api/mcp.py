"""The Model Context Protocol over HTTP: `/mcp`, the tools of `precedent mcp` for whoever shows a token.

Each call stands by itself: no session is kept, so nothing grows and any process may answer.
"""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request, Response
from starlette.types import Message
from starlette.types import Scope as AsgiScope

from precedent.app import App
from precedent.client.known import Known, Shown
from precedent.errors import BadInput, Forbidden
from precedent.http.access import Acting, Program, Routes, allow
from precedent.http.bodies import read_body
from precedent.knowledge import listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Item, Status
from precedent.knowledge.search import search_items
from precedent.security.acting import By
from precedent.security.principals import Role, Scope

routes = Routes(tags=["knowledge"])
CALLER, PROPOSES = allow(Role.VIEWER), allow(Role.MEMBER, scope=Scope.WRITE)
MAX_BODY_BYTES = 1 << 20

_MESSAGE = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "the answer", "content": {"application/json": {"schema": {"type": "object"}}}},
    202: {"description": "taken; such a message has no answer"},
}


async def _body(request: Request) -> bytes:
    return await read_body(request, limit=MAX_BODY_BYTES, what="the message")


@routes.add("POST", "/mcp", CALLER, openapi_extra=_MESSAGE, responses=_ANSWERS, response_class=Response)
async def speak_mcp(request: Request, program: Program, by: Acting, body: Annotated[bytes, Depends(_body)]) -> Response:
    """Answer a message of the Model Context Protocol (streamable HTTP, one JSON answer to each)."""
    status, answer = await _answered(Services(program, by), request.scope, body)
    if status >= 400:  # what the library says of it tells of its own parts
        raise BadInput(
            "this is no message of the Model Context Protocol: send JSON-RPC 2.0 as application/json, and accept "
            "application/json and text/event-stream"
        )
    return Response(answer, status, media_type="application/json" if answer else None)


async def _answered(services: "Services", scope: AsgiScope, body: bytes) -> tuple[int, bytes]:
    """Return status and body of what the protocol's own library answers to a message."""
    # The library is heavy, and most servers are never spoken to.
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

    from precedent.client.tools import tools  # noqa: PLC0415

    sent: list[Message] = []
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    server = tools(services)
    # Whoever shows no token of ours was refused already, wherever the page stands that made a browser ask.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server.streamable_http_app(
        stateless_http=True, json_response=True, max_request_body_size=MAX_BODY_BYTES, transport_security=security
    )
    manager = server.session_manager
    async with manager.run():
        await manager.handle_request(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class Services(NamedTuple):
    """The services themselves, for one caller; see `client.known.Source`."""

    program: App
    by: By

    def search(self, text: str, *, limit: int) -> list[Known]:
        """Return approved items that the caller sees, the best first."""
        who, where, now = self.by.principal, Filter(statuses=(Status.APPROVED,)), self.program.clock.now()
        meanings = self.program.meanings
        with self.program.store.read() as tx:
            found = search_items(tx, who, text, where=where, now=now, limit=limit, meanings=meanings)
        return [_known(each) for each in found]

    def get(self, number: int) -> Shown:
        """Return one item that the caller sees."""
        with self.program.store.read() as tx:
            found = listing.shown(tx, self.by.principal, number, now=self.program.clock.now())
        return Shown(item=_known(found.item), people=found.people)

    def propose(self, title: str, content: str) -> int:
        """Propose an item in the caller's name."""
        if not self.by.principal.may(roles=PROPOSES.roles, scope=PROPOSES.scope):
            raise Forbidden("to propose takes a member's token with the scope `write`")
        return self.program.proposing.propose(Draft(title=title, content=content), by=self.by).id


def _known(item: Item) -> Known:
    return Known(
        id=item.id, title=item.title, content=item.content, status=item.status.value, domains=list(item.domains),
        valid_until=item.valid_until,
    )  # fmt: skip
