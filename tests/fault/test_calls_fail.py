"""The n-th call to the system fails, or the database is full, while a home is collected: the next run makes it good."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_path, claude_session, claude_turn, grow, home_of, put, session_id
from failing import BROKEN, FULL, MOST, NO_DESCRIPTORS, every, failing
from ledgers import Ledger, archive, ledger
from precedent.app import App
from precedent.archive.sources import Home
from precedent.errors import Transient
from precedent.settings import load


class World(NamedTuple):
    """A home that has changed since a store was filled from it, and what that store is to become.

    Attributes:
        home: it.
        data: data folder as it was after the first collection; copied for every fault.
        expected: what is derived when nothing fails.
        files: what the archive holds then.
    """

    home: Home
    data: Path
    expected: Ledger
    files: dict[str, str]

    @contextmanager
    def app(self, data: Path, *, ahead_s: int = 0) -> Iterator[App]:
        time = ManualTime()
        time.advance(ahead_s)
        url = f"sqlite:///{data / 'precedent.db'}"
        app = App(load(data_dir=data, database_url=url, extraction_processes=1), clock=time.clock)
        try:
            yield app
        finally:
            app.close()

    def good(self, data: Path) -> None:
        """Work once more, an hour later, and see that nothing is lost and nothing doubled."""
        with self.app(data, ahead_s=3600) as app:
            assert work(app, self.home) == ""
            assert ledger(app.store) == self.expected
        assert archive(data / "sessions") == self.files


def work(app: App, home: Home) -> str:
    """Collect and count; return what is said of faults."""
    try:
        collected = app.collect([home])
        counted = app.run_processor("usage")
    except (OSError, Transient, sa.exc.OperationalError) as error:
        return str(error)
    return " ".join(each["error"] for each in [*collected.errors_detail, *counted.errors_detail])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> World:
    folder = tmp_path_factory.mktemp("world")
    home, grows, rewritten, new = home_of(folder), *map(session_id, ("grows", "rewritten", "new"))
    (folder / "data").mkdir()
    shutil.copy(sqlite_template, folder / "data" / "precedent.db")
    found = World(home, folder / "data", {}, {})
    for name in (grows, rewritten):
        put(claude_path(home.path, name), claude_session(name, 2))
    with found.app(found.data) as app:
        assert work(app, home) == ""
        assert app.store.wipe()  # no page of it is free
    grow(claude_path(home.path, grows), claude_turn(grows, 2))
    put(claude_path(home.path, rewritten), claude_session(rewritten, 1) + claude_turn(rewritten, 8))
    put(claude_path(home.path, new), claude_session(new, 60))
    shutil.copytree(found.data, folder / "reference")
    with found.app(folder / "reference", ahead_s=3600) as app:
        assert work(app, home) == ""
        expected = ledger(app.store)
    assert len(expected["usage_request"]) == 6 + 6 + 120
    return found._replace(expected=expected, files=archive(folder / "reference" / "sessions"))


@every(
    [
        ("write", FULL, 1), ("write", BROKEN, 1), ("fsync", FULL, 1), ("fsync", BROKEN, 1), ("pread", BROKEN, 5),
        ("open", NO_DESCRIPTORS, 5), ("pipe", NO_DESCRIPTORS, 1),
    ]
)  # fmt: skip
def test_a_call_that_fails_while_collecting_and_counting_is_told_and_made_good(
    world: World, tmp_path: Path, name: str, number: int, step: int
) -> None:
    for nth in range(1, MOST, step):
        data = tmp_path / str(nth)
        shutil.copytree(world.data, data)
        with world.app(data) as app:
            app.processing.register_all()
            with failing(name, number, nth) as fault:
                said = work(app, world.home)
        world.good(data)
        if not fault.hit:
            break
        assert os.strerror(number) in said, nth
    assert 1 < nth < MOST - step


def grows_by(app: App, pages: int) -> None:
    """Let a database become larger by some pages at most."""
    with app.store.read() as tx:
        most = (tx.scalar(sa.text("PRAGMA page_count")) or 0) + pages

    def limit(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most}")

    sa.event.listen(app.store.engine, "connect", limit)
    app.store.engine.dispose()


def test_a_database_that_is_full_is_told_and_made_good(world: World, tmp_path: Path) -> None:
    told = 0
    for pages in range(MOST):
        data = tmp_path / str(pages)
        shutil.copytree(world.data, data)
        with world.app(data) as app:
            app.processing.register_all()
            grows_by(app, pages)
            said = work(app, world.home)
        world.good(data)
        if not said:
            break
        assert "full" in said, pages
        told += 1
        told += 1
    assert told > 3
