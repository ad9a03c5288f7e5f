"""Every page in a real browser: no refusal of the policy, no error, nothing foreign, readable for everybody.

A page without parameters in its path is looked at by itself; `MORE` names others. Pictures are written to the folder
that `PRECEDENT_SCREENSHOTS` names, for somebody to look at.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from browsers import PHONE, VENDOR, WIDE, Browsers, Seen, grave, wrong
from precedent.http.access import RouteAccess
from precedent.security.principals import Role

SUMS = json.loads((VENDOR / "sums.json").read_text("utf-8"))
PICTURES = os.environ.get("PRECEDENT_SCREENSHOTS", "")
SEEN_AT_DAY = "since=2026-08-01"
MORE = {
    "usage-people": f"/usage?by=person&{SEEN_AT_DAY}",
    "usage-tools": f"/usage?by=tool&{SEEN_AT_DAY}",
    "usage-filtered": f"/usage?by=model&agent=claude-code&{SEEN_AT_DAY}",
    "requests": f"/usage/requests?{SEEN_AT_DAY}",
    "events": f"/usage/events?kind=tool&name=Bash&{SEEN_AT_DAY}",
    "sessions-none": "/sessions?project=/nowhere",
    "session": "/sessions/{session}?person=ada",
    "session-search": "/sessions/{session}?person=ada&q=berth",
    "job": "/jobs/session-processor:usage",
    "run": "/jobs/runs/2",
    "person": "/people/ada",
    "audit-none": "/audit?action=nothing",
    "not-found": "/nothing",
}
BROKEN = frozenset({"not-found"})
"""The browser itself writes to its console that these pages are errors."""
PARAMETERS = "/usage/events"
"""Pages that need parameters are in `MORE`."""


def pages(routes: list[RouteAccess]) -> dict[str, str]:
    found = {
        each.path.strip("/").replace("/", "-") or "overview": each.path
        for each in routes
        if each.page and each.method == "GET" and "{" not in each.path and each.path != PARAMETERS
    }
    return found | MORE


def test_the_checker_is_what_its_makers_gave() -> None:
    for name, digest in SUMS.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)])
@pytest.mark.timeout(300)
def test_every_page_is_well(browsers: Browsers, shown: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    folder = Path(PICTURES) if PICTURES else tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    async def look(page: Page, seen: Seen) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, path in pages(shown.routes).items():
            seen.console.clear()
            answer = await page.goto(path.format(session=shown.sessions[0]))
            await page.wait_for_load_state("networkidle")
            faults = await grave(page)
            if name in BROKEN:
                seen.console.clear()
            faults += await wrong(page, seen, shown.url)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            faults += [f"{wide} pixels too wide"] if wide > 0 else []
            faults += (
                [] if answer and (answer.status < 400 or name in BROKEN) else [f"status {answer and answer.status}"]
            )
            await page.screenshot(path=folder / f"{name}-{theme}-{size[0]}.png", full_page=True)
            if faults:
                found[name] = faults
        return found

    cookie = shown.cookies[Role.ADMIN]
    assert browsers.visit(shown.url, look, cookie=cookie, theme=theme, size=size) == {}


def test_a_page_is_read_at_twice_the_size(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> list[str]:
        found = []
        for name, path in pages(shown.routes).items():
            await page.goto(path.format(session=shown.sessions[0]))
            if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append(name)
        return found

    half = (WIDE[0] // 2, WIDE[1] // 2)
    assert browsers.visit(shown.url, look, cookie=shown.cookies[Role.ADMIN], size=half) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER, Role.REVIEWER])
def test_every_line_of_the_navigation_leads_somewhere(browsers: Browsers, shown: Any, role: Role) -> None:
    async def look(page: Page, seen: Seen) -> dict[str, int]:
        await page.goto("/")
        links = await page.eval_on_selector_all(".side li a", "all => all.map(each => each.getAttribute('href'))")
        assert links
        found = {}
        for link in links:
            answer = await page.goto(link)
            found[link] = answer.status if answer else 0
        return found

    found = browsers.visit(shown.url, look, cookie=shown.cookies[role])
    assert set(found.values()) == {200}
