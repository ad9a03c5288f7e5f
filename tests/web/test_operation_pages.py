"""Jobs, runs and processors in a browser: what an operator does there, and what becomes of it."""

from typing import Any

import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of
from callers import person, serving
from precedent.app import App
from precedent.jobs.records import HOUSEKEEPING
from precedent.security.principals import Role

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def visited(app: App, browsers: Browsers, look: Any) -> Any:
    """Let an admin look at the pages of a program."""
    person(app, "grace", Role.ADMIN, password=PASSWORD)
    with serving(app) as url:
        return browsers.visit(url, look, cookie=cookie_of(app, "grace"))


@SQLITE
def test_a_job_is_paused_with_a_reason_resumed_and_run_now(app: App, browsers: Browsers) -> None:
    async def look(page: Page, seen: Seen) -> str:
        await page.goto("/jobs")
        await page.click(f"a:text-is('{HOUSEKEEPING}')")
        await page.click("button:has-text('Pause')")
        await page.fill("#pause-reason", "the disk is being changed")
        await page.click("button:has-text('Pause it')")
        assert "Paused: the disk is being changed" in await page.inner_text("main")
        assert app.runs.jobs()[HOUSEKEEPING].paused_by == "grace"
        await page.click("button:has-text('Resume')")
        await page.click("button:has-text('Run now')")
        assert "It waits for a worker" in await page.inner_text("main")
        app.keep_house()
        return await page.inner_text("main")

    visited(app, browsers, look)
    assert app.runs.jobs()[HOUSEKEEPING].paused_reason == ""
    assert app.runs.latest(HOUSEKEEPING)[0].requested_by == "grace"
