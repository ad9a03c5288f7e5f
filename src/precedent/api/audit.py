"""The audit log, for admins: `/api/admin/audit`."""

from typing import Annotated, Any

import msgspec
import pydantic
from fastapi import Query

from precedent.http.access import Program, Routes, allow
from precedent.security import audit
from precedent.security.principals import Role

routes = Routes(prefix="/api/admin", tags=["audit"])
_Text = Annotated[str | None, Query(max_length=audit.MAX_TEXT)]
_Instant = Annotated[int | None, Query(ge=0, le=2**62)]


class Entry(pydantic.BaseModel):
    """One act; times are UTC microseconds."""

    id: int
    at: int
    principal: str
    action: str
    resource: str
    result: str
    duration_us: int
    request_id: str
    address: str
    details: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, row: audit.Row) -> "Entry":
        """Return it as it is shown."""
        return cls(**row._asdict() | {"details": msgspec.json.decode(row.details)})


class AuditPage(pydantic.BaseModel):
    """Acts, newest first; `next` is the `before` of the next page."""

    entries: list[Entry]
    next: int | None


@routes.add("GET", "/audit", allow(Role.ADMIN))
def list_audit(
    program: Program,
    principal: _Text = None,
    action: Annotated[
        str | None, Query(max_length=audit.MAX_TEXT, description="The action, or its beginning and `*`.")
    ] = None,
    resource: _Text = None,
    result: _Text = None,
    since: _Instant = None,
    until: _Instant = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AuditPage:
    """List what was done by whom, newest first."""
    wanted = audit.Filter(principal, action, resource, result, since, until)
    with program.store.read() as tx:
        page = audit.find(tx, wanted, limit=limit, before=before)
    return AuditPage(entries=[Entry.of(each) for each in page.rows], next=page.next)
