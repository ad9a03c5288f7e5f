"""Writes addresses of pages: filters stand in them, so that what is seen can be sent to somebody."""

from collections.abc import Collection
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

import pydantic

PARTS = ("since", "until", "zone", "person", "agent", "model", "project", "session")
"""Filters that go from page to page."""


def address(path: str, asked: pydantic.BaseModel | None = None, *, without: Collection[str] = (), **more: Any) -> str:
    """Return the address of a page.

    Args:
        path: of the page.
        asked: filters that are kept, as far as they are set.
        without: filters that are not kept.
        more: other parameters; empty ones are left out.
    """
    found: list[tuple[str, str]] = []
    for name in PARTS:
        value = getattr(asked, name, None) if name not in without else None
        if not value or (name == "zone" and value == "UTC"):
            continue
        found += [(name, _text(each)) for each in (value if isinstance(value, list) else [value])]
    found += [(name, _text(value)) for name, value in more.items() if value not in (None, "")]
    return f"{path}?{urlencode(found)}" if found else path


def session(name: str, person: str = "", **more: Any) -> str:
    """Return the address of a session."""
    return address(f"/sessions/{quote(name, safe='')}", person=person, **more)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
