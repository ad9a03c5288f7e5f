"""What the pages of figures have in common: the stretch of days, usual ones, and what is filtered by."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from precedent.app import App
from precedent.clock import SECOND
from precedent.http.questions import Dated, Filtered
from precedent.security import visibility
from precedent.security.principals import Principal
from precedent.usage.report import Report

from .addresses import address

DAYS = 30
"""What is shown when nobody says since when."""
PRESETS = (7, 30, 90, 365)
FILTERS = ("person", "agent", "model", "project", "session")
NO_FILTERS: dict[str, Any] = {name: [] for name in FILTERS}
MOST_CHOICES = 200


def given_fields(given: Any) -> Any:
    """Return a query without its empty fields, which a form without a script sends."""
    if not isinstance(given, dict):
        return given
    kept = {
        name: [each for each in value if each] if isinstance(value, list) else value for name, value in given.items()
    }
    return {name: value for name, value in kept.items() if value not in ("", [])}


def dated(question: Filtered, program: App) -> Filtered:
    """Return a question with its first day, a month before its last one where it names none."""
    if question.since is not None:
        return question
    now = today(program)
    last = min(question.until or now, now)
    return question.model_copy(update={"since": last - timedelta(days=DAYS - 1)})


def today(program: App) -> date:
    """Return the day, in UTC."""
    return datetime.fromtimestamp(program.clock.now() // SECOND, UTC).date()


def presets(path: str, asked: Filtered, program: App, **more: str) -> list[tuple[str, str, bool]]:
    """Return links to usual stretches of days: address, label, and whether it is this one."""
    now, found = today(program), []
    for days in PRESETS:
        since = now - timedelta(days=days - 1)
        there = asked.model_copy(update={"since": since, "until": None})
        here = asked.since == since and asked.until in (None, now)
        found.append((address(path, there, **more), f"{days} days" if days < 365 else "1 year", here))
    return found


def chips(path: str, asked: Dated, **more: str) -> list[tuple[str, str, str]]:
    """Return what is filtered by: name, value, and the address without it."""
    found = []
    for name in FILTERS:
        values: list[str] = getattr(asked, name, [])
        for value in values:
            without = asked.model_copy(update={name: [each for each in values if each != value]})
            found.append((name, value, address(path, without, **more)))
    return found


def choices(report: Report, caller: Principal, *names: str) -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen in filters; persons only where they are told of."""
    told = [each for each in names if each != "person" or not visibility.aggregates_only(caller)]
    # One sum over all of them, and by model: by each alone takes five times as long, and looks for faulty lines too.
    rows = [each.group for each in report.by([*told, *({"model"} - set(told))]) if each.requests]
    found = {}
    for place, name in enumerate(told):
        values = sorted({row[place] for row in rows} - {""})[:MOST_CHOICES]
        found[name] = [("", "All"), *((each, each) for each in values)]
    return found
