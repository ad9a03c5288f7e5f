"""Tables in a browser: made, refreshed, paused, asked."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of, wrong
from callers import ORIGIN, client, person, serving
from conftest import MakeApp
from data_tables import ORDERS, sqlite_of
from data_tables import shown as table_shown
from precedent.security.principals import Role

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.timeout(120)
def test_a_table_is_added_refreshed_asked_and_paused(make_app: MakeApp, browsers: Browsers, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    sqlite_of(files / "shop.sqlite", ORDERS)
    app = make_app(data_files_dir=files)
    person(app, "grace", Role.ADMIN, password=PASSWORD)

    async def look(page: Page, seen: Seen) -> None:
        await page.goto("/data/edit-source")
        await page.fill("#field-name", "shop")
        await page.select_option("#field-kind", "sqlite")
        await page.fill("#field-place", "shop.sqlite")
        await page.click("button:has-text('Save')")
        await page.goto("/data/edit-table")
        await page.fill("#field-name", "orders")
        await page.fill("#field-selection", "{not json")
        await page.click("button:has-text('Save')")
        assert "is no JSON object" in await page.inner_text("main")
        await page.fill("#field-selection", '{"table": "orders"}')
        await page.click("button:has-text('Save')")
        await page.click("button:has-text('Refresh now')")
        assert "as soon as a worker is free" in await page.inner_text("#toasts")

    async def ask(page: Page, seen: Seen) -> None:
        await page.goto("/data/tables/orders")
        assert "published" in await page.inner_text("[aria-label=History]")
        await page.goto("/data")
        await page.fill("#field-sql", "SELECT name FROM orders WHERE price > 50")
        await page.click("button:has-text('Ask')")
        assert "mast" in await page.inner_text("[aria-label=Answer]")
        await page.fill("#field-sql", "SELEC nothing")
        await page.click("button:has-text('Ask')")
        assert await page.is_visible("#field-sql-fault")
        await page.goto("/data/tables/orders")
        await page.click("button:has-text('Pause')")
        await page.fill("#pause-reason", "the shop moves")
        await page.click("button:has-text('Pause it')")

    with serving(app) as url:
        cookie = cookie_of(app, "grace")
        browsers.visit(url, look, cookie=cookie)
        app.refresh_tables(["orders"])
        browsers.visit(url, ask, cookie=cookie)
        with client(url, cookie=f"precedent-session={cookie}", **ORIGIN) as http:
            answer = http.post("/data/query.csv", data={"sql": "SELECT '=1+1' AS x"})
    assert answer.text == "x\n'=1+1\n"
    assert table_shown(app, "orders").paused == "the shop moves"


def test_the_question_that_stands_there_is_answered_to_a_viewer(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> list[str]:
        await page.goto("/data")
        await page.click("button:has-text('Ask')")
        assert not await page.locator("#field-sql-fault").count()
        assert "Answer" in await page.inner_text("main")
        return await wrong(page, seen, shown.url)

    assert browsers.visit(shown.url, look, cookie=shown.cookies[Role.VIEWER]) == []
