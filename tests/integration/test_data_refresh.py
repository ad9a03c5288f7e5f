"""What data refresh promises: tables of real servers, each by itself, published whole or not at all."""

import os
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import sqlalchemy as sa

from builders import ManualTime
from conftest import MakeApp
from data_tables import LOOPBACK, ask, looks, outcome, shop, shown, source, sqlite_of, table
from places import until
from precedent.app import App
from precedent.errors import BadInput, Busy, Conflict, NotFound
from precedent.security.acting import BY_COMMAND_LINE
from precedent.store.schema import audit, data_file
from precedent.tables import listing, publishing
from precedent.tables.model import Kind, Mode, Source, TableSpec
from precedent.tables.refreshing import RefreshStats

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


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


# One table ------------------------------------------------------------------------------------------------------------


def test_a_table_is_published_with_its_types_and_a_profile_and_can_be_asked(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    stats = app.refresh_tables()
    assert (outcome(stats), stats.rows) == ({"published": 1}, 3)
    assert ask(app, "SELECT * FROM orders ORDER BY id") == [
        [1, "rope", 2.5, 10], [2, "sail", None, 20], [3, "mast", 99.0, 20],
    ]  # fmt: skip
    found = shown(app, "orders")
    assert [(each.name, each.type) for each in found.columns] == [
        ("id", "BIGINT"), ("name", "VARCHAR"), ("price", "DOUBLE"), ("changed", "BIGINT"),
    ]  # fmt: skip
    price = found.profile[2]
    assert (price.nulls, price.distinct, price.min, price.max) == (1, 2, "2.5", "99.0")
    assert (found.rows, found.version, found.error) == (3, 1, "")
    assert found.size_bytes > 0


def test_an_unchanged_source_makes_no_work_and_a_changed_one_is_published_anew(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables(["orders"])
    first = shown(app, "orders")
    assert outcome(app.refresh_tables(["orders"])) == {"unchanged": 1}
    assert shown(app, "orders").version == first.version
    os.utime(orders)  # touched, and equal: read, and nothing published
    assert outcome(app.refresh_tables(["orders"])) == {"unchanged": 1}
    sqlite_of(orders, "UPDATE orders SET price = 3 WHERE id = 1")
    assert outcome(app.refresh_tables(["orders"])) == {"published": 1}
    assert ask(app, "SELECT price FROM orders WHERE id = 1") == [[3.0]]
    assert [each.outcome for each in looks(app, "orders")] == ["published", "unchanged", "unchanged", "published"]


def test_a_table_is_due_at_once_and_then_by_its_schedule(app: App, orders: Path, manual_time: ManualTime) -> None:
    table(app, "orders", "shop", {"table": "orders"}, schedule="every 1h")
    assert app.refresh_tables().tables_due == 1
    assert app.refresh_tables().tables_due == 0
    manual_time.advance(3600)
    assert app.refresh_tables().tables_due == 1
    app.data_registry.pause("orders", "the shop moves", by=BY_COMMAND_LINE)
    manual_time.advance(7200)
    assert app.refresh_tables().tables_due == 0
    assert outcome(app.refresh_tables(["orders"])) == {"unchanged": 1}
    app.data_registry.pause("orders", "", by=BY_COMMAND_LINE)
    assert app.refresh_tables().tables_due == 1


def test_added_removed_and_changed_columns_are_told(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables()
    sqlite_of(orders, "ALTER TABLE orders ADD COLUMN weight REAL; ALTER TABLE orders DROP COLUMN price;")
    sqlite_of(orders, "UPDATE orders SET weight = 1, changed = 'x'")
    app.refresh_tables(["orders"])
    told = looks(app, "orders")[0].changes
    assert sorted(told) == ["added weight DOUBLE", "changed was BIGINT, is VARCHAR", "removed price DOUBLE"]


def test_rows_of_several_types_in_one_column_become_text_and_none_is_lost(app: App, files: Path) -> None:
    sqlite_of(files / "odd.db", "CREATE TABLE odd (v); INSERT INTO odd VALUES (1), ('two'), (3.5), (x'00ff'), (NULL);")
    source(app, "odd", Kind.SQLITE, "odd.db")
    table(app, "odd", "odd", {"table": "odd"})
    app.refresh_tables()
    assert [row[0] for row in ask(app, "SELECT v FROM odd ORDER BY v NULLS LAST")] == [
        "1",
        "3.5",
        "\\x00\\xFF",
        "two",
        None,
    ]


def test_a_table_without_rows_is_published(app: App, orders: Path) -> None:
    table(app, "none", "shop", {"query": "SELECT * FROM orders WHERE 0"})
    assert outcome(app.refresh_tables()) == {"published": 1}
    assert ask(app, "SELECT count(*) FROM none") == [[0]]


# By what is new -------------------------------------------------------------------------------------------------------


def test_append_adds_what_is_new_and_a_late_row_with_an_equal_cursor_is_not_lost(app: App, orders: Path) -> None:
    table(app, "log", "shop", {"table": "orders"}, mode=Mode.APPEND, cursor_column="changed")
    app.refresh_tables(["log"])
    sqlite_of(orders, "INSERT INTO orders VALUES (4, 'oar', 1, 20), (5, 'oar', 1, 30), (6, 'old', 1, 5)")
    assert outcome(app.refresh_tables(["log"])) == {"published": 1}
    assert ask(app, "SELECT list(id ORDER BY id) FROM log") == [[[1, 2, 3, 4, 5]]]
    with app.store.read() as tx:
        assert [row.rows for row in tx.execute(sa.select(data_file).order_by(data_file.c.id))] == [3, 2]
    os.utime(orders)
    assert outcome(app.refresh_tables(["log"])) == {"unchanged": 1}


def test_append_joins_many_small_files_into_one(app: App, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(app, "log", "shop", {"table": "orders"}, mode=Mode.APPEND, cursor_column="changed")
    for number in range(34):
        sqlite_of(orders, f"INSERT INTO orders VALUES ({100 + number}, 'x', 1, {100 + number})")
        assert outcome(app.refresh_tables(["log"])) == {"published": 1}
    with app.store.read() as tx:
        assert len(tx.execute(sa.select(data_file)).all()) < 5
    assert ask(app, "SELECT count(*), count(DISTINCT id) FROM log") == [[37, 37]]


def test_merge_replaces_the_row_of_a_key_and_keeps_the_newest_of_several(app: App, files: Path) -> None:
    (files / "v1.csv").write_text("id,at,state\n1,2026-01-01,new\n2,2026-01-02,new\n")
    source(app, "drop", Kind.FILES, ".")
    table(app, "tickets", "drop", {"path": "*.csv"}, mode=Mode.MERGE, cursor_column="at", key_columns=["id"])
    app.refresh_tables(["tickets"])
    (files / "v2.csv").write_text(
        "id,at,state\n1,2026-01-05,closed\n1,2026-01-03,open\n3,2026-01-04,new\n0,2025-01-01,old\n"
    )
    assert outcome(app.refresh_tables(["tickets"])) == {"published": 1}
    assert ask(app, "SELECT id, state FROM tickets ORDER BY id") == [[1, "closed"], [2, "new"], [3, "new"]]


def test_a_new_column_joins_a_growing_table_and_a_changed_type_is_a_permanent_fault(app: App, orders: Path) -> None:
    table(app, "log", "shop", {"table": "orders"}, mode=Mode.APPEND, cursor_column="changed")
    app.refresh_tables(["log"])
    sqlite_of(orders, "ALTER TABLE orders ADD COLUMN weight REAL; INSERT INTO orders VALUES (7, 'keel', 1, 40, 8.5)")
    app.refresh_tables(["log"])
    assert ask(app, "SELECT weight FROM log ORDER BY id") == [[None], [None], [None], [8.5]]
    sqlite_of(orders, "INSERT INTO orders VALUES (8, 'keel', 'dear', 50, 8.5)")
    assert outcome(app.refresh_tables(["log"])) == {"failed": 1}
    found = shown(app, "log")
    assert (found.error_kind, found.rows) == ("permanent", 4)
    assert "price was DOUBLE and is VARCHAR" in found.error
    spec = TableSpec(name="log", source="shop", selection={"table": "orders"})
    app.data_registry.change("log", spec, by=BY_COMMAND_LINE)  # read whole again
    assert outcome(app.refresh_tables()) == {"published": 1}
    assert shown(app, "log").rows == 5


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"mode": Mode.MERGE, "cursor_column": "changed", "key_columns": ["changed"]}, "is no key"),
        ({"mode": Mode.MERGE, "cursor_column": "changed", "key_columns": ["price"]}, "without a value in price"),
        ({"mode": Mode.MERGE, "cursor_column": "changed", "key_columns": ["nothing"]}, "no column 'nothing'"),
        ({"mode": Mode.APPEND, "cursor_column": "nothing"}, "no column 'nothing'"),
    ],
)
def test_a_key_or_cursor_that_does_not_fit_is_told(app: App, orders: Path, more: dict[str, Any], told: str) -> None:
    table(app, "bad", "shop", {"table": "orders"}, **more)
    app.refresh_tables()
    assert told in shown(app, "bad").error
    assert shown(app, "bad").version == 0


