"""What collecting promises the people whose homes it reads, and those who rely on what it archived."""

import fcntl
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import sqlalchemy as sa

from builders import (
    MODEL,
    ManualTime,
    claude_path,
    claude_prompt,
    claude_reply,
    claude_session,
    claude_turn,
    codex_meta,
    codex_path,
    codex_session,
    fill,
    grow,
    home_of,
    put,
    session_id,
    set_mtime,
)
from conftest import MakeApp
from precedent.app import App
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.folder import LOCKS
from precedent.archive.sources import Candidate, Home, walk
from precedent.errors import BadInput
from precedent.jobs.pending import Pending
from precedent.store.schema import metadata, usage_request
from precedent.transcripts.claude_code import READER as CLAUDE_CODE
from precedent.transcripts.claude_code import ClaudeCodeReader
from precedent.transcripts.codex import READER as CODEX
from precedent.transcripts.contract import Identity, Reader

GITHUB_TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
AWS_KEY = "AKIA" + "Q3EXAMP7LE4TEST9"


def transcripts(app: App) -> dict[str, dict[str, Any]]:
    """The catalogue by session file."""
    with app.store.read() as tx:
        rows = tx.execute(sa.text("SELECT * FROM transcript")).mappings().all()
    return {row["session_file"]: dict(row) for row in rows}


def archived(app: App) -> dict[str, bytes]:
    """What the archive holds of every catalogued transcript, by session file."""
    found = transcripts(app)
    return {name: app.archive.read(row["object_key"], start=0, end=row["length"] + 1) for name, row in found.items()}


def objects(app: App) -> set[str]:
    """Every file of the archive."""
    root = app.archive.root
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and LOCKS not in path.parts}


def requests(app: App) -> int:
    """How many requests the ledger has."""
    with app.store.read() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(usage_request)) or 0


def everything(app: App) -> str:
    """Every row of every table, as text."""
    with app.store.read() as tx:
        rows = [row for table in metadata.sorted_tables for row in tx.execute(sa.select(table))]
    return "\n".join(map(str, rows))


def collect_with(app: App, home: Home, *readers: Reader) -> CollectStats:
    """Collect with readers other than the installed ones."""
    app.collect([])
    collector = Collector(
        app.store, app.archive, readers={reader.agent: reader for reader in readers}, listener=Pending()
    )
    return collector.collect([home])


class Meddling(ClaudeCodeReader):
    """Claude Code's reader, with something that happens after a file was opened and before it is copied."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        self._happens()
        return super().identify(path, head)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Names of the transcripts that were opened since the test began."""
    names: list[str] = []
    _watchers.append(names)
    yield names
    _watchers.remove(names)


_watchers: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and event == "open" and isinstance(arguments[0], str) and arguments[0].endswith(".jsonl"):
        for names in _watchers:
            names.append(arguments[0])


sys.addaudithook(_watch)


# New, unchanged, grown ----------------------------------------------------------------------------------------------


def test_a_new_file_is_copied_whole(app: App, home: Home) -> None:
    claude, codex = session_id("claude"), session_id("codex")
    put(claude_path(home.path, claude), claude_session(claude))
    put(codex_path(home.path, codex), codex_session(codex))
    stats = app.collect([home])
    size = len(claude_session(claude)) + len(codex_session(codex))
    assert stats == CollectStats(users_processed=1, files_copied=2, bytes_read=size)
    assert archived(app) == {
        f"ada/{claude}.jsonl": claude_session(claude),
        f"ada/{codex}.jsonl": codex_session(codex),
    }
    rows = transcripts(app)
    assert {row["agent"] for row in rows.values()} == {"claude-code", "codex"}
    assert {row["revision"] for row in rows.values()} == {1}


def test_a_home_without_transcripts_gives_clean_zero_stats(app: App, home: Home) -> None:
    assert app.collect([home]) == CollectStats(users_processed=1)
    assert app.collect([]) == CollectStats()


