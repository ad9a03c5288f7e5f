"""Somebody new gets from an empty folder to agents that know what was said, by what the pages say and nothing else.

Every command is the one that stands on a page or on the terminal, run as it stands there.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, wrong
from builders import put
from places import until
from precedent.testing.sessions import ClaudeCode

STATED = "no, we use pnpm in this repo, not npm"


class Place:
    """A home with a transcript, an empty folder, and a terminal in it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.data = folder / "home", folder / "data"
        session = ClaudeCode("told").prompt("Install the packages.").reply("I ran npm install.").prompt(STATED)
        put(self.home / ".claude/projects/harbour" / session.path.name, session.data)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        put(self.data / "precedent.toml", f"port = {self.port}\n".encode())
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
        self.environment = kept | {"HOME": str(self.home), "PRECEDENT_DATA_DIR": str(self.data), "NO_COLOR": "1"}

    def types(self, line: str, answer: str = "") -> str:
        """Run a line of a shell as it stands and return what it says."""
        environment = {name: value for name, value in self.environment.items() if name != "PRECEDENT_DATA_DIR"}
        done = subprocess.run(
            ["sh", "-c", line],
            input=answer,
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.home,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def running(self, *words: str) -> Iterator[None]:
        command = [sys.executable, "-m", "precedent.cli", *words]
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(command, env=self.environment, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.timeout(180)
def test_the_pages_lead_from_an_empty_folder_to_an_agent_that_knows(browsers: Browsers, tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = subprocess.run(
        [sys.executable, "-m", "precedent.cli", "first-look"],
        env=place.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = re.search(r"`precedent serve`, then open (\S+)/\.", first.stderr)
    assert said, first.stderr
    url = said[1]

    async def walk(page: Page, seen: Seen) -> None:
        await page.goto("/")
        # Nobody has an account: the page says how to make one, which prints a link.
        made = place.types(await page.inner_text("pre code"))
        link = re.search(r"http\S+/password#\S+", made)
        assert link, made
        await page.goto(link[0])
        await page.fill("input[name=password]", PASSWORD)
        await page.fill("input[name=again]", PASSWORD)
        await page.click("main button[type=submit]")
        await page.fill("input[name=email]", "you@example.com")
        await page.fill("input[name=password]", PASSWORD)
        await page.click("main button[type=submit]")

        # The first page leads to the queue as soon as something waits.
        for _ in range(60):
            if await page.locator(".step a").count():
                break
            await page.wait_for_timeout(500)
            await page.reload()
        await page.click(".step a:has-text('Review')")
        assert STATED in await page.inner_text("blockquote")
        await page.click("button:has-text('Approve')")

        # What is approved has reached nobody: the same page leads to the commands.
        assert "The queue is empty" in await page.inner_text("main")
        await page.click(".step a:has-text('Connect your agents')")
        await page.click("main button:has-text('Make a token')")
        token = await page.inner_text("#secret")
        place.types(await page.inner_text("#connect"), answer=f"{token}\n")
        assert "1 item" in place.types(await page.inner_text("#pull"))
        where = await page.inner_text("main .steps p code")
        assert "pnpm" in place.types(f"cat {where}")

        # The pages know that it has come.
        await page.goto("/")
        assert await page.locator(".step").count() == 0
        assert await wrong(page, seen, url) == []

    with place.running("serve"):
        until(lambda: answers(url), what="the server answers")
        browsers.visit(url, walk)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_elsewhere_no_path_of_this_machine_is_told(browsers: Browsers, tmp_path: Path) -> None:
    place = Place(tmp_path)
    url = f"http://127.0.0.1:{place.port}"
    with place.running("api"):
        until(lambda: answers(url), what="the server answers")
        page = httpx.get(
            f"{url}/login", headers={"accept": "text/html", "host": "precedent.example.org"}, trust_env=False
        ).text
    assert "precedent admin create" in page and str(tmp_path) not in page