# Failures stay where they are -----------------------------------------------------------------------------------------


def test_one_failure_stops_no_other_and_each_says_why(app: App, orders: Path) -> None:
    for number in range(6):
        table(app, f"good_{number}", "shop", {"table": "orders"})
        if number % 3 == 0:
            table(app, f"bad_{number}", "shop", {"table": f"missing_{number}"})
    stats = app.refresh_tables()
    assert outcome(stats) == {"published": 6, "failed": 2}
    assert [each["table"] for each in stats.errors_detail] == ["bad_0", "bad_3"]
    assert all("no such table: missing" in each["error"] for each in stats.errors_detail)


def test_what_passes_is_tried_again_with_growing_rests_and_what_stays_by_the_schedule(
    app: App, orders: Path, manual_time: ManualTime
) -> None:
    source(app, "away", Kind.POSTGRESQL, "postgresql://localhost:1/x")
    table(app, "passing", "away", {"table": "t"}, schedule="daily 00:00")
    table(app, "staying", "shop", {"table": "nothing"}, schedule="daily 00:00")
    assert app.refresh_tables().tables_due == 2
    assert app.refresh_tables().tables_due == 0
    manual_time.advance(61)
    assert app.refresh_tables().errors_detail[0]["table"] == "passing"
    manual_time.advance(61)
    assert app.refresh_tables().tables_due == 0
    manual_time.advance(60)
    assert app.refresh_tables().tables_due == 1
    assert (shown(app, "passing").failures, shown(app, "staying").failures) == (3, 1)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"max_rows": 2}, "more than 2 rows"),
        ({"max_bytes": 100}, "more than 100 bytes"),
        ({"timeout_s": 1, "selection": {"query": ENDLESS}}, "not read within 1 s"),
    ],
)
def test_a_table_beyond_its_budget_fails_and_what_was_published_stays(
    app: App, orders: Path, more: dict[str, Any], told: str
) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables()
    spec = TableSpec(**{"name": "orders", "source": "shop", "selection": {"table": "orders"}, **more})
    app.data_registry.change("orders", spec, by=BY_COMMAND_LINE)
    assert outcome(app.refresh_tables(["orders"])) == {"failed": 1}
    assert told in shown(app, "orders").error
    assert ask(app, "SELECT count(*) FROM orders") == [[3]]


