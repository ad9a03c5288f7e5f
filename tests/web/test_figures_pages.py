"""The pages of figures: what they say agrees with the interface, and every figure leads to the line it comes from."""

import gzip
import hashlib
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from browsers import Browsers, Seen
from builders import claude_path, claude_prompt, put, session_id
from callers import client
from precedent.app import App
from precedent.archive.sources import Home
from precedent.errors import NotFound
from precedent.pipeline import event_search
from precedent.pipeline.event_pages import transcripts
from precedent.security.principals import Role
from precedent.usage.hours import by_hour
from precedent.usage.report import Totals
from precedent.usage.rollups import BUCKET
from precedent.usage.sessions import owned
from precedent.web import drawing, writing
from precedent.web.addresses import address, session
from precedent.web.assets import FOLDER, Assets
from precedent.web.usage_tables import MOST_DAYS, chart
from web_client import client_of

HTML = {"accept": "text/html"}
DAYS = "since=2026-08-01&until=2026-11-30"
FIRST_PAGE_BYTES = 60_000
DAY_US = 86_400_000_000


def get(shown: Any, path: str, role: Role = Role.ADMIN) -> str:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[role]}") as http:
        answer = http.get(path, headers=HTML, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_page_of_usage_says_what_the_interface_says(shown: Any) -> None:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[Role.ADMIN]}") as http:
        totals = http.get(f"/api/usage/totals?{DAYS}").json()
        by_model = http.get(f"/api/usage?by=model&{DAYS}").json()["rows"]
        by_day = http.get(f"/api/usage?by=day&{DAYS}").json()["rows"]
    page = get(shown, f"/usage?{DAYS}")
    assert f">{writing.money(totals['cost_usd_micros'])}<" in page
    for row in by_model:
        assert row["group"][0] in page and f">{row['requests']:,}<" in page
    found = re.search(r'data-chart="([^"]*)"', page)
    assert found
    chart = json.loads(found.group(1).replace("&#34;", '"'))
    assert sum(sum(each["requests"]) for each in chart["series"].values()) == totals["requests"]
    assert {row["group"][0] for row in by_day} <= set(chart["days"])


def test_the_chart_has_every_day_that_is_asked_for_and_not_more_than_it_can_show() -> None:
    given = [Totals(group=("2026-11-05", "m"), requests=3), Totals(group=("9999-12-31", "m"), requests=5)]

    def days(since: str, until: str, *more: Totals) -> list[str]:
        ends = date.fromisoformat(since), date.fromisoformat(until)
        found: list[str] = json.loads(chart([*given, *more], since=ends[0], until=ends[1]))["days"]
        return found

    assert days("2026-11-01", "2026-11-10") == [f"2026-11-{day:02d}" for day in range(1, 11)]
    assert days("2026-11-10", "2026-11-01") == ["2026-11-10"]
    assert days("2026-11-09", "2026-11-10", Totals(group=("2026-11-11", "m"), requests=1))[-1] == "2026-11-11"
    ages = days("0001-01-01", "2026-11-10")
    assert len(ages) == MOST_DAYS and ages[-1] == "2026-11-10"


def test_filters_stand_in_the_address_and_narrow_every_figure(shown: Any) -> None:
    page = get(shown, f"/usage?agent=codex&{DAYS}")
    assert "gpt-5.4" in page and "claude-opus" not in re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL)
    assert 'class="chip"' in page and "agent: codex" in page
    # A form without a script sends its empty fields too.
    assert get(shown, "/usage?agent=codex&person=&model=&until=&since=2026-08-01&by=tool").count("exec_command")


@pytest.mark.parametrize("by", ["model", "person", "project", "agent", "tool", "mcp", "skill", "plugin", "command"])
def test_usage_is_divided_every_way(shown: Any, by: str) -> None:
    assert "aria-current" in get(shown, f"/usage?by={by}&{DAYS}")