def test_an_unchanged_file_is_skipped_without_being_opened(app: App, home: Home, opened: list[str]) -> None:
    fill(home, sessions=3)
    app.collect([home])
    before = transcripts(app)
    opened.clear()
    assert app.collect([home]) == CollectStats(users_processed=1, files_skipped=3)
    assert opened == []
    assert transcripts(app) == before


def test_a_grown_file_is_collected_again_and_only_its_new_bytes_are_written(
    app: App, home: Home, manual_time: ManualTime
) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_session(session, 200))
    app.collect([home])
    [first] = transcripts(app).values()
    inode = (app.archive.root / first["object_key"]).stat().st_ino
    more = claude_turn(session, 200)
    grow(path, more)
    manual_time.advance(60)
    assert app.collect([home]) == CollectStats(users_processed=1, files_copied=1, bytes_read=len(more))
    [second] = transcripts(app).values()
    assert archived(app)[second["session_file"]] == claude_session(session, 201)
    assert (second["revision"], second["generation"], second["object_key"]) == (2, 0, first["object_key"])
    assert (app.archive.root / first["object_key"]).stat().st_ino == inode
    assert second["changed_at"] == manual_time.now


def test_growth_in_many_steps_gives_the_same_bytes_and_fingerprints_as_one(
    make_app: MakeApp, home: Home, tmp_path: Path
) -> None:
    app, session = make_app(), session_id("one")
    data = claude_session(session, 60)
    path = put(claude_path(home.path, session), b"")
    for start in range(0, len(data), 9973):
        grow(path, data[start : start + 9973])
        app.collect([home])
    [grown] = transcripts(app).values()
    whole = home_of(tmp_path, "bob")
    put(claude_path(whole.path, session), data)
    app.collect([whole])
    once = transcripts(app)[f"bob/{session}.jsonl"]
    assert archived(app)[f"ada/{session}.jsonl"] == data
    for name in ("length", "content_hash", "source_blocks", "archive_blocks", "source_offset"):
        assert bytes(str(grown[name]), "utf-8") == bytes(str(once[name]), "utf-8"), name


def test_a_torn_last_line_waits_until_it_is_whole(app: App, home: Home) -> None:
    session = session_id("one")
    first, second = claude_turn(session, 0), claude_prompt("Second prompt.", session=session, at=60)
    path = put(claude_path(home.path, session), first + second[:70])
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": first}
    grow(path, second[70:-20])
    assert app.collect([home]).files_copied == 0
    assert archived(app) == {f"ada/{session}.jsonl": first}
    grow(path, second[-20:])
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": first + second}


def test_a_file_of_nothing_but_a_torn_line_is_no_transcript_yet(app: App, home: Home) -> None:
    session = session_id("one")
    line = claude_prompt("First prompt.", session=session)
    path = put(claude_path(home.path, session), line[:50])
    assert app.collect([home]) == CollectStats(users_processed=1, files_skipped=1)
    assert (transcripts(app), objects(app)) == ({}, set())
    grow(path, line[50:])
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": line}


def test_a_whole_object_without_a_newline_is_taken_and_its_newline_later(app: App, home: Home) -> None:
    session = session_id("one")
    first, second = claude_prompt("First.", session=session), claude_prompt("Second.", session=session, at=9)
    path = put(claude_path(home.path, session), first + second.rstrip(b"\n"))
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": first + second.rstrip(b"\n")}
    grow(path, b"\n" + claude_prompt("Third.", session=session, at=20))
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": path.read_bytes()}


@pytest.mark.parametrize("times", [1, 3])
def test_a_file_that_grows_while_it_is_collected_loses_nothing(app: App, home: Home, times: int) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_turn(session, 0))
    turns = iter(range(1, 100))
    for _ in range(times):
        collect_with(app, home, Meddling(lambda: grow(path, claude_turn(session, next(turns)))))
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": path.read_bytes()}
    assert app.collect([home]).files_skipped == 1


def test_a_file_that_is_replaced_between_the_look_and_the_opening_is_seen_again(app: App, home: Home) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_turn(session, 0))

    def replace() -> None:
        other = put(path.with_name("other.tmp"), claude_turn(session, 7))
        other.replace(path)

    collect_with(app, home, Meddling(replace))
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": claude_turn(session, 7)}


