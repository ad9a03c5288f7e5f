"""A real browser and a real server for tests of pages.

The browser runs in a thread of its own: its library keeps an event loop, which would be in the way of other tests.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from callers import PASSWORD
from places import until
from precedent.app import App

T = TypeVar("T")
VARIABLE = "PRECEDENT_CHROMIUM"
CHROMIUM = shutil.which(os.environ.get(VARIABLE) or "chromium")
"""Looked for before tests take settings out of the environment."""
VENDOR = Path(__file__).parent / "web" / "vendor"
WIDE, PHONE = (1360, 900), (390, 844)
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
window.__hits = [];
for (const name of ["alert", "confirm", "prompt", "print"]) {
  window[name] = (text) => { window.__hits.push(`${name} ${text}`); return true; };
}
"""
"""Runs before every page: remembers what the policy refused, and calls that only a foreign script makes."""


class Seen(NamedTuple):
    """What went wrong on the pages of one visit."""

    console: list[str]
    requests: list[str]


class Browsers:
    """Opens pages in one browser."""

    def __init__(self, portal: BlockingPortal, browser: Browser) -> None:
        self._portal, self._browser = portal, browser

    def visit(
        self,
        url: str,
        look: Callable[[Page, Seen], Awaitable[T]],
        *,
        cookie: str = "",
        theme: str = "light",
        size: tuple[int, int] = WIDE,
        scripts: bool = True,
    ) -> T:
        """Give a page of a fresh profile to a function and return what that returns.

        Args:
            url: of the server.
            look: looks at the page.
            cookie: of a login.
            theme: `light` or `dark`, what the system wishes.
            size: of the window.
            scripts: whether the browser runs any.
        """

        async def body() -> T:
            context = await self._browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if theme == "dark" else "light",
                base_url=url,
                java_script_enabled=scripts,
                reduced_motion="reduce",
            )
            context.set_default_timeout(20_000)
            if cookie:
                await context.add_cookies([{"name": "precedent-session", "value": cookie, "url": url}])
            seen = Seen([], [])
            context.on("request", lambda request: seen.requests.append(request.url))
            context.on("console", lambda message: _note(seen, message))
            context.on("weberror", lambda error: seen.console.append(f"error: {error.error}"))
            try:
                if scripts:
                    await context.add_init_script(WATCH)
                return await look(await context.new_page(), seen)
            finally:
                await context.close()

        return self._portal.call(body)


def _note(seen: Seen, message: ConsoleMessage) -> None:
    if message.type in {"warning", "error"}:
        seen.console.append(f"{message.type}: {message.text}")


@contextmanager
def browsing() -> Iterator[Browsers]:
    """Run a browser while the block runs; without one the tests fail."""
    if CHROMIUM is None:
        pytest.fail(f"there is no chromium; run `python -m tools.ensure_chromium`, or set {VARIABLE}")
    with start_blocking_portal() as portal:
        driver = portal.call(async_playwright().start)
        browser = portal.call(lambda: driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]))
        try:
            yield Browsers(portal, browser)
        finally:
            portal.call(browser.close)
            portal.call(driver.stop)


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    """Run the web process of a data folder while the block runs; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "error", "-m", "precedent.cli", "--data-dir", str(folder), "api"]
    with (folder / "api.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "PRECEDENT_PORT": str(port), "HOME": str(folder), **environment}, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "api.log").read_text()
        try:
            return httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(answers, what="the server answers")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def cookie_of(app: App, key: str) -> str:
    """Begin a session for somebody and return its cookie."""
    # Only tests begin sessions without a proof.
    from precedent.security.acting import BY_COMMAND_LINE

    with app.store.write() as tx:
        user_id = app.accounts.get(key).user_id
        return app.logins.begin(tx, user_id, by=BY_COMMAND_LINE, how="test").cookie


async def grave(page: Page) -> list[str]:
    """Return what would keep somebody from using the page that is open, as axe finds it."""
    await page.evaluate((VENDOR / "axe.min.js").read_text("utf-8"))
    result = await page.evaluate("axe.run({resultTypes: ['violations']})")
    found = [each for each in result["violations"] if each["impact"] in {"serious", "critical"}]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['any'][:1]}" for each in found]


async def wrong(page: Page, seen: Seen, url: str) -> list[str]:
    """Return what is wrong with the page that is open and all before it."""
    refused: list[str] = await page.evaluate("window.__violations")
    hits: list[str] = await page.evaluate("window.__hits")
    foreign = [each for each in seen.requests if not each.startswith(url + "/")]
    return [*seen.console, *refused, *hits, *foreign]


def fitting(folder: Path) -> dict[str, Any]:
    """Return the settings of a program whose pages are looked at."""
    return {"data_dir": folder, "extraction_processes": 1}


__all__ = ["PASSWORD", "PHONE", "WIDE", "Browsers", "Seen", "browsing", "cookie_of", "fitting", "served", "wrong"]
