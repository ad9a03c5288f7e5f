"""Transcripts of any length: a page of events is as small and as quick at the end as at the beginning."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.async_api import Page

from browsers import Browsers, Seen, cookie_of, fitting, served, wrong
from builders import claude_path, claude_session, home_of, put, session_id
from callers import client, person
from precedent.app import App
from precedent.security.principals import Role
from precedent.settings import load

TURNS = 12_500
EVENTS = 4 * TURNS
PAGE_BYTES = 300_000
"""Of a page's HTML at most."""
MOST_S = 3.0
"""Within which a page must answer when the machine has much else to do; alone it is a hundredth of that."""
HTML = {"accept": "text/html"}


class Long(NamedTuple):
    url: str
    cookie: str
    session: str


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Long]:
    folder = tmp_path_factory.mktemp("long")
    app = App(load(**fitting(folder / "data")))
    home, name = home_of(folder, "ada"), session_id("long")
    put(claude_path(home.path, name), claude_session(name, TURNS))
    app.collect([home])
    person(app, "ada", Role.MEMBER)
    cookie = cookie_of(app, "ada")
    with served(folder / "data") as url:
        yield Long(url, cookie, name)
    app.close()


@contextmanager
def calling(long: Long) -> Iterator[httpx.Client]:
    with client(long.url, cookie=f"precedent-session={long.cookie}") as http:
        yield http


def numbers(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'id="L(\d+)"', page)]


@pytest.mark.parametrize("after", [0, EVENTS // 2, EVENTS - 100])
def test_each_page_of_fifty_thousand_events_is_small_and_leads_on(long: Long, after: int) -> None:
    with calling(long) as http:
        http.get(f"/sessions/{long.session}?after={EVENTS}", headers=HTML)  # from now on places are remembered
        began = time.monotonic()
        answer = http.get(f"/sessions/{long.session}?after={after}", headers=HTML)
        took_s = time.monotonic() - began
    assert answer.status_code == 200 and len(answer.content) < PAGE_BYTES and took_s < MOST_S
    assert numbers(answer.text) == list(range(after + 1, after + 101))
    assert (f"after={after + 100}" in answer.text) is (after + 100 < EVENTS)


def test_any_line_has_an_address_that_leads_to_its_page(long: Long, browsers: Browsers) -> None:
    async def look(page: Page, seen: Seen) -> list[str]:
        for line in (EVENTS - 1, EVENTS // 2 + 17, 3):
            await page.goto(f"/sessions/{long.session}?line={line}")
            assert page.url.endswith(f"#L{line}")
            assert await page.locator(f"#L{line}").is_visible()
            assert await page.evaluate("document.querySelector(':target').id") == f"L{line}"
        return await wrong(page, seen, long.url)

    assert browsers.visit(long.url, look, cookie=long.cookie) == []


def test_a_search_goes_through_the_whole_transcript_in_steps(long: Long) -> None:
    with calling(long) as http:
        path: str | None = f"/sessions/{long.session}?q=berth {TURNS - 1}."
        steps, found = 0, list[int]()
        while path and not found:
            steps += 1
            page = http.get(path, headers=HTML).text
            found = [int(each.replace(",", "")) for each in re.findall(r">line ([\d,]+)</a> <span>", page)]
            more = re.search(r'<a href="([^"]+)">Search on</a>', page)
            path = more.group(1).replace("&amp;", "&") if more else None
    assert found == [EVENTS - 3] and steps < 20


def test_what_stands_after_the_end_is_said_to_be_nothing(long: Long) -> None:
    with calling(long) as http:
        page = http.get(f"/sessions/{long.session}?after={EVENTS + 5}", headers=HTML)
        led = http.get(f"/sessions/{long.session}?line={EVENTS * 2}", headers=HTML)
        last = http.get(led.headers["location"], headers=HTML)
    assert page.status_code == 200 and "Nothing to show" in page.text
    assert EVENTS in numbers(last.text)


def test_the_name_of_a_session_is_no_path(long: Long, tmp_path: Path) -> None:
    with calling(long) as http:
        for bad in ("..%2Fsecret", "%00", "%2Fetc%2Fpasswd", tmp_path.name):
            answer = http.get(f"/sessions/{bad}", headers=HTML)
            assert answer.status_code in {404, 422}, bad
