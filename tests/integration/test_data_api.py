"""Data tables over HTTP: who may have what, downloads by delta, triggers, and questions under attack."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from builders import ManualTime, fill, home_of
from callers import client, person, serving, token, working
from conftest import MakeApp
from data_tables import LOOPBACK, ORDERS, shop, source, sqlite_of, table
from precedent.app import App
from precedent.client import config
from precedent.client import tables as laptop
from precedent.errors import BadInput, Exhausted
from precedent.jobs.records import DATA
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE, Role
from precedent.store.schema import audit
from precedent.tables import usage_snapshots
from precedent.tables.asking import AT_A_TIME
from precedent.tables.model import Kind
from query_attacks import ATTACKS, EVERY_READER, TOO_MUCH


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> App:
    folder = tmp_path / "files"
    folder.mkdir()
    found = make_app(data_files_dir=folder, egress_private=LOOPBACK)
    shop(found, folder)
    return found


@pytest.fixture
def server(app: App) -> Iterator[str]:
    with serving(app) as url:
        yield url


def caller(app: App, server: str, name: str, role: Role = Role.MEMBER) -> httpx.Client:
    return client(server, token(app, person(app, name, role)))


def published(app: App, *, teams: dict[str, list[str]] | None = None) -> None:
    """Publish tables, each for its teams."""
    for name, of in (teams or {"orders": []}).items():
        table(app, name, "shop", {"query": f"SELECT *, '{name}' AS of_table FROM orders"}, teams=of)
    assert app.refresh_tables().failed == 0


# Triggering -----------------------------------------------------------------------------------------------------------


def test_a_trigger_reads_what_is_due_or_what_is_named(app: App, server: str) -> None:
    table(app, "orders", "shop", {"table": "orders"})
    table(app, "names", "shop", {"query": "SELECT name FROM orders"})
    with caller(app, server, "root", Role.ADMIN) as admin, working(app):
        first = admin.post("/api/sync/trigger")
        assert first.status_code == 200, first.text
        assert first.json()["details"]["published"] == 2
        again = admin.post("/api/sync/trigger", content="null", headers={"content-type": "application/json"})
        assert again.json()["details"]["tables_due"] == 0
        assert admin.post("/api/sync/trigger", json=["names"]).json()["details"]["unchanged"] == 1
        answer = admin.post("/api/sync/trigger", json={"tables": ["names", "orders", "names"]}).json()
        assert (answer["ok"], answer["details"]["unchanged"]) == (True, 2)
        table(app, "bad", "shop", {"table": "nothing"})
        answer = admin.post("/api/sync/trigger", json=["bad", "orders"])
        assert (answer.status_code, answer.json()["ok"]) == (200, False)
        assert answer.json()["details"]["errors_detail"] == [{"table": "bad", "error": "no such table: nothing"}]
    with app.store.read() as tx:
        rows = tx.execute(sa.select(audit.c.result).where(audit.c.action == "run_data_refresh")).scalars().all()
    assert len(rows) == 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body", ["{}", '{"table": "x"}', '"orders"', "7", "[7]", "[]", '{"tables": []}', '{"tables": "x"}', "[["]
)
def test_a_trigger_of_another_shape_is_422_and_nothing_runs(app: App, server: str, body: str) -> None:
    with caller(app, server, "root", Role.ADMIN) as admin:
        answer = admin.post("/api/sync/trigger", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
    assert app.runs.latest(DATA) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unknown_table_is_404_and_a_running_refresh_409_with_its_run(app: App, server: str) -> None:
    with caller(app, server, "root", Role.ADMIN) as admin:
        assert admin.post("/api/sync/trigger", json=["nothing"]).status_code == 404
        first = admin.post("/api/sync/trigger?wait=0")
        assert first.status_code == 202
        busy = admin.post("/api/sync/trigger?wait=0")
        assert busy.status_code == 409
        assert busy.json()["error"]["details"]["run"] == first.json()["run"]["id"]


# Having tables --------------------------------------------------------------------------------------------------------


def test_a_table_is_for_its_teams_and_for_admins_and_is_not_there_for_others(app: App, server: str) -> None:
    app.teams.create("sales", by=BY_COMMAND_LINE)
    with (
        caller(app, server, "ada") as ada,
        caller(app, server, "bob", Role.REVIEWER) as bob,
        caller(app, server, "root", Role.ADMIN) as root,
    ):
        app.teams.add("sales", "ada", by=BY_COMMAND_LINE)
        published(app, teams={"common": [], "deals": ["sales"]})
        names = {name: [each["name"] for each in one.get("/api/data/manifest").json()["tables"]]
                 for name, one in (("ada", ada), ("bob", bob), ("root", root))}  # fmt: skip
        assert names == {"ada": ["common", "deals"], "bob": ["common"], "root": ["common", "deals"]}
        (deals,) = [each for each in ada.get("/api/data/manifest").json()["tables"] if each["name"] == "deals"]
        path = f"/api/data/tables/deals/files/{deals['files'][0]['sha256']}"
        assert ada.get(path).status_code == root.get(path).status_code == 200
        other = bob.get(path)
        absent = bob.get(f"/api/data/tables/nothing/files/{'0' * 64}")
        assert (other.status_code, absent.status_code) == (404, 404)
        for one, status in ((ada, 200), (bob, 400), (root, 200)):
            assert one.post("/api/query", json={"sql": "SELECT count(*) FROM deals"}).status_code == status
        app.teams.remove("sales", "ada", by=BY_COMMAND_LINE)
        assert ada.get(path).status_code == 404


def test_a_file_has_its_digest_as_etag_and_is_sent_once(app: App, server: str) -> None:
    published(app)
    with caller(app, server, "ada", Role.VIEWER) as ada:
        (found,) = ada.get("/api/data/manifest").json()["tables"]
        (file,) = found["files"]
        path = f"/api/data/tables/orders/files/{file['sha256']}"
        whole = ada.get(path)
        assert hashlib.sha256(whole.content).hexdigest() == file["sha256"]
        assert whole.headers["etag"] == f'"{file["sha256"]}"'
        again = ada.get(path, headers={"if-none-match": whole.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        part = ada.get(path, headers={"range": "bytes=4-11"})
        assert (part.status_code, part.content) == (206, whole.content[4:12])
        for wrong in ("0" * 64, "..%2f..%2fprecedent.db", "x"):
            assert ada.get(f"/api/data/tables/orders/files/{wrong}").status_code == 404


def test_a_laptop_pulls_what_is_new_and_drops_what_is_gone(app: App, server: str, tmp_path: Path) -> None:
    published(app, teams={"orders": [], "names": []})
    home, into = tmp_path / "laptop", tmp_path / "tables"
    home.mkdir()
    config.save(home, server=server, token=token(app, person(app, "ada")))
    assert (first := laptop.pull(home, into)).files_loaded == 2
    assert first.bytes_loaded == sum(path.stat().st_size for path in into.glob("*/*.parquet"))
    assert ((again := laptop.pull(home, into)).files_loaded, again.files_kept) == (0, 2)
    (kept,) = (into / "orders").iterdir()
    kept.write_bytes(b"cut off")
    (into / "orders" / "notes.txt").write_text("mine")
    assert laptop.pull(home, into, only=["orders"]).files_loaded == 1
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == kept.stem
    sqlite_of(tmp_path / "files" / "shop.db", "DELETE FROM orders WHERE id = 1")
    app.refresh_tables(["orders"])
    changed = laptop.pull(home, into)
    assert (changed.files_loaded, changed.files_kept, changed.files_removed) == (1, 1, 1)
    app.data_registry.remove("names", by=BY_COMMAND_LINE)
    assert laptop.pull(home, into).files_removed == 1
    assert sorted(path.name for path in into.iterdir()) == ["orders"]
    assert (into / "orders" / "notes.txt").read_text() == "mine"
    with pytest.raises(BadInput, match="nothing"):
        laptop.pull(home, into, only=["nothing"])


def test_only_admins_set_sources_and_tables_and_bad_ones_are_told(app: App, server: str) -> None:
    given = {"name": "web", "kind": "rest", "place": "https://93.184.215.14/", "secret": "tracker"}
    wanted = {"name": "orders", "source": "shop", "selection": {"table": "orders"}}
    with caller(app, server, "ada", Role.REVIEWER) as ada, caller(app, server, "root", Role.ADMIN) as root:
        assert ada.post("/api/data/sources", json=given).status_code == 403
        assert ada.get("/api/data/tables").status_code == 403
        assert root.post("/api/data/sources", json=given).json()["secret"] == "tracker"
        assert root.get("/api/data/sources/web").json()["place"] == given["place"]
        assert (
            root.post("/api/data/sources", json={**given, "name": "w2", "place": "http://10.0.0.1/"}).status_code == 400
        )
        assert root.post("/api/data/sources", json={**given, "password": "x"}).status_code == 422
        assert (
            root.put("/api/data/sources/web", json={**given, "place": "https://1.1.1.1/", "secret": ""}).json()[
                "secret"
            ]
            == ""
        )
        assert root.delete("/api/data/sources/web").json() == {"removed": "web"}
        assert root.get("/api/data/sources/web").status_code == 404
        assert root.post("/api/data/tables", json=wanted).json()["version"] == 0
        assert root.post("/api/data/tables", json=wanted).status_code == 409
        bad = root.post("/api/data/tables", json={**wanted, "name": "other", "schedule": "daily 7"})
        assert (bad.status_code, "column" in bad.json()["error"]["message"]) == (400, True)
        assert root.post("/api/data/tables/orders/pause", json={"reason": "moving"}).json()["paused"] == "moving"
        assert root.post("/api/data/tables/orders/resume").json()["paused"] == ""
        assert (
            root.put("/api/data/tables/orders", json={**wanted, "schedule": "every 2h"}).json()["schedule"]
            == "every 2h"
        )
        app.refresh_tables()
        assert root.get("/api/data/tables/orders/refreshes").json()["rows"][0]["outcome"] == "published"
        assert root.delete("/api/data/tables/orders").status_code == 200
        assert root.get("/api/data/tables/orders/refreshes").status_code == 404


# Questions ------------------------------------------------------------------------------------------------------------


def used(app: App, tmp_path: Path) -> None:
    """Give Ada and Bob some usage."""
    for name in ("ada", "bob"):
        home = home_of(tmp_path, name)
        fill(home, sessions=2 if name == "ada" else 1)
        app.collect([home])
    app.run_processor("usage")
    usage_snapshots.write(app.store, app.tables_root)


def test_usage_can_be_asked_and_everybody_sees_the_persons_that_they_may_see(
    app: App, server: str, tmp_path: Path
) -> None:
    used(app, tmp_path)
    question = {"sql": "SELECT person, sum(requests), sum(output_tokens) FROM usage GROUP BY person ORDER BY person"}
    team = {"sql": "SELECT sum(requests), sum(output_tokens), round(sum(cost_usd), 6) FROM usage_team"}
    tools = {"sql": "SELECT DISTINCT person FROM usage_tools"}
    with (
        caller(app, server, "ada") as ada,
        caller(app, server, "viv", Role.VIEWER) as viv,
        caller(app, server, "root", Role.ADMIN) as root,
    ):
        rows = root.post("/api/query", json=question).json()["rows"]
        assert [row[0] for row in rows] == ["ada", "bob"]
        assert ada.post("/api/query", json=question).json()["rows"] == rows[:1]
        assert viv.post("/api/query", json=question).json()["rows"] == []
        sums = [each.post("/api/query", json=team).json()["rows"] for each in (ada, viv, root)]
        assert sums[0] == sums[1] == sums[2]
        assert sums[0][0][:2] == [sum(row[1] for row in rows), sum(row[2] for row in rows)]
        assert {row[0] for row in root.post("/api/query", json=tools).json()["rows"]} <= {"ada", "bob"}
        report = root.get("/api/usage", params={"by": "person"}).json()["rows"]
        assert [[row["group"][0], row["requests"], row["output_tokens"]] for row in report] == rows
        hidden = ada.post("/api/query", json={"sql": "SELECT * FROM read_parquet('usage/*.parquet')"})
        assert hidden.status_code == 400


def test_a_snapshot_follows_the_sums_and_an_erased_person_is_not_in_it(app: App, tmp_path: Path) -> None:
    used(app, tmp_path)
    assert usage_snapshots.write(app.store, app.tables_root) is False
    app.erase_person("bob", by="root")
    assert usage_snapshots.latest(app.tables_root) == (None, None)
    usage_snapshots.write(app.store, app.tables_root)
    found = app.ask(COMMAND_LINE, "SELECT DISTINCT person FROM usage", max_rows=10)
    assert found.rows == [["ada"]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A program with a table that is asked by attackers, and files beside it that they want."""
    from precedent.settings import load

    folder = tmp_path_factory.mktemp("asked")
    (folder / "files").mkdir()
    sqlite_of(folder / "files" / "shop.db", ORDERS)
    app = App(load(data_dir=folder / "data", data_files_dir=folder / "files"), clock=ManualTime().clock)
    source(app, "shop", Kind.SQLITE, "shop.db")
    published(app)
    used(app, folder)
    yield app
    app.close()


