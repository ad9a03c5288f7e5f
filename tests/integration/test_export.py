"""Exports: every request in a file, whose sums are those of the reports, on both databases."""

import calendar
import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from builders import ManualTime, claude_path, claude_session, home_of, put, session_id
from conftest import NewDatabase
from precedent import samples
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import cli
from precedent.settings import load
from precedent.store.schema import audit
from precedent.usage.export import COLUMNS, Format, cell
from web_client import Client, client_of

SUMS = [
    "input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens",
    "web_searches", "cost_usd_micros",
]  # fmt: skip
HOSTILE = '=HYPERLINK("http://x";"y"),\n\'\u2028\U0001f40d'


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("export")
    new_database: NewDatabase = request.getfixturevalue("postgres_url")
    url = new_database() if request.param == "postgresql" else ""
    app = App(load(data_dir=folder / "data", database_url=url, extraction_processes=1), clock=ManualTime().clock)
    zoe = home_of(folder, "zoe")
    name = session_id("z")
    put(claude_path(zoe.path, name), claude_session(name, 700, cwd=HOSTILE))
    app.collect([*(Home(path, path.name) for path in samples.homes()), zoe])
    assert not app.run_processor("usage").errors
    yield app
    app.close()


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Client]:
    with client_of(app) as client:
        yield client


def rows_of(content: bytes, form: Format, folder: Path) -> list[dict[str, object]]:
    """Read a file back with values of their kinds; times as microseconds."""
    if form is Format.NDJSON:
        return [json.loads(line) for line in content.splitlines()]
    if form is Format.PARQUET:
        path = folder / "x.parquet"
        path.write_bytes(content)
        shown = ", ".join('epoch_us("at") AS "at"' if name == "at" else f'"{name}"' for name in COLUMNS)
        with duckdb.connect() as base:
            found = base.execute(f"SELECT {shown} FROM read_parquet(?)", [str(path)]).fetchall()
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]
    found_rows = []
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")):
        moment = datetime.fromisoformat(row["at"])
        at = calendar.timegm(moment.timetuple()) * 1_000_000 + moment.microsecond
        read: dict[str, object] = {
            name: (int(value) if value else None) if name.endswith(("tokens", "micros", "searches", "line", "offset"))
            else value.removeprefix("'") if value.startswith("'=") else value
            for name, value in row.items()
        }  # fmt: skip
        found_rows.append(read | {"at": at})
    return found_rows


@pytest.mark.parametrize("form", Format)
def test_each_format_holds_every_request_and_sums_to_the_report(client: Client, tmp_path: Path, form: Format) -> None:
    found = client.get("/api/export/usage", format=form.value)
    assert found.status_code == 200
    assert int(found.headers["content-length"]) == len(found.content)
    rows = rows_of(found.content, form, tmp_path)
    expected = client.pages("/api/usage/requests", limit=500)
    assert len(rows) == int(found.headers["x-row-count"]) == len(expected) > 1400
    assert rows == expected
    totals = client.read("/api/usage/totals")
    for name in SUMS:
        assert sum(row[name] or 0 for row in rows) == totals[name], name  # type: ignore[misc]


def test_parquet_has_typed_columns(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(client.get("/api/export/usage", format="parquet").content)
    with duckdb.connect() as base:
        kinds = {
            row[0]: row[1] for row in base.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        }
    assert list(kinds) == list(COLUMNS)
    assert kinds["at"] == "TIMESTAMP WITH TIME ZONE"
    assert {kinds[name] for name in (*SUMS, "line", "byte_offset")} == {"BIGINT"}
    assert {kinds[name] for name in ("person", "model", "project", "session_file")} == {"VARCHAR"}


def test_filters_choose_what_is_exported(client: Client, tmp_path: Path) -> None:
    question = {"person": "ada", "agent": "codex", "since": "2026-09-01", "until": "2026-12-31", "zone": "Asia/Tokyo"}
    rows = rows_of(client.get("/api/export/usage", format="ndjson", **question).content, Format.NDJSON, tmp_path)
    assert rows and {(row["person"], row["agent"]) for row in rows} == {("ada", "codex")}
    totals = client.read("/api/usage/totals", **question)
    assert sum(int(str(row["cost_usd_micros"])) for row in rows) == totals["cost_usd_micros"]
    empty = client.get("/api/export/usage", format="csv", person="nobody")
    assert empty.text == ",".join(COLUMNS) + "\n"
    assert client.get("/api/export/usage", format="parquet", person="nobody").content.startswith(b"PAR1")


def test_each_export_is_audited(app: App, client: Client) -> None:
    client.get("/api/export/usage", format="csv", person="ada")
    with app.store.read() as tx:
        query = sa.select(audit.c.principal, audit.c.action, audit.c.details).order_by(audit.c.id.desc()).limit(1)
        row = tx.execute(query).one()
    assert (row.principal, row.action) == ("root", "export_usage")
    assert "person=ada" in json.loads(row.details)["query"] and json.loads(row.details)["rows"] > 0


def test_no_file_of_an_export_stays(app: App, client: Client) -> None:
    for form in Format:
        assert client.get("/api/export/usage", format=form.value).status_code == 200
    assert [path.name for path in app.settings.data_dir.iterdir() if "export" in path.name] == []


def test_too_many_exports_at_a_time_are_told_to_come_again(app: App) -> None:
    with client_of(app) as client:
        turns = client.web.state.exports
        assert turns.acquire(blocking=False) and turns.acquire(blocking=False)
        found = client.get("/api/export/usage")
        assert found.status_code == 429 and int(found.headers["retry-after"]) > 0
        turns.release()
        assert client.get("/api/export/usage").status_code == 200


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("a=b", "a=b"),
        (None, ""),
        (-5, -5),
    ],
)
def test_a_text_that_would_be_a_formula_is_quoted(value: object, shown: object) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize("form", Format)
def test_the_command_writes_the_same_file(app: App, client: Client, tmp_path: Path, form: Format) -> None:
    path = tmp_path / f"out.{form}"
    path.write_text("older")
    environment = {"PRECEDENT_DATABASE_URL": app.settings.database_url}
    options = ["--data-dir", str(app.settings.data_dir), "usage", "export", str(path), "--person", "ada"]
    found = CliRunner().invoke(cli, options, env=environment, catch_exceptions=False)
    assert found.exit_code == 0 and "requests in" in found.stderr
    expected = client.get("/api/export/usage", format=form.value, person="ada").content
    assert rows_of(path.read_bytes(), form, tmp_path) == rows_of(expected, form, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".precedent")] == []


def test_a_name_without_a_known_ending_is_refused(tmp_path: Path) -> None:
    found = CliRunner().invoke(cli, ["--data-dir", str(tmp_path), "usage", "export", "x.xlsx"])
    assert found.exit_code != 0 and "must end with" in str(found.exception)
