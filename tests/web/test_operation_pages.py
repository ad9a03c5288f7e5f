"""Jobs, runs and processors in a browser: what an operator does there, and what becomes of it."""

from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of
from callers import person, serving
from precedent import samples
from precedent.app import App
from precedent.archive import homes
from precedent.jobs.records import HOUSEKEEPING
from precedent.security.principals import Role
from precedent.store.schema import state

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


@SQLITE
def test_every_job_is_listed_with_its_own_last_run(app: App, browsers: Browsers) -> None:
    app.keep_house()
    app.run_processor("usage")

    async def look(page: Page, seen: Seen) -> list[str]:
        await page.goto("/jobs")
        rows = await page.locator("[aria-label=Jobs] tbody tr").all_inner_texts()
        return [each.split()[0] for each in rows if "done" in each.split()]

    assert set(visited(app, browsers, look)) == {HOUSEKEEPING, "session-processor:usage"}


@SQLITE
def test_what_was_given_up_on_is_tried_again_or_dropped(app: App, browsers: Browsers) -> None:
    app.collect([homes.given(home) for home in samples.homes()])
    app.run_processor("usage")
    with app.store.write() as tx:
        files = list(tx.scalars(sa.select(state.c.session_file).where(state.c.processor_name == "usage")))[:2]
        broken = {"status": "dead", "attempts": 5, "error_class": "Malformed", "last_error": "line 7 is no JSON"}
        tx.execute(state.update().where(state.c.session_file.in_(files)).values(**broken))

    async def look(page: Page, seen: Seen) -> str:
        await page.goto("/processors")
        assert "line 7 is no JSON" in await page.inner_text("[aria-label='Given up on']")
        await page.locator("button:text-is('Retry')").first.click()
        assert "To be tried again in the next run: 1." in await page.inner_text("#toasts")
        await page.locator("button:text-is('Drop')").first.click()
        return await page.inner_text("#toasts")

    assert "Dropped from the list: 1" in visited(app, browsers, look)
    with app.store.read() as tx:
        kept = tx.scalars(sa.select(state.c.status).where(state.c.session_file.in_(files)))
        assert {"dropped", "pending"} <= set(kept)


@SQLITE
def test_the_audit_log_is_filtered_and_verified(app: App, browsers: Browsers) -> None:
    async def look(page: Page, seen: Seen) -> str:
        await page.goto("/audit?action=account.*")
        text = await page.inner_text("[aria-label='Audit log']")
        assert "account.create" in text and "session" not in text
        await page.click("button:has-text('Verify')")
        assert "The log is unbroken" in await page.inner_text("#toasts")
        with app.store.write() as tx:
            tx.execute(sa.text("UPDATE audit SET principal = 'nobody' WHERE id = 1"))
        await page.click("button:has-text('Verify')")
        return await page.inner_text("#toasts")

    assert "The log is broken at 1" in visited(app, browsers, look)