def test_bytes_of_a_write_that_was_never_committed_are_dropped(app: App, home: Home) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_turn(session, 0))
    app.collect([home])
    with (app.archive.root / "ada" / f"{session}.jsonl").open("ab") as file:
        file.write(b"left by a collector that died" * 1000)
    grow(path, claude_turn(session, 1))
    app.collect([home])
    assert (app.archive.root / "ada" / f"{session}.jsonl").read_bytes() == path.read_bytes()


def test_a_session_of_several_batches_of_files_is_collected_whole(app: App, home: Home) -> None:
    fill(home, sessions=150, turns=1)
    seen: list[int] = []
    stats = app.collect([home], progress=lambda stats: seen.append(stats.files_copied))
    assert stats.files_copied == len(transcripts(app)) == len(objects(app)) == 150
    assert seen == sorted(seen) and len(set(seen)) > 2


# Changed in other ways ----------------------------------------------------------------------------------------------


def test_a_file_that_was_touched_and_is_equal_is_skipped_and_not_opened_again(
    app: App, home: Home, opened: list[str]
) -> None:
    [path] = fill(home)
    app.collect([home])
    before = transcripts(app)
    set_mtime(path, 5000)
    assert app.collect([home]) == CollectStats(users_processed=1, files_skipped=1)
    opened.clear()
    assert app.collect([home]) == CollectStats(users_processed=1, files_skipped=1)
    assert opened == []
    after = transcripts(app)
    for rows in (before, after):
        for row in rows.values():
            del row["source_fingerprint"]
    assert after == before
    assert app.run_processor("usage").scanned == 1


@pytest.mark.parametrize("mtime", [-10 * 365 * 86_400, 0, 10 * 365 * 86_400])
def test_growth_is_seen_whatever_the_clock_says(app: App, home: Home, mtime: float) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_turn(session, 0))
    app.collect([home])
    grow(path, claude_turn(session, 1))
    set_mtime(path, mtime)
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": path.read_bytes()}


@pytest.mark.parametrize("keep_mtime", [True, False])
def test_a_replacement_of_equal_size_is_seen(app: App, home: Home, keep_mtime: bool) -> None:
    session = session_id("one")
    before, after = claude_prompt("abcdef", session=session), claude_prompt("uvwxyz", session=session)
    after = after.replace(re.findall(rb'"uuid":"[^"]*"', after)[0], re.findall(rb'"uuid":"[^"]*"', before)[0])
    assert len(before) == len(after)
    path = put(claude_path(home.path, session), before)
    app.collect([home])
    times = path.stat()
    new = put(path.with_suffix(".tmp"), after)
    if keep_mtime:
        os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    new.replace(path)
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": after}
    [row] = transcripts(app).values()
    assert (row["generation"], row["revision"]) == (1, 2)
    assert objects(app) == {row["object_key"]}


def test_a_rewritten_beginning_is_seen_when_the_file_has_grown_too(app: App, home: Home) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_session(session, 2))
    app.collect([home])
    put(path, claude_session(session, 3, first=5))
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": path.read_bytes()}


def test_a_shrunk_file_becomes_a_new_generation_and_takes_no_usage_away(app: App, home: Home) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_session(session, 3))
    app.collect([home])
    app.run_processor("usage")
    assert requests(app) == 6
    put(path, claude_session(session, 1))
    assert app.collect([home]).files_copied == 1
    app.run_processor("usage")
    [row] = transcripts(app).values()
    assert (row["generation"], archived(app)[row["session_file"]]) == (1, path.read_bytes())
    assert objects(app) == {row["object_key"]}
    assert requests(app) == 6
    grow(path, claude_turn(session, 9))
    app.collect([home])
    app.run_processor("usage")
    assert requests(app) == 8


