"""`/settings`: how the server is, check by check, and each setting with where its value comes from."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field, model_validator

from precedent.http.access import PageRoutes, Program, allow
from precedent.http.questions import Question, Text
from precedent.security.principals import Role
from precedent.settings import SETTINGS, Origin, origins
from precedent.telemetry.health import worst

from .asking import given_fields
from .contract import Entry, Group, Pages
from .rendering import render

routes = PageRoutes()
ADMIN = allow(Role.ADMIN)
PAGE = "/settings"
SECTIONS = {
    "data_dir": "Data and work",
    "keep_transcripts_days": "What is kept",
    "host": "Server and login",
    "log_format": "Watching",
    "egress_private": "What it reaches",
    "tick_s": "The clock",
    "detection": "Knowledge and models",
}
"""Each section by the setting that it begins with, in the order of the settings."""


class SettingsQuery(Question):
    """Which settings.

    Attributes:
        q: words that stand in name, variable, value or description, whatever their case.
        section: one of `SECTIONS`.
        given: only those that differ from what they are by default.
    """

    q: Text = ""
    section: Text = ""
    given: Annotated[str, Field(pattern="^(yes)?$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return given_fields(given)


class Section(NamedTuple):
    """Settings that stand together."""

    name: str
    rows: list[Origin]


@routes.add("GET", PAGE, ADMIN)
def settings(request: Request, program: Program, asked: Annotated[SettingsQuery, Query()]) -> HTMLResponse:
    """Show checks and settings; secrets are hidden."""
    checks = program.health.checks()
    as_they_come = {name for name, each in SETTINGS.items() if getattr(program.settings, name) == each.default}
    every = list(sections(origins(program.settings)))
    found = [
        Section(
            each.name,
            [row for row in each.rows if _fits(row, asked) and not (asked.given and row.name in as_they_come)],
        )
        for each in every
    ]
    return render(
        request,
        "settings.html",
        checks=sorted(checks, key=lambda each: ("fault", "warning", "ok").index(each.result)),
        worst=worst(checks),
        at=program.health.figures().at,
        asked=asked,
        filtered=bool(asked.q or asked.section or asked.given),
        choices=[("", "All"), *((each.name, each.name) for each in every)],
        sections=[each for each in found if each.rows and asked.section in ("", each.name)],
    )


def sections(rows: Sequence[Origin]) -> Iterator[Section]:
    """Yield settings by section; those of no section stand with the one before."""
    here: Section | None = None
    for row in rows:
        if here is None or row.name in SECTIONS:
            if here is not None:
                yield here
            here = Section(SECTIONS.get(row.name, ""), [])
        here.rows.append(row)
    if here is not None:
        yield here


def _fits(row: Origin, asked: SettingsQuery) -> bool:
    text = f"{row.name} {row.variable} {row.value} {row.description} {row.origin}".casefold()
    return all(word in text for word in asked.q.casefold().split())


PAGES = Pages(routes, (Entry("Settings", PAGE, "gear", Group.ADMINISTRATION, ADMIN),))
