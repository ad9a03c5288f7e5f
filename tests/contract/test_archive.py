"""What every archive promises, shown on each adapter, and what block fingerprints tell."""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.archive.blocks import BLOCK_BYTES, DIGEST_BYTES, Blocks, digest, digests_of, last_block_start
from precedent.archive.contract import Archive
from precedent.archive.folder import MAX_PART_BYTES, FolderArchive
from precedent.archive.naming import object_key, session_file
from precedent.errors import BadInput
from precedent.transcripts.contract import Identity

KEY = "ada/one.jsonl"
ESCAPING = [
    "",
    "one.jsonl",
    "/etc/passwd",
    "/ada/one.jsonl",
    "../ada/one.jsonl",
    "ada/../../one.jsonl",
    "ada/..",
    "../one.jsonl",
    "ada/inner/one.jsonl",
    "ada/.hidden",
    ".ada/one.jsonl",
    "ada/one\0.jsonl",
    "ada/one\n.jsonl",
    "ada/..\\..\\one.jsonl",
    "ada/C:one.jsonl",
    "ada/caf\u00e9.jsonl",
    "ada/\u202egnp.jsonl",
    "ada/" + "x" * (MAX_PART_BYTES + 1),
    "~/one.jsonl/x",
    "ada/a b",
]


@pytest.fixture(params=[FolderArchive])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    made: Archive = request.param(tmp_path / "archive")
    return made


def content(archive: Archive, key: str = KEY) -> bytes:
    return archive.path(key).read_bytes()


# The archive --------------------------------------------------------------------------------------------------------


def test_what_is_appended_is_read_back_in_any_part(archive: Archive) -> None:
    assert archive.append(KEY, at=0, data=[b"first", b"", b"second"]) == 11
    assert archive.append(KEY, at=11, data=[b"third"]) == 16
    archive.sync([KEY])
    assert content(archive) == b"firstsecondthird"
    assert archive.read(KEY, start=0, end=16) == b"firstsecondthird"
    assert archive.read(KEY, start=5, end=11) == b"second"
    assert archive.read(KEY, start=16, end=16) == b""


def test_what_stands_beyond_the_catalogued_length_is_dropped(archive: Archive) -> None:
    archive.append(KEY, at=0, data=[b"kept", b"never committed"])
    assert archive.append(KEY, at=4, data=[b"new"]) == 7
    assert content(archive) == b"keptnew"
    assert archive.append(KEY, at=2, data=[]) == 2
    assert content(archive) == b"ke"


def test_an_object_that_is_shorter_than_the_catalogue_says_is_refused_and_left_alone(archive: Archive) -> None:
    archive.append(KEY, at=0, data=[b"short"])
    with pytest.raises(BadInput, match="5 bytes where the catalogue says 9"):
        archive.append(KEY, at=9, data=[b"more"])
    assert content(archive) == b"short"


def test_data_that_raises_leaves_only_what_the_next_append_drops(archive: Archive) -> None:
    def data() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the source went away")

    archive.append(KEY, at=0, data=[b"kept"])
    with pytest.raises(RuntimeError):
        archive.append(KEY, at=4, data=data())
    assert content(archive).startswith(b"kept")
    archive.append(KEY, at=4, data=[b"new"])
    assert content(archive) == b"keptnew"


def test_deleting_removes_one_object_and_deleting_nothing_is_fine(archive: Archive) -> None:
    archive.append(KEY, at=0, data=[b"x"])
    archive.append("ada/two.jsonl", at=0, data=[b"y"])
    archive.delete(KEY)
    archive.delete(KEY)
    archive.delete("nobody/none.jsonl")
    assert not archive.path(KEY).exists()
    assert content(archive, "ada/two.jsonl") == b"y"


def test_large_pieces_are_written_whole(archive: Archive) -> None:
    piece = os.urandom(5 << 20)
    assert archive.append(KEY, at=0, data=[piece, piece]) == len(piece) * 2
    assert content(archive) == piece + piece


@pytest.mark.parametrize("key", ESCAPING)
def test_a_key_that_tries_to_escape_is_refused_everywhere(archive: Archive, key: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput):
        archive.append(key, at=0, data=[b"x"])
    with pytest.raises(BadInput):
        archive.read(key, start=0, end=1)
    with pytest.raises(BadInput):
        archive.delete(key)
    with pytest.raises(BadInput):
        archive.path(key)
    with pytest.raises(BadInput):
        archive.sync([key])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_the_place_of_an_object_is_not_followed(tmp_path: Path) -> None:
    archive, target = FolderArchive(tmp_path / "archive"), tmp_path / "target"
    target.write_bytes(b"not ours")
    (archive.root / "ada").mkdir()
    archive.path(KEY).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        archive.append(KEY, at=0, data=[b"x"])
    with pytest.raises(OSError, match="symbolic"):
        archive.read(KEY, start=0, end=3)
    assert target.read_bytes() == b"not ours"


