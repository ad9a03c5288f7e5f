"""A death of the server or of a push at any named place loses nothing and doubles nothing.

A laptop has pushed before; now one session has grown, one was rewritten, one is new and one became private.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from builders import claude_path, claude_session, claude_turn, grow, home_of, put, session_id
from laptops import ApiServer, Laptop
from precedent.app import App
from precedent.faults import POINTS
from precedent.settings import load
from precedent.store.schema import usage_request

IN_SERVER = (
    *(point for point in POINTS if point.startswith("upload.")),
    *("collect.synced", "collect.catalogued", "collect.committed", "collect.withdrawn"),
)
IN_PUSH = tuple(point for point in POINTS if point.startswith("push.") and point != "push.spooled")
"""Where a hook's process dies is in `test_push.py`: it sends nothing."""

GROWS, REWRITTEN, NEW, PRIVATE = (session_id(name) for name in ("grows", "rewritten", "new", "private"))
EXPECTED = {
    f"ada/{GROWS}.jsonl": claude_session(GROWS, 5),
    f"ada/{REWRITTEN}.jsonl": claude_session(REWRITTEN, 1) + claude_turn(REWRITTEN, 7),
    f"ada/{NEW}.jsonl": claude_session(NEW, 2),
}
REQUESTS = 10 + 6 + 4
"""Of the rewritten session, two of its old generation stay counted beside the four of the new one."""


pytestmark = pytest.mark.timeout(600)  # a dozen processes are started, one after another, on a machine that may be busy


class World(NamedTuple):
    """A server that is stopped, and a laptop whose home has changed since its last push.

    Attributes:
        server: what it was.
        home: of the laptop.
        token: of its person.
    """

    server: ApiServer
    home: Path
    token: str

    def copy(self, folder: Path) -> "World":
        """Return the same, to die in: port and home stay, for by them a laptop remembers what it has sent."""
        shutil.copytree(self.server.data, folder / "data")
        kept = self.home.with_name("kept")
        if not kept.exists():
            shutil.copytree(self.home, kept)
        shutil.rmtree(self.home)
        shutil.copytree(kept, self.home)
        server = ApiServer(folder / "data", f"sqlite:///{folder / 'data' / 'precedent.db'}")
        server.port = self.server.port
        return World(server, self.home, self.token)

    def laptop(self) -> Laptop:
        return Laptop(self.home, self.server.url, token=self.token)


def make_world(folder: Path, url: str) -> World:
    server = ApiServer(folder / "data", url or f"sqlite:///{folder / 'data' / 'precedent.db'}").start()
    world = World(server, home_of(folder).path, server.token("member-ada"))
    laptop = world.laptop()
    for name, turns in ((GROWS, 3), (REWRITTEN, 2), (PRIVATE, 2)):
        put(claude_path(laptop.home, name), claude_session(name, turns))
    assert laptop.push()["transcripts_sent"] == 3
    server.stop()
    grow(claude_path(laptop.home, GROWS), claude_turn(GROWS, 3) + claude_turn(GROWS, 4))
    put(claude_path(laptop.home, REWRITTEN), EXPECTED[f"ada/{REWRITTEN}.jsonl"])
    put(claude_path(laptop.home, NEW), claude_session(NEW, 2))
    put(laptop.home / ".precedent/private", PRIVATE.encode())
    return world


@pytest.fixture(scope="module")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), "")


@pytest.fixture
def world(sqlite_world: World, tmp_path: Path) -> Iterator[World]:
    found = sqlite_world.copy(tmp_path)
    yield found
    found.server.stop()


def come_back(server: ApiServer, laptop: Laptop) -> None:
    laptop.push()
    assert laptop.push()["bytes_sent"] == 0, "a push that was done is done"
    assert server.archived() == EXPECTED
    assert len(server.objects()) == len(EXPECTED), "nothing else is left"
    app = App(load(data_dir=server.data, database_url=server.database, extraction_processes=1))
    try:
        app.run_processor("usage")
        with app.store.read() as tx:
            assert len(tx.execute(usage_request.select()).all()) in {REQUESTS, REQUESTS - 2}
    finally:
        app.close()


def server_dies(world: World, point: str) -> None:
    server, laptop = world.server, world.laptop()
    server.start(PRECEDENT_FAULT=point)
    done = laptop.call("push")
    assert server.stop() == -signal.SIGKILL, f"{point} was never reached"
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    server.start()
    come_back(server, laptop)


@pytest.mark.parametrize("point", IN_SERVER)
def test_nothing_is_lost_or_doubled_when_the_server_dies_at(point: str, world: World) -> None:
    server_dies(world, point)


@pytest.mark.parametrize("point", IN_PUSH)
def test_nothing_is_lost_or_doubled_when_a_push_dies_at(point: str, world: World) -> None:
    world.server.start()
    laptop = world.laptop()
    for passing in (1, 2):
        done = laptop.call("push", PRECEDENT_FAULT=f"{point}:{passing}")
        assert done.returncode in ({-signal.SIGKILL} if passing == 1 else {-signal.SIGKILL, 0}), done.stderr
    come_back(world.server, laptop)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nothing_is_lost_or_doubled_on_postgresql(database_url: str, tmp_path: Path) -> None:
    world = make_world(tmp_path, database_url)
    try:
        server_dies(world, "upload.appended")
    finally:
        world.server.stop()
