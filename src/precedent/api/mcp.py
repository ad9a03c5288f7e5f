"""The Model Context Protocol over HTTP: `/mcp`, the tools of `precedent mcp` for whoever shows a token.

Each call stands by itself: no session is kept, so nothing grows and any process may answer.
"""

from typing import NamedTuple

from fastapi import Request, Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from precedent.app import App
from precedent.client.known import Known, Shown
from precedent.errors import Forbidden
from precedent.knowledge import listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Item, Status
from precedent.knowledge.search import search_items
from precedent.security.acting import By
from precedent.security.principals import Role, Scope

from .access import Acting, Program, Routes, allow

routes = Routes(tags=["knowledge"])
CALLER, PROPOSES = allow(Role.VIEWER), allow(Role.MEMBER, scope=Scope.WRITE)
MAX_BODY_BYTES = 1 << 20

_MESSAGE = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@routes.add("POST", "/mcp", CALLER, openapi_extra=_MESSAGE)
async def speak_mcp(request: Request, program: Program, by: Acting) -> Response:
    """Answer a message of the Model Context Protocol (streamable HTTP, one JSON answer to each)."""
    return _Spoken(program, by)


class _Spoken(Response):
    """What the protocol's own library answers."""

    def __init__(self, program: App, by: By) -> None:
        super().__init__()
        self._program, self._by = program, by

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        # The library is heavy, and most servers are never spoken to.
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

        from precedent.client.tools import tools  # noqa: PLC0415

        server = tools(Services(self._program, self._by))
        # Whoever shows no token of ours was refused already, wherever the page stands that made a browser ask.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            stateless_http=True, json_response=True, max_request_body_size=MAX_BODY_BYTES, transport_security=security
        )
        manager = server.session_manager
        async with manager.run():
            await manager.handle_request(scope, receive, send)


class Services(NamedTuple):
    """The services themselves, for one caller; see `client.known.Source`."""

    program: App
    by: By

    def search(self, text: str, *, limit: int) -> list[Known]:
        """Return approved items that the caller sees, the best first."""
        who, where, now = self.by.principal, Filter(statuses=(Status.APPROVED,)), self.program.clock.now()
        with self.program.store.read() as tx:
            return [_known(each) for each in search_items(tx, who, text, where=where, now=now, limit=limit)]

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
