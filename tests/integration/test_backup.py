"""A backup holds everything as it was at one instant, and comes back on either database; a damaged one never begins."""

import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_path, claude_session, fill, grow, home_of, put, session_id
from conftest import MakeApp
from precedent.app import App
from precedent.archive import backup
from precedent.errors import BadInput, Conflict, PrecedentError
from precedent.model import Purpose
from precedent.settings import load
from precedent.store import dump
from precedent.store.schema import state, transcript

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def filled(app: App, folder: Path, manual_time: ManualTime) -> None:
    """Give an installation sessions, some of them compressed, results, wishes and a receipt."""
    ada, bob = home_of(folder), home_of(folder, "bob")
    for number in range(3):
        put(claude_path(ada.path, session_id(number)), claude_session(session_id(number), 30))
    app.collect([ada])
    manual_time.advance(40 * 86_400)
    app.keep_house()
    fill(bob, sessions=3)
    app.collect([ada, bob])
    for name in ("usage", "secrets", "friction"):
        app.run_processor(name)
    app.wishes.set("bob", Purpose.MODEL, project="/code", allowed=True, by="bob")
    app.erase_session(session_id("bob 2"), by="bob")


def rows(app: App) -> dict[str, list[bytes]]:
    with app.store.read() as tx:
        return {table.name: sorted(dump.lines_of(tx, table)) for table in dump.tables()}


def texts(app: App) -> dict[str, bytes]:
    with app.store.read() as tx:
        found = tx.execute(sa.select(transcript.c.object_key, transcript.c.length)).all()
    return {key: app.archive.read(key, start=0, end=length) for key, length in found}


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path, manual_time: ManualTime) -> Iterator[App]:
    """An empty installation elsewhere, on each kind of database in turn."""
    url = request.getfixturevalue("postgres_url")() if request.param == "postgresql" else ""
    app = App(load(data_dir=tmp_path / "other", database_url=url, extraction_processes=1), clock=manual_time.clock)
    yield app
    app.close()


def test_what_was_backed_up_comes_back_elsewhere_on_either_database(
    app: App, other: App, tmp_path: Path, manual_time: ManualTime
) -> None:
    filled(app, tmp_path, manual_time)
    stats = app.back_up(tmp_path / "all.tar")
    assert (tmp_path / "all.tar").stat().st_mode & 0o777 == 0o600
    restored = other.restore(tmp_path / "all.tar", read_back=True)
    assert (restored.rows, restored.transcripts) == (stats.rows, stats.transcripts) and restored.transcripts == 5
    assert restored.audit_rows > 5 and restored.read_back
    assert rows(other) == rows(app) and texts(other) == texts(app)
    assert len(list(other.settings.archive_dir.rglob("*.zst"))) == 3, "what was compressed is"
    assert not list(other.settings.archive_dir.glob(".backup-*"))
    # And it goes on from there.
    home = home_of(tmp_path, "bob")
    grow(claude_path(home.path, session_id("bob 0")), claude_session(session_id("bob 0"), 1, first=7))
    assert other.collect([home]).files_copied == 1
    assert other.run_processor("usage").processed == 1
    new = home_of(tmp_path, "eve")
    fill(new)
    assert other.collect([new]).files_copied == 1


@ON_SQLITE
def test_a_restore_writes_into_nothing_that_is_not_empty(
    app: App, tmp_path: Path, manual_time: ManualTime, make_app: MakeApp
) -> None:
    filled(app, tmp_path, manual_time)
    app.back_up(tmp_path / "all.tar")
    before = rows(app), texts(app)
    with pytest.raises(Conflict, match="not empty"):
        app.restore(tmp_path / "all.tar")
    with pytest.raises(BadInput, match="there already"):
        app.back_up(tmp_path / "all.tar")
    assert (rows(app), texts(app)) == before


