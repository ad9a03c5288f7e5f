"""What the store promises, the same on both databases."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from conftest import MakeApp, NewDatabase
from precedent.errors import Misconfigured
from precedent.store import Store, bulk
from precedent.store.migrate import revisions, upgrade
from precedent.store.schema import (
    REVISION,
    is_described,
    knowledge_evidence,
    knowledge_reading,
    metadata,
    usage_activity,
    usage_event_rollup,
    usage_request,
    usage_rollup,
    user,
)
from precedent.usage.rollups import SPANS

KINDS = ("sqlite", "postgresql")
LARGEST, SMALLEST = 2**63 - 1, -(2**63)


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without any table."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url")(migrated=False))
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def open_store() -> Iterator[Callable[[str], Store]]:
    made: list[Store] = []

    def open_store(url: str) -> Store:
        made.append(Store(url))
        return made[-1]

    yield open_store
    for store in made:
        store.close()


@pytest.fixture
def empty(empty_url: str, open_store: Callable[[str], Store]) -> Store:
    return open_store(empty_url)


@pytest.fixture
def store(database_url: str, open_store: Callable[[str], Store]) -> Store:
    return open_store(database_url)


# Schema -------------------------------------------------------------------------------------------------------------


def test_a_fresh_migration_gives_the_schema_that_the_program_was_written_for(empty: Store) -> None:
    assert empty.revision() == ""
    upgrade(empty)
    with empty.read() as tx:
        assert (
            compare_metadata(
                MigrationContext.configure(tx, opts={"compare_type": True, "include_name": is_described}), metadata
            )
            == []
        )
    assert empty.is_current()


def test_the_program_needs_the_newest_revision() -> None:
    assert revisions()[-1] == REVISION


def test_upgrading_twice_changes_nothing(empty: Store) -> None:
    upgrade(empty)
    with empty.write() as tx:
        tx.execute(user.insert().values(key="ada", created_at=1))
    upgrade(empty)
    with empty.read() as tx:
        assert tx.execute(sa.select(user.c.key)).scalars().all() == ["ada"]


def _some_row(table: sa.Table, number: int) -> dict[str, Any]:
    """A row with something in every column that must have something."""
    row: dict[str, Any] = {}
    for column in table.c:
        if column.nullable or column.server_default is not None or column.identity is not None:
            continue
        if isinstance(column.type, sa.Boolean):
            row[column.name] = True
        elif column.foreign_keys or isinstance(column.type, sa.Integer):
            row[column.name] = number
        else:
            row[column.name] = b"x" if isinstance(column.type, sa.LargeBinary) else f"text {number}"
    return row


@pytest.mark.parametrize("revision", revisions())
def test_an_upgrade_from_every_revision_keeps_all_rows(empty: Store, revision: str) -> None:
    upgrade(empty, to=revision)
    before = sa.MetaData()
    before.reflect(empty.engine)
    tables = [table for table in before.sorted_tables if table.name != "alembic_version"]
    with empty.write() as tx:
        for table in tables:
            tx.execute(table.insert().values(**_some_row(table, 1)))
    upgrade(empty)
    assert empty.is_current()
    with empty.read() as tx:
        kept = {
            table.name: tx.scalar(sa.select(sa.func.count()).select_from(table)) for table in metadata.sorted_tables
        }
    sums = {usage_rollup.name, usage_event_rollup.name}
    by_span = {table.name: len(SPANS) for table in tables if table.name in sums and "span" not in table.c}
    assert {name: kept[name] for name in (table.name for table in tables) if name in kept} == {
        table.name: by_span.get(table.name, 1) for table in tables if table.name in kept
    }


def test_an_upgrade_fills_in_when_sessions_began_and_the_words_of_evidence(empty: Store) -> None:
    upgrade(empty, to="0009")
    before = sa.MetaData()
    before.reflect(empty.engine)
    made: dict[str, dict[str, Any]] = {
        "user_account": {"id": 7}, "transcript": {"id": 3, "user_id": 7}, "knowledge_reading": {"transcript_id": 3},
        "knowledge_item": {"id": 5, "words_hash": "of its words"},
        "knowledge_evidence": {"id": 1, "item_id": 5, "user_id": 7},
    }  # fmt: skip
    turns: list[dict[str, Any]] = [
        {"id": number, "transcript_id": 3, "byte_offset": number, "said_at": 40 - number} for number in (1, 2)
    ]
    with empty.write() as tx:
        for name, values in [*made.items(), *[("knowledge_turn", turn) for turn in turns]]:
            tx.execute(before.tables[name].insert().values(**_some_row(before.tables[name], 1) | values))
    upgrade(empty)
    with empty.read() as tx:
        reading = tx.execute(sa.select(knowledge_reading.c.user_id, knowledge_reading.c.started_at)).one()
        assert tuple(reading) == (7, 38)
        assert tx.scalar(sa.select(knowledge_evidence.c.words_hash)) == "of its words"


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(
    database_url: str, store: Store, make_app: MakeApp
) -> None:
    with store.write() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="9999"):
        upgrade(store)
    with pytest.raises(Misconfigured, match="install the version of Precedent that wrote it"):
        make_app().store.revision()
    assert store.revision() == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(empty: Store) -> None:
    last = metadata.sorted_tables[-1].name
    with empty.write() as tx:
        tx.exec_driver_sql(f"CREATE TABLE {last} (x BIGINT)")
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(empty)
    with empty.read() as tx:
        assert sa.inspect(tx).get_table_names() == [last]


_UPGRADE = """
import sys, time
from pathlib import Path
from precedent.store import Store
from precedent.store.migrate import upgrade
Path(sys.argv[2], sys.argv[3]).touch()
while not Path(sys.argv[2], "go").exists():
    time.sleep(0.001)
