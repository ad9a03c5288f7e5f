"""A death at any moment loses nothing and doubles nothing: processes are killed at every named place and started again.

Each kill is a SIGKILL in the middle of real work on a store that already holds results: sessions are new, have grown,
were replaced, moved, made private, copied from one another, and one makes its processor fail.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from builders import (
    claude_path,
    claude_prompt,
    claude_session,
    claude_turn,
    codex_meta,
    codex_path,
    codex_session,
    grow,
    home_of,
    install,
    put,
    session_id,
)
from conftest import TESTS, NewDatabase
from ledgers import CATALOGUE, USAGE, Ledger, archive, ledger
from precedent.faults import POINTS
from precedent.pipeline.state import MAX_OPEN_CLAIMS
from precedent.store import Store

VISITED = tuple(
    point
    for point in POINTS
    if point.startswith(("collect.", "extract.", "run.", "store.")) and point != "run.put_back"
)
"""The others are those of `test_import_kill.py`, `test_upload_kill.py`, `test_privacy_kill.py`,
`test_memory_kill.py` and one in `test_worker_kill.py`."""

IN_CHILD = tuple(point for point in POINTS if point.startswith("extract."))
ON_POSTGRESQL = ("collect.catalogued", "collect.withdrawn", "run.claimed", "extract.read", "store.state", "run.closing")
BACK_S = 5.0
TABLES = (*USAGE, *CATALOGUE, "plugin_item")


class Outcome(NamedTuple):
    """How a driven process ended."""

    status: int
    out: str
    err: str


class Driver:
    """Starts processes that collect and process; see `driver.py`."""

    def __init__(self, folder: Path) -> None:
        path = install(folder, obedient="plugin_processors:OBEDIENT")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(TESTS / "fault/driver.py")],
            env=kept | {"PYTHONPATH": path},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, data: Path, url: str, homes: Path, *, fault: str = "", ahead_s: int = 0) -> Outcome:
        """Run one process in a group of its own and see the whole group end."""
        told = {"data": str(data), "url": url, "homes": str(homes), "fault": fault, "ahead_s": ahead_s}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        group, status = json.loads(self._process.stdout.readline())
        ends = time.monotonic() + BACK_S
        while _group_lives(group):
            assert time.monotonic() < ends, "a child outlived its killed parent"
            time.sleep(0.005)
        return Outcome(status, (data / "out").read_text(), (data / "err").read_text())

    def close(self) -> None:
        self._process.communicate()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class World(NamedTuple):
    """Homes that have changed since a store was filled from them, and what that store is to become.

    Attributes:
        driver: starts processes.
        homes: folder of the homes.
        data: data folder as it was after the first collection; copied for every death.
        url: of a PostgreSQL database as it was then; empty for the data folder's own.
        new_database: copies the database.
        expected: what is derived when nobody dies.
        files: what the archive holds then.
    """

    driver: Driver
    homes: Path
    data: Path
    url: str
    new_database: NewDatabase | None
    expected: Ledger
    files: dict[str, str]

    def copy(self, folder: Path) -> "Place":
        shutil.copytree(self.data, folder / "data")
        return Place(self, folder / "data", self.new_database(like=self.url) if self.new_database else "")


class Place(NamedTuple):
    """A copy of a world's store, to die in."""

    world: World
    data: Path
    url: str

    def run(self, *, fault: str = "", ahead_s: int = 0) -> Outcome:
        return self.world.driver.run(self.data, self.url, self.world.homes, fault=fault, ahead_s=ahead_s)

    def state(self) -> tuple[Ledger, dict[str, str]]:
        return state_of(self.data, self.url)


def state_of(data: Path, url: str) -> tuple[Ledger, dict[str, str]]:
    store = Store(url) if url else Store.in_folder(data)
    try:
        return ledger(store, tables=TABLES), archive(data / "sessions")
    finally:
        store.close()


def before(folder: Path) -> Path:
    """Write the homes as the first collection finds them."""
    for user in ("ada", "bob"):
        home = home_of(folder, user)
        for name in ("grows", "shrinks", "stays", "secret"):
            session = session_id(f"{user} {name}")
            put(claude_path(home.path, session), claude_session(session, 3))
        session = session_id(f"{user} moves")
        put(codex_path(home.path, session), codex_session(session, 2))
    return folder / "homes"


def after(folder: Path) -> None:
    """Change them to what the second collection finds."""
    for user in ("ada", "bob"):
        home = home_of(folder, user)
        session = session_id(f"{user} grows")
        grow(claude_path(home.path, session), claude_session(session, 2, first=3))
        put(claude_path(home.path, session, agent="a1"), claude_session(session, 2, agent="a1"))
        session = session_id(f"{user} shrinks")
        put(claude_path(home.path, session), claude_session(session, 1) + claude_turn(session, 8))
        put(home.path / ".precedent/private", session_id(f"{user} secret").encode())
        for name in ("new", "copy"):  # the copy repeats the other's responses and has one of its own
            session = session_id(f"{user} {name}")
            prefix = session_id(f"{user} new")
            put(claude_path(home.path, session), claude_session(session, 2 + (name == "copy"), prefix=prefix))
        session = session_id(f"{user} moves")
        moved = codex_path(home.path, session, archived=True)
        moved.parent.mkdir(parents=True)
        codex_path(home.path, session).rename(moved)
        grow(moved, codex_session(session, 4)[len(codex_session(session, 2)) :])
        fork = session_id(f"{user} fork")
        put(codex_path(home.path, fork), codex_meta(fork, forked_from=session) + codex_session(session, 3))
        fails = session_id(f"{user} fails")
        put(claude_path(home.path, fails), claude_prompt("extract: transient", session=fails))


