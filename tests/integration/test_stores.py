"""What collecting promises of agents that keep their sessions in a store: OpenCode's database and its older files."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from more_builders import CWD, opencode_reply, opencode_session, opencode_tool, opencode_user
from opencode_stores import DATA, SECRET, Database, put_files
from precedent.app import App
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.databases import ReadOnlyDatabase
from precedent.archive.sources import Home
from precedent.archive.stores import HomeStore
from precedent.errors import BadInput
from precedent.jobs.pending import Pending
from precedent.store.schema import usage_request
from precedent.transcripts.contract import AgentStore, Record, StoredSession
from precedent.transcripts.opencode import OpenCodeReader

GITHUB_TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"


def turn(number: int, text: str = "use pnpm", **reply: Any) -> list[dict[str, Any]]:
    """A prompt and its answer."""
    at = number * 10
    tool = opencode_tool(f"toolcall_{number}")
    return [
        opencode_user(f"msg_{number:03}u", at, text),
        opencode_reply(f"msg_{number:03}v", at + 1, tool, **reply),
    ]


def session(turns: int, **more: Any) -> dict[str, Any]:
    return opencode_session(*[message for number in range(turns) for message in turn(number)], **more)


@pytest.fixture
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    """One kind of our own database: what is tested here happens before it, and `test_agents.py` has both."""
    path = tmp_path / "data" / "precedent.db"
    path.parent.mkdir()
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    made = Database(home.path)
    yield made
    made.close()


def catalogued(app: App) -> dict[str, dict[str, Any]]:
    with app.store.read() as tx:
        return {row["session_file"]: dict(row) for row in tx.execute(sa.text("SELECT * FROM transcript")).mappings()}


def archived(app: App, name: str = "ada/ses_a1.jsonl") -> list[dict[str, Any]]:
    row = catalogued(app)[name]
    data = app.archive.read(row["object_key"], start=0, end=row["length"] + 1)
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def counted(app: App) -> list[tuple[int, int]]:
    """Input and output tokens of every request of the ledger."""
    app.run_processor("usage")
    columns = usage_request.c
    with app.store.read() as tx:
        query = sa.select(columns.input_tokens, columns.output_tokens).order_by(columns.at, columns.key)
        return [tuple(row) for row in tx.execute(query)]


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with what is in it, and when it was last changed."""
    return {
        str(path.relative_to(folder)): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def copied(stats: CollectStats) -> tuple[int, int, int]:
    return stats.files_copied, stats.files_skipped, stats.files_failed + stats.files_refused


# Both layouts ---------------------------------------------------------------------------------------------------------


def test_a_session_of_the_database_is_archived_as_its_export_line_by_line(
    app: App, home: Home, database: Database
) -> None:
    database.put(session(2))
    assert copied(app.collect([home])) == (1, 0, 0)
    header, *messages = archived(app)
    assert header == {
        "info": {
            "id": "ses_a1", "projectID": "p1", "directory": CWD, "title": "Harbour", "version": "1.2.21",
            "time": {"created": 1_767_603_600_000},
        },
    }  # fmt: skip
    expected = session(2)["messages"]
    assert [each["info"] for each in messages] == [each["info"] for each in expected]
    shown = [[{**part, "id": None} for part in each["parts"]] for each in messages]
    assert shown == [[{**part, "id": None} for part in each["parts"]] for each in expected]
    assert counted(app) == [(100, 25), (100, 25)]


def test_files_and_database_give_the_same_bytes_so_an_upgrade_of_the_agent_adds_nothing(app: App, home: Home) -> None:
    put_files(home.path, session(2))
    assert copied(app.collect([home])) == (1, 0, 0)
    before = catalogued(app)
    database = Database(home.path)
    database.put(session(2))
    database.close()
    assert copied(app.collect([home])) == (0, 1, 0)
    after = catalogued(app)
    assert after.keys() == before.keys()
    for name in ("length", "content_hash", "generation", "revision", "source_path"):
        assert [row[name] for row in after.values()] == [row[name] for row in before.values()]
    assert copied(app.collect([home])) == (0, 1, 0)


@pytest.mark.parametrize("layout", ["database", "files"])
def test_a_session_that_goes_on_is_appended_to(app: App, home: Home, layout: str) -> None:
    database = Database(home.path) if layout == "database" else None

    def put(value: dict[str, Any]) -> None:
        database.put(value) if database else put_files(home.path, value)

    put(session(2))
    app.collect([home])
    [first] = catalogued(app).values()
    inode = (app.archive.root / first["object_key"]).stat().st_ino
    put(session(3))
    stats = app.collect([home])
    [second] = catalogued(app).values()
    assert (stats.files_copied, stats.bytes_read) == (1, second["length"] - first["length"])
    assert (second["generation"], second["object_key"]) == (0, first["object_key"])
    assert (app.archive.root / first["object_key"]).stat().st_ino == inode
    assert len(archived(app)) == 7
    if database:
        database.close()


def test_a_title_that_comes_later_and_what_a_summary_adds_cost_no_second_copy_of_what_was_said(
    app: App, home: Home, database: Database
) -> None:
    database.put(session(1, title="New session - 2026-01-05T09:00:00.000Z"))
    app.collect([home])
    assert "title" not in archived(app)[0]["info"]
    summed = session(2, title="New session - 2026-01-05T09:00:00.000Z")
    summed["messages"][0]["info"]["summary"] = {"title": "Pick", "diffs": [{"file": "a.py", "before": "x" * 900}]}
    database.put(summed)
    app.collect([home])
    [row] = catalogued(app).values()
    assert (row["generation"], len(archived(app))) == (0, 5)
    database.put(summed | {"info": summed["info"] | {"title": "Package manager"}})
    app.collect([home])
    [row] = catalogued(app).values()
    assert archived(app)[0]["info"]["title"] == "Package manager"
    assert (row["generation"], counted(app)) == (1, [(100, 25), (100, 25)])


@pytest.mark.parametrize("layout", ["database", "files"])
def test_an_answer_under_way_waits_until_it_is_whole(app: App, home: Home, layout: str) -> None:
    database = Database(home.path) if layout == "database" else None

    def put(value: dict[str, Any]) -> None:
        database.put(value) if database else put_files(home.path, value)

    prompt, answer = turn(1)
    running = {
        **answer,
        "info": {**answer["info"], "time": {"created": answer["info"]["time"]["created"]}, "tokens": None},
        "parts": [],
    }
    put(opencode_session(*turn(0), prompt, running))
    app.collect([home])
    assert len(archived(app)) == 4
    put(opencode_session(*turn(0), prompt, answer))
    app.collect([home])
    [row] = catalogued(app).values()
    assert (len(archived(app)), row["generation"]) == (5, 0)
    assert counted(app) == [(100, 25), (100, 25)]
    if database:
        database.close()


def test_an_answer_that_was_killed_is_taken_when_its_session_rests_and_counted_once_when_it_ends_after_all(
    app: App, home: Home, database: Database
) -> None:
    prompt, answer = turn(1)
    step = {"type": "step-finish", "tokens": {"input": 60, "output": 7, "reasoning": 0, "cache": {}}}
    info = {**answer["info"], "time": {"created": 1_767_603_611_000}, "tokens": None, "finish": None}
    database.put(opencode_session(*turn(0), prompt, {"info": info, "parts": [step]}))
    assert copied(app.collect([home])) == (1, 0, 0)
    assert len(archived(app)) == 4
    assert copied(app.collect([home])) == (1, 0, 0)
    assert len(archived(app)) == 5
    assert counted(app) == [(100, 25), (60, 7)]
    assert copied(app.collect([home])) == (0, 1, 0)
    database.put(opencode_session(*turn(0), prompt, {**answer, "parts": [step, *answer["parts"]]}))
    app.collect([home])
    assert counted(app) == [(100, 25), (100, 25)]


def test_what_is_taken_back_stays_counted(app: App, home: Home, database: Database) -> None:
    database.put(session(3))
    app.collect([home])
    assert len(counted(app)) == 3
    database.execute("DELETE FROM message WHERE id >= 'msg_001'")
    database.execute("DELETE FROM part WHERE message_id >= 'msg_001'")
    app.collect([home])
    [row] = catalogued(app).values()
    assert (len(archived(app)), row["generation"]) == (3, 1)
    assert len(counted(app)) == 3


def test_a_store_that_vanishes_takes_nothing_away(app: App, home: Home, database: Database) -> None:
    database.put(session(2))
    app.collect([home])
    database.close()
    database.path.unlink()
    assert copied(app.collect([home])) == (0, 0, 0)
    assert (len(archived(app)), len(counted(app))) == (5, 2)


def test_a_sub_agents_session_names_its_parent(app: App, home: Home, database: Database) -> None:
    parent = session(1)
    task = opencode_tool("call_task_1", tool="task", metadata={"sessionId": "ses_b2"})
    task["state"]["input"] = {"subagent_type": "explore", "prompt": "look around"}
    parent["messages"][1]["parts"].append(task)
    database.put(parent)
    child = session(1, id="ses_b2", parentID="ses_a1")
    for message in child["messages"]:
        message["info"]["id"] = message["info"]["id"].replace("msg", "msgb")
    database.put(child)
    app.collect([home])
    row = catalogued(app)["ada/ses_a1.ses_b2.jsonl"]
    assert (row["native_id"], row["agent_id"], row["parent_id"]) == ("ses_a1", "ses_b2", "ses_a1")
    assert counted(app) == [(100, 25), (100, 25)]
    with app.store.read() as tx:
        found = tx.execute(sa.text("SELECT native_id, agent_id, agent_type FROM usage_subagent")).all()
    assert [tuple(row) for row in found] == [("ses_a1", "ses_b2", "explore")]


# Change detection -----------------------------------------------------------------------------------------------------


class Watched(OpenCodeReader):
    """OpenCode's reader, which keeps what it was asked to render."""

    def __init__(self) -> None:
        self.rendered: list[str] = []

    def records(self, store: AgentStore, session: StoredSession) -> Iterator[Record]:
        self.rendered.append(session.identity.native_id)
        return super().records(store, session)


def collect_watched(app: App, home: Home) -> list[str]:
    app.collect([])
    reader = Watched()
    Collector(app.store, app.archive, readers={"opencode": reader}, listener=Pending()).collect([home])
    return reader.rendered


@pytest.mark.parametrize("layout", ["database", "files"])
def test_only_what_changed_is_rendered(app: App, home: Home, layout: str) -> None:
    database = Database(home.path) if layout == "database" else None
    for number in range(3):
        value = session(1, id=f"ses_{number}")
        for message in value["messages"]:
            message["info"]["id"] += str(number)
        database.put(value) if database else put_files(home.path, value)
    assert collect_watched(app, home) == ["ses_0", "ses_1", "ses_2"]
    assert collect_watched(app, home) == []
    if database:
        # A part that changes without a new one, by a clock that was set back.
        database.execute("UPDATE part SET time_updated = 5, data = '{}' WHERE session_id = 'ses_1' AND id LIKE '%001'")
        database.close()
    else:
        part = next((home.path / DATA / "storage/part/msg_000v1").glob("*.json"))
        part.write_text(part.read_text().replace("reply", "REPLY"))
        os.utime(part, (1, 1))
    assert collect_watched(app, home) == ["ses_1"]
    assert collect_watched(app, home) == []


def test_private_and_deleted_sessions_are_not_even_read(
    app: App, home: Home, database: Database, tmp_path: Path
) -> None:
    for number, folder in enumerate([CWD, "/code/secret/deep", CWD, CWD]):
        value = session(1, id=f"ses_{number}", directory=folder)
        for message in value["messages"]:
            message["info"]["id"] += str(number)
            message["info"].pop("path", None)
        database.put(value)
    wishes = home.path / ".precedent" / "private"
    wishes.parent.mkdir()
    wishes.write_text("/code/secret\nses_2\n")
    app.collect([home])
    app.erase_session("ses_3", by="test")
    assert collect_watched(app, home) == []
    assert set(catalogued(app)) == {"ada/ses_0.jsonl"}
    wishes.write_text("/code\n")
    stats = app.collect([home])
    assert (stats.files_withdrawn, catalogued(app), counted(app)) == (1, {}, [])


def test_secrets_of_a_store_are_scrubbed(app: App, home: Home, database: Database) -> None:
    database.put(opencode_session(*turn(0, f"use {GITHUB_TOKEN}")))
    assert app.collect([home]).redactions == 1
    assert GITHUB_TOKEN not in json.dumps(archived(app))


# Read only, and nothing but the talk ----------------------------------------------------------------------------------


AGENT = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("UPDATE part SET time_updated = time_updated + 1")
print("open", flush=True)
if sys.stdin.readline() == "kill\\n":
    os.kill(os.getpid(), 9)
"""
"""Another process that has the database open: within one process SQLite shares what the test is about."""


@pytest.mark.parametrize("state", ["running", "quit", "killed", "rollback"])
def test_the_agents_folder_stays_as_it_is_to_the_byte(app: App, home: Home, state: str) -> None:
    database = Database(home.path, journal="delete" if state == "rollback" else "wal")
    database.put(session(2))
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, database.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert agent.stdin and agent.stdout and agent.stdout.readline() == "open\n"
    database.close()
    if state in {"quit", "killed"}:
        agent.communicate("kill\n" if state == "killed" else "quit\n")
    files = contents(home.path)
    names = {name.removeprefix(f"{DATA}/opencode.db") for name in files}
    assert names == ({"", "-shm", "-wal"} if state in {"running", "killed"} else {""})
    for done in (copied(app.collect([home])), copied(app.collect([home]))):
        assert done in {(1, 0, 0), (0, 1, 0)}
    assert len(archived(app)) == 5
    assert contents(home.path) == files
    agent.communicate("quit\n") if agent.poll() is None else None


def test_a_log_without_an_index_is_left_for_later_and_nothing_is_made_beside_it(app: App, home: Home) -> None:
    database = Database(home.path)
    database.put(session(1))
    log = Path(f"{database.path}-wal").read_bytes()
    database.close()
    Path(f"{database.path}-wal").write_bytes(log)
    files = contents(home.path)
    stats = app.collect([home])
    assert (stats.files_failed, stats.files_copied) == (1, 0)
    assert "log without an index" in stats.errors_detail[0]["error"]
    assert contents(home.path) == files


def test_a_writer_is_never_locked_out_while_its_database_is_read(home: Home, database: Database) -> None:
    database.put(session(5))
    database.execute("PRAGMA busy_timeout = 0")
    store = HomeStore(home.path, DATA)
    rows = store.query("opencode.db", "SELECT id FROM part", tables=frozenset({"part"}))
    next(rows)
    database.put(session(9))
    assert len(list(rows)) + 1 == 20
    store.close()


def test_no_table_but_those_of_the_talk_can_be_read(home: Home, database: Database) -> None:
    database.put(session(1))
    database.execute("CREATE VIEW story AS SELECT refresh_token AS id FROM account")
    store = HomeStore(home.path, DATA)
    tables = frozenset({"session", "message", "part", "story"})
    for statement in (
        "SELECT refresh_token FROM account",
        "SELECT id, (SELECT secret FROM session_share) FROM session",
        "SELECT id FROM story",
        "SELECT sql FROM sqlite_master",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "SELECT load_extension('x')",
        "PRAGMA journal_mode = delete",
        "ATTACH 'other.db' AS other",
        "DELETE FROM session",
    ):
        with pytest.raises(BadInput):
            list(store.query("opencode.db", statement, tables=tables))
    store.close()


def test_neither_the_database_nor_its_accounts_reach_the_archive(app: App, home: Home, database: Database) -> None:
    database.put(session(1))
    app.collect([home])
    for path in app.settings.data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert SECRET.encode() not in data
            assert b"CREATE TABLE credential" not in data


@pytest.mark.skipif(os.geteuid() != 0, reason="only root collects from homes of others")
def test_root_reads_somebody_elses_database_and_not_one_that_was_put_in_its_place(
    app: App, home: Home, database: Database, tmp_path: Path
) -> None:
    database.put(session(1))
    for path in (home.path, *home.path.rglob("*")):
        os.chown(path, 12345, 12345)
    assert copied(app.collect([home])) == (1, 0, 0)
    assert {path.stat().st_uid for path in home.path.rglob("*")} == {12345}
    database.close()
    other = Database(tmp_path / "other")
    other.close()
    descriptor = os.open(database.path, os.O_RDONLY)
    folder = os.open(other.path.parent, os.O_RDONLY)
    with pytest.raises(BadInput, match="exchanged"):
        ReadOnlyDatabase(descriptor, folder=folder, path=str(other.path), shared=True)
    ReadOnlyDatabase(descriptor, folder=folder, path=str(database.path), shared=True).close()
    os.close(folder)
    os.close(descriptor)


def test_a_hard_link_in_the_place_of_a_log_is_refused(app: App, home: Home, database: Database) -> None:
    database.put(session(1))
    os.link(f"{database.path}-wal", home.path / "another-name")
    stats = app.collect([home])
    assert (stats.files_failed, catalogued(app)) == (1, {})
    assert "no plain file of its own" in stats.errors_detail[0]["error"]


# Hostile stores -------------------------------------------------------------------------------------------------------


def test_a_linked_store_is_refused(app: App, home: Home, tmp_path: Path) -> None:
    other = Database(tmp_path / "other")
    other.put(session(1))
    other.close()
    place = home.path / DATA
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "other" / DATA)
    assert copied(app.collect([home])) == (0, 0, 2)  # the exports are below it
    place.unlink()
    place.mkdir()
    (place / "opencode.db").symlink_to(tmp_path / "other" / DATA / "opencode.db")
    (place / "storage").symlink_to(tmp_path / "other" / DATA)
    app.collect([home])
    assert catalogued(app) == {}


def test_a_database_of_another_shape_or_none_at_all_fails_by_itself(app: App, home: Home, database: Database) -> None:
    database.put(session(1))
    database.execute("ALTER TABLE part RENAME TO piece")
    stats = app.collect([home])
    assert (stats.files_failed, stats.users_processed) == (1, 1)
    assert "part" in stats.errors_detail[0]["error"]
    database.close()
    database.path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert copied(app.collect([home])) == (0, 0, 1)
    database.path.write_bytes(b"")
    assert copied(app.collect([home])) == (0, 0, 1)


def test_rows_that_are_no_json_cost_themselves_only(app: App, home: Home, database: Database) -> None:
    database.put(session(4))
    database.execute("UPDATE part SET data = 'no \n json' WHERE message_id = 'msg_001v' AND id LIKE '%001'")
    database.execute("UPDATE message SET data = '[1,\n2]' WHERE id = 'msg_002v'")
    database.execute("UPDATE part SET data = ? WHERE message_id = 'msg_000u'", "[" * 100_000)
    database.execute("UPDATE message SET data = CAST(x'7b22ff223a317d' AS TEXT) WHERE id = 'msg_000u'")
    database.execute("UPDATE session SET directory = 7, time_created = 'soon'")
    assert app.collect([home]).files_failed == 0
    assert counted(app) == [(100, 25)] * 3
    with app.store.read() as tx:
        lines = tx.execute(sa.text("SELECT lines, event_lines, broken_lines FROM usage_transcript")).one()
        reasons = {row[0] for row in tx.execute(sa.text("SELECT reason FROM usage_defect"))}
    assert tuple(lines) == (9, 7, 2)
    assert reasons == {"unreadable part", "not an object", "no session", "invalid UTF-8"}


def test_an_unreadable_session_of_the_files_costs_itself_only(app: App, home: Home) -> None:
    first = put_files(home.path, session(1))
    other = session(1, id="ses_b2")
    for message in other["messages"]:
        message["info"]["id"] += "b"
    put_files(home.path, other)
    first.write_text('{"id": "ses_a1", "directory":')
    (first.parent / "ses_c3.json").symlink_to(first)
    app.collect([home])
    assert set(catalogued(app)) == {"ada/ses_a1.jsonl", "ada/ses_b2.jsonl"}
    assert counted(app) == [(100, 25), (100, 25)]


def test_a_fork_adds_only_what_was_said_in_it(app: App, home: Home, database: Database) -> None:
    whole = session(2)
    for message in whole["messages"]:
        times = message["info"]["time"]
        message["info"]["time"] = {name: value + 7 for name, value in times.items()}
    database.put(whole)
    fork = json.loads(json.dumps(whole)) | {"info": whole["info"] | {"id": "ses_f1"}}
    fork["messages"] += turn(5)
    for message in fork["messages"]:
        message["info"]["id"] = message["info"]["id"].replace("msg", "msgf")
    database.put(fork)
    app.collect([home])
    assert counted(app) == [(100, 25)] * 3
    query = "SELECT count(*) FROM usage_event JOIN usage_name ON usage_name.id = name_id WHERE kind = :kind"
    with app.store.read() as tx:
        counts = [tx.scalar(sa.text(query), {"kind": kind}) for kind in ("prompt", "tool")]
    assert counts == [3, 3]