def test_a_file_that_was_emptied_or_deleted_takes_nothing_away(app: App, home: Home) -> None:
    [emptied, deleted] = fill(home, sessions=2)
    app.collect([home])
    before = archived(app)
    put(emptied, b"")
    deleted.unlink()
    app.collect([home])
    assert archived(app) == before
    app.run_processor("usage")
    assert requests(app) == 8


# Refused and failed -------------------------------------------------------------------------------------------------


def test_links_and_pipes_are_refused_and_counted_and_never_read(
    app: App, home: Home, tmp_path: Path, opened: list[str]
) -> None:
    good = session_id("good")
    put(claude_path(home.path, good), claude_session(good))
    project = claude_path(home.path, good).parent
    secret = put(tmp_path / "elsewhere" / f"{session_id('secret')}.jsonl", claude_session(session_id("secret")))
    (project / f"{session_id('linked')}.jsonl").symlink_to(secret)
    (project / f"{session_id('dangling')}.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    (project.parent / "-linked-project").symlink_to(secret.parent, target_is_directory=True)
    os.mkfifo(project / f"{session_id('fifo')}.jsonl")
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_refused, stats.files_failed) == (1, 4, 0)
    assert {Path(each["file"]).name for each in stats.errors_detail} == {
        f"{session_id('linked')}.jsonl",
        f"{session_id('dangling')}.jsonl",
        f"{session_id('fifo')}.jsonl",
        "-linked-project",
    }
    assert set(transcripts(app)) == {f"ada/{good}.jsonl"}
    assert secret.name not in opened


def test_a_linked_root_is_followed_only_to_what_belongs_to_the_home_s_owner(
    app: App, home: Home, tmp_path: Path
) -> None:
    own = tmp_path / "dotfiles"
    put(own / "projects/p" / f"{session_id('own')}.jsonl", claude_session(session_id("own")))
    (home.path / ".claude").symlink_to(own, target_is_directory=True)
    inner = home_of(tmp_path, "bob")
    (inner.path / ".claude").mkdir()
    (inner.path / ".claude/projects").symlink_to(own / "projects", target_is_directory=True)
    stats = app.collect([home, inner])
    assert (stats.files_copied, stats.files_refused) == (1, 1)
    assert set(transcripts(app)) == {f"ada/{session_id('own')}.jsonl"}


def test_a_hard_link_to_somebody_else_s_file_is_not_opened_for_reading(home: Home, tmp_path: Path) -> None:
    path = claude_path(home.path, session_id("one"))
    put(path, claude_session(session_id("one")))
    os.link(path, tmp_path / "link")
    for found in walk(home.path, ".claude/projects"):
        assert isinstance(found, Candidate)
        os.close(found.open(owner=os.getuid()))
        with pytest.raises(BadInput, match="hard link to somebody else's file"):
            found.open(owner=os.getuid() + 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; the test above shows the rule itself")
def test_a_home_with_a_hard_link_to_a_foreign_file_keeps_its_other_transcripts(
    app: App, home: Home, tmp_path: Path
) -> None:
    fill(home)
    foreign = put(tmp_path / "theirs.jsonl", claude_session(session_id("theirs")))
    os.chown(foreign, 12345, 12345)
    os.link(foreign, claude_path(home.path, session_id("theirs")))
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_refused) == (1, 1)
    assert "hard link" in stats.errors_detail[0]["error"]
    assert len(transcripts(app)) == len(objects(app)) == 1


def test_what_cannot_be_written_is_counted_as_failed_and_the_others_are_collected(app: App, home: Home) -> None:
    paths = fill(home, sessions=5)
    (app.archive.root / "ada" / paths[2].name).mkdir(parents=True)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed) == (4, 1)
    assert stats.errors_detail[0]["file"] == str(paths[2])
    (app.archive.root / "ada" / paths[2].name).rmdir()
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed, stats.files_skipped) == (1, 0, 4)
    assert app.runs.latest("session-collector", limit=1)[0].outcome == "done"
    assert app.runs.latest("session-collector", limit=2)[1].outcome == "partial"


