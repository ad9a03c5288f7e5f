"""A death while erasing, compressing, unpacking, backing up or restoring loses nothing and leaves nothing for good."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_path, claude_session, grow, home_of, put, session_id, set_mtime
from conftest import TESTS
from ledgers import ledger
from precedent.app import App
from precedent.archive import backup
from precedent.clock import SECOND
from precedent.errors import NotFound
from precedent.settings import load
from precedent.store.schema import transcript

SESSION = session_id("long")
LATER_S = 40 * 86_400

DRIVER = """
import sys
from pathlib import Path
from precedent.app import App
from precedent.archive.sources import Home
from precedent.clock import Clock
from precedent.settings import load
what, data, home, now = sys.argv[1:]
given = {"keep_transcripts_days": 1} if what == "expire" else {}
app = App(load(data_dir=Path(data), extraction_processes=1, **given), clock=Clock(now=lambda: int(now)))
match what:
    case "erase":
        app.erase_session("SESSION", by="test")
    case "compress" | "expire":
        app.keep_house()
    case "collect":
        app.collect([Home(Path(home), "ada")])
    case "backup":
        app.back_up(Path(data).parent / "all.tar")
    case "restore":
        app.restore(Path(data).parent / "all.tar")
app.close()
""".replace("SESSION", SESSION)


class Place:
    """An installation with one long session and a short one, and processes that are killed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.time = folder, home_of(folder), ManualTime()
        for session, turns in ((SESSION, 40), (session_id("short"), 1)):
            set_mtime(put(claude_path(self.home.path, session), claude_session(session, turns)), 0)
        self.app = self.open("data")
        self.app.collect([self.home])
        self.app.run_processor("usage")

    def open(self, name: str) -> App:
        return App(load(data_dir=self.folder / name, extraction_processes=1), clock=self.time.clock)

    def die(self, what: str, point: str, *, folder: str = "data") -> None:
        arguments = [what, str(self.folder / folder), str(self.home.path), str(self.time.now)]
        command = [sys.executable, "-c", DRIVER, *arguments]
        environment = os.environ | {"PRECEDENT_FAULT": point, "PYTHONPATH": str(TESTS)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr

    def text(self) -> bytes:
        with self.app.store.read() as tx:
            entry = tx.execute(sa.select(transcript).where(transcript.c.native_id == SESSION)).one()
        return self.app.archive.read(entry.object_key, start=0, end=entry.length)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.app.settings.archive_dir.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_objects_of_an_erased_session_are_swept_by_the_next_housekeeping(place: Place) -> None:
    place.die("erase", "erase.committed")
    with pytest.raises(NotFound):
        place.app.erase_session(SESSION, by="test")
    assert f"{SESSION}.jsonl" in place.files(), "the file is left over"
    place.time.now = place.app.archive.path(f"ada/{SESSION}.jsonl").stat().st_mtime_ns // 1000 + 2 * 3600 * SECOND
    assert place.app.keep_house().objects_swept == 1
    assert not [name for name in place.files() if SESSION in name]
    assert place.app.collect([place.home]).files_deleted == 1


@pytest.mark.parametrize("point", ["erase.deleted", "expire.committed"])
def test_what_was_begun_is_done_in_the_end(point: str, place: Place) -> None:
    place.time.advance(LATER_S)
    place.die("erase" if point.startswith("erase") else "expire", point)
    place.time.now = max(place.time.now, _newest(place) + 2 * 3600 * SECOND)
    place.app.keep_house()
    assert not [name for name in place.files() if SESSION in name]


def _newest(place: Place) -> int:
    return max(path.stat().st_mtime_ns // 1000 for path in place.app.settings.archive_dir.rglob("*"))


@pytest.mark.parametrize("point", ["compress.written", "compress.renamed", "compress.removed"])
def test_a_death_while_compressing_loses_no_byte_and_the_next_one_finishes(point: str, place: Place) -> None:
    before, figures = place.text(), ledger(place.app.store)
    place.time.advance(LATER_S)
    for _ in range(2):
        if [name for name in place.files() if name == f"{SESSION}.jsonl"]:
            place.die("compress", point)
        assert place.text() == before
    stats = place.app.keep_house()
    assert not stats.errors_detail and place.text() == before
    assert f"{SESSION}.jsonl.zst" in place.files() and f"{SESSION}.jsonl" not in place.files()
    with place.app.store.write() as tx:
        row = tx.execute(sa.select(transcript).where(transcript.c.native_id == SESSION)).one()
        assert row.stored_bytes < row.length
        tx.execute(sa.text("UPDATE session_processor_state SET status = 'pending', file_hash = '', cursor = NULL"))
    assert place.app.run_processor("usage").processed == 2
    after = ledger(place.app.store)
    assert {name: rows for name, rows in after.items() if name.startswith("usage_")} == {
        name: rows for name, rows in figures.items() if name.startswith("usage_")
    }
    place.time.now = max(place.time.now, _newest(place) + 2 * 3600 * SECOND)
    place.app.keep_house()
    assert not [name for name in place.files() if name.endswith(".part")]


@pytest.mark.parametrize("point", ["unpack.written", "unpack.renamed", "collect.appended", "collect.committed"])
def test_a_death_while_a_compressed_transcript_grows_loses_no_byte(point: str, place: Place) -> None:
    place.time.advance(LATER_S)
    place.app.keep_house()
    before, path = place.text(), claude_path(place.home.path, SESSION)
    assert f"{SESSION}.jsonl.zst" in place.files()
    grow(path, claude_session(SESSION, 3, first=40))
    place.die("collect", point)
    assert place.text() in (before, path.read_bytes())
    place.app.collect([place.home])
    place.app.run_processor("usage")
    assert place.text() == path.read_bytes()
    place.time.advance(LATER_S)
    place.app.keep_house()
    assert place.text() == path.read_bytes() and f"{SESSION}.jsonl" not in place.files()


def test_a_backup_that_was_not_finished_is_none(place: Place) -> None:
    place.die("backup", "backup.written")
    assert not (place.folder / "all.tar").exists()
    place.app.back_up(place.folder / "all.tar")
    assert backup.check(place.folder / "all.tar").transcripts == 2


@pytest.mark.parametrize("point", ["restore.objects", "restore.loaded"])
def test_a_restore_that_died_has_written_no_row(point: str, place: Place) -> None:
    place.app.back_up(place.folder / "all.tar")
    place.die("restore", point, folder="other")
    other = place.open("other")
    with other.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(transcript)) == 0
    other.close()
