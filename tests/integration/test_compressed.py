"""Compressed transcripts are read as plain ones are, within bounds; a session is one however it is kept."""

import gzip
import os
import random
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import claude_path, claude_session, codex_path, codex_session, grow, put, session_id
from precedent.app import App
from precedent.archive.sources import Home
from precedent.archive.unpacking import FREE_BYTES, MAX_BYTES, STEP_BYTES, unpack
from precedent.errors import BadInput
from precedent.usage.report import Report

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SESSION = session_id("compressed")
PACK: dict[str, Callable[[bytes], bytes]] = {"zst": zstd.compress, "gz": gzip.compress}
FORMS = {"zst": "zstd", "gz": "gzip"}
ENDINGS = pytest.mark.parametrize("ending", PACK)


# The bounds ---------------------------------------------------------------------------------------------------------


def pieces(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@ENDINGS
@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4), size=st.integers(1, 50))
def test_content_comes_out_as_it_went_in_however_the_bytes_arrive(ending: str, parts: list[bytes], size: int) -> None:
    packed = b"".join(PACK[ending](part) for part in parts)
    assert b"".join(unpack(pieces(packed, size), form=FORMS[ending])) == b"".join(parts)


@ENDINGS
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), seed=st.integers(0, 999))
def test_damaged_data_raises_our_own_error_and_nothing_else(ending: str, data: bytes, seed: int) -> None:
    packed, chance = bytearray(PACK[ending](data)), random.Random(seed)
    packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
    try:
        list(unpack([bytes(packed)], form=FORMS[ending]))
    except BadInput:
        pass


@ENDINGS
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_raise_our_own_error_and_nothing_else(ending: str, data: bytes) -> None:
    try:
        list(unpack([data], form=FORMS[ending]))
    except BadInput:
        pass


@ENDINGS
def test_data_that_is_cut_is_refused_wherever_it_is_cut(ending: str) -> None:
    packed = PACK[ending](codex_session(SESSION, 3))
    for end in range(len(packed)):
        with pytest.raises(BadInput):
            list(unpack([packed[:end]], form=FORMS[ending]))


def bomb(ending: str, size: int) -> bytes:
    """Return compressed zeros, made piece by piece."""
    made = bytearray()
    packer = zstd.ZstdCompressor() if ending == "zst" else zlib.compressobj(wbits=31)
    for _ in range(size >> 20):
        made += packer.compress(bytes(1 << 20))
    return bytes(made + packer.flush())


@ENDINGS
def test_a_bomb_is_stopped_by_its_ratio_before_it_fills_anything(ending: str) -> None:
    packed = bomb(ending, 1 << 30)
    assert len(packed) < 2 << 20
    given_out = 0
    with pytest.raises(BadInput, match="more than 100 times its size"):
        for content in unpack(pieces(packed, 4096), form=FORMS[ending]):
            assert len(content) <= STEP_BYTES
            given_out += len(content)
    assert given_out <= FREE_BYTES + STEP_BYTES


@ENDINGS
def test_content_is_stopped_at_the_largest_size_whatever_its_ratio(ending: str) -> None:
    block = random.Random(1).randbytes(1 << 20)
    packed = PACK[ending](block * 3)
    with pytest.raises(BadInput, match="more than 2 MB"):
        list(unpack([packed], form=FORMS[ending], max_bytes=2 << 20))
    assert sum(map(len, unpack([packed], form=FORMS[ending], max_bytes=3 << 20))) == 3 << 20


@ENDINGS
def test_a_bomb_of_many_small_members_is_stopped_too(ending: str) -> None:
    packed = PACK[ending](bytes(1 << 16)) * 2000
    with pytest.raises(BadInput, match="times its size"):
        list(unpack(pieces(packed), form=FORMS[ending]))


def test_content_that_needs_too_large_a_window_is_refused() -> None:
    options = {
        int(zstd.CompressionParameter.window_log): 29,
        int(zstd.CompressionParameter.enable_long_distance_matching): 1,
    }
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(random.Random(1).randbytes(1 << 20)) + packer.flush()
    with pytest.raises(BadInput, match="damaged"):
        list(unpack([packed], form="zstd"))


@pytest.mark.parametrize("turns", [1, 50, 2000])
@ENDINGS
def test_no_transcript_reaches_the_ratio(ending: str, turns: int) -> None:
    """Generated turns are as alike as turns can be; of 111 real transcripts none is beyond 17:1."""
    data = codex_session(SESSION, turns)
    packed = zstd.compress(data, 9) if ending == "zst" else gzip.compress(data)
    assert b"".join(unpack(pieces(packed), form=FORMS[ending])) == data
    assert len(data) < MAX_BYTES


# The collector ------------------------------------------------------------------------------------------------------


def compress(path: Path, ending: str) -> Path:
    """Replace a file by its compressed self, as Codex does with old rollouts."""
    packed = put(path.with_name(f"{path.name}.{ending}"), PACK[ending](path.read_bytes()))
    path.unlink()
    return packed


def figures(app: App) -> tuple[int, int, int]:
    """Return requests, output tokens and how many transcripts there are."""
    app.run_processor("usage")
    with app.store.read() as tx:
        found = Report(tx).totals()
        count = tx.exec_driver_sql("SELECT count(*) FROM transcript").scalar() or 0
    return found.requests, found.output_tokens, int(count)


def archived(app: App) -> list[bytes]:
    return [path.read_bytes() for path in sorted(app.archive.root.rglob("*.jsonl*"))]