def test_a_figure_leads_to_the_line_it_comes_from(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> tuple[str, bool]:
        await page.goto(f"/usage?{DAYS}")
        await page.click("tbody th a")
        await page.click("tbody tr:first-child td:last-child a")
        await page.wait_for_load_state()
        line = page.url.partition("#")[2]
        return line, await page.is_visible(f"#{line} .used")

    line, told = browsers.visit(shown.url, look, cookie=shown.cookies[Role.ADMIN])
    assert re.fullmatch(r"L\d+", line) and told


def test_a_tool_leads_to_the_sessions_that_used_it_and_to_its_calls(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> str:
        await page.goto(f"/usage?by=tool&{DAYS}")
        await page.click("tbody th a:has-text('Bash')")
        await page.click("tbody td a")
        await page.click(".hits a")
        return page.url

    assert "#L" in browsers.visit(shown.url, look, cookie=shown.cookies[Role.MEMBER])


def test_the_chart_is_drawn_and_drawn_again_in_the_other_colours(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> tuple[int, str, str, str]:
        await page.goto(f"/usage?{DAYS}")
        await page.wait_for_selector(".chart canvas")
        before = await page.inner_text("[data-chart-legend]")
        await page.click("[data-measure=requests]")
        after = await page.inner_text("[data-chart-legend]")
        await page.click("[data-theme-switch]")
        await page.reload()
        theme = await page.get_attribute("html", "data-theme")
        return await page.locator(".chart canvas").count(), before, after, theme or ""

    count, before, after, theme = browsers.visit(shown.url, look, cookie=shown.cookies[Role.ADMIN])
    assert count == 1 and "$" in before and "$" not in after and theme == "dark"


def test_pages_can_be_read_without_scripts(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> str:
        await page.goto(f"/sessions/{shown.sessions[0]}")
        return await page.inner_text("main")

    said = browsers.visit(shown.url, look, cookie=shown.cookies[Role.MEMBER], scripts=False)
    assert "Transcript" in said and "UTC" in said


def test_evidence_and_friction_are_marked_in_their_place(shown: Any) -> None:
    page = get(shown, f"/sessions/{shown.sessions[0]}?person=ada")
    marked = re.findall(r'<li class="event human prompt marked" id="(L\d+)"', page)
    assert marked and "correction" in page and "tool error" in page
    listed = re.findall(r'line=(\d+)">[^<]+</a><br>', page)
    assert [f"L{each}" for each in listed] == marked


def test_a_line_and_a_byte_have_an_address(shown: Any) -> None:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[Role.MEMBER]}") as http:
        by_line = http.get(f"/sessions/{shown.sessions[0]}?line=12", headers=HTML)
        page = http.get(by_line.headers["location"], headers=HTML).text
        (offset,) = re.findall(r'title="Line 12, byte ([\d,]+)"', page)[:1]
        by_byte = http.get(f"/sessions/{shown.sessions[0]}?offset={offset.replace(',', '')}", headers=HTML)
    assert by_line.status_code == by_byte.status_code == 303
    assert by_line.headers["location"] == by_byte.headers["location"] and by_line.headers["location"].endswith("#L12")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_faulty_line_is_told_once_in_its_place_whatever_the_page(app: App, home: Home) -> None:
    name, faults = session_id("faulty"), (1, 50, 101, 102, 150, 203)
    lines = [claude_prompt(f"Berth {number}.", session=name, at=number) for number in range(1, 250)]
    for number in faults:
        lines[number - 1] = b"{broken\n"
    put(claude_path(home.path, name), b"".join(lines))
    app.collect([home])
    app.run_processor("usage")
    told: list[int] = []
    with client_of(app) as http:
        for after in (0, 100, 200):
            answer = http.get(f"/sessions/{name}", after=after)
            assert answer.status_code == 200
            told += [int(each) for each in re.findall(r'id="F(\d+)"', answer.text)]
            assert ('rel="next"' in answer.text) is (after < 200)
    assert told == list(faults)


def test_a_line_is_found_from_any_place_that_is_remembered(shown: Any) -> None:
    app = shown.app
    with app.store.read() as tx:
        number = owned(tx, shown.sessions[0])[0].transcript_id
        named = transcripts(tx, [number])[0]
    events = app.event_pages.read(named, after=0, limit=500).events
    for place, event in enumerate(events):
        found = event_search.number_of(app.event_pages, named, line=event.line)
        assert events[found].line == event.line and found <= place
        assert event_search.line_at(app.event_pages, named, byte_offset=event.offset) == event.line
    assert event_search.number_of(app.event_pages, named, line=10**6) == len(events) - 1
    hits = event_search.search(app.event_pages, named, words="BERTH").hits
    assert hits and all(each.found.casefold() == "berth" for each in hits)
    assert [each.number for each in hits] == sorted({each.number for each in hits})
    later = event_search.search(app.event_pages, named, words="berth", after=hits[0].number + 1).hits
    assert later == hits[1:]
    gone = type(named)(ref=named.ref, object_key="ada/gone.jsonl")
    with pytest.raises(NotFound), app.event_pages.walk(gone, line=3) as walked:
        list(walked)


def test_files_have_addresses_for_ever_and_the_first_page_is_light(shown: Any) -> None:
    page = get(shown, "/")
    scripts = re.findall(r'<script src="([^"]+)"', page)
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert scripts and styles
    size = 0
    with client(shown.url) as http:
        for url in [*scripts, *styles]:
            answer = http.get(url)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-encoding"] == "gzip"
            size += len(gzip.compress(answer.content, 9)) if url in scripts else 0
        old = http.get("/static/0123456789abcdef/app.js")
        assert old.status_code == 200 and old.headers["cache-control"] == "no-cache"
        for bad in ("/static/x/nothing.js", "/static/x/../rendering.py", "/static/x/%2e%2e/rendering.py"):
            assert http.get(bad, follow_redirects=True).status_code == 404
        plain = http.get(scripts[0], headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
    assert size <= FIRST_PAGE_BYTES


def test_files_of_others_are_what_their_makers_gave() -> None:
    sums = json.loads((FOLDER / "vendor" / "sums.json").read_text("utf-8"))
    there = {each.name for each in (FOLDER / "vendor").iterdir()} - {"sums.json"}
    assert set(sums) == there
    for name, told in sums.items():
        assert hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == told["sha256"]
        assert told["package"] and told["licence"]


def test_the_address_of_files_changes_with_any_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = Assets(tmp_path)
    (tmp_path / "a.js").write_text("2")
    (tmp_path / "secret.txt").write_text("not served")
    second = Assets(tmp_path)
    assert first.url("a.js") != second.url("a.js") and second.names() == ["a.js"]
    with pytest.raises(KeyError):
        second.url("b.js")
    with pytest.raises(NotFound):
        second.get("secret.txt")


def test_numbers_are_written_for_people() -> None:
    assert [writing.compact(each) for each in (None, 0, 999, 9_999, 12_345, 1_234_567, 5 * 10**9, 10**13)] == [
        "\N{EN DASH}", "0", "999", "9,999", "12.3K", "1.23M", "5.00B", "10.0T",
    ]  # fmt: skip
    assert [writing.money(each) for each in (None, 0, 13_600, 410_000, 1_234_567_890, 98_765_432_100)] == [
        "\N{EN DASH}", "$0", "$0.0136", "$0.41", "$1,234.57", "$98,765",
    ]  # fmt: skip
    assert [writing.size(each) for each in (None, 12, 1_500, 3 * 10**9)] == [
        "\N{EN DASH}",
        "12 B",
        "1.50 KB",
        "3.00 GB",
    ]
    spans = (None, 5_000, 2_500_000, 59_000_000, 61_000_000, 7_500_000_000, 90_000_000_000)
    assert [writing.duration(each) for each in spans] == [
        "\N{EN DASH}", "5 ms", "2.5 s", "59 s", "1 min", "2 h 5 min", "1 d 1 h",
    ]  # fmt: skip
    assert [writing.percent(*each) for each in ((1, 3), (1, 200), (0, 5), (1, 0))] == [
        "33 %",
        "0.5 %",
        "0 %",
        "\N{EN DASH}",
    ]
    assert writing.tail("/code/harbour/") == "harbour" and writing.tail("") == ""
    assert str(writing.when(10**18)).startswith(("<time", "<span")) and "µs" in writing.when(2**62)
    assert writing.attributes({"a": '"<', "b": None, "c": True, "d": False}) == ' a="&#34;&lt;" c'


def test_a_tool_call_is_told_by_what_tells_most_of_it() -> None:
    told = {
        '{"description":"Run","command":"make \\"all\\""}': 'make "all"',
        '{"replace_all":false,"file_path":"/a/b.py","old_string":"cut he': "/a/b.py",
        '{"cmd": ["ls"], "path": "."}': ".",
        '{"command":"\\ud83d"}': "\ud83d",
        '{"command":"\\x"}': '"\\x"',
        '{"a":1}': '{"a":1}',
        '{"command":"cut': '{"command":"cut',
        "{}": "",
    }
    assert {call: writing.gist(call) for call in told} == told


def test_drawings_stay_within_their_edges() -> None:
    spark = drawing.sparkline([0, 5, -3, 10])
    numbers = [float(each) for each in re.findall(r"[\d.]+", spark.line)]
    assert min(numbers) >= 0 and max(numbers[0::2]) == 100 and max(numbers[1::2]) <= 30
    assert drawing.sparkline([]).line == drawing.sparkline([0, 0]).line == ""
    heat = drawing.heat(by_hour([(0, 3), (1, 4), (4, 1)]), unit="requests")
    assert len(heat.cells) == 7 * 24
    told = [each.title for each in heat.cells if each.strength]
    assert told == ["Thu 00:00: 7 requests", "Thu 01:00: 1 requests"]  # 1970 began on a Thursday
    assert DAY_US % BUCKET == 0


def test_addresses_keep_filters_and_escape_everything() -> None:
    assert session("a/b?c", "d&e", line=3) == "/sessions/a%2Fb%3Fc?person=d%26e&line=3"
    assert address("/usage", by="tool", name="") == "/usage?by=tool"


def links(page: str) -> set[str]:
    found = re.findall(r'href="(/[^"#]*)"', re.sub(r'<nav class="side".*?</nav>', "", page, flags=re.DOTALL))
    return {each.replace("&amp;", "&") for each in found if not each.startswith("/static/")}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN])
def test_no_link_of_a_page_leads_to_where_its_reader_may_not_go(shown: Any, role: Role) -> None:
    pages = ["/", f"/usage?{DAYS}", f"/usage?by=tool&{DAYS}", "/account"]
    if role is not Role.VIEWER:
        pages += ["/sessions", f"/usage/requests?{DAYS}"]
    with client(shown.url, cookie=f"precedent-session={shown.cookies[role]}") as http:
        there = sorted({link for page in pages for link in links(http.get(page, headers=HTML).text)})
        found = {link: http.get(link, headers=HTML).status_code for link in there}
    assert there and {link: status for link, status in found.items() if status not in {200, 303}} == {}
