"""Scripts in a browser: deployed, run, watched, paused, removed."""

from typing import Any

import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of
from callers import person, serving
from precedent.app import App
from precedent.scripts import listing
from precedent.security.principals import Role

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.timeout(120)
def test_a_script_is_deployed_run_watched_paused_and_removed(app: App, browsers: Browsers) -> None:
    person(app, "grace", Role.ADMIN, password=PASSWORD)

    async def deploy(page: Page, seen: Seen) -> None:
        await page.goto("/scripts/deploy")
        await page.fill("#field-name", "tide")
        await page.fill("#field-schedule", "now and then")
        await page.click("button:has-text('Deploy')")
        assert await page.is_visible("main .note.bad")
        await page.fill("#field-source", "import os\nprint('the tide is', os.environ['PARAM_LEVEL'])")
        await page.fill("#field-parameters", '{"level": "high"}')
        await page.fill("#field-schedule", "daily 06:00")
        await page.click("button:has-text('Deploy')")
        await page.click("button:has-text('Run now')")
        assert "Nothing printed yet" in await page.inner_text("main")

    async def watch(page: Page, seen: Seen) -> None:
        await page.goto("/scripts")
        await page.click("a:text-is('tide')")
        await page.click("[aria-label=Runs] a")
        assert "the tide is high" in await page.inner_text("pre.printed")
        await page.goto("/scripts/tide")
        await page.click("button:has-text('Pause')")
        await page.fill("#pause-reason", "calm weather")
        await page.click("button:has-text('Pause it')")
        assert "Paused: calm weather" in await page.inner_text("main")
        await page.click("button:has-text('Remove the script')")
        assert "No scripts yet" in await page.inner_text("main")

    with serving(app) as url:
        cookie: Any = cookie_of(app, "grace")
        browsers.visit(url, deploy, cookie=cookie)
        app.run_scripts()
        browsers.visit(url, watch, cookie=cookie)
    with app.store.read() as tx:
        assert listing.scripts(tx, now=app.clock.now()) == []