def test_only_the_owner_can_look_into_the_folder(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "archive")
    archive.append(KEY, at=0, data=[b"x"])
    modes = {path.stat().st_mode & 0o777 for path in (archive.root, archive.root / "ada")}
    assert modes == {0o700}
    assert archive.path(KEY).stat().st_mode & 0o777 == 0o600


# Names --------------------------------------------------------------------------------------------------------------

IDS = st.text(max_size=400)


@given(native=IDS, agent=IDS, apart=IDS)
def test_any_ids_make_a_key_that_the_archive_takes(native: str, agent: str, apart: str) -> None:
    identity = Identity(native_id=native, agent_id=agent)
    name = session_file("ada", identity, max_bytes=MAX_PART_BYTES, apart=apart)
    FolderArchive.path(_NOWHERE, name)
    FolderArchive.path(_NOWHERE, object_key(name, generation=0))


@given(first=st.tuples(IDS, IDS, IDS), second=st.tuples(IDS, IDS, IDS))
def test_different_ids_never_make_the_same_key(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    def name(ids: tuple[str, str, str]) -> str:
        identity = Identity(native_id=ids[0], agent_id=ids[1])
        return session_file("ada", identity, max_bytes=MAX_PART_BYTES, apart=ids[2])

    assert (name(first) == name(second)) == (first == second)


@pytest.mark.parametrize("length", [1, 36, MAX_PART_BYTES - 6, MAX_PART_BYTES, 1000])
@pytest.mark.parametrize("generation", [0, 1, 9, 10, 12345])
def test_every_generation_of_every_name_has_a_key_of_its_own(length: int, generation: int) -> None:
    name = session_file("ada", Identity(native_id="x" * length), max_bytes=MAX_PART_BYTES)
    key = object_key(name, generation=generation)
    FolderArchive.path(_NOWHERE, key)
    assert (key == name) == (generation == 0)


class _Nowhere(FolderArchive):
    """An archive whose names can be looked at without a folder."""

    def __init__(self) -> None:
        self.root = Path("/nowhere")


_NOWHERE = _Nowhere()

# Fingerprints -------------------------------------------------------------------------------------------------------

SIZES = st.sampled_from(
    [0, 1, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 7]
)


@given(size=SIZES, cuts=st.lists(st.integers(0, 4 * BLOCK_BYTES), max_size=6))
def test_fingerprints_do_not_depend_on_the_pieces(size: int, cuts: list[int]) -> None:
    data = _data(size)
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    blocks = Blocks()
    for piece in pieces:
        blocks.add(piece)
    assert bytes(blocks) == digests_of([data]) == digests_of(pieces)
    assert blocks.length == size
    assert len(bytes(blocks)) == -(-size // BLOCK_BYTES) * DIGEST_BYTES


@given(size=SIZES, more=SIZES)
def test_fingerprints_go_on_where_they_were_left(size: int, more: int) -> None:
    data = _data(size + more)
    first, whole = Blocks(), Blocks()
    first.add(data[:size])
    whole.add(data)
    tail = data[size - size % BLOCK_BYTES : size]
    resumed = Blocks(bytes(first), length=size, tail=tail)
    assert resumed.content_hash() == first.content_hash()
    resumed.add(data[size:])
    assert (bytes(resumed), resumed.content_hash()) == (bytes(whole), whole.content_hash())


@given(size=SIZES, place=st.integers(0, 4 * BLOCK_BYTES))
def test_any_changed_byte_changes_the_fingerprint_of_its_block_alone(size: int, place: int) -> None:
    data = _data(size)
    if place >= size:
        return
    changed = bytearray(data)
    changed[place] ^= 1
    before, after = digests_of([data]), digests_of([bytes(changed)])
    differing = {at // DIGEST_BYTES for at in range(len(before)) if before[at] != after[at]}
    assert differing == {place // BLOCK_BYTES}


def test_the_content_hash_tells_lengths_apart() -> None:
    hashes = set()
    for size in (0, 1, 2, BLOCK_BYTES, 2 * BLOCK_BYTES):
        blocks = Blocks()
        blocks.add(bytes(size))
        hashes.add(blocks.content_hash())
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("length", "start"),
    [(0, 0), (1, 0), (BLOCK_BYTES, 0), (BLOCK_BYTES + 1, BLOCK_BYTES), (2 * BLOCK_BYTES, BLOCK_BYTES)],
)
def test_the_last_block_starts_where_its_digest_says(length: int, start: int) -> None:
    assert last_block_start(length) == start
    data = _data(length)
    if length:
        assert digests_of([data])[-DIGEST_BYTES:] == digest(data[start:])


def _data(size: int) -> bytes:
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))