@ON_SQLITE
def test_a_backup_that_is_cut_or_changed_anywhere_is_refused_before_anything_is_written(
    app: App, tmp_path: Path, manual_time: ManualTime
) -> None:
    filled(app, tmp_path, manual_time)
    path = tmp_path / "all.tar"
    app.back_up(path)
    data = path.read_bytes()
    with tarfile.open(path) as tar:
        inside = [each.offset_data + each.size // 2 for each in tar if each.size]
    empty = App(load(data_dir=tmp_path / "empty"), clock=manual_time.clock)
    bad = tmp_path / "bad.tar"
    damaged = [data[:size] for size in range(0, len(data) - 10_240, len(data) // 25)]
    damaged += [data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] for place in inside]
    assert len(damaged) > 50
    for each in damaged:
        bad.write_bytes(each)
        with pytest.raises(BadInput, match="no whole backup"):
            empty.restore(bad)
    assert dump_is_empty(empty) and not [each for each in empty.settings.archive_dir.rglob("*") if each.is_file()]
    empty.close()
    assert backup.check(path).transcripts == 5


def dump_is_empty(app: App) -> bool:
    with app.store.read() as tx:
        return not dump.has_rows(tx)


@pytest.mark.parametrize("missing", ["object", "seal"])
@ON_SQLITE
def test_a_backup_without_one_of_its_members_is_refused(
    missing: str, app: App, tmp_path: Path, manual_time: ManualTime
) -> None:
    filled(app, tmp_path, manual_time)
    app.back_up(tmp_path / "all.tar")
    with tarfile.open(tmp_path / "all.tar") as tar, tarfile.open(tmp_path / "less.tar", "w") as less:
        members = tar.getmembers()
        objects = [each for each in members if each.name.startswith("objects/")]
        chosen = objects[0] if missing == "object" else members[-1]
        for each in members:
            if each is not chosen:
                less.addfile(each, tar.extractfile(each))
    with pytest.raises(BadInput, match="no whole backup"):
        backup.check(tmp_path / "less.tar")


def test_every_catalogued_transcript_of_a_backup_has_its_bytes_whatever_happens_meanwhile(
    app: App, other: App, tmp_path: Path, manual_time: ManualTime
) -> None:
    homes = [home_of(tmp_path, name) for name in ("ada", "bob", "eve")]
    for home in homes:
        fill(home, sessions=6, turns=3)
    app.collect(homes)
    stop = threading.Event()
    failures: list[BaseException] = []

    def busy() -> None:
        """Append, rewrite, erase and process all the time."""
        number = 0
        while not stop.is_set():
            number += 1
            home = homes[number % 3]
            try:
                path = claude_path(home.path, session_id(f"{home.user} {number % 6}"))
                if number % 4:
                    grow(path, claude_session(path.stem, 1, first=number + 10))
                else:
                    put(path, claude_session(path.stem, 2, first=number))
                if number % 5 == 0:
                    fill(home, sessions=1, first=100 + number)
                app.collect([home])
                app.run_processor("usage")
                if number % 7 == 0:
                    app.erase_session(session_id(f"{home.user} {number % 6}"), by="test")
            except PrecedentError:
                continue
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        paths = [tmp_path / f"{number}.tar" for number in range(3)]
        for path in paths:
            app.back_up(path)
    finally:
        stop.set()
        thread.join()
    assert failures == []
    restored = other.restore(paths[-1], read_back=True)
    assert restored.transcripts > 10 and restored.transcripts == len(texts(other))
    for path in paths:
        assert backup.check(path).rows


@ON_SQLITE
def test_what_foreign_processors_derived_is_derived_again(app: App, tmp_path: Path, manual_time: ManualTime) -> None:
    filled(app, tmp_path, manual_time)
    with app.store.write() as tx:
        tx.execute(state.update().where(state.c.processor_name == "friction").values(processor_name="foreign"))
    app.back_up(tmp_path / "all.tar")
    other = App(load(data_dir=tmp_path / "other"), clock=manual_time.clock)
    other.restore(tmp_path / "all.tar")
    with other.store.read() as tx:
        query = sa.select(state.c.processor_name, state.c.status).distinct()
        found = {(name, status) for name, status in tx.execute(query)}
    other.close()
    assert ("foreign", "pending") in found and ("usage", "done") in found and ("usage", "pending") not in found


@ON_SQLITE
def test_backing_up_and_restoring_from_the_command_line(app: App, tmp_path: Path, manual_time: ManualTime) -> None:
    filled(app, tmp_path, manual_time)
    program = str(Path(sys.executable).parent / "precedent")

    def call(folder: str, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [program, "--data-dir", str(tmp_path / folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)

    (tmp_path / "backups").mkdir()
    done = call("data", "backup", str(tmp_path / "backups"), "--verify", "--json")
    assert done.returncode == 0, done.stderr
    path = json.loads(done.stdout)["path"]
    assert call("new", "restore", path, "--dry-run").returncode == 0
    done = call("new", "restore", path, "--verify", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["read_back"] is True
    done = call("new", "restore", path)
    assert done.returncode == 2 and "not empty" in done.stderr
