"""What another installation has done comes with it: rows, values, and that it need not be done again."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from builders import claude_path, claude_session, fill, grow, put, session_id
from duckdb_files import as_of_version, make
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import main
from precedent.errors import BadInput, Transient
from precedent.pipeline.content import MIN_DIGITS, is_hash_of
from precedent.pipeline.contract import Done, Extracted, Extraction, Transcript
from precedent.pipeline.runner import Runner
from precedent.store.schema import state

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
AT = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  # as such tables hold it: without a zone, and UTC
AT_US = 1_767_323_045_678_901
OLD_ROWS = [("ada/s1.jsonl", "ada", AT, 3, "abc"), ("bob/s2.jsonl", "bob", None, None, None)]
WANTED = [
    ("verification", "ada/s1.jsonl", "ada", AT_US, 3, "abc"),
    ("verification", "bob/s2.jsonl", "bob", None, 0, ""),
]


def rows(app: App, *columns: str) -> list[tuple[Any, ...]]:
    names = columns or ("processor_name", "session_file", "username", "processed_at", "items_extracted", "file_hash")
    with app.store.read() as tx:
        found = tx.execute(
            sa.select(*[state.c[name] for name in names]).order_by(*[state.c[name] for name in names[:2]])
        )
        return [tuple(row) for row in found]


def everything(app: App) -> list[tuple[Any, ...]]:
    return rows(app, *state.c.keys())


def test_rows_of_the_old_table_become_rows_of_verification_with_all_values(app: App, tmp_path: Path) -> None:
    stats = app.import_state(make(tmp_path / "old.duckdb", old=OLD_ROWS))
    assert rows(app) == WANTED
    assert (stats.tables, stats.rows, stats.imported, stats.waiting) == (["session_extraction_state"], 2, 2, 2)


def test_a_second_import_changes_nothing(app: App, tmp_path: Path) -> None:
    file = make(tmp_path / "old.duckdb", old=OLD_ROWS)
    app.import_state(file)
    before = everything(app)
    stats = app.import_state(file)
    assert everything(app) == before
    assert (stats.imported, stats.present, stats.waiting) == (0, 2, 0)


def test_both_tables_are_read_and_the_newer_one_wins(app: App, tmp_path: Path) -> None:
    new = [("verification", "ada/s1.jsonl", "ada", AT, 9, "newer"), ("other", "ada/s1.jsonl", "ada", AT, 1, "x")]
    stats = app.import_state(make(tmp_path / "both.duckdb", new=new, old=OLD_ROWS))
    assert rows(app) == [
        ("other", "ada/s1.jsonl", "ada", AT_US, 1, "x"),
        ("verification", "ada/s1.jsonl", "ada", AT_US, 9, "newer"),
        WANTED[1],
    ]
    assert (stats.rows, stats.imported, stats.present) == (4, 3, 1)


def test_neither_table_is_no_error(app: App, tmp_path: Path) -> None:
    stats = app.import_state(make(tmp_path / "none.duckdb", "CREATE TABLE something (a INTEGER)"))
    assert (stats.tables, stats.rows) == ([], 0)
    assert rows(app) == []


def test_an_empty_table_is_no_error(app: App, tmp_path: Path) -> None:
    stats = app.import_state(
        make(tmp_path / "empty.duckdb", "CREATE TABLE session_extraction_state (session_file VARCHAR)")
    )
    assert (stats.tables, stats.rows) == (["session_extraction_state"], 0)


def test_rows_that_are_already_there_win(app: App, home: Home, tmp_path: Path) -> None:
    (path,) = fill(home)
    app.collect([home])
    app.run_processor("usage")
    before = everything(app)
    stats = app.import_state(make(tmp_path / "x.duckdb", new=[("usage", f"ada/{path.name}", "ada", AT, 99, "other")]))
    assert everything(app) == before
    assert (stats.imported, stats.present) == (0, 1)


def test_a_transcript_that_failed_here_is_left_as_it_is(app: App, home: Home, tmp_path: Path) -> None:
    (path,) = fill(home)
    app.collect([home])
    with app.store.write() as tx:
        tx.execute(state.update().values(status="dead", attempts=5, last_error="no"))
    before = everything(app)
    app.import_state(make(tmp_path / "x.duckdb", new=[("usage", f"ada/{path.name}", "ada", AT, 99, "other")]))
    assert everything(app) == before


def test_the_file_is_not_changed(app: App, tmp_path: Path) -> None:
    file = make(tmp_path / "old.duckdb", old=OLD_ROWS)
    # A process that was killed leaves a log beside the file; its rows count.
    script = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute(\"INSERT INTO session_extraction_state VALUES ('ada/s3.jsonl', 'ada', NULL, 1, 'z')\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=False)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("old.duckdb*")}
    assert len(before) == 2
    app.import_state(file)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("old.duckdb*")} == before
    assert len(rows(app)) == 3


def test_a_dry_run_counts_and_writes_nothing(app: App, tmp_path: Path) -> None:
    stats = app.import_state(make(tmp_path / "old.duckdb", old=OLD_ROWS), dry_run=True)
    assert (stats.imported, stats.dry_run) == (2, True)
    assert rows(app) == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("TIMESTAMP", "'2026-01-02 03:04:05.678901'"),
        ("TIMESTAMPTZ", "'2026-01-02 04:04:05.678901+01'"),
        ("TIMESTAMP_NS", "'2026-01-02 03:04:05.678901'"),
        ("VARCHAR", "'2026-01-02T03:04:05.678901Z'"),
        ("VARCHAR", "'2026-01-02T04:04:05.678901+01:00'"),
        ("BIGINT", "1767323045678901"),
        ("DOUBLE", "1767323045.678901"),
        ("DECIMAL(18,3)", "1767323045678.901"),
    ],
)
def test_times_of_every_kind_are_understood(app: App, tmp_path: Path, kind: str, value: str) -> None:
    table = f"CREATE TABLE session_extraction_state (session_file VARCHAR, processed_at {kind})"
    app.import_state(
        make(tmp_path / "x.duckdb", table, f"INSERT INTO session_extraction_state VALUES ('a/s.jsonl', {value})")
    )
    assert rows(app, "processed_at") == [(AT_US,)]


@ON_SQLITE
def test_columns_may_be_missing_more_or_of_another_type(app: App, tmp_path: Path) -> None:
    table = (
        "CREATE TABLE session_processor_state (extra BLOB, SESSION_FILE VARCHAR, Processor_Name VARCHAR, "
        "items_extracted VARCHAR, processed_at VARCHAR)"
    )
    values = "('x'::BLOB, 'ada/s1.jsonl', 'verification', '7', 'never'), (NULL, 'ada/s2.jsonl', 'usage', 'many', NULL)"
    app.import_state(make(tmp_path / "x.duckdb", table, f"INSERT INTO session_processor_state VALUES {values}"))
    assert rows(app) == [
        ("usage", "ada/s2.jsonl", "ada", None, 0, ""),
        ("verification", "ada/s1.jsonl", "ada", None, 7, ""),
    ]


@pytest.mark.parametrize(
    ("file", "user", "wanted"),
    [
        ("s1.jsonl", "ada", "ada/s1.jsonl"),
        ("/data/user_sessions/ada/s1.jsonl", "x", "ada/s1.jsonl"),
        ("C:\\sessions\\ada\\s1.jsonl", "x", "ada/s1.jsonl"),
        ("ada/s1.a7.jsonl", "ada", "ada/s1.a7.jsonl"),
    ],
)
@ON_SQLITE
def test_a_session_is_known_by_its_last_folder_and_its_file(
    app: App, tmp_path: Path, file: str, user: str, wanted: str
) -> None:
    app.import_state(make(tmp_path / "x.duckdb", old=[(file, user, AT, 1, "h")]))
    assert rows(app, "session_file") == [(wanted,)]


@ON_SQLITE
def test_names_that_lead_elsewhere_become_plain(app: App, tmp_path: Path) -> None:
    hostile = [
        "../../etc/passwd",
        "ada/../../x.jsonl",
        "ada/..",
        "a\u202eb/x\x00y.jsonl",
        "ada/" + "x" * 4000 + ".jsonl",
    ]
    stats = app.import_state(make(tmp_path / "x.duckdb", old=[(name, "ada", AT, 1, "h") for name in hostile]))
    assert (stats.imported, stats.unusable) == (4, 1)
    for (name,) in rows(app, "session_file"):
        app.archive.path(name)


@ON_SQLITE
def test_rows_without_a_session_or_a_processor_are_counted_and_told(app: App, tmp_path: Path) -> None:
    table = "CREATE TABLE session_processor_state (processor_name VARCHAR, session_file VARCHAR)"
    values = "(NULL, 'ada/s.jsonl'), ('verification', ''), ('verification', NULL), ('verification', 'ada/ok.jsonl')"
    stats = app.import_state(make(tmp_path / "x.duckdb", table, f"INSERT INTO session_processor_state VALUES {values}"))
    assert (stats.rows, stats.imported, stats.unusable, len(stats.details)) == (4, 1, 3, 3)


class Verification:
    """A processor of the name that the old table stands for."""

    name, version, cadence_s = "verification", 3, 60

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        list(transcript.read())
        return Done()

    def store(self, extracted: Extracted, tx: sa.Connection) -> int:
        return 0

    def remove(self, transcript_ids: Sequence[int], tx: sa.Connection) -> None:
        return


VERIFICATION = Verification()


def verify(app: App) -> tuple[int, int]:
    """Run the processor; return how many transcripts it skipped and processed."""
    with app.store.write() as tx:
        from precedent.pipeline.state import register

        register(tx, VERIFICATION, now=app.clock.now())
    runner: Runner = app.runner
    stats = runner.run(VERIFICATION, "test_import_state_plugin:VERIFICATION")
    assert not stats.errors_detail, stats
    return stats.skipped, stats.processed


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let extraction children find the processor of this file."""
    put(tmp_path / "plugins" / "test_import_state_plugin.py", Path(__file__).read_bytes())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "plugins"), str(Path(__file__).parents[1])]))


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize(("order", "algorithm"), [("imported first", "md5"), ("collected first", "sha256")])
def test_a_session_whose_content_was_processed_elsewhere_is_not_processed_again(
    app: App, home: Home, tmp_path: Path, order: str, algorithm: str
) -> None:
    same, other = fill(home, sessions=2)
    digest = hashlib.new(algorithm, same.read_bytes()).hexdigest()
    old = [(f"ada/{path.name}", "ada", AT, 3, digest) for path in (same, other)]
    file = make(tmp_path / "old.duckdb", old=old)
    if order == "imported first":
        app.import_state(file)
        app.collect([home])
    else:
        app.collect([home])
        app.import_state(file)
    assert verify(app) == (1, 1)
    columns = ("session_file", "status", "processed_at", "items_extracted", "processor_version")
    with app.store.read() as tx:
        found = tx.execute(
            sa.select(*[state.c[name] for name in columns]).where(
                state.c.processor_name == "verification", state.c.session_file == f"ada/{same.name}"
            )
        ).one()
    assert tuple(found) == (f"ada/{same.name}", "done", AT_US, 3, 3)
    assert verify(app) == (0, 0)
    # It goes on like any other: what is appended is processed.
    grow(same, claude_session(session_id("ada 0"), 1, first=2))
    app.collect([home])
    assert verify(app) == (0, 1)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b"])
