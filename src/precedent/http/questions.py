"""What read routes are asked with: the query of each route as one model, and what its caller may be told.

A parameter that a route does not know is refused, as a misspelt filter would answer another question.
"""

import re
from datetime import date, tzinfo
from typing import Annotated

import pydantic
from pydantic import Field

from precedent.errors import Forbidden
from precedent.security import visibility
from precedent.security.principals import Principal
from precedent.usage.periods import span, zone
from precedent.usage.report import Filter

MAX_VALUES = 100
MAX_TEXT = 500
LIMIT = 500

Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
"""Text that every database can compare."""
Values = Annotated[list[Text], Field(max_length=MAX_VALUES)]


def _written(value: object) -> object:
    """Refuse what is no day as people write it: a number would be taken for seconds since 1970."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a day is written as 2026-11-23")
    return value


def whole(value: object) -> object:
    """Take a whole number as JSON may write it, 300.0, for what it is; a strict model would refuse it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Day = Annotated[date, pydantic.BeforeValidator(_written)]
Cursor = Annotated[str, Field(max_length=4000, pattern=r"^[A-Za-z0-9_-]+$")]


class Question(pydantic.BaseModel):
    """Base of queries."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Paged(Question):
    """A list in pages."""

    limit: int = Field(100, ge=1, le=LIMIT, description="Rows at most.")
    after: Cursor | None = Field(None, description="`next` of the page before; without it, the first page.")


class Dated(Question):
    """A stretch of days."""

    since: Day | None = Field(None, description="First day, as 2026-11-23.")
    until: Day | None = Field(None, description="Last day, included.")
    zone: Text = Field("UTC", description="Time zone of days, an IANA name such as Europe/Berlin.")

    def place(self) -> tzinfo:
        """Return the time zone.

        Raises:
            BadInput: there is none of that name.
        """
        return zone(self.zone)

    def instants(self) -> tuple[int | None, int | None]:
        """Return the first instant and the one after the last, UTC microseconds.

        Raises:
            BadInput: the days are in the wrong order.
        """
        return span(self.since, self.until, self.place())


class Whose(Question):
    """Which persons and sessions."""

    person: Values = Field([], description="Only this person; may be repeated.")
    session: Values = Field([], description="Only this session id; may be repeated.")


class Filtered(Dated, Whose):
    """What a report on usage is about."""

    agent: Values = Field([], description="Only this agent, for example claude-code; may be repeated.")
    model: Values = Field([], description="Only this model, as transcripts name it; may be repeated.")
    project: Values = Field([], description="Only this project folder; may be repeated.")

    def filter(self, visible: tuple[int, ...] | None) -> Filter:
        """Return it as the reports take it.

        Raises:
            BadInput: a zone or the order of days is wrong.
        """
        start, end = self.instants()
        return Filter(
            start=start, end=end, visible=visible, persons=tuple(self.person), agents=tuple(self.agent),
            models=tuple(self.model), projects=tuple(self.project), sessions=tuple(self.session),
        )  # fmt: skip


def persons_seen(caller: Principal, *, single: bool) -> tuple[int, ...] | None:
    """Return the persons whom an answer may be about; None for everybody.

    Args:
        caller: who asks.
        single: the answer tells of single persons or sessions, and is no sum over the team.

    Raises:
        Forbidden: the caller may have sums over the team only.
    """
    if not single:
        return None
    if visibility.aggregates_only(caller):
        raise Forbidden("your role sees sums over the team, not single persons or sessions")
    seen = visibility.visible_users(caller)
    return None if seen is None else tuple(sorted(seen))