@pytest.fixture
def closed_to_everybody() -> Iterator[Callable[[Path], None]]:
    """Makes the system refuse to open a file, root included: by a lease."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    held: list[int] = []

    def close(path: Path) -> None:
        held.append(os.open(path, os.O_RDWR))
        fcntl.fcntl(held[-1], fcntl.F_SETLEASE, fcntl.F_WRLCK)

    yield close
    for descriptor in held:
        os.close(descriptor)
    signal.signal(signal.SIGIO, before)


def test_a_file_that_cannot_be_read_is_counted_as_failed_and_the_others_are_collected(
    app: App, home: Home, closed_to_everybody: Callable[[Path], None]
) -> None:
    paths = fill(home, sessions=3)
    closed_to_everybody(paths[1])
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed) == (2, 1)
    assert [each["file"] for each in stats.errors_detail] == [str(paths[1])]


def test_a_transcript_whose_archive_was_damaged_fails_alone(app: App, home: Home) -> None:
    paths = fill(home, sessions=2)
    app.collect([home])
    os.truncate(app.archive.root / "ada" / paths[0].name, 10)
    for path in paths:
        grow(path, claude_turn(path.stem, 9))
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed) == (1, 1)
    assert "the catalogue says" in stats.errors_detail[0]["error"]


def test_a_home_that_fails_stops_nobody(app: App, home: Home, tmp_path: Path) -> None:
    last = home_of(tmp_path, "zoe")
    fill(home)
    fill(last)
    gone = Home(tmp_path / "gone", "gone")
    closed = home_of(tmp_path, "closed")
    put(closed.path / ".claude", b"a file where a folder belongs")
    evil = home_of(tmp_path, "evil")
    fill(evil)
    stats = app.collect([gone, home, Home(evil.path, "../../evil"), closed, last])
    assert (stats.files_copied, stats.files_failed) == (2, 2)
    assert {Path(name).parent.name for name in transcripts(app)} == {"ada", "zoe"}
    assert not [path for path in tmp_path.rglob("evil*") if path != evil.path]


def test_a_file_that_is_no_transcript_by_its_content_is_left_alone(app: App, home: Home) -> None:
    put(claude_path(home.path, "notes"), b'{"shopping": ["milk"]}\n')
    assert app.collect([home]) == CollectStats(users_processed=1, files_unknown=1)
    assert objects(app) == set()


def test_a_transcript_in_the_other_agent_s_folder_is_known_by_its_content(app: App, home: Home) -> None:
    session = session_id("codex")
    put(claude_path(home.path, session), codex_session(session))
    app.collect([home])
    assert [row["agent"] for row in transcripts(app).values()] == ["codex"]


# Names --------------------------------------------------------------------------------------------------------------


def test_a_sub_agent_s_transcript_is_named_after_its_session_and_itself(app: App, home: Home) -> None:
    session = session_id("one")
    put(claude_path(home.path, session), claude_session(session))
    path = put(claude_path(home.path, session, agent="a1b2c3"), claude_session(session, agent="a1b2c3"))
    path.with_name("agent-a1b2c3.meta.json").write_text('{"agentType": "Explore"}')
    put(
        home.path / ".claude/projects/-code-harbour/agent-flat9.jsonl", claude_session(session, agent="flat9")
    )  # older versions keep them beside the sessions
    app.collect([home])
    rows = transcripts(app)
    assert set(rows) == {f"ada/{session}.jsonl", f"ada/{session}.a1b2c3.jsonl", f"ada/{session}.flat9.jsonl"}
    inner = rows[f"ada/{session}.a1b2c3.jsonl"]
    assert (inner["native_id"], inner["agent_id"], inner["parent_id"]) == (session, "a1b2c3", session)
    assert inner["agent_type"] == "Explore"


def test_one_session_id_in_two_project_folders_is_two_transcripts(app: App, home: Home) -> None:
    session = session_id("one")
    first = put(claude_path(home.path, session), claude_session(session, 2, prefix="same"))
    second = put(claude_path(home.path, session, project="-code-quay"), claude_session(session, 3, prefix="same"))
    assert app.collect([home]).files_copied == 2
    assert sorted(archived(app).values(), key=len) == [first.read_bytes(), second.read_bytes()]
    assert app.collect([home]).files_skipped == 2
    for number, path in enumerate((second, first)):
        grow(path, claude_turn(session, 10 + number, prefix="same"))
        assert app.collect([home]).files_copied == 1
    assert sorted(archived(app).values(), key=len) == [first.read_bytes(), second.read_bytes()]
    app.run_processor("usage")
    assert requests(app) == 10  # five different turns of two requests


def test_a_moved_source_goes_on_as_the_same_transcript(app: App, home: Home) -> None:
    session = session_id("one")
    old = put(codex_path(home.path, session), codex_session(session, 2))
    app.collect([home])
    new = codex_path(home.path, session, archived=True)
    new.parent.mkdir(parents=True)
    old.rename(new)
    assert app.collect([home]) == CollectStats(users_processed=1, files_skipped=1)
    [row] = transcripts(app).values()
    assert (row["source_path"], row["revision"], row["generation"]) == (str(new), 1, 0)
    grow(new, codex_session(session, 3)[len(codex_session(session, 2)) :])
    assert app.collect([home]).files_copied == 1
    assert archived(app) == {f"ada/{session}.jsonl": codex_session(session, 3)}


def test_a_source_that_moved_and_grew_at_once_goes_on_as_the_same_transcript(app: App, home: Home) -> None:
    session = session_id("one")
    old = put(codex_path(home.path, session), codex_session(session, 2))
    app.collect([home])
    old.unlink()
    put(codex_path(home.path, session, archived=True), codex_session(session, 3))
    app.collect([home])
    assert archived(app) == {f"ada/{session}.jsonl": codex_session(session, 3)}
    [row] = transcripts(app).values()
    assert (row["revision"], row["generation"]) == (2, 0)


def test_hostile_file_names_become_plain_names_inside_the_archive(app: App, home: Home) -> None:
    names = ["..", "a b", "\u202egnp", "%2e%2e", "x" * 200, "\\..\\x", "caf\u00e9", "-rf", ".hidden", "A~B"]
    for number, name in enumerate(names):
        put(claude_path(home.path, name), claude_session(session_id(number), 1))
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed, stats.files_refused) == (len(names), 0, 0)
    for name in objects(app):
        assert re.fullmatch(r"ada/[A-Za-z0-9_-][A-Za-z0-9_.~-]{0,239}", name), name
    assert len(objects(app)) == len(names)


# Whose it is --------------------------------------------------------------------------------------------------------


def _person(app: App, key: str, email: str, at: int) -> int:
    insert = sa.text("INSERT INTO user_account (key, email, created_at) VALUES (:key, :email, :at) RETURNING id")
    with app.store.write() as tx:
        return int(tx.execute(insert, {"key": key, "email": email, "at": at}).scalar_one())


def test_a_home_belongs_to_the_exact_key_else_to_the_newest_e_mail_local_part(
    app: App, home: Home, tmp_path: Path
) -> None:
    exact = _person(app, "ada", "lovelace@example.org", 1)
    _person(app, "someone", "ada@example.org", 2)
    _person(app, "first", "a_b@example.org", 3)
    newest = _person(app, "second", "a_b@example.com", 5)
    _person(app, "decoy", "axb@example.org", 9)
    percent = _person(app, "third", "a%b@example.org", 1)
    homes = [home, home_of(tmp_path, "a_b"), Home(home_of(tmp_path, "pc").path, "a%b"), home_of(tmp_path, "nobody")]
    for each in homes:
        fill(each)
    app.collect(homes)
    owners = {row["source_path"].split("/homes/")[1].split("/")[0]: row["user_id"] for row in transcripts(app).values()}
    assert (owners["ada"], owners["a_b"]) == (exact, newest)
    assert percent not in owners.values()  # `%` cannot stand in an archive key, so it never gets there
    with app.store.read() as tx:
        found = tx.execute(sa.text("SELECT id, provisional FROM user_account WHERE key = 'nobody'")).one()
    assert (found.id, bool(found.provisional)) == (owners["nobody"], True)


# Privacy ------------------------------------------------------------------------------------------------------------


def keep_private(home: Home, *lines: str) -> None:
    put(home.path / ".precedent/private", ("# mine\n" + "\n".join(lines) + "\n").encode())


def test_a_session_on_its_person_s_list_is_never_archived(app: App, home: Home) -> None:
    session, other = session_id("mine"), session_id("work")
    put(claude_path(home.path, session), claude_session(session))
    put(claude_path(home.path, session, agent="a1"), claude_session(session, agent="a1"))
    put(claude_path(home.path, other), claude_session(other))
    keep_private(home, session)
    assert app.collect([home]) == CollectStats(
        users_processed=1, files_copied=1, files_private=2, bytes_read=len(claude_session(other))
    )
    assert session not in everything(app)
    assert objects(app) == {f"ada/{other}.jsonl"}


@pytest.mark.parametrize("listed", ["/code/diary", "/code/diary/", "~/diary"])
def test_a_folder_on_its_person_s_list_is_never_archived(app: App, home: Home, listed: str) -> None:
    base = str(home.path / "diary") if listed.startswith("~") else "/code/diary"
    for name, cwd in (("in", base), ("below", f"{base}/2026"), ("beside", f"{base}-shared")):
        session = session_id(name)
        put(claude_path(home.path, session, project=f"-p-{name}"), claude_session(session, cwd=cwd))
    keep_private(home, listed)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_private) == (1, 2)
    assert set(transcripts(app)) == {f"ada/{session_id('beside')}.jsonl"}
    assert objects(app) == {f"ada/{session_id('beside')}.jsonl"}


def test_a_marked_folder_is_private_for_everybody_who_works_there(app: App, home: Home, tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "payroll"
    put(shared / ".precedent-private", b"")
    other = home_of(tmp_path, "bob")
    for each in (home, other):
        session = session_id(each.user)
        put(claude_path(each.path, session), claude_session(session, cwd=str(shared / "2026")))
        put(codex_path(each.path, session), codex_session(session, cwd=str(shared)))
    stats = app.collect([home, other])
    assert (stats.files_copied, stats.files_private) == (0, 4)
    assert objects(app) == set()


def test_a_folder_of_the_settings_is_private_for_everybody(make_app: MakeApp, home: Home) -> None:
    app = make_app(private_folders=("/code/payroll",))
    put(claude_path(home.path, session_id("a")), claude_session(session_id("a"), cwd="/code/payroll/2026"))
    fill(home)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_private) == (1, 1)


def _make_private(home: Home, how: str, session: str, path: Path, folder: Path) -> None:
    match how:
        case "session":
            keep_private(home, session)
        case "folder":
            keep_private(home, str(folder))
        case "marker":
            put(folder / ".precedent-private", b"")
        case "source gone":
            path.unlink()
            keep_private(home, session)
        case "moves there":
            put(folder / "inner/.precedent-private", b"")
            grow(path, claude_turn(session, 9, cwd=str(folder / "inner")))


@pytest.mark.parametrize("how", ["session", "folder", "marker", "source gone", "moves there"])
def test_a_session_made_private_later_is_withdrawn_with_everything_derived_from_it(
    app: App, home: Home, tmp_path: Path, how: str
) -> None:
    fill(home)
    app.collect([home])
    app.run_processor("usage")
    session, folder = session_id("mine"), tmp_path / "diary"
    folder.mkdir()
    path = put(claude_path(home.path, session), claude_session(session, cwd=str(folder)))
    app.collect([home])
    app.run_processor("usage")
    assert requests(app) == 8
    _make_private(home, how, session, path, folder)
    stats = app.collect([home])
    assert stats.files_withdrawn == 1
    assert requests(app) == 4
    assert session not in everything(app)
    assert [name for name in objects(app) if session in name] == []
    assert app.collect([home]).files_withdrawn == 0
    assert app.run_processor("usage").processed == 0


def test_what_a_collector_that_died_left_of_a_private_session_is_removed(app: App, home: Home) -> None:
    session = session_id("mine")
    path = put(claude_path(home.path, session), claude_session(session, 3))
    left = put(app.archive.root / f"ada/{session}.jsonl", claude_session(session, 1))
    keep_private(home, session)
    app.collect([home])
    assert not left.exists()
    keep_private(home)
    app.collect([home])
    put(path, claude_session(session, 1))
    app.collect([home])
    for generation in ("", "~g2"):  # one that was replaced and one that was never committed
        put(app.archive.root / f"ada/{session}{generation}.jsonl", claude_session(session, 1))
    keep_private(home, session)
    app.collect([home])
    assert objects(app) == set()


def test_what_a_collector_that_died_left_of_a_replaced_session_is_removed(app: App, home: Home) -> None:
    session = session_id("one")
    path = put(claude_path(home.path, session), claude_session(session, 3))
    app.collect([home])
    put(path, claude_session(session, 1))
    app.collect([home])
    put(app.archive.root / f"ada/{session}.jsonl", claude_session(session, 3))
    app.collect([home])
    assert objects(app) == {f"ada/{session}~g1.jsonl"}


def test_a_fork_is_withdrawn_with_the_session_that_it_copied(app: App, home: Home) -> None:
    parent, fork = session_id("parent"), session_id("fork")
    put(codex_path(home.path, parent), codex_session(parent))
    put(codex_path(home.path, fork), codex_meta(fork, forked_from=parent) + codex_session(parent))
    app.collect([home])
    assert len(transcripts(app)) == 2
    keep_private(home, parent)
    assert app.collect([home]).files_withdrawn == 2
    assert (transcripts(app), objects(app)) == ({}, set())


# Secrets ------------------------------------------------------------------------------------------------------------


def test_secrets_are_in_no_byte_of_the_archive_and_the_database(app: App, home: Home, tmp_path: Path) -> None:
    session = session_id("one")
    data = claude_prompt(f"Use {GITHUB_TOKEN} please.", session=session) + claude_reply(
        "msg_1", session=session, text="", calls=(("toolu_1", "Bash", {"command": f"export KEY={AWS_KEY}"}),)
    )
    title = claude_prompt("x", session=session, at=3).replace(b'"type":"user"', b'"type":"ai-title"')
    data += title.replace(b'"uuid"', b'"aiTitle":"About %b","uuid"' % GITHUB_TOKEN.encode())
    data += claude_prompt("in a folder", session=session, at=4, cwd=f"/code/{GITHUB_TOKEN}/x")
    path = put(claude_path(home.path, session), data)
    assert app.collect([home]).redactions >= 3
    grow(path, claude_prompt(f"Again {AWS_KEY}", session=session, at=5))
    assert app.collect([home]).redactions >= 1
    app.run_processor("usage")
    content = archived(app)[f"ada/{session}.jsonl"]
    assert b"[REDACTED:github-token]" in content and b"[REDACTED:aws-access-key-id]" in content
    assert content.count(b"\n") == path.read_bytes().count(b"\n")
    stored = [each.read_bytes() for each in (tmp_path / "data").rglob("*") if each.is_file()]
    for secret in (GITHUB_TOKEN, AWS_KEY):
        assert secret not in everything(app)
        assert not [each for each in stored if secret.encode() in each]
    [row] = transcripts(app).values()
    assert row["redactions"] >= 4


def test_the_model_and_the_counters_survive_redaction(app: App, home: Home) -> None:
    session = session_id("one")
    put(
        claude_path(home.path, session),
        claude_prompt(GITHUB_TOKEN, session=session) + claude_reply("msg_1", session=session, text=GITHUB_TOKEN),
    )
    app.collect([home])
    app.run_processor("usage")
    assert requests(app) == 1
    assert MODEL in everything(app)


def test_readers_are_the_installed_ones() -> None:
    assert {CLAUDE_CODE.agent, CODEX.agent} == {"claude-code", "codex"}