def test_the_usual_hashes_are_known_whole_or_by_their_beginning(tmp_path: Path, algorithm: str) -> None:
    path = put(tmp_path / "x", b"one\ntwo\nthree")
    digest = hashlib.new(algorithm, b"one\ntwo\n").hexdigest()
    for claimed in (digest, digest.upper(), f"{algorithm}:{digest}", digest[:MIN_DIGITS]):
        assert is_hash_of(path, claimed, length=8), claimed
        assert not is_hash_of(path, claimed, length=7), claimed
    for claimed in ("", digest[: MIN_DIGITS - 1], "x" * 32, digest + "0"):
        assert not is_hash_of(path, claimed, length=8), claimed


@pytest.mark.usefixtures("importable")
@ON_SQLITE
def test_a_hash_of_other_content_too_short_or_absent_counts_for_nothing(app: App, home: Home, tmp_path: Path) -> None:
    files = fill(home, sessions=3)
    hashes = ["0" * 64, hashlib.md5(files[1].read_bytes()).hexdigest()[:8], None]
    old = [(f"ada/{path.name}", "ada", AT, 3, each) for path, each in zip(files, hashes, strict=True)]
    app.import_state(make(tmp_path / "old.duckdb", old=old))
    app.collect([home])
    assert verify(app) == (0, 3)