def make_world(driver: Driver, folder: Path, new_database: NewDatabase | None) -> World:
    homes = before(folder)
    data, url = folder / "data", new_database() if new_database else ""
    data.mkdir()
    first = driver.run(data, url, homes)
    assert first.status == 0, first.err
    after(folder)
    world = World(driver, homes, data, url, new_database, {}, {})
    reference = world.copy(folder / "reference")
    for ahead_s in (0, 7200):
        done = reference.run(ahead_s=ahead_s)
        assert done.status == 0, done.err
    expected, files = reference.state()
    assert len(expected["usage_request"]) > 40 and len(expected["plugin_item"]) > 20
    return world._replace(expected=expected, files=files)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(tmp_path_factory.mktemp("plugins"))
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def sqlite_world(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(driver, tmp_path_factory.mktemp("sqlite"), None)


@pytest.fixture(scope="module")
def postgresql_world(driver: Driver, tmp_path_factory: pytest.TempPathFactory, postgres_url: NewDatabase) -> World:
    return make_world(driver, tmp_path_factory.mktemp("postgresql"), postgres_url)


def die(place: Place, point: str, counts: Sequence[int]) -> None:
    """Kill at a point's n-th passing for each n; the first time, the point must have been passed."""
    for number, count in enumerate(counts):
        died = place.run(fault=f"{point}:{count}", ahead_s=number * 7200)
        if point in IN_CHILD:
            assert died.status == 0, died.err
            assert number or "exited, status -9" in died.out, f"{point} was never reached"
        else:
            expected = {-signal.SIGKILL} if not number else {-signal.SIGKILL, 0}
            assert died.status in expected, f"{point}: {died.status} {died.err}"


def come_back(place: Place, *, ahead_s: int) -> None:
    done = place.run(ahead_s=ahead_s)
    assert done.status == 0, done.err
    derived, files = place.state()
    for table in TABLES:
        assert derived[table] == place.world.expected[table], table
    assert files == place.world.files


@pytest.mark.parametrize("point", VISITED)
def test_nothing_is_lost_or_doubled_when_killed_at(point: str, sqlite_world: World, tmp_path: Path) -> None:
    place = sqlite_world.copy(tmp_path)
    die(place, point, (1, 2))
    come_back(place, ahead_s=4 * 7200)


@pytest.mark.parametrize("point", ON_POSTGRESQL)
def test_nothing_is_lost_or_doubled_on_postgresql_when_killed_at(
    point: str, postgresql_world: World, tmp_path: Path
) -> None:
    place = postgresql_world.copy(tmp_path)
    die(place, point, (1,))
    come_back(place, ahead_s=4 * 7200)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("point", VISITED)
def test_nothing_is_lost_or_doubled_when_killed_five_times_at(
    point: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(f"{kind}_world")
    for count in range(1, 6):
        place = world.copy(tmp_path / str(count))
        # The first death is at the first passing, so that it is certain; what follows comes ever later.
        die(place, point, (1, *([count] if count > 1 else [])))
        come_back(place, ahead_s=6 * 7200)


def test_a_second_run_starts_at_once_after_a_death(sqlite_world: World, tmp_path: Path) -> None:
    place = sqlite_world.copy(tmp_path)
    die(place, "run.claimed", (1,))
    begun = time.monotonic()
    come_back(place, ahead_s=0)
    assert time.monotonic() - begun < BACK_S


def test_a_transcript_that_kills_its_workers_is_found_out_and_costs_its_neighbours_nothing(
    driver: Driver, tmp_path: Path
) -> None:
    home, bad = home_of(tmp_path), session_id("kills the parent")
    good = [session_id(f"good {number}") for number in range(30)]
    for session in good:
        put(claude_path(home.path, session), claude_prompt("good", session=session))
    put(claude_path(home.path, bad), claude_prompt("store: kill", session=bad))
    data = tmp_path / "data"
    data.mkdir()
    statuses = [driver.run(data, "", tmp_path / "homes").status for _ in range(4)]
    assert statuses == [-signal.SIGKILL] * 4
    store = Store.in_folder(data)
    try:
        with store.write() as tx:
            assert tx.scalar(sa.text("SELECT count(*) FROM plugin_item")) == 30
            mine = sa.text("SELECT session_file, status FROM session_processor_state WHERE claims_open > 0")
            assert tx.execute(mine).all() == [(f"ada/{bad}.jsonl", "pending")]
            tx.execute(
                sa.text("UPDATE session_processor_state SET claims_open = :n WHERE claims_open > 0"),
                {"n": MAX_OPEN_CLAIMS - 1},
            )
        assert driver.run(data, "", tmp_path / "homes").status == -signal.SIGKILL
        done = driver.run(data, "", tmp_path / "homes")
        assert done.status == 0, done.err
        with store.read() as tx:
            assert tx.execute(
                sa.text("SELECT session_file FROM session_processor_state WHERE status = 'dead'")
            ).all() == [(f"ada/{bad}.jsonl",)]
    finally:
        store.close()


def test_there_are_at_least_twenty_places() -> None:
    assert len(set(POINTS)) == len(POINTS) >= 20
