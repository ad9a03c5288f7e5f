"""All pages. A module that is not listed here is not served; the navigation derives from this list."""

from . import login, overview
from .contract import Pages

REGISTRY: tuple[Pages, ...] = (
    overview.PAGES,
    login.PAGES,
)
