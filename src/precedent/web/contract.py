"""What a module of pages gives: its routes, and where they stand in the navigation."""

from enum import StrEnum
from typing import NamedTuple

from precedent.http.access import Access, PageRoutes


class Group(StrEnum):
    """Parts of the navigation, in their order."""

    FIGURES = ""
    """Without a heading: what everybody looks at."""
    KNOWLEDGE = "Knowledge"
    OPERATION = "Operation"
    ADMINISTRATION = "Administration"


class Entry(NamedTuple):
    """One line of the navigation; only who may call the page sees it.

    Attributes:
        label: one word where possible.
        path: of the page; the line is marked on it and on pages below it.
        icon: name of a macro in `icons.html`.
        group: part of the navigation; within it lines stand in the order of the registry.
        access: as the page's route declares it.
    """

    label: str
    path: str
    icon: str
    group: Group
    access: Access


class Pages(NamedTuple):
    """What the registry holds of a module."""

    routes: PageRoutes
    entries: tuple[Entry, ...] = ()
