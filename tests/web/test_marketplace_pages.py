"""Plugins in a browser: a marketplace is added and synced, a plugin is looked at, trusted and blocked."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of
from callers import person, serving
from conftest import MakeApp
from git_servers import GitServer, plugin
from precedent.marketplaces import catalogue
from precedent.marketplaces.model import PluginState
from precedent.security.principals import COMMAND_LINE, Role

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.timeout(120)
def test_a_plugin_is_read_looked_at_trusted_and_blocked(make_app: MakeApp, browsers: Browsers, tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    server = GitServer(tmp_path / "git")
    server.commit("harbour.git", plugin())
    app = make_app(egress_private=("localhost", "127.0.0.0/8"))
    person(app, "grace", Role.ADMIN, password=PASSWORD)

    def state() -> PluginState:
        with app.store.read() as tx:
            return catalogue.plugin(tx, "harbour", "tides", COMMAND_LINE).state

    async def add(page: Page, seen: Seen) -> None:
        await page.goto("/marketplaces")
        await page.fill("#field-name", "harbour")
        await page.fill("#field-url", "ftp://nowhere.invalid/x")
        await page.click("button:has-text('Save')")
        assert await page.is_visible("main .note.bad")
        await page.fill("#field-url", f"{server.url}/harbour.git")
        await page.click("button:has-text('Save')")
        await page.locator("button:text-is('Sync')").click()
        assert "as soon as a worker is free" in await page.inner_text("#toasts")

    async def decide(page: Page, seen: Seen) -> None:
        await page.goto("/marketplaces")
        await page.click("a:text-is('tides')")
        assert "What it would run" in await page.inner_text("main")
        await page.click("button:has-text('Trust…')")
        await page.click("button:has-text('Trust it as it is')")
        assert state() is PluginState.TRUSTED
        await page.click("button:has-text('Block')")
        assert state() is PluginState.BLOCKED

    with server.serving(), serving(app) as url:
        cookie = cookie_of(app, "grace")
        browsers.visit(url, add, cookie=cookie)
        app.sync_marketplaces()
        browsers.visit(url, decide, cookie=cookie)