@ENDINGS
def test_a_compressed_rollout_is_archived_plain_and_counted(app: App, home: Home, ending: str) -> None:
    data = codex_session(SESSION, 3)
    put(codex_path(home.path, SESSION, archived=True).with_suffix(f".jsonl.{ending}"), PACK[ending](data))
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed, stats.files_refused) == (1, 0, 0)
    assert archived(app) == [data]
    with app.store.read() as tx:
        assert tx.exec_driver_sql("SELECT session_file, native_id FROM transcript").one() == (
            f"ada/{SESSION}.jsonl",
            SESSION,
        )
    assert figures(app) == (3, 240, 1)


@ENDINGS
def test_a_rollout_that_is_compressed_in_its_place_stays_one_session(app: App, home: Home, ending: str) -> None:
    path = put(codex_path(home.path, SESSION), codex_session(SESSION, 3))
    app.collect([home])
    before = figures(app)
    compress(path, ending)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_skipped, stats.bytes_read) == (0, 1, 0)
    assert figures(app) == before == (3, 240, 1)
    assert app.collect([home]).files_skipped == 1


@ON_SQLITE
@ENDINGS
def test_what_was_written_between_the_last_look_and_compressing_is_counted(app: App, home: Home, ending: str) -> None:
    path = put(codex_path(home.path, SESSION), codex_session(SESSION, 3))
    app.collect([home])
    figures(app)
    grow(path, codex_session(SESSION, 5)[len(codex_session(SESSION, 3)) :])
    compress(path, ending)
    app.collect([home])
    assert figures(app) == (5, 400, 1)
    assert archived(app) == [codex_session(SESSION, 5)]


@ON_SQLITE
@ENDINGS
def test_a_rollout_that_is_unpacked_again_and_goes_on_stays_one_session(app: App, home: Home, ending: str) -> None:
    path = codex_path(home.path, SESSION)
    packed = put(path.with_name(f"{path.name}.{ending}"), PACK[ending](codex_session(SESSION, 3)))
    app.collect([home])
    assert figures(app) == (3, 240, 1)
    put(path, codex_session(SESSION, 4))  # the compressed one is still there
    app.collect([home])
    assert figures(app) == (4, 320, 1)
    packed.unlink()
    app.collect([home])
    assert figures(app) == (4, 320, 1)


@ON_SQLITE
def test_a_rollout_that_moves_to_the_archived_ones_compressed_stays_one_session(app: App, home: Home) -> None:
    path = put(codex_path(home.path, SESSION), codex_session(SESSION, 3))
    app.collect([home])
    target = codex_path(home.path, SESSION, archived=True)
    put(target.with_name(f"{target.name}.zst"), zstd.compress(path.read_bytes()))
    path.unlink()
    app.collect([home])
    assert figures(app) == (3, 240, 1)


@ON_SQLITE
def test_of_a_plain_file_and_its_compressed_twin_the_plain_one_is_read(app: App, home: Home) -> None:
    path = put(codex_path(home.path, SESSION), codex_session(SESSION, 4))
    put(path.with_name(f"{path.name}.zst"), zstd.compress(codex_session(SESSION, 3)))
    assert app.collect([home]).files_copied == 1
    assert figures(app) == (4, 320, 1)
    assert app.collect([home]).files_skipped == 1


@ON_SQLITE
def test_secrets_in_a_compressed_transcript_are_scrubbed(app: App, home: Home) -> None:
    secret = "sk-ant-api03-" + "ab1" * 31 + "-abcdeAA"
    path = claude_path(home.path, SESSION)
    data = claude_session(SESSION, 1).replace(b"berth 0", f"berth {secret}".encode())
    put(path.with_name(f"{path.name}.gz"), gzip.compress(data))
    assert app.collect([home]).redactions == 1
    assert secret.encode() not in archived(app)[0]


@ON_SQLITE
def test_a_private_session_stays_private_when_it_is_compressed(app: App, home: Home) -> None:
    path = put(codex_path(home.path, SESSION), codex_session(SESSION, 3))
    app.collect([home])
    put(home.path / ".precedent/private", SESSION.encode())
    compress(path, "zst")
    stats = app.collect([home])
    assert (stats.files_withdrawn, stats.files_private) == (1, 1)
    assert archived(app) == []


@ON_SQLITE
@ENDINGS
@pytest.mark.parametrize("fault", ["bomb", "cut", "not compressed", "empty"])
def test_what_cannot_be_unpacked_is_counted_and_told_and_nothing_of_it_is_kept(
    app: App, home: Home, ending: str, fault: str
) -> None:
    good = codex_session(SESSION, 3)
    data = {
        "bomb": PACK[ending](good) + bomb(ending, 64 << 20),
        "cut": PACK[ending](good)[:-1],
        "not compressed": good,
        "empty": b"",
    }[fault]
    path = codex_path(home.path, SESSION)
    put(path.with_name(f"{path.name}.{ending}"), data)
    put(codex_path(home.path, session_id("other")), codex_session(session_id("other"), 2))
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_refused, stats.files_failed) == (1, 1, 0)
    assert FORMS[ending] in stats.errors_detail[0]["error"]
    assert figures(app) == (2, 160, 1)
    assert [path.name for path in app.archive.root.rglob("*.jsonl*")] == [f"{session_id('other')}.jsonl"]


@ON_SQLITE
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_compressed_file_that_is_none_is_refused_like_any_other(
    app: App, home: Home, tmp_path: Path, kind: str
) -> None:
    path = codex_path(home.path, SESSION).with_suffix(".jsonl.zst")
    path.parent.mkdir(parents=True)
    if kind == "link":
        path.symlink_to(put(tmp_path / "elsewhere.zst", zstd.compress(codex_session(SESSION, 1))))
    else:
        os.mkfifo(path)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_refused) == (0, 1)
