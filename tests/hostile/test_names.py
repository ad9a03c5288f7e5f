"""Names and places that lead elsewhere: nothing is written outside the archive, nothing of other people is read."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import claude_session, codex_session, grow, home_of, put, session_id
from conftest import MakeApp
from precedent.app import App
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.folder import LOCKS, MAX_PART_BYTES, FolderArchive, plain
from precedent.archive.naming import object_key, session_file, user_key
from precedent.archive.sources import Home
from precedent.errors import BadInput
from precedent.jobs.pending import Pending
from precedent.transcripts.claude_code import ClaudeCodeReader
from precedent.transcripts.contract import Identity

from .agents import LINED, dumped

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ROOT = ".claude/projects"
SESSION = session_id("names")
NATIVE_IDS = (
    "../../etc/passwd", "..", ".", "", "/etc/passwd", "a/b", "a\\b", "..\\..\\x", "C:\\x", "C:x", "\\\\host\\share",
    "a\0b", "\0", "x" * 255, "x" * 256, "x" * 100_000, "\u00e9" * 200, "\u202egnp.exe", "\u200b", "%2e%2e%2f", "%00",
    "~", "~root", "$HOME", "`id`", "$(id)", "; rm -rf /", "-rf", "--help", "*", "?", "|x", "a b", "a\nb", "a\rb",
    "\x1b[2J",
    "CON", "con", "NUL", "aux", "PRN", "COM1", "com9", "LPT1", "nul.txt", "a.", "a ", " a", ".hidden", ".git",
    "a~g1", "a~0123456789abcdef", "a.jsonl", "A", "a", "\u0130", "i", "\u0131", "\u212a", "K", "k", "\ud800", "\udfff",
    "file:///etc/passwd", "http://x/", "a:b", "a;b", "a,b", "@", "a@b", "+", "{}", "<x>", '"', "'",
)  # fmt: skip


def test_a_hostile_id_makes_a_key_that_stays_in_the_archive(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "archive")
    keys: set[str] = set()
    names: set[str] = set()
    for native in NATIVE_IDS:
        for agent in ("", *NATIVE_IDS[:8]):
            name = session_file("ada", Identity(native_id=native, agent_id=agent), max_bytes=MAX_PART_BYTES)
            names.add(name)
            for generation in (0, 1, 12345):
                key = object_key(name, generation=generation)
                path = archive.path(key)
                assert path.parent == archive.root / "ada"
                assert path.resolve().is_relative_to(archive.root.resolve())
                assert len(path.name.encode()) <= 255
                assert path.name.split(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "com9", "lpt1"}
                keys.add(key.casefold())
                archive.append(key, at=0, data=[b"x"])
    assert len(names) == len(NATIVE_IDS) * len(NATIVE_IDS[:8])  # the empty id of an agent is among them, and is none
    assert len(keys) == 3 * len(names), "two keys differ in case alone"
    assert {path.name for path in tmp_path.iterdir()} == {"archive"}
    assert {path.name for path in archive.root.iterdir()} - {LOCKS} == {"ada"}


@given(first=st.text(max_size=300), second=st.text(max_size=300))
def test_people_of_different_names_never_share_a_folder(first: str, second: str) -> None:
    keys = [user_key(each, max_bytes=MAX_PART_BYTES) for each in (first, second)]
    assert all(plain(each) for each in keys)
    assert (keys[0] == keys[1]) == (first == second)


@pytest.mark.parametrize("name", ["ada", "ada.lovelace", "a-b_c", "ada@example.org", "ada+x"])
def test_a_plain_name_is_its_own_key(name: str) -> None:
    assert user_key(name, max_bytes=MAX_PART_BYTES) == name


@pytest.mark.parametrize("name", ["a b", "..", ".x", "CON", "nul", "x" * 300, "a/../b", "ad\u00e0", "\0", "unknown\n"])
def test_any_other_name_becomes_plain_and_says_which(name: str) -> None:
    key = user_key(name, max_bytes=MAX_PART_BYTES)
    assert plain(key) and key != name and not key.startswith("~")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and LOCKS not in path.parts
    }


def collector(app: App, **readers: Any) -> Collector:
    found = {each.reader.agent: each.reader for each in LINED.values()} | readers
    app.processing.register_all()
    return Collector(app.store, app.archive, readers=found, listener=Pending(), clock=app.clock)


def collect(app: App, home: Home, **readers: Any) -> CollectStats:
    return collector(app, **readers).collect([home])


# Ids inside files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINED)
def test_an_id_inside_a_file_leads_nowhere(name: str, app: App, home: Home, tmp_path: Path) -> None:
    """Each agent's file names its session by an id that is a path; what stands beside the archive is not touched."""
    agent = LINED[name]
    outside = put(tmp_path / "victim.jsonl", b"not ours")
    for number, native in enumerate(NATIVE_IDS):
        lines = [line.replace(SESSION.encode(), dumped(native)[1:-1]) for line in agent.lines(SESSION, 1)]
        place = agent.place(f"{number:08}-0000-4000-a000-000000000000")
        put(home.path / place, agent.content(SESSION, lines))
    before = {*tmp_path.iterdir(), tmp_path / "data"}
    stats = collect(app, home)
    assert stats.files_failed == stats.files_refused == 0, stats
    # A header whose id is no text, or empty, is nobody's.
    assert stats.files_copied + stats.files_unknown == len(NATIVE_IDS) and stats.files_unknown <= 3, stats
    assert outside.read_bytes() == b"not ours"
    assert set(tmp_path.iterdir()) == before
    assert {path.name for path in app.archive.root.iterdir()} - {LOCKS} == {"ada"}
    assert len(list((app.archive.root / "ada").iterdir())) == stats.files_copied


