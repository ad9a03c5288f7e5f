"""What approved statements changed, as the first page, the list and the item tell it."""

import os
import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.async_api import Page

from browsers import PASSWORD, PHONE, WIDE, Browsers, Seen, cookie_of, grave, wrong
from builders import ManualTime
from callers import client, person, serving
from conftest import MakeApp
from learning_team import Harbour
from precedent.security.principals import Role


class Other(NamedTuple):
    """Something else that was said on days, and since when agents were given it; 0: not yet."""

    words: str
    said: tuple[int, ...]
    given: float


OTHERS = (
    Other("Lengths are whole centimetres everywhere.", (3, 14, 17, 20, 24, 27, 30, 33, 36, 38, 40), 12),
    Other("A no-show is a booking where nobody arrived by 20:00 local time.", (5, 11, 30), 25),
    Other("Never run anything against production; use the staging copy.", (1, 2, 5, 8), 10),
    Other("Dates are written with the year first.", (30, 35), 0),
)

HTML = {"accept": "text/html"}
PICTURES = os.environ.get("PRECEDENT_SCREENSHOTS", "")
SHORT = "The one statement that agents were given is said less often: something did not have to be said again about"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_has_to_be_said_less_often_is_told_where_people_look(
    make_app: MakeApp, manual_time: ManualTime, tmp_path: Path
) -> None:
    app = make_app()
    harbour = Harbour(app, manual_time, tmp_path)
    person(app, "vera", Role.VIEWER, password=PASSWORD)
    with serving(app) as url:

        def get(path: str) -> httpx.Response:
            with client(url, cookie=f"precedent-session={cookie_of(app, 'vera')}") as http:
                return http.get(path, headers=HTML)

        def page(path: str) -> str:
            return get(path).raise_for_status().text

        assert "Nothing is approved yet" in page("/learned")
        item = harbour.learns()
        listed = page("/learned")
        sentence = "Said less often: said again 4 times in 19 sessions before agents were given it, once in 64 sessions"
        assert sentence in listed and f'href="/knowledge/{item.id}"' in listed
        assert re.search(r"<circle[^>]*>", listed) and 'class="delivered"' in listed
        assert sentence in page(f"/knowledge/{item.id}") and "What it changed" in page(f"/knowledge/{item.id}")
        assert SHORT in listed and "What it changed" in page("/")
        assert "None of this kind" in page("/learned?verdict=more")
        assert get("/learned?verdict=odd").status_code == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_learned_is_well_to_look_at(
    make_app: MakeApp, manual_time: ManualTime, tmp_path: Path, browsers: Browsers
) -> None:
    app, folder = make_app(), Path(PICTURES) if PICTURES else tmp_path
    harbour = Harbour(app, manual_time, tmp_path)
    person(app, "rita", Role.REVIEWER, password=PASSWORD)
    harbour.learns()
    for more in OTHERS:
        *_, item = [harbour.says(harbour.ada, day + 0.3, more.words) for day in more.said]
        harbour.approve(item.id)
        if more.given:
            harbour.given(item.id, more.given, 43)
    pages = {"learned": "/learned", "learned-item": f"/knowledge/{harbour.items()[0].id}", "learned-week": "/"}

    async def look(page: Page, seen: Seen) -> dict[str, list[str]]:
        found = {}
        for name, path in pages.items():
            await page.goto(path)
            if name != "learned-item":
                await page.get_by_text("of the 4 statements that agents were given").wait_for()
            found[name] = await wrong(page, seen, url) + (await grave(page) if size == WIDE else [])
            await page.screenshot(path=folder / f"{name}-{theme}-{size[0]}.png", full_page=True)
        return found

    with serving(app) as url:
        cookie = cookie_of(app, "rita")
        for theme, size in (("light", WIDE), ("dark", WIDE), ("light", PHONE)):
            assert not any(browsers.visit(url, look, cookie=cookie, theme=theme, size=size).values())
