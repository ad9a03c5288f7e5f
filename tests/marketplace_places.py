"""What tests of marketplaces do again and again: register one, sync it, look at it, trust it."""

from typing import Any

from git_servers import GitServer
from precedent.app import App
from precedent.marketplaces import catalogue
from precedent.marketplaces.catalogue import MarketplaceShown, PluginShown
from precedent.marketplaces.model import Marketplace, Offer
from precedent.marketplaces.syncing import SyncStats
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE

LOOPBACK = ("localhost", "127.0.0.0/8")


def add(app: App, git: GitServer, name: str = "harbour", **more: Any) -> None:
    given = Marketplace(**{"name": name, "url": f"{git.url}/{name}.git"} | more)
    app.marketplaces.add(given, by=BY_COMMAND_LINE)


def shown(app: App, name: str = "harbour") -> MarketplaceShown:
    with app.store.read() as tx:
        return catalogue.marketplaces(tx, name=name)[0]


def plugins(app: App, **which: Any) -> list[PluginShown]:
    with app.store.read() as tx:
        return catalogue.plugins(tx, COMMAND_LINE, **which)


def offers(app: App) -> list[Offer]:
    with app.store.read() as tx:
        return catalogue.offers(tx, COMMAND_LINE)


def trust(app: App, name: str = "harbour", plugin_name: str = "tides") -> str:
    with app.store.read() as tx:
        found = catalogue.plugin(tx, name, plugin_name, COMMAND_LINE)
    app.marketplaces.trust(name, plugin_name, content_hash=found.content_hash, by=BY_COMMAND_LINE)
    return found.content_hash


def counts(stats: SyncStats) -> dict[str, int]:
    return {name: getattr(stats, name) for name in ("synced", "unchanged", "failed") if getattr(stats, name)}