def test_names_of_files_and_folders_lead_nowhere(app: App, home: Home, tmp_path: Path) -> None:
    names = [each for each in NATIVE_IDS if each not in {"", ".", ".."} and "/" not in each and "\0" not in each]
    names = [each for each in names if len(os.fsencode(each.encode("utf-8", "ignore").decode())) < 240]
    names = [each for each in names if each.isprintable() or each == "\u202egnp.exe"]
    for number, name in enumerate(names):
        session = session_id(f"named {number}")
        put(home.path / ROOT / "-x" / f"{name}.jsonl", claude_session(session, 1))
        put(home.path / ROOT / name / f"{session}.jsonl", claude_session(session_id(f"in {number}"), 1))
    (home.path / ROOT / os.fsdecode(b"-bytes\xff\xfe")).mkdir()
    odd = home.path / ROOT / os.fsdecode(b"-bytes\xff\xfe") / os.fsdecode(b"\xff\xfe.jsonl")
    odd.write_bytes(claude_session(session_id("odd"), 1))
    stats = collect(app, home)
    assert stats.files_failed == stats.files_refused == 0, stats
    assert stats.files_copied == 2 * len(names) + 1
    assert {path.name for path in app.archive.root.iterdir()} - {LOCKS} == {"ada"}
    assert len(list((app.archive.root / "ada").iterdir())) == 2 * len(names) + 1


def test_a_link_whose_name_is_no_text_is_told(app: App, home: Home) -> None:
    folder = home.path / ROOT / os.fsdecode(b"-\xff")
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"\xfe.jsonl")).symlink_to("/etc/passwd")
    stats = collect(app, home)
    assert stats.files_refused == 1
    assert stats.errors_detail[0]["file"].endswith("-\\udcff/\\udcfe.jsonl")