store = Store(sys.argv[1])
if not store.is_current():
    upgrade(store)
assert store.is_current()
store.close()
"""


def test_processes_that_start_at_once_on_an_empty_database_all_succeed(empty_url: str, tmp_path: Path) -> None:
    names = [f"ready {number}" for number in range(4)]
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _UPGRADE, empty_url, str(tmp_path), name],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    while not all((tmp_path / name).exists() for name in names):
        assert all(process.poll() is None for process in started)
        time.sleep(0.005)
    (tmp_path / "go").touch()
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 4


# Opening ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://ada:hunter2@db/precedent", "postgresql//ada:hunter2@db", "hunter2"])
def test_a_wrong_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="PRECEDENT_DATABASE_URL") as raised:
        Store(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_cannot_be_reached_is_a_configuration_fault(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(database_url=f"postgresql://ada:hunter2@/none?host={tmp_path}")
    with pytest.raises(Misconfigured, match="cannot be opened") as raised:
        app.store.revision()
    assert "hunter2" not in str(raised.value)
    (tmp_path / "file").write_text("no database")
    with pytest.raises(Misconfigured, match="the data folder"):
        make_app(data_dir=tmp_path / "file" / "data").store.revision()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_is_a_configuration_fault(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "precedent.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(Misconfigured, match="cannot be opened"):
        make_app(database_url="", data_dir=tmp_path).store.revision()


# Transactions -------------------------------------------------------------------------------------------------------


def test_a_block_that_raises_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(ValueError, match="on purpose"), store.write() as tx:
        tx.execute(user.insert().values(key="ada", created_at=1))
        raise ValueError("on purpose")
    with store.read() as tx:
        assert tx.execute(sa.select(user.c.key)).all() == []


def test_readers_neither_wait_for_a_writer_nor_see_half_of_what_it_does(store: Store) -> None:
    with store.write() as writer:
        writer.execute(user.insert().values(key="ada", created_at=1))
        with store.read() as reader:
            assert reader.execute(sa.select(user.c.key)).all() == []
    with store.read() as reader:
        assert reader.execute(sa.select(user.c.key)).scalars().all() == ["ada"]


def test_a_person_is_provisional_unless_told_otherwise(store: Store) -> None:
    with store.write() as tx:
        tx.execute(user.insert().values(key="ada", created_at=1))
    with store.read() as tx:
        assert tx.execute(sa.select(user.c.provisional)).scalar_one() is True


# Bulk ---------------------------------------------------------------------------------------------------------------

ROLLUP_KEY = ["span", "bucket", "user_id", "agent_id", "model_id", "project_id"]
REQUEST = [column.name for column in usage_request.c]


def _request(key: int, transcript: int, **values: int | None) -> tuple[Any, ...]:
    row = {name: 0 for name in REQUEST} | {"key": key, "transcript_id": transcript} | values
    return tuple(row[name] for name in REQUEST)


def test_only_rows_whose_key_is_new_are_inserted_and_counted(store: Store) -> None:
    with store.write() as tx:
        columns = ["key", "created_at"]
        assert bulk.insert_new(tx, user, columns, [("ada", 1), ("bob", 2)]) == 2
        assert bulk.insert_new(tx, user, columns, [("ada", 9), ("zoe", 3)]) == 1
        assert bulk.insert_new(tx, user, columns, [("ada", 9)]) == 0
        assert bulk.insert_new(tx, user, columns, []) == 0
        found = tx.execute(sa.select(user.c.key, user.c.created_at).order_by(user.c.key)).all()
    assert [tuple(row) for row in found] == [("ada", 1), ("bob", 2), ("zoe", 3)]


def test_a_duplicate_key_is_an_error_where_it_is_not_asked_for(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError), store.write() as tx:
        bulk.insert(tx, user, ["key", "created_at"], [("ada", 1), ("ada", 2)])


def test_replacing_overwrites_all_but_the_key(store: Store) -> None:
    columns = ["transcript_id", "start_at", "end_at"]
    with store.write() as tx:
        bulk.insert(tx, usage_activity, columns, [(1, 10, 20), (1, 30, 40)])
        bulk.replace(tx, usage_activity, columns, [(1, 10, 25), (2, 10, 11)])
        bulk.replace(tx, usage_activity, columns, [])
        found = bulk.select_in(tx, usage_activity, columns, "transcript_id", [1, 2])
    assert sorted(found) == [(1, 10, 25), (1, 30, 40), (2, 10, 11)]


def test_adding_up_adds_to_what_is_there(store: Store) -> None:
    columns = [*ROLLUP_KEY, "requests", "input_tokens"]
    with store.write() as tx:
        bulk.add_up(tx, usage_rollup, columns, [(1, 1, 1, 1, 1, 1, 2, 100), (1, 2, 1, 1, 1, 1, 1, 7)])
        bulk.add_up(tx, usage_rollup, columns, [(1, 1, 1, 1, 1, 1, 3, -40), (1, 1, 1, 1, 1, 1, 1, 1)])
        found = bulk.select_in(tx, usage_rollup, columns, "bucket", [1, 2])
        other = bulk.select_in(tx, usage_rollup, ["output_tokens"], "bucket", [1])
    assert sorted(found) == [(1, 1, 1, 1, 1, 1, 6, 61), (1, 2, 1, 1, 1, 1, 1, 7)]
    assert other == [(0,)]


def test_updating_sets_columns_by_key(store: Store) -> None:
    with store.write() as tx:
        bulk.insert(tx, usage_request, REQUEST, [_request(1, 1), _request(2, 1)])
        bulk.update(tx, usage_request, ["key", "cost_usd_micros", "flags"], [(1, 5, 2), (9, 1, 1)])
        found = bulk.select_in(tx, usage_request, ["key", "cost_usd_micros", "flags"], "key", [1, 2, 9])
    assert sorted(found) == [(1, 5, 2), (2, 0, 0)]


def test_a_statement_run_by_row_tells_how_many_rows_it_touched(store: Store) -> None:
    with store.write() as tx:
        bulk.insert(tx, usage_request, REQUEST, [_request(1, 1), _request(2, 1)])
        statement = "UPDATE usage_request SET flags = ? WHERE key = ?"
        assert bulk.execute(tx, statement, [(1, 1), (1, 2), (1, 3)]) == 2
        assert bulk.execute(tx, statement, []) == 0


def test_the_largest_and_smallest_integers_and_nothing_come_back_as_they_were(store: Store) -> None:
    rows = [_request(LARGEST, 1, cost_usd_micros=None), _request(SMALLEST, 1, cost_usd_micros=LARGEST)]
    with store.write() as tx:
        bulk.insert(tx, usage_request, REQUEST, rows)
        found = bulk.select_in(tx, usage_request, REQUEST, "key", [LARGEST, SMALLEST])
        assert sorted(found, key=str) == sorted(rows, key=str)
        bulk.delete_in(tx, usage_request, "key", [SMALLEST])
        assert bulk.select_in(tx, usage_request, ["key"], "transcript_id", [1]) == [(LARGEST,)]


def test_any_number_of_values_can_be_asked_for_and_deleted(store: Store) -> None:
    with store.write() as tx:
        bulk.insert(tx, usage_request, REQUEST, [_request(key, key % 7) for key in range(40_000)])
        asked = list(range(-40_000, 40_000))
        assert len(bulk.select_in(tx, usage_request, ["key"], "key", asked)) == 40_000
        assert bulk.select_in(tx, usage_request, ["key"], "key", []) == []
        bulk.delete_in(tx, usage_request, "key", [])
        bulk.delete_in(tx, usage_request, "key", list(range(0, 80_000, 2)))
        assert tx.scalar(sa.select(sa.func.count()).select_from(usage_request)) == 20_000


# Many writers -------------------------------------------------------------------------------------------------------


def _write_from_threads(store: Store, *, threads: int, seconds: float) -> list[float]:
    """Let threads write for a while, check that nothing was lost, and return what each write took, in order."""
    taken: list[list[float]] = [[] for _ in range(threads)]
    failed: list[BaseException] = []
    ends = time.monotonic() + seconds

    def write(number: int) -> None:
        try:
            while (begun := time.monotonic()) < ends:
                with store.write() as tx:
                    key = f"{number} {len(taken[number])}"
                    bulk.insert(tx, user, ["key", "created_at"], [(key, 1)])
                    bulk.add_up(tx, usage_rollup, [*ROLLUP_KEY, "requests"], [(1, 1, 1, 1, 1, 1, 1)])
                taken[number].append(time.monotonic() - begun)
        except BaseException as error:
            failed.append(error)

    working = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    assert failed == []
    everything = sorted(seconds for each in taken for seconds in each)
    with store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(user)) == len(everything)
        assert bulk.select_in(tx, usage_rollup, ["requests"], "bucket", [1]) == [(len(everything),)]
    return everything


@pytest.mark.parametrize("database_url", KINDS, indirect=True)
def test_sixteen_writers_never_see_a_locked_database(store: Store) -> None:
    taken = _write_from_threads(store, threads=16, seconds=3)
    assert len(taken) > 100


@pytest.mark.soak
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sixteen_writers_wait_at_most_a_quarter_of_a_second_in_ten_minutes(
    store: Store, record_property: Callable[[str, object], None]
) -> None:
    taken = _write_from_threads(store, threads=16, seconds=float(os.environ.get("SOAK_SECONDS", "600")))
    p99 = taken[len(taken) * 99 // 100]
    record_property("p99_s", p99)
    print(
        f"16 writers: {len(taken)} writes, p50 {taken[len(taken) // 2]:.4f} s, p99 {p99:.4f} s, max {taken[-1]:.3f} s"
    )
    assert p99 <= 0.25


def test_a_new_database_is_made_for_every_test(postgres_url: NewDatabase) -> None:
    first, second = postgres_url(), postgres_url()
    assert first != second
    postgres_url.drop(first)
    postgres_url.drop(second)