def test_of_two_that_read_at_a_time_one_is_published(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    done: list[RefreshStats] = []
    threads = [threading.Thread(target=lambda: done.append(app.refreshing.refresh(["orders"]))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each.published for each in done) == 1
    assert shown(app, "orders").version == 1


def test_files_of_before_stay_for_readers_and_go_after_a_while(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables()
    folder = next(each for each in app.tables_root.iterdir() if each.name.isdecimal())
    (old,) = folder.iterdir()
    sqlite_of(orders, "DELETE FROM orders")
    app.refresh_tables(["orders"])
    assert old.exists()
    os.utime(old, (1, 1))
    leftover = app.tables_root / f"{publishing.STAGING}x"
    leftover.mkdir()
    (leftover / "part").write_text("half")
    for each in (leftover / "part", leftover):
        os.utime(each, (1, 1))
    assert publishing.sweep(app.store, app.tables_root) == 2
    os.utime(leftover, (1, 1))
    publishing.sweep(app.store, app.tables_root)
    assert (old.exists(), leftover.exists()) == (False, False)
    assert ask(app, "SELECT count(*) FROM orders") == [[0]]


def test_what_became_of_old_looks_is_forgotten(app: App, orders: Path, manual_time: ManualTime) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables()
    manual_time.advance((publishing.KEPT_DAYS - 1) * 86_400)
    app.refresh_tables()
    assert [each.outcome for each in looks(app, "orders")] == ["unchanged", "published"]
    manual_time.advance(2 * 86_400)
    app.refresh_tables()
    assert [each.outcome for each in looks(app, "orders")] == ["unchanged", "unchanged"]
    assert ask(app, "SELECT count(*) FROM orders") == [[3]]


def test_a_table_whose_files_are_gone_is_read_whole_again(app: App, orders: Path) -> None:
    table(app, "log", "shop", {"table": "orders"}, mode=Mode.APPEND, cursor_column="changed")
    app.refresh_tables()
    for path in app.tables_root.glob("*/*.parquet"):
        path.unlink()
    assert outcome(app.refresh_tables(["log"])) == {"published": 1}
    assert ask(app, "SELECT count(*) FROM log") == [[3]]


def test_a_source_in_use_stays_and_a_removed_table_takes_its_history_along(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.refresh_tables()
    with pytest.raises(Conflict, match="orders"):
        app.data_registry.remove_source("shop", by=BY_COMMAND_LINE)
    app.data_registry.remove("orders", by=BY_COMMAND_LINE)
    app.data_registry.remove_source("shop", by=BY_COMMAND_LINE)
    with pytest.raises(NotFound):
        shown(app, "orders")
    with pytest.raises(NotFound):
        app.refresh_tables(["orders"])


def test_a_team_that_a_table_is_for_stays_until_the_table_is_for_others(app: App, orders: Path) -> None:
    app.teams.create("sales", by=BY_COMMAND_LINE)
    table(app, "deals", "shop", {"table": "orders"}, teams=["sales"])
    with pytest.raises(Conflict, match="table 'deals' is for the team 'sales'"):
        app.teams.delete("sales", by=BY_COMMAND_LINE)
    app.data_registry.remove("deals", by=BY_COMMAND_LINE)
    app.teams.delete("sales", by=BY_COMMAND_LINE)
    assert app.teams.listed() == []


def test_a_source_that_moves_to_another_host_loses_its_secret(app: App) -> None:
    place = "https://93.184.215.14/a"
    source(app, "web", Kind.REST, place, secret="key")

    def moved(to: str, secret: str = "") -> str:
        given = Source(name="web", kind=Kind.REST, place=to, secret=secret)
        app.data_registry.change_source("web", given, by=BY_COMMAND_LINE)
        with app.store.read() as tx:
            return listing.source(tx, "web").secret

    assert moved("https://93.184.215.14/b") == "key"
    assert moved("https://93.184.215.14:8443/b") == ""
    assert moved("https://1.1.1.1/b", "other") == "other"
    assert moved("http://1.1.1.1/b") == ""


def test_every_change_is_audited_with_who_made_it(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    app.data_registry.pause("orders", "why not", by=BY_COMMAND_LINE)
    app.data_registry.remove("orders", by=BY_COMMAND_LINE)
    with app.store.read() as tx:
        rows = tx.execute(sa.select(audit.c.action, audit.c.resource).where(audit.c.action.like("data.%"))).all()
    assert [tuple(row) for row in rows] == [
        ("data.source.create", "data:source:shop"), ("data.table.create", "data:table:orders"),
        ("data.table.pause", "data:table:orders"), ("data.table.remove", "data:table:orders"),
    ]  # fmt: skip


BAD_TABLES: list[dict[str, Any]] = [
    {"name": "Orders"}, {"name": "1x"}, {"name": "a" * 64}, {"name": "usage"}, {"name": "../x"}, {"name": ""},
    {"selection": {}}, {"selection": {"tables": "x"}}, {"selection": {"table": "x", "query": "y"}},
    {"selection": {"table": 7}}, {"selection": {"table": "a\0"}}, {"selection": {"path": "x"}},
    {"mode": Mode.APPEND}, {"mode": Mode.MERGE, "cursor_column": "x"}, {"cursor_column": "x"}, {"key_columns": ["x"]},
    {"schedule": "evry 5m"}, {"schedule": ""}, {"max_rows": -1}, {"max_rows": 10**12}, {"timeout_s": 10**6},
    {"selection": {"table": "x" * 70_000}},
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("more", BAD_TABLES, ids=str)
def test_a_table_that_cannot_be_is_refused_and_nothing_is_kept(app: App, orders: Path, more: dict[str, Any]) -> None:
    given = {"name": "fine", "source": "shop", "selection": {"table": "orders"}} | more
    with pytest.raises(BadInput):
        app.data_registry.add(TableSpec(**given), by=BY_COMMAND_LINE)
    with app.store.read() as tx:
        assert listing.tables(tx, now=0) == []


def test_names_that_are_taken_or_unknown_are_told(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    with pytest.raises(Conflict):
        table(app, "orders", "shop", {"table": "orders"})
    with pytest.raises(Conflict):
        source(app, "shop", Kind.SQLITE, "x.db")
    with pytest.raises(NotFound):
        table(app, "more", "nowhere", {"table": "orders"})
    with pytest.raises(NotFound, match="sailors"):
        table(app, "more", "shop", {"table": "orders"}, teams=["sailors"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_values_of_every_type_come_through(app: App, make_app: MakeApp) -> None:
    from precedent.tables.rows import RowFile

    path = app.settings.data_dir / "rows.ndjson"
    rows = RowFile(path)
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    rows.write(
        [
            {"i": 1, "big": 2**100, "huge": 10**50, "f": float("inf"), "d": Decimal("1.250"), "t": moment},
            {"i": None, "big": -1, "huge": 1, "f": 1.5, "d": Decimal(10**10), "t": moment, "b": b"", "j": [], "s": ""},
            {"b": b"\x00\xff", "j": {"a": [1, "x"]}, "s": "Grüße\ud800", "mix": 1, "n": None, "o": True},
            {"mix": 1.5, "n": None, "o": None, "late": 7},
        ]
    )
    with duckdb.connect() as base:
        base.execute("SET TimeZone = 'UTC'")
        found = base.execute(rows.select()).fetchall()
        names = [each[0] for each in base.description or ()]
        kinds = {each[0]: str(each[1]) for each in base.description or ()}
    first, second, third, fourth = (dict(zip(names, row, strict=True)) for row in found)
    assert (first["i"], first["big"], first["huge"], first["f"]) == (1, 2**100, str(10**50), float("inf"))
    assert (first["d"], first["t"].isoformat(), second["d"]) == (Decimal("1.250"), moment.isoformat(), Decimal(10**10))
    assert (third["b"], third["j"], third["s"], third["o"]) == (b"\x00\xff", '{"a":[1,"x"]}', "Grüße?", True)
    assert (third["mix"], fourth["mix"], fourth["late"], first["late"]) == (1.0, 1.5, 7, None)
    wanted = {"i": "BIGINT", "big": "HUGEINT", "huge": "VARCHAR", "f": "DOUBLE", "d": "DECIMAL(14,3)", "n": "VARCHAR"}
    assert {name: kinds[name] for name in wanted} == wanted


def test_the_job_reads_what_is_named_and_says_what_became_of_it(app: App, orders: Path) -> None:
    table(app, "orders", "shop", {"table": "orders"}, schedule="daily 00:00")
    app.refresh_tables()
    worker = app.worker(lambda: [])
    number = app.request("data-refresh", by="ada", told={"tables": ["orders"]}).id
    with pytest.raises(Busy):
        app.request("data-refresh", by="ada")
    thread = threading.Thread(target=worker.work)
    thread.start()
    until(lambda: app.runs.get(number).finished_at is not None, what="the run ended")
    worker.stop()
    thread.join()
    found = app.runs.get(number)
    assert found.outcome == "done"
    assert msgspec.json.decode(found.counts)["unchanged"] == 1
