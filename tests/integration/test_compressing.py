"""Old transcripts are compressed without anyone noticing; leftovers are swept; a full disk stops what comes in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from builders import ManualTime, claude_path, claude_session, fill, grow, home_of, put, session_id
from conftest import MakeApp
from ledgers import Ledger, ledger
from precedent.app import App
from precedent.archive.folder import FolderArchive
from precedent.archive.sources import Home
from precedent.doctor import examine
from precedent.errors import BadInput, Exhausted
from precedent.pipeline.stream import PartOfFile
from precedent.store.schema import transcript
from precedent.testing import samples
from precedent.transcripts.packed import BLOCK_BYTES, PackedFile, pack, packed_path

KEY = "ada/one.jsonl"
MONTH_S = 31 * 86_400
PROCESSORS = ("usage", "secrets", "friction")


def packed_files(app: App) -> list[Path]:
    return sorted(app.settings.archive_dir.rglob("*.zst"))


def compress_all(app: App, manual_time: ManualTime) -> None:
    manual_time.advance(MONTH_S)
    stats = app.keep_house()
    assert not stats.errors_detail and stats.transcripts_compressed and stats.bytes_saved > 0


def run_all(app: App) -> None:
    for name in PROCESSORS:
        assert not app.run_processor(name).errors


def results(app: App) -> Ledger:
    names = [name for name in ("secret_mark", "friction_moment")]
    found = ledger(app.store) | ledger(app.store, tables=names)
    # How much room an object takes is all that compressing changes.
    found["transcript"] = [each for each in found["transcript"] if "stored_bytes" not in each]
    return found


@pytest.fixture
def long_home(home: Home) -> Home:
    """Sessions long enough to be worth compressing, of every agent of the kit that keeps them in files."""
    for number in range(3):
        put(claude_path(home.path, session_id(number)), claude_session(session_id(number), 20 + 40 * number))
    return home


def test_every_processor_finds_the_same_in_compressed_transcripts(
    make_app: MakeApp, long_home: Home, manual_time: ManualTime
) -> None:
    app = make_app()
    app.collect([long_home])
    run_all(app)
    before = results(app)
    compress_all(app, manual_time)
    assert len(packed_files(app)) == 3
    assert not [each for each in app.settings.archive_dir.rglob("*.jsonl")]
    with app.store.write() as tx:
        stored = tx.execute(sa.select(transcript.c.length, transcript.c.stored_bytes)).all()
        assert sum(each.stored_bytes for each in stored) == sum(each.stat().st_size for each in packed_files(app))
        assert all(0 < each.stored_bytes < each.length for each in stored)
        tx.execute(sa.text("UPDATE session_processor_state SET status = 'pending', file_hash = '', cursor = NULL"))
    run_all(app)
    assert results(app) == before


def test_a_compressed_transcript_grows_like_any_other(
    make_app: MakeApp, tmp_path: Path, long_home: Home, manual_time: ManualTime
) -> None:
    app = make_app()
    app.collect([long_home])
    run_all(app)
    compress_all(app, manual_time)
    path = claude_path(long_home.path, session_id(1))
    grow(path, claude_session(session_id(1), 5, first=60))
    stats = app.collect([long_home])
    assert stats.files_copied == 1 and stats.bytes_read < path.stat().st_size / 2, "only what is new was read"
    assert len(packed_files(app)) == 2
    with app.store.read() as tx:
        entry = tx.execute(sa.select(transcript).where(transcript.c.native_id == session_id(1))).one()
    assert app.archive.read(entry.object_key, start=0, end=entry.length) == path.read_bytes()
    assert entry.stored_bytes == entry.length
    assert app.run_processor("usage").items_extracted == 20
    assert app.collect([long_home]).files_copied == 0


def test_what_is_not_what_the_catalogue_says_is_reported_and_never_compressed(
    make_app: MakeApp, long_home: Home, manual_time: ManualTime
) -> None:
    app = make_app()
    app.collect([long_home])
    damaged = app.archive.path(f"ada/{session_id(1)}.jsonl")
    data = bytearray(damaged.read_bytes())
    data[5000] ^= 1
    damaged.write_bytes(data)
    manual_time.advance(MONTH_S)
    stats = app.keep_house()
    assert stats.transcripts_compressed == 2
    assert [each["file"] for each in stats.errors_detail] == [f"ada/{session_id(1)}.jsonl"]
    assert damaged.read_bytes() == data


def test_a_transcript_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    archive.append(KEY, at=0, data=[b"x" * 5000])
    assert archive.compress(KEY, length=4999, is_whole=lambda _: True) is None
    assert archive.compress(KEY, length=5000, is_whole=lambda _: True)
    assert archive.append(KEY, at=5000, data=[b"y"]) == 5001
    assert archive.read(KEY, start=4999, end=5001) == b"xy" and not packed_path(archive.path(KEY)).exists()


@pytest.mark.parametrize("longer", ["plain", "compressed"])
def test_of_two_forms_the_one_that_has_it_all_counts(longer: str, tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    archive.append(KEY, at=0, data=[b"a" * 6000])
    archive.compress(KEY, length=6000, is_whole=lambda _: True)
    archive.path(KEY).write_bytes(b"a" * 6000 + b"b" if longer == "plain" else b"a" * 10)
    end = 6001 if longer == "plain" else 6000
    assert archive.read(KEY, start=5999, end=end) == (b"ab" if longer == "plain" else b"a")
    assert PartOfFile(archive.path(KEY), start=5999, end=end).read(9) == (b"ab" if longer == "plain" else b"a")
    archive.tidy(KEY, length=end)
    assert archive.path(KEY).exists() is (longer == "plain")
    assert packed_path(archive.path(KEY)).exists() is (longer != "plain")
    assert archive.append(KEY, at=end, data=[b"!"]) == end + 1


def test_a_deleted_object_is_gone_in_both_forms(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    archive.append(KEY, at=0, data=[b"a" * 6000])
    archive.compress(KEY, length=6000, is_whole=lambda _: True)
    archive.delete(KEY)
    assert not archive.exists(KEY) and list((tmp_path / "ada").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        archive.read(KEY, start=0, end=1)


@given(st.integers(0, 3 * BLOCK_BYTES), st.integers(0, 3 * BLOCK_BYTES), st.integers(1, 3 * BLOCK_BYTES))
def test_any_part_of_a_compressed_file_is_that_of_the_plain_one(length: int, start: int, size: int) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp"), f"packed-{os.getpid()}")
    data = (b"%08d" * 1 % (length % 9999999) * (length // 8 + 1))[:length]
    try:
        with path.open("wb") as file:
            pack([data[:7], data[7:]], file)
        packed = PackedFile(path)
        assert packed.length == length
        assert b"".join(packed.pieces(start, start + size)) == data[start : start + size]
        packed.close()
    finally:
        path.unlink()


def test_reading_from_a_place_unpacks_its_block_only(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    archive.append(KEY, at=0, data=[os.urandom(64) * (1 << 14) for _ in range(8)])
    size = 8 << 20
    archive.compress(KEY, length=size, is_whole=lambda _: True)
    path = packed_path(archive.path(KEY))
    data = bytearray(path.read_bytes())
    data[10] ^= 1  # in the first block, which nobody reads
    path.write_bytes(data)
    assert len(archive.read(KEY, start=size - 100, end=size)) == 100
    with pytest.raises(BadInput, match="damaged"):
        archive.read(KEY, start=0, end=100)


@pytest.mark.parametrize("lost", [1, 9, 20, 40, 10_000])
def test_a_cut_compressed_file_is_told(lost: int, tmp_path: Path) -> None:
    path = tmp_path / "one.zst"
    with path.open("wb") as file:
        pack([b"line\n" * 1000], file)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(BadInput, match="compressed transcript"):
        PackedFile(path)


def test_a_compressed_file_is_one_for_every_program(tmp_path: Path) -> None:
    from precedent.archive.unpacking import unpack

    path = tmp_path / "one.zst"
    data = b"".join(each.data for each in samples()) * 3
    with path.open("wb") as file:
        pack([data], file)
    assert b"".join(unpack([path.read_bytes()], form="zstd")) == data


# Sweeping -----------------------------------------------------------------------------------------------------------


def test_an_object_that_no_row_names_is_swept_when_it_is_not_young(
    make_app: MakeApp, home: Home, manual_time: ManualTime
) -> None:
    app = make_app(compress_after_days=0)
    fill(home, sessions=2)
    app.collect([home])
    kept = sorted(app.settings.archive_dir.rglob("*.jsonl"))
    app.archive.append("ada/orphan.jsonl", at=0, data=[b"{}\n"])
    app.archive.append("gone/orphan.jsonl", at=0, data=[b"{}\n"])
    (app.settings.archive_dir / "ada/.0123.part").write_bytes(b"half")
    manual_time.now = app.archive.path("ada/orphan.jsonl").stat().st_mtime_ns // 1000
    assert app.keep_house().objects_swept == 0
    manual_time.advance(7200)
    stats = app.keep_house()
    assert (stats.objects_swept, stats.unfinished_swept) == (2, 1)
    assert sorted(each for each in app.settings.archive_dir.rglob("*.*") if each.is_file()) == kept
    assert app.keep_house().objects_swept == 0 and not (app.settings.archive_dir / "gone").exists()


# Room ---------------------------------------------------------------------------------------------------------------


def test_over_the_limit_collecting_stops_with_its_reason_and_processing_goes_on(
    make_app: MakeApp, tmp_path: Path
) -> None:
    home = home_of(tmp_path)
    fill(home, sessions=1)
    roomy = make_app()
    roomy.collect([home])
    fill(home, sessions=1, first=1)
    for setting in ({"disk_max_mb": 1}, {"disk_min_free_mb": 1 << 40}):
        app = make_app(**setting)
        if "disk_max_mb" in setting:
            with app.store.write() as tx:
                tx.execute(transcript.update().values(stored_bytes=2_000_000))
        with pytest.raises(Exhausted, match="PRECEDENT_DISK_"):
            app.collect([home])
        checks = {each.name: each for each in examine(app)}
        assert checks["disk"].result == "fault" and "PRECEDENT_DISK_" in checks["disk"].detail
        assert app.keep_house().disk_full
        assert app.runs.latest("session-collector", limit=1)[0].error_class == "Exhausted"
    assert roomy.run_processor("usage").processed == 1
    assert roomy.collect([home]).files_copied == 1


def test_the_command_line_says_why_nothing_is_collected(tmp_path: Path) -> None:
    command = ["precedent", "--data-dir", str(tmp_path / "data"), "collect", "--home", str(tmp_path)]
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        env=os.environ | {"PRECEDENT_DISK_MIN_FREE_MB": str(1 << 40)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "PRECEDENT_DISK_MIN_FREE_MB" in done.stderr
