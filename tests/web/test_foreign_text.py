"""Whatever a transcript says, it is shown as text: nothing of it runs, and nothing is loaded from anywhere."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from playwright.async_api import Page

from browsers import Browsers, Seen, cookie_of, fitting, served, wrong
from builders import claude_line, claude_path, claude_prompt, claude_reply, claude_result, home_of, put, session_id
from callers import person
from foreign import FORMS, PAYLOADS
from precedent.app import App
from precedent.security.principals import Role
from precedent.settings import load

PER_SESSION = 17


class Hostile(NamedTuple):
    """A server over sessions that hold the payloads in every field."""

    url: str
    cookie: str
    sessions: list[str]


def attack(session: str, payloads: list[str]) -> bytes:
    """Return a session that has each payload in every field that a person, an agent or a tool writes."""
    lines = [claude_line("ai-title", session=session, at=0, aiTitle=payloads[0])]
    for number, text in enumerate(payloads):
        at, call = number * 10.0, f"toolu_{session}_{number}"
        lines += [
            claude_prompt(text, session=session, at=at, cwd=f"/code/{text}"),
            claude_reply(
                f"msg_{session}_{number}", session=session, at=at + 1, text=text, model=text, cwd=f"/code/{text}",
                calls=(
                    (call, text[:200], {"file_path": f"/{text}", "command": text, text: text}),
                    (f"{call}b", "Skill", {"skill": f"{text}:x"}),
                    (f"{call}c", "Task", {"subagent_type": text, "prompt": text, "description": text}),
                    (f"{call}d", f"mcp__{text[:60]}__x", {"q": text}),
                ),
            ),
            claude_result(call, text, session=session, at=at + 2, is_error=number % 2 == 0),
            claude_prompt(f"<command-name>/{text}</command-name>", session=session, at=at + 3),
            claude_prompt(f"No, that is wrong: {text} is what we call a berth here.", session=session, at=at + 4),
        ]  # fmt: skip
    return b"".join(lines)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = tmp_path_factory.mktemp("foreign")
    app = App(load(**fitting(folder / "data")))
    home, names = home_of(folder, "mallory"), []
    for start in range(0, len(PAYLOADS), PER_SESSION):
        name = session_id(f"hostile {start}")
        put(claude_path(home.path, name), attack(name, PAYLOADS[start : start + PER_SESSION]))
        names.append(name)
    app.collect([home])
    for processor in ("usage", "friction", "verification"):
        app.run_processor(processor)
    person(app, "root", Role.ADMIN)
    cookie = cookie_of(app, "root")
    with served(folder / "data") as url:
        yield Hostile(url, cookie, names)
    app.close()


def test_there_are_as_many_payloads_as_promised() -> None:
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.timeout(300)
def test_nothing_that_a_transcript_says_runs_or_loads_anything(browsers: Browsers, hostile: Hostile) -> None:
    ways = ("model", "person", "project", "agent", "tool", "mcp", "skill", "plugin", "subagent", "command")
    days = "since=2026-01-01&until=2026-12-31"
    paths = ["/", "/sessions", f"/usage/requests?{days}", *(f"/usage?by={way}&{days}" for way in ways)]

    async def look(page: Page, seen: Seen) -> tuple[list[str], int]:
        found: list[str] = []
        payloads = 0
        for path in paths:
            answer = await page.goto(path)
            assert answer is not None and answer.status == 200, path
            found += await wrong(page, seen, hostile.url)
        for name in hostile.sessions:
            next_page: str | None = f"/sessions/{name}"
            while next_page:
                answer = await page.goto(next_page)
                assert answer is not None and answer.status == 200, next_page
                await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
                text = await page.evaluate("document.querySelector('.events').innerText")
                payloads += sum(each.strip() in text for each in PAYLOADS)
                await page.hover(".events .event")
                found += await wrong(page, seen, hostile.url)
                links = await page.query_selector_all(".talk a[rel=next]")
                next_page = await links[0].get_attribute("href") if links else None
        return found, payloads

    found, payloads = browsers.visit(hostile.url, look, cookie=hostile.cookie)
    assert found == []
    assert payloads >= 150  # they were really there to be seen, as text


@pytest.mark.parametrize("payload", PAYLOADS[: len(FORMS) : 5])
def test_nothing_that_an_address_says_runs_or_loads_anything(
    browsers: Browsers, hostile: Hostile, payload: str
) -> None:
    name = hostile.sessions[0]

    async def look(page: Page, seen: Seen) -> list[str]:
        text = quote(payload[:200])
        found: list[str] = []
        for path in (
            f"/sessions/{name}?q={text}", f"/sessions?project={text}", f"/usage?project={text}", f"/login?next={text}",
            f"/usage/events?kind=tool&name={text}",
        ):  # fmt: skip
            await page.goto(path)
            found += await wrong(page, seen, hostile.url)
        return found

    assert browsers.visit(hostile.url, look, cookie=hostile.cookie) == []


def test_a_chart_is_told_names_as_data(browsers: Browsers, hostile: Hostile) -> None:
    async def look(page: Page, seen: Seen) -> Any:
        await page.goto("/usage?since=2026-01-01&until=2026-12-31")
        return await page.get_attribute("[data-chart]", "data-chart"), await page.inner_html("[data-chart-legend]")

    data, legend = browsers.visit(hostile.url, look, cookie=hostile.cookie)
    assert json.loads(data)["series"]
    assert not re.search(r"<(script|img|svg|iframe|div|form)", legend)
