"""People and settings in a browser: inviting, teams, deactivating, erasing; what is hidden."""

import httpx
import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of
from callers import ORIGIN, client, person, serving
from conftest import MakeApp
from precedent.app import App
from precedent.marketplaces.model import Marketplace
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role
from precedent.settings import SETTINGS
from precedent.web.settings import SECTIONS

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_somebody_is_invited_put_into_a_team_deactivated_and_erased(app: App, browsers: Browsers) -> None:
    person(app, "grace", Role.ADMIN, password=PASSWORD)

    async def look(page: Page, seen: Seen) -> None:
        await page.goto("/people")
        await page.fill("input[name=email]", "ivy@example.com")
        await page.select_option("#field-role", "reviewer")
        await page.click("button:has-text('Make the invitation')")
        link = await page.inner_text("#link")
        assert "/password#" in link
        await page.goto("/people")
        assert link not in await page.content()
        await page.fill("#team-name", "pier")
        await page.click("button:has-text('Make it')")
        await page.select_option("#add-1", "ivy")
        await page.click("button:has-text('Add')")
        assert app.teams.get("pier").members == ("ivy",)
        await page.click("button[title='Take ivy out of pier']")
        assert app.teams.get("pier").members == ()
        await page.click("a:has-text('ivy')")
        await page.click("button:has-text('Deactivate')")
        assert not app.accounts.get("ivy").active
        await page.click("button:has-text('Erase…')")
        await page.fill("#erase-key", "grace")
        await page.click("button:has-text('Erase for ever')")
        assert "nobody was erased" in await page.inner_text("#toasts")
        await page.click("button:has-text('Erase…')")
        await page.fill("#erase-key", "ivy")
        await page.click("button:has-text('Erase for ever')")
        assert "Receipt 1" in await page.inner_text("main")

    with serving(app) as url:
        browsers.visit(url, look, cookie=cookie_of(app, "grace"))
    assert [each.key for each in app.accounts.listed()] == ["grace"]


@SQLITE
def test_a_team_that_something_is_for_stays_and_the_page_says_why(make_app: MakeApp) -> None:
    app = make_app(egress_private=("127.0.0.0/8",))
    person(app, "grace", Role.ADMIN, password=PASSWORD)
    app.teams.create("pier", by=BY_COMMAND_LINE)
    given = Marketplace(name="harbour", url="http://127.0.0.1/plugins.git", teams=["pier"])
    app.marketplaces.add(given, by=BY_COMMAND_LINE)
    headers = {"accept": "text/html", "content-type": "application/x-www-form-urlencoded", **ORIGIN}
    with serving(app) as url, client(url, cookie=f"precedent-session={cookie_of(app, 'grace')}") as http:
        answer = http.post("/teams/pier/delete", headers=headers, content="")
        page = http.get("/people", headers={**headers, "cookie": f"{http.headers['cookie']}; {told(answer)}"}).text
    assert (answer.status_code, answer.headers["location"]) == (303, "/people")
    assert "harbour" in page and "give it to others" in page
    assert [each.name for each in app.teams.listed()] == ["pier"]


def told(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


@SQLITE
def test_settings_tell_where_they_come_from_and_no_secret(make_app: MakeApp) -> None:
    app = make_app(scheduler_secret="a-secret-that-nobody-may-see-0123456789")
    person(app, "grace", Role.ADMIN, password=PASSWORD)
    with serving(app) as url, client(url, cookie=f"precedent-session={cookie_of(app, 'grace')}") as http:
        page = http.get("/settings", headers={"accept": "text/html"}).text
    assert "hidden" in page and "nobody-may-see" not in page and "PRECEDENT_DATA_DIR" in page


@SQLITE
def test_settings_are_found_by_words_section_and_difference_in_the_address(
    make_app: MakeApp, browsers: Browsers
) -> None:
    app = make_app(scheduler_secret="a-secret-that-nobody-may-see-0123456789")
    person(app, "grace", Role.ADMIN, password=PASSWORD)

    async def look(page: Page, seen: Seen) -> list[str]:
        async def shown() -> str:
            return ",".join(await page.locator("main tbody th code").all_inner_texts())

        found = []
        await page.goto("/settings")
        await page.fill("#field-q", "LOW disk")
        await page.click("main button:has-text('Show')")
        found += [page.url.partition("?")[2], await shown()]
        await page.goto("/settings?section=Watching")
        found.append(await shown())
        await page.goto("/settings")
        await page.check("input[name=given]")
        await page.click("main button:has-text('Show')")
        found += [page.url.partition("?")[2], await shown()]
        await page.goto("/settings?q=nobody-may-see")
        found.append(await page.inner_text("main"))
        return found

    with serving(app) as url:
        words, low, watching, address, given, secret = browsers.visit(url, look, cookie=cookie_of(app, "grace"))
    assert (words, low) == ("q=LOW+disk", "PRECEDENT_LOW_DISK_MB")
    assert watching.startswith("PRECEDENT_LOG_FORMAT") and "PRECEDENT_HOST" not in watching
    assert address == "given=yes" and "PRECEDENT_DATA_DIR" in given and "PRECEDENT_HOST" not in given
    assert "No setting fits" in secret


def test_every_section_of_settings_begins_with_a_setting() -> None:
    assert [name for name in SETTINGS if name in SECTIONS] == list(SECTIONS)
    assert next(iter(SETTINGS)) in SECTIONS