def test_folders_and_types_that_no_database_keeps_cost_nothing(app: App, home: Home) -> None:
    path = home.path / ROOT / "-x" / SESSION / "subagents" / "agent-a1.jsonl"
    put(path, claude_session(SESSION, 1, agent="a1").replace(b"/code/harbour", b"/code/\\u0000\\nharbour"))
    put(path.with_name("agent-a1.meta.json"), b'{"agentType":"a\\u0000b"}')
    stats = collect(app, home)
    assert (stats.files_copied, stats.files_failed) == (1, 0), stats
    grow(path, claude_session(SESSION, 1, first=2, agent="a1"))
    assert collect(app, home).files_copied == 1


@ON_SQLITE
def test_ids_that_differ_in_case_alone_keep_their_content_apart(app: App, home: Home) -> None:
    for name in ("session-a", "SESSION-A", "Session-A"):
        put(home.path / ROOT / name.swapcase() / f"{name}.jsonl", claude_session(name, 1))
    assert collect(app, home).files_copied == 3
    files = list((app.archive.root / "ada").iterdir())
    assert len({path.name.casefold() for path in files}) == 3


# What is no plain file ----------------------------------------------------------------------------------------------


def socket_at(path: Path) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
            os.chdir(here)
            yield
    finally:
        os.chdir(here)


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.zst", ".jsonl.gz"])
@pytest.mark.parametrize(
    "kind", ["fifo", "socket", "folder", "device", "link to a device", "link to itself", "dead link"]
)
@ON_SQLITE
@pytest.mark.timeout(30)
def test_what_is_no_plain_file_is_not_read_and_nothing_hangs(
    kind: str, ending: str, app: App, home: Home, request: pytest.FixtureRequest
) -> None:
    path = home.path / ROOT / "-x" / f"{SESSION}{ending}"
    path.parent.mkdir(parents=True)
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            bound = socket_at(path)
            next(bound)
            request.addfinalizer(lambda: next(bound, None))
        case "folder":
            path.mkdir()
        case "device":
            try:
                os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("only root makes devices")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "link to itself":
            path.symlink_to(path)
        case "dead link":
            path.symlink_to("/nowhere/at/all")
    good = session_id("good")
    put(home.path / ROOT / "-y" / f"{good}.jsonl", claude_session(good, 1))
    stats = collect(app, home)
    assert stats.files_copied == 1
    assert stats.files_refused == (kind != "folder"), stats


@ON_SQLITE
@pytest.mark.parametrize("kind", ["link", "link through a folder", "hard link"])
def test_another_persons_file_is_not_read_through_a_link(kind: str, app: App, home: Home, tmp_path: Path) -> None:
    theirs = put(tmp_path / "bob" / "secret.jsonl", claude_session(SESSION, 1))
    path = home.path / ROOT / "-x" / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    if kind == "link":
        path.symlink_to(theirs)
    elif kind == "link through a folder":
        path.parent.rmdir()
        path.parent.symlink_to(theirs.parent)
    else:
        if os.geteuid():
            pytest.skip("only root gives files away")
        os.chown(theirs, 12345, 12345)
        path.hardlink_to(theirs)
    stats = collect(app, home)
    assert (stats.files_copied, stats.files_refused) == (0, 1), stats
    assert tree(app.archive.root) == {}


# Between check and use ----------------------------------------------------------------------------------------------


class Swapping(ClaudeCodeReader):
    """Does something to the file system after the walk has looked at a file and before the collector opens it."""

    def __init__(self, swap: Callable[[], None]) -> None:
        self._swap = swap

    def accepts(self, path: PurePosixPath) -> bool:
        self._swap()
        self._swap = lambda: None
        return super().accepts(path)