@ON_SQLITE
def test_figures_are_derived_here_whatever_was_done_elsewhere(app: App, home: Home, tmp_path: Path) -> None:
    (path,) = fill(home)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    app.import_state(make(tmp_path / "x.duckdb", new=[("usage", f"ada/{path.name}", "ada", AT, 3, digest)]))
    app.collect([home])
    assert app.run_processor("usage").processed == 1


@ON_SQLITE
def test_a_session_known_by_its_sources_name_is_found(app: App, home: Home, tmp_path: Path) -> None:
    path = claude_path(home.path, session_id("parent"), agent="a1")
    put(path, claude_session(session_id("parent"), 1, agent="a1"))
    app.collect([home])
    app.import_state(make(tmp_path / "x.duckdb", old=[(f"ada/{path.name}", "ada", AT, 3, "h")]))
    names = {(processor, file) for processor, file in rows(app, "processor_name", "session_file")}
    assert ("verification", f"ada/{session_id('parent')}.a1.jsonl") in names


def test_a_deleted_session_takes_its_imported_rows_with_it_and_they_do_not_come_back(
    app: App, home: Home, tmp_path: Path
) -> None:
    (path,) = fill(home)
    file = make(tmp_path / "x.duckdb", old=[(f"ada/{path.name}", "ada", AT, 3, "h")])
    app.import_state(file)
    app.collect([home])
    app.erase_session(path.stem, by="test")
    assert rows(app) == []
    assert app.import_state(file).deleted == 1
    assert rows(app) == []