def everything(app: App) -> dict[str, tuple[int, int]]:
    """Return every file of the data folder with its size and time."""
    return {
        str(path): ((seen := path.stat()).st_size, seen.st_mtime_ns)
        for path in app.settings.data_dir.rglob("*")
        if path.is_file() and not path.name.startswith("precedent.db")
    }


@pytest.mark.parametrize("question", ATTACKS)
def test_an_attack_is_refused_and_reads_and_writes_nothing(asked: App, question: str) -> None:
    before = everything(asked)
    with pytest.raises(BadInput) as told:
        asked.ask(COMMAND_LINE, question, max_rows=100)
    assert str(asked.settings.data_dir) not in str(told.value)
    assert "root:" not in str(told.value)
    assert everything(asked) == before


def test_no_function_reads_a_file_of_any_place(asked: App) -> None:
    assert len(ATTACKS) + len(EVERY_READER) + len(TOO_MUCH) >= 200
    before = everything(asked)

    def said(question: str) -> str:
        with pytest.raises(BadInput) as told:
            asked.ask(COMMAND_LINE, question, max_rows=100)
        return str(told.value)

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        answers = list(threads.map(said, EVERY_READER))
    assert not any("localhost" in each or "PATH=" in each for each in answers)
    assert everything(asked) == before


