"""All pages. A module that is not listed here is not served; the navigation derives from this list."""

from . import (
    account,
    audit,
    connect,
    data,
    data_tables,
    jobs,
    knowledge,
    learned,
    login,
    marketplaces,
    overview,
    people,
    processors,
    review,
    scripts,
    sessions,
    settings,
    usage,
)
from .contract import Pages

REGISTRY: tuple[Pages, ...] = (
    overview.PAGES,
    usage.PAGES,
    sessions.PAGES,
    knowledge.PAGES,
    learned.PAGES,
    review.PAGES,
    jobs.PAGES,
    processors.PAGES,
    data.PAGES,
    data_tables.PAGES,
    scripts.PAGES,
    marketplaces.PAGES,
    people.PAGES,
    audit.PAGES,
    settings.PAGES,
    account.PAGES,
    connect.PAGES,
    login.PAGES,
)