# Files that cannot be used ------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no file"),
        (b"", "not a valid DuckDB"),
        (b"SQLite format 3\x00" + bytes(5000), "cannot be read as"),
        (b"x" * 9000, "cannot be read as"),
    ],
)
def test_a_file_that_is_no_duckdb_file_is_refused_with_a_reason(
    app: App, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "x.duckdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        app.import_state(path)


@ON_SQLITE
def test_a_file_of_a_newer_duckdb_is_refused_with_a_reason(app: App, tmp_path: Path) -> None:
    path = make(tmp_path / "x.duckdb", old=OLD_ROWS)
    as_of_version(path, 9999)
    with pytest.raises(BadInput, match=r"written by another DuckDB than .* version number 9999"):
        app.import_state(path)


@ON_SQLITE
def test_a_file_that_is_cut_is_refused_with_a_reason(app: App, tmp_path: Path) -> None:
    path = make(tmp_path / "x.duckdb", old=[(f"ada/{number}.jsonl", "ada", AT, 1, "h" * 500) for number in range(5000)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"x\.duckdb"):
        app.import_state(path)
    assert rows(app) == []


@ON_SQLITE
def test_a_file_in_use_is_a_matter_of_waiting(app: App, tmp_path: Path) -> None:
    path = make(tmp_path / "x.duckdb", old=OLD_ROWS)
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        with pytest.raises(Transient, match="in use by another program"):
            app.import_state(path)
    finally:
        holder.communicate()
    assert app.import_state(path).imported == 2


@ON_SQLITE
@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ("CREATE TABLE session_extraction_state (username VARCHAR)", "session_file"),
        ("CREATE TABLE session_processor_state (session_file VARCHAR)", "processor_name"),
    ],
)
def test_a_table_that_names_no_session_is_refused(app: App, tmp_path: Path, table: str, missing: str) -> None:
    with pytest.raises(BadInput, match=f"no column {missing}"):
        app.import_state(make(tmp_path / "x.duckdb", table))


@ON_SQLITE
def test_a_view_in_the_file_opens_no_other_file(app: App, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("session_file\nada/secret.jsonl\n")
    view = f"CREATE VIEW session_extraction_state AS SELECT session_file FROM read_csv('{secret}')"
    with pytest.raises(BadInput, match="disabled by configuration"):
        app.import_state(make(tmp_path / "x.duckdb", view))
    assert rows(app) == []


# The command --------------------------------------------------------------------------------------------------------


def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *given: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["precedent", *given])
    try:
        main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    return status, *capfd.readouterr()


def test_the_command_says_what_it_did(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "old.duckdb", old=OLD_ROWS)
    data = ("--data-dir", str(tmp_path / "data"), "import-state", str(file))
    status, _, err = command(capfd, monkeypatch, *data, "--dry-run")
    assert status == 0 and "Nothing was written. It would be: 2 rows read, 2 brought in" in err
    status, out, _ = command(capfd, monkeypatch, *data, "--json")
    assert status == 0 and json.loads(out)["imported"] == 2
    status, _, err = command(capfd, monkeypatch, *data)
    assert status == 0 and "0 brought in, 2 already there" in err
    status, _, err = command(capfd, monkeypatch, *data[:3], str(tmp_path / "none"))
    assert status == 2 and "is no file" in err
    empty = make(tmp_path / "none.duckdb", "CREATE TABLE something (a INTEGER)")
    status, _, err = command(capfd, monkeypatch, *data[:3], str(empty))
    assert status == 0 and "nothing to bring in" in err


def test_other_commands_do_not_load_the_library() -> None:
    script = "import sys, precedent.cli; sys.exit('duckdb' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert duckdb.__version__