@pytest.mark.parametrize("question", TOO_MUCH)
def test_a_question_that_takes_too_much_ends_in_time_with_a_clear_error(asked: App, question: str) -> None:
    with pytest.raises(BadInput):
        asked.ask(COMMAND_LINE, question, max_rows=100)


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("SELECT count(*) FROM orders;", [[3]]),
        ("FROM orders SELECT id ORDER BY id LIMIT 1", [[1]]),
        ("VALUES (1), (2)", [[1], [2]]),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a -- end", [[1]]),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT, 9223372036854775807, 1.10::DECIMAL(5,2)",
         [["170141183460469231731687303715884105727", 9223372036854775807, "1.10"]]),
        ("SELECT 'NaN'::DOUBLE, 'inf'::DOUBLE, NULL, '\\xFF'::BLOB, DATE '2026-01-01', INTERVAL 1 DAY",
         [["nan", "inf", None, "ff", "2026-01-01", "1 day, 0:00:00"]]),
        ("SELECT {'a': [1, 2]}, MAP {'k': 1.5::DECIMAL(3,1)}, TIMESTAMPTZ '2026-01-01 12:00:00+02'",
         [[{"a": [1, 2]}, {"k": "1.5"}, "2026-01-01T10:00:00+00:00"]]),
        ("SELECT chr(0) || 'ü' || chr(128512)", [["\x00ü😀"]]),
        ("SELECT day FROM usage WHERE false", []),
    ],
)  # fmt: skip
def test_a_select_is_answered_with_values_that_json_holds(asked: App, question: str, rows: list[Any]) -> None:
    assert asked.ask(COMMAND_LINE, question, max_rows=100).rows == rows


def test_an_answer_is_cut_at_its_rows_and_says_so(asked: App) -> None:
    found = asked.ask(COMMAND_LINE, "SELECT range FROM range(100000)", max_rows=10)
    assert (len(found.rows), found.truncated) == (10, True)
    assert not asked.ask(COMMAND_LINE, "SELECT range FROM range(10)", max_rows=10).truncated
    with pytest.raises(BadInput, match="32 MiB"):
        asked.ask(COMMAND_LINE, "SELECT repeat('x', 10000) FROM range(10000)", max_rows=10_000)


def test_more_questions_at_a_time_than_are_answered_are_told_to_come_again(asked: App) -> None:
    slow = "SELECT count(*) FROM range(100000000000)"
    told: list[type[BaseException]] = []

    def ask() -> None:
        with pytest.raises((BadInput, Exhausted)) as raised:
            asked.ask(COMMAND_LINE, slow, max_rows=1)
        told.append(raised.type)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(told) == {BadInput, Exhausted}


def test_questions_without_text_are_refused(asked: App) -> None:
    for question in ("", "  \n", "SELECT '\0'", "SELECT '" + "x" * 20_000 + "'"):
        with pytest.raises(BadInput):
            asked.ask(COMMAND_LINE, question, max_rows=1)
