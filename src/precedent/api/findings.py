"""What other processors found: `/api/secrets…` and `/api/friction…`."""

from typing import Annotated

import msgspec
from fastapi import Query
from pydantic import Field

from precedent.errors import BadInput
from precedent.http.access import Caller, Program, allow
from precedent.http.questions import Paged, Values, Whose, persons_seen
from precedent.processors.friction import rows as friction
from precedent.processors.secrets import rows as secrets
from precedent.security.principals import Role
from precedent.usage.paging import Page, cut

from .structs import StructRoutes

routes = StructRoutes(prefix="/api", tags=["findings"])
TEAM, OWN = allow(Role.VIEWER), allow(Role.MEMBER)
_NAMES = "|".join(secrets.DIMENSIONS)


class MarksQuery(Whose, Paged):
    """Which marks."""

    rule: Values = Field([], description="Only of this rule; may be repeated.")


class MarksByQuery(MarksQuery):
    """Marks by dimensions."""

    by: str = Field(
        "rule",
        pattern=rf"^({_NAMES})(,({_NAMES}))*$",
        max_length=200,
        description=f"Dimensions joined by commas, each once: {', '.join(secrets.DIMENSIONS)}.",
    )


class FrictionQuery(Whose, Paged):
    """Which moments."""


class MarkTable(msgspec.Struct, kw_only=True):
    """Marks by dimensions.

    Attributes:
        by: the dimensions of each row's `group`.
        rows: the most marks first.
        next: the `after` of the next page; null on the last one.
    """

    by: list[str]
    rows: list[secrets.MarkTotals]
    next: str | None


@routes.add("GET", "/secrets", OWN)
def list_marks(program: Program, caller: Caller, question: Annotated[MarksQuery, Query()]) -> Page[secrets.MarkedPlace]:
    """List the places where secrets were scrubbed, the newest first; what stood there is not kept."""
    where = _marks(question, persons_seen(caller, single=True))
    with program.store.read() as tx:
        return secrets.marked(tx, where=where, limit=question.limit, after=question.after)


@routes.add("GET", "/secrets/totals", TEAM)
def count_marks(program: Program, caller: Caller, question: Annotated[MarksByQuery, Query()]) -> MarkTable:
    """Count the marks that redaction left, by rule, person and place."""
    names = question.by.split(",")
    if len(set(names)) != len(names):
        raise BadInput(f"each dimension stands once; not {question.by!r}")
    single = bool({"person", "session"}.intersection(names) or question.person or question.session)
    where = _marks(question, persons_seen(caller, single=single))
    with program.store.read() as tx:
        found = secrets.totals(tx, names, where=where)
    size = msgspec.Meta(min_length=len(names), max_length=len(names))
    rows = cut(
        found,
        limit=question.limit,
        after=question.after,
        key=lambda row: (-row.marks, row.group),
        kind=tuple[int, Annotated[tuple[str, ...], size]],
    )
    return MarkTable(by=names, rows=rows.rows, next=rows.next)


@routes.add("GET", "/friction", OWN)
def list_friction(
    program: Program, caller: Caller, question: Annotated[FrictionQuery, Query()]
) -> Page[friction.SessionFriction]:
    """List the sessions that have any friction, the newest first."""
    where = _friction(question, persons_seen(caller, single=True))
    with program.store.read() as tx:
        return friction.by_session(tx, where=where, limit=question.limit, after=question.after)


@routes.add("GET", "/friction/tools", TEAM)
def count_friction(
    program: Program, caller: Caller, question: Annotated[FrictionQuery, Query()]
) -> Page[friction.ToolFriction]:
    """Count friction by tool, the most failures first."""
    where = _friction(question, persons_seen(caller, single=bool(question.person or question.session)))
    with program.store.read() as tx:
        found = friction.by_tool(tx, where=where)
    return cut(
        found,
        limit=question.limit,
        after=question.after,
        key=lambda row: (-row.tool_errors, row.tool),
        kind=tuple[int, str],
    )


def _marks(question: MarksQuery, visible: tuple[int, ...] | None) -> secrets.Filter:
    return secrets.Filter(
        visible=visible, persons=tuple(question.person), rules=tuple(question.rule), sessions=tuple(question.session)
    )


def _friction(question: FrictionQuery, visible: tuple[int, ...] | None) -> friction.Filter:
    return friction.Filter(visible=visible, persons=tuple(question.person), sessions=tuple(question.session))
