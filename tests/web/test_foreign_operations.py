"""Whatever stands in what operators look at, it is shown as text: names, errors, output, settings, and addresses.

Rows are written straight into the database: services refuse many of these names, and the pages must not rely on it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
import sqlalchemy as sa
from playwright.async_api import Page

from browsers import Browsers, Seen, cookie_of, fitting, served, wrong
from callers import person
from foreign import PAYLOADS
from precedent.app import App
from precedent.knowledge.model import content_hash
from precedent.marketplaces import contents
from precedent.marketplaces.model import About, Component, Finding, PluginFile
from precedent.security.principals import Role
from precedent.settings import load
from precedent.store import schema
from precedent.tables.model import Column, ColumnProfile

PER_TEXT = 5
TEXTS = [" ".join(PAYLOADS[start : start + PER_TEXT]) for start in range(0, len(PAYLOADS), PER_TEXT)]
"""Each several payloads: a page shows many of them at once."""
HALF = len(TEXTS) // 2
HASH = "0" * 64
FILES = [contents.Entry(text, False, text.encode()) for text in [*TEXTS, "README.md"]]


class Hostile(NamedTuple):
    """A server whose database holds the payloads in every text that operators see."""

    url: str
    cookie: str


def json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def row(table: sa.Table, *, now: int, **given: Any) -> dict[str, Any]:
    """Return a row with something in every column that needs it."""
    found: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or column.server_default is not None or column.name == "id":
            continue
        kind = column.type
        found[column.name] = "" if isinstance(kind, sa.Text) else False if isinstance(kind, sa.Boolean) else now
    return found | given


class Writer:
    """Writes rows."""

    def __init__(self, tx: sa.Connection, now: int) -> None:
        self._tx, self._now = tx, now

    def add(self, table: sa.Table, **given: Any) -> int:
        done = self._tx.execute(table.insert().values(row(table, now=self._now, **given)))
        keys = done.inserted_primary_key
        return int(keys[0]) if keys and "id" in table.c else 0


def knowledge(write: Writer, user_id: int) -> None:
    items = []
    for place, text in enumerate(TEXTS):
        hashed = content_hash(text, text)
        number = write.add(
            schema.knowledge_item, title=text, content=text, category=text, domains=json([text]), tags=json([text]),
            entities=json([text]), flags=json([text]), origin="session", content_hash=hashed, approved_by=text,
            edited_by=text, status="pending" if place < HALF else "approved", approved_hash=hashed,
        )  # fmt: skip
        items.append(number)
        write.add(
            schema.knowledge_evidence, item_id=number, kind="correction", quote=text, context=text, user_id=user_id,
            session=text, turn=text, detector=text, start=0, end=1, line=1,
        )  # fmt: skip
        write.add(
            schema.knowledge_version, item_id=number, number=1, by=text, action=text, reason=text, status=text, state=""
        )
        write.add(schema.knowledge_domain, name=text, description=text)
    for first, second in zip(items[:HALF:2], items[1:HALF:2], strict=False):
        write.add(
            schema.knowledge_pair, item_a=first, item_b=second, relation="contradiction", status="open",
            differences=json([TEXTS[first % len(TEXTS)]]), score=900,
        )  # fmt: skip


def people(write: Writer, user_id: int) -> None:
    for place, text in enumerate(TEXTS):
        other = write.add(schema.user, key=text, name=text, email=text)
        write.add(schema.account, user_id=other, role="member", active=True)
        team = write.add(schema.team, name=text)
        write.add(schema.team_member, team_id=team, user_id=user_id)
        write.add(
            schema.token, user_id=user_id, name=text, hint=text, digest=text, scopes="read", created_by=text,
            expires_at=2**60,
        )  # fmt: skip
        write.add(schema.receipt, kind=text, subject=text, erased_by=text, counts=json({text: 1}))
        write.add(
            schema.audit, id=1_000 + place, principal=text, action=text, resource=text, result=text, request_id=text,
            address=text, details=json({text: text}), hash=text, duration_us=1,
        )  # fmt: skip
        write.add(schema.consent, user_id=user_id, purpose="model", project=text, allowed=False, changed_by=text)


def work(write: Writer, user_id: int) -> None:
    for text in TEXTS:
        write.add(schema.processor, name=text, version=1, paused_reason=text)
        write.add(
            schema.state, processor_name=text, session_file=text, transcript_id=1, username=text, status="dead",
            error_class=text, last_error=text,
        )  # fmt: skip
        write.add(
            schema.run, name="session-collector", requested_by=text, host=text, outcome="failed", error_class=text,
            error=text, counts=json({text: text, "more": [text]}), started_at=1, finished_at=2,
        )  # fmt: skip
        write.add(schema.alert, name=text, message=text)
    write.add(schema.job, name="session-collector", paused_reason=" ".join(PAYLOADS), paused_at=1, paused_by=TEXTS[0])


def data(write: Writer, _user_id: int) -> None:
    columns = [Column(name=text, type=text) for text in TEXTS]
    profile = [ColumnProfile(name=text, nulls=1, distinct=1, min=text, max=text) for text in TEXTS]
    for text in ["orders", *TEXTS]:
        said = " ".join(PAYLOADS) if text == "orders" else text
        source = write.add(
            schema.data_source, name=text, kind="rest", place=said, secret=said, options=json({said: said})
        )
        table = write.add(
            schema.data_table, name=text, source_id=source, selection=json({said: said}), mode="replace",
            cursor_column=said, key_columns=json([said]), schedule="every 1h", paused_reason=said, error=said,
            error_kind=said, columns=json(columns), profile=json(profile), version=1, published_at=1,
        )  # fmt: skip
        for each in TEXTS if text == "orders" else [text]:
            write.add(
                schema.data_refresh, table_id=table, outcome="failed", changes=json({each: each}), error=each,
                error_kind=each,
            )  # fmt: skip


def scripts(write: Writer, _user_id: int) -> None:
    for text in ["tide", *TEXTS]:
        said = " ".join(PAYLOADS) if text == "tide" else text
        number = write.add(
            schema.script, name=text, schedule="every 1h", parameters=json({said: said}), secrets=json({said: said}),
            paused_reason=said, version=1, timeout_s=1,
        )  # fmt: skip
        write.add(schema.script_version, script_id=number, number=1, source=said, sha256=HASH, deployed_by=said)
        write.add(
            schema.script_run, script_id=number, version=1, requested_by=said, outcome="failed", reason=said,
            exit_code=1, isolation=said, head=said.encode(), tail=said.encode(),
            output_bytes=len(said), started_at=1, finished_at=2,
        )  # fmt: skip


def marketplaces(write: Writer, _user_id: int) -> None:
    about = About(
        description=" ".join(PAYLOADS), version=TEXTS[0], author=TEXTS[1], homepage=TEXTS[2],
        files=[PluginFile(path=text, size_bytes=1, sha256=text) for text in TEXTS],
        components=[Component(kind="hook", name=text, description=text, path=text, command=text) for text in TEXTS],
        findings=[Finding(flag=text, path=text) for text in TEXTS],
    )  # fmt: skip
    for text in ["harbour", *TEXTS]:
        of = write.add(
            schema.marketplace, name=text, url=text, ref=text, pin=text, secret=text, login=text, enabled=True,
            commit_id=text, error=text, error_kind=text, defects=json([text]), failures=1,
        )  # fmt: skip
        write.add(
            schema.marketplace_plugin, marketplace_id=of, name="tides" if text == "harbour" else text,
            content_hash=contents.digest(FILES), trusted_by=text, trusted_about="{}",
            about=json(about if text == "harbour" else About(description=text)),
        )  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = tmp_path_factory.mktemp("operations") / "data"
    app = App(load(**fitting(folder)))
    user_id = app.accounts.get(person(app, "root", Role.ADMIN)).user_id
    cookie = cookie_of(app, "root")
    app.syncing.contents.mkdir(parents=True)
    contents.write(FILES, contents.path_of(app.syncing.contents, contents.digest(FILES)))
    with app.store.write() as tx:
        write = Writer(tx, app.clock.now())
        for fill in (knowledge, people, work, data, scripts, marketplaces):
            fill(write, user_id)
    settings = {
        f"PRECEDENT_{name}": " ".join(PAYLOADS)[:20_000]
        for name in ("OIDC_CLIENT_ID", "OIDC_GROUPS_CLAIM", "DATA_FILES_DIR")
    }
    with served(folder, **settings) as url:
        yield Hostile(url, cookie)
    app.close()


PATHS = (
    "/", "/review", "/review?item=3", "/contradictions", "/knowledge?status=pending", "/knowledge", "/knowledge/1",
    "/knowledge/2", "/people", "/people/root", "/account", "/connect", "/audit", "/jobs", "/jobs/session-collector",
    "/jobs/runs/1", "/jobs/runs/2", "/processors", "/data", "/data/tables", "/data/tables/orders",
    "/data/edit-table?name=orders", "/data/edit-source?name=orders", "/scripts", "/scripts/tide", "/scripts/runs/1",
    "/scripts/deploy?name=tide", "/marketplaces", "/marketplaces/harbour/plugins/tides", "/settings",
)  # fmt: skip
AT_LEAST = 100
"""Payloads that the pages show in all, as text: they were really there to be seen."""


@pytest.mark.timeout(180)
def test_nothing_that_operators_are_shown_runs_or_loads_anything(browsers: Browsers, hostile: Hostile) -> None:
    async def look(page: Page, seen: Seen) -> tuple[dict[str, list[str]], dict[str, int]]:
        found, shown = {}, {}
        for path in PATHS:
            seen.console.clear()
            seen.requests.clear()
            answer = await page.goto(path)
            if answer is None or answer.status != 200:
                found[path] = [str(answer and answer.status)]
                continue
            await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            text = await page.evaluate("document.body.innerText + document.body.textContent")
            shown[path] = sum(each.strip() in text for each in PAYLOADS)
            if faults := await wrong(page, seen, hostile.url):
                found[path] = faults
        return found, shown

    found, shown = browsers.visit(hostile.url, look, cookie=hostile.cookie)
    assert found == {}
    assert len([path for path, count in shown.items() if count >= AT_LEAST]) >= len(PATHS) - 6, shown


@pytest.mark.timeout(180)
def test_nothing_that_an_address_or_a_form_says_runs_or_loads_anything(browsers: Browsers, hostile: Hostile) -> None:
    asked = (
        "/knowledge?q={}", "/knowledge?domain={}", "/audit?actor={}", "/audit?action={}", "/settings?q={}",
        "/settings?section={}", "/marketplaces?q={}", "/usage?person={}&since=2026-01-01", "/sessions?person={}",
        "/connect?agent={}", "/jobs/{}", "/people/{}", "/scripts/{}",
    )  # fmt: skip

    async def look(page: Page, seen: Seen) -> list[str]:
        found: list[str] = []
        for number, form in enumerate(asked * 3):
            await page.goto(form.format(quote(PAYLOADS[number * 5 % len(PAYLOADS)][:200], safe="")))
            found += await wrong(page, seen, hostile.url)
        text = "\n".join(PAYLOADS).replace("'", "''")
        await page.goto("/data")
        await page.fill("#field-sql", f"SELECT '{text}' AS \"{PAYLOADS[0]}\" -- {PAYLOADS[1]}")
        await page.click("button:has-text('Ask')")
        assert PAYLOADS[0] in await page.inner_text("[aria-label=Answer]")
        found += await wrong(page, seen, hostile.url)
        await page.fill("#field-sql", f"SELEC {PAYLOADS[0]} {PAYLOADS[1]}")
        await page.click("button:has-text('Ask')")
        # The browser itself writes to its console that a page was refused.
        return [each for each in [*found, *await wrong(page, seen, hostile.url)] if "with a status of 4" not in each]

    assert browsers.visit(hostile.url, look, cookie=hostile.cookie) == []
