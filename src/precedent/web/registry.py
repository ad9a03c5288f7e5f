"""All pages. A module that is not listed here is not served; the navigation derives from this list."""

from . import account, audit, jobs, login, overview, processors, sessions, usage
from .contract import Pages

REGISTRY: tuple[Pages, ...] = (
    overview.PAGES,
    usage.PAGES,
    sessions.PAGES,
    jobs.PAGES,
    processors.PAGES,
    audit.PAGES,
    account.PAGES,
    login.PAGES,
)
