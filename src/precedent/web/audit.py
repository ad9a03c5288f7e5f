"""`/audit`: who did what, when, from where; and whether the log is unbroken."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field, model_validator

from precedent.clock import SECOND
from precedent.http.access import PageRoutes, Program, allow
from precedent.security import audit as log
from precedent.security.principals import Role

from .addresses import address
from .asking import given_fields
from .contract import Entry, Group, Pages
from .rendering import done, render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
PAGE = "/audit"
ROWS = 50
DAY = timedelta(days=1)
_Text = Annotated[str | None, Field(max_length=log.MAX_TEXT, pattern=r"^[^\x00]*$")]
_Day = Annotated[date | None, Field(ge=date(1970, 1, 1), le=date(9000, 1, 1))]


class AuditQuery(BaseModel):
    """Which acts; empty fields of a form are as if they were not there."""

    principal: _Text = None
    action: _Text = None
    resource: _Text = None
    result: _Text = None
    since: _Day = None
    until: _Day = None
    before: Annotated[int | None, Field(ge=1, le=2**62)] = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)

    def filter(self) -> log.Filter:
        """Return it as the log takes it; days are those of UTC, the last one with all its hours."""
        until = self.until + DAY if self.until else None
        return log.Filter(
            self.principal, self.action, self.resource, self.result, _instant(self.since), _instant(until)
        )


@routes.add("GET", PAGE, ADMIN)
def audit(request: Request, program: Program, asked: Annotated[AuditQuery, Query()]) -> HTMLResponse:
    """List what was done by whom, newest first."""
    with program.store.read() as tx:
        page = log.find(tx, asked.filter(), limit=ROWS, before=asked.before)
    given = {name: getattr(asked, name) for name in ("principal", "action", "resource", "result")}
    rows = [(each, _told(each.details)) for each in page.rows]
    return render(
        request,
        "audit.html",
        asked=asked,
        given=given,
        filtered=any((*given.values(), asked.since, asked.until)),
        rows=rows,
        first=address(PAGE, asked, **given) if asked.before else "",
        following=address(PAGE, asked, **given, before=page.next) if page.next else "",
        narrowed=lambda name, value: address(PAGE, asked, **(given | {name: value})),
    )


@routes.add("POST", "/audit/verify", ADMIN)
def verify(request: Request, program: Program) -> RedirectResponse:
    """Read the whole log and tell whether every act is as it was written."""
    with program.store.read() as tx:
        found = log.verify(tx)
    if found.fault:
        return done(request, PAGE, f"The log is broken at {found.row}: {found.fault}", bad=True)
    return done(request, PAGE, f"The log is unbroken: {found.rows:,} acts, each as it was written.")


def _instant(day: date | None) -> int | None:
    return None if day is None else int(datetime.combine(day, time(), UTC).timestamp()) * SECOND


def _told(details: str) -> dict[str, str]:
    """Return what is told besides, as text."""
    found = msgspec.json.decode(details)
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in found.items()
        if value not in (None, "", [], {})
    }


PAGES = Pages(routes, (Entry("Audit", PAGE, "audit", Group.ADMINISTRATION, ADMIN),))