@ON_SQLITE
@pytest.mark.parametrize("becomes", ["link", "fifo", "folder", "hard link", "nothing", "device"])
@pytest.mark.timeout(30)
def test_a_file_that_is_swapped_between_check_and_use_is_not_read(
    becomes: str, app: App, home: Home, tmp_path: Path
) -> None:
    theirs = put(tmp_path / "bob" / "secret.jsonl", codex_session(session_id("theirs"), 1))
    path = put(home.path / ROOT / "-x" / f"{SESSION}.jsonl", claude_session(SESSION, 1))
    if becomes in {"hard link", "device"} and os.geteuid():
        pytest.skip("only root gives files away and makes devices")

    def swap() -> None:
        path.unlink()
        match becomes:
            case "link":
                path.symlink_to(theirs)
            case "fifo":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "device":
                os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
            case "hard link":
                os.chown(theirs, 12345, 12345)
                path.hardlink_to(theirs)

    stats = collect(app, home, **{"claude-code": Swapping(swap)})
    assert stats.files_copied == 0, stats
    assert tree(app.archive.root) == {}


@ON_SQLITE
@pytest.mark.parametrize("swapped", ["the folder", "the folder above"])
def test_a_folder_that_becomes_a_link_during_the_walk_leads_nowhere(
    swapped: str, app: App, home: Home, tmp_path: Path
) -> None:
    """What was opened stays what it was: the walk goes on in the folder that it looked at, not in the other one."""
    bobs = tmp_path / "bob"
    for folder in ("", "-x", "inner/-x"):
        put(bobs / folder / f"{SESSION}.jsonl", claude_session(session_id("theirs"), 1))
    path = put(home.path / ROOT / "inner/-x" / f"{SESSION}.jsonl", claude_session(SESSION, 1))
    target = path.parent if swapped == "the folder" else path.parent.parent

    def swap() -> None:
        target.rename(tmp_path / "moved")
        target.symlink_to(bobs / "inner" / "-x" if swapped == "the folder" else bobs)

    stats = collect(app, home, **{"claude-code": Swapping(swap)})
    assert stats.files_failed == 0, stats
    assert all(session_id("theirs").encode() not in data for data in tree(app.archive.root).values())


@ON_SQLITE
def test_the_archives_own_places_are_not_followed_elsewhere(make_app: MakeApp, home: Home, tmp_path: Path) -> None:
    """Somebody who can write into the archive's folder has planted links where objects will be."""
    app = make_app()
    victim = put(tmp_path / "victim", b"not ours")
    (app.archive.root / "ada").mkdir(parents=True)
    (app.archive.root / "ada" / f"{SESSION}.jsonl").symlink_to(victim)
    put(home.path / ROOT / "-x" / f"{SESSION}.jsonl", claude_session(SESSION, 1))
    stats = collect(app, home)
    assert (stats.files_copied, stats.files_failed) == (0, 1), stats
    assert victim.read_bytes() == b"not ours"


@pytest.mark.parametrize(
    "key", ["../x.jsonl", "/etc/passwd", "ada/../x", "ada", "ada/a/b", "ada/.x", "a\\b/x", "ada/x\0", "", "ada/"]
)
def test_a_key_that_leaves_the_archive_is_refused(key: str, tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "archive")
    for use in (
        lambda: archive.append(key, at=0, data=[b"x"]),
        lambda: archive.read(key, start=0, end=1),
        lambda: archive.delete(key),
        lambda: archive.path(key),
    ):
        with pytest.raises(BadInput):
            use()
    assert tree(archive.root) == {}
    assert {path.name for path in tmp_path.iterdir()} == {"archive"}


@ON_SQLITE
def test_a_home_may_be_hostile_and_the_next_is_still_collected(app: App, tmp_path: Path) -> None:
    bad, good = home_of(tmp_path, "bad"), home_of(tmp_path, "good")
    (bad.path / ".claude").symlink_to(bad.path / ".claude")
    (bad.path / ".codex").mkdir()
    (bad.path / ".codex/sessions").symlink_to("/")
    put(good.path / ROOT / "-x" / f"{SESSION}.jsonl", claude_session(SESSION, 1))
    stats = collector(app).collect([bad, good])
    assert stats.files_copied == 1
    assert {path.name for path in app.archive.root.iterdir()} - {LOCKS} <= {"good", "bad"}
