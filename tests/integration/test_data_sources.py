"""What tables are read from: PostgreSQL, REST, files, buckets, each a real server on loopback, and nothing private."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg
import pytest

from conftest import MakeApp, NewDatabase
from data_servers import Http, bucket, by_tcp
from data_tables import LOOPBACK, ask, outcome, shop, shown, source, table
from precedent.app import App
from precedent.errors import BadInput
from precedent.store.schema import data_table
from precedent.tables.model import Kind, Mode


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def app(make_app: MakeApp, files: Path) -> App:
    return make_app(data_files_dir=files, egress_private=LOOPBACK)


@pytest.fixture
def orders(app: App, files: Path) -> Path:
    return shop(app, files)


# Servers --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server_url(postgres_url: NewDatabase) -> Iterator[str]:
    """A PostgreSQL by TCP with some tables."""
    url = postgres_url(migrated=False)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA stock")
        admin.execute(
            "CREATE TABLE stock.berths (id bigint PRIMARY KEY, name text, length numeric(8,2), free boolean, "
            "seen timestamptz, day date, tags text[], more jsonb)"
        )
        admin.execute(
            "INSERT INTO stock.berths VALUES (1, 'Quay ''A''', 12.50, true, '2026-01-01 12:00+02', '2026-01-01', "
            "'{a,b}', '{\"x\": 1}'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
    with by_tcp(url) as place:
        yield place
    postgres_url.drop(url)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_postgresql_is_read_with_its_types_by_table_and_by_query(app: App, server_url: str) -> None:
    source(app, "harbour", Kind.POSTGRESQL, server_url)
    table(app, "berths", "harbour", {"table": "stock.berths"})
    table(app, "named", "harbour", {"query": "SELECT id, name FROM stock.berths WHERE name IS NOT NULL;"})
    assert outcome(app.refresh_tables()) == {"published": 2}
    assert ask(app, "SELECT id, name, length, free, seen, day, tags FROM berths ORDER BY id") == [
        [1, "Quay 'A'", "12.50", True, "2026-01-01T10:00:00+00:00", "2026-01-01", ["a", "b"]],
        [2, None, None, None, None, None, None],
    ]
    assert ask(app, "SELECT * FROM named") == [[1, "Quay 'A'"]]
    assert outcome(app.refresh_tables(["berths", "named"])) == {"unchanged": 2}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_growing_table_of_postgresql_is_asked_for_what_is_new_alone(app: App, server_url: str) -> None:
    source(app, "harbour", Kind.POSTGRESQL, server_url)
    old = "SELECT g AS id, 'first' AS look FROM generate_series(1, 5) g"
    new = (
        "SELECT g AS id, CASE WHEN g < 5 THEN (1 / (g - g))::text ELSE 'first' END AS look FROM generate_series(1, 7) g"
    )
    growing: dict[str, Any] = {"mode": Mode.APPEND, "cursor_column": "id"}
    table(app, "calls", "harbour", {"query": old}, **growing)
    app.refresh_tables()
    with app.store.write() as tx:  # the same table as far as we know, whose older rows can be read no more
        tx.execute(data_table.update().values(selection=msgspec.json.encode({"query": new}).decode()))
    assert outcome(app.refresh_tables(["calls"])) == {"published": 1}, shown(app, "calls").error
    assert ask(app, "SELECT list(id ORDER BY id) FROM calls") == [[[1, 2, 3, 4, 5, 6, 7]]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("place", "selection", "kind"),
    [
        ("{url}", {"table": "stock.nothing"}, "permanent"),
        ("{url}", {"query": "SELECT nothing FROM stock.berths"}, "permanent"),
        ("{url}", {"query": "DROP TABLE stock.berths"}, "permanent"),
        ("{url}", {"query": "INSERT INTO stock.berths (id) VALUES (3) RETURNING id"}, "permanent"),
        ("{url}_none", {"table": "stock.berths"}, "permanent"),
        ("postgresql://localhost:1/x", {"table": "stock.berths"}, "transient"),
    ],
)
def test_what_postgresql_refuses_is_told_from_what_passes_and_nothing_is_written_there(
    app: App, server_url: str, place: str, selection: dict[str, Any], kind: str
) -> None:
    source(app, "harbour", Kind.POSTGRESQL, place.format(url=server_url))
    table(app, "wrong", "harbour", selection)
    assert outcome(app.refresh_tables()) == {"failed": 1}
    found = shown(app, "wrong")
    assert found.error_kind == kind, found.error
    source(app, "again", Kind.POSTGRESQL, server_url)
    table(app, "count", "again", {"query": "SELECT count(*) AS n FROM stock.berths"})
    app.refresh_tables(["count"])
    assert ask(app, "SELECT n FROM count") == [[2]]


def pages(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
    """Three pages of issues, for those who show the secret."""
    if headers.get("authorization") != "Bearer open sesame":
        return 401, {"message": "who are you"}, {}
    if path != "/v1/issues":
        return 404, {"message": "no such thing"}, {}
    page = int(query.get("page", ["1"])[0])
    since = int(query.get("since", ["0"])[0] or 0)
    numbers = [number for number in range(page * 2 - 1, page * 2 + 1) if number >= since]
    rows = [{"id": number, "labels": ["a"], "by": {"name": f"p{number}"}} for number in numbers]
    return 200, {"items": rows, "next": f"/v1/issues?page={page + 1}" if page < 3 else None}, {}


REST = {
    "client": {
        "auth": {"type": "bearer", "token": "{secret}"},
        "paginator": {"type": "json_link", "next_url_path": "next"},
    }
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rest_server_is_read_page_by_page_with_its_secret(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_SECRET_TRACKER", "open sesame")
    endpoint = {"path": "issues", "data_selector": "items", "params": {"since": "{cursor}"}}
    server = Http(pages)
    with server.serving() as url:
        source(app, "tracker", Kind.REST, f"{url}/v1/", secret="tracker", options=REST)
        table(app, "issues", "tracker", {"endpoint": endpoint}, mode=Mode.APPEND, cursor_column="id")
        table(app, "gone", "tracker", {"endpoint": {"path": "nothing"}})
        stats = app.refresh_tables()
        assert outcome(stats) == {"published": 1, "failed": 1}
        assert shown(app, "gone").error_kind == "permanent"
        assert "404" in shown(app, "gone").error
        assert ask(app, "SELECT list(id ORDER BY id), min(\"by\"->>'name') FROM issues") == [[[1, 2, 3, 4, 5, 6], "p1"]]
        assert outcome(app.refresh_tables(["issues"])) == {"unchanged": 1}
        assert "since=6" in server.seen[-3][1]
    assert "sesame" not in Path(app.settings.data_dir, "precedent.db").read_bytes().decode("latin-1")
    app.refresh_tables(["issues"])
    assert shown(app, "issues").error_kind == "transient"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_files_are_read_from_a_folder_by_http_and_from_a_bucket(app: App, files: Path) -> None:
    with duckdb.connect() as base:
        base.execute(f"COPY (SELECT 7 AS n, TIMESTAMP '2026-01-01' AS at) TO '{files / 'a.parquet'}' (FORMAT parquet)")
    parquet = (files / "a.parquet").read_bytes()
    (files / "day.ndjson").write_text('{"n": 1}\n{"n": 2, "x": {"y": [1]}}\n')
    headers = {"ETag": '"one"'}
    web = Http(lambda path, *_: (200, b"n,m\n1,a\n2,b\n", headers) if path == "/files/t.csv" else (404, b"", {}))
    lake = bucket({"in/a.parquet": parquet, "in/b.parquet": parquet, "other/c.parquet": b"broken"})
    with web.serving() as web_url, lake.serving() as lake_url:
        source(app, "local", Kind.FILES, ".")
        source(app, "web", Kind.FILES, f"{web_url}/files")
        options = {"endpoint": lake_url, "region": "us-east-1"}
        source(app, "lake", Kind.FILES, "s3://lake/in", options=options)
        table(app, "days", "local", {"path": "*.ndjson"})
        table(app, "sheet", "web", {"path": "t.csv"})
        table(app, "missing", "web", {"path": "nothing.csv"})
        table(app, "rows", "lake", {"path": "*.parquet"})
        table(app, "broken", "lake", {"path": "../other/*.parquet"})
        assert outcome(app.refresh_tables()) == {"published": 3, "failed": 2}, [
            (each, shown(app, each).error) for each in ("days", "sheet", "missing", "rows", "broken")
        ]
        assert ask(app, "SELECT count(*), sum(n) FROM days") == [[2, 3]]
        assert ask(app, "SELECT * FROM sheet") == [[1, "a"], [2, "b"]]
        assert ask(app, 'SELECT count(*), any_value("at") FROM rows') == [[2, "2026-01-01T00:00:00"]]
        assert {shown(app, each).error_kind for each in ("missing", "broken")} == {"permanent"}
        before = len(web.seen)
        assert outcome(app.refresh_tables(["days", "sheet", "rows"])) == {"unchanged": 3}
        assert [method for method, *_ in web.seen[before:]] == ["HEAD"]


@pytest.mark.parametrize(
    "path", ["../secret.csv", "/etc/passwd", "link.csv", "*/../../secret.csv", "nothing.csv", "folder"]
)
def test_no_file_outside_of_the_folder_is_read(app: App, files: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    (files / "link.csv").symlink_to(tmp_path / "secret.csv")
    (files / "folder").mkdir()
    source(app, "local", Kind.FILES, ".")
    table(app, "wrong", "local", {"path": path, "format": "csv"})
    assert outcome(app.refresh_tables()) == {"failed": 1}
    assert shown(app, "wrong").error_kind == "permanent"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_leave_no_private_place_is_set_or_reached(make_app: MakeApp, orders: Path) -> None:
    plain = make_app()
    for kind, place in (
        (Kind.POSTGRESQL, "postgresql://127.0.0.1/x"),
        (Kind.SQL, "mysql+pymysql://10.0.0.1/x"),
        (Kind.REST, "http://localhost:8000/"),
        (Kind.FILES, "http://169.254.169.254/latest"),
        (Kind.REST, "https://user:word@1.1.1.1/"),
        (Kind.REST, "file:///etc/passwd"),
    ):
        with pytest.raises(BadInput):
            source(plain, "inside", kind, place)
    with pytest.raises(BadInput):
        source(plain, "inside", Kind.FILES, "s3://lake", options={"endpoint": "http://[::1]:9000"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_leave_that_is_taken_back_keeps_a_source_from_being_reached(make_app: MakeApp, app: App) -> None:
    server = Http(lambda *_: (200, b"n\n1\n", {}))
    with server.serving() as url:
        source(app, "web", Kind.FILES, f"{url}/t.csv")
        table(app, "sheet", "web", {"path": "", "format": "csv"})
        stats = make_app().refresh_tables()
        assert outcome(stats) == {"failed": 1}
        assert "no public address" in stats.errors_detail[0]["error"]
        assert server.seen == []
