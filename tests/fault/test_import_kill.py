"""An import that dies at any statement is whole after a second one."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from builders import fill, home_of
from conftest import TESTS, NewDatabase
from duckdb_files import make
from ledgers import ledger
from precedent.app import App
from precedent.faults import POINTS
from precedent.settings import load
from precedent.store import Store

AT = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  # as such tables hold it
MINE = tuple(point for point in POINTS if point.startswith("import."))
TABLES = ("transcript", "session_processor_state", "processor")


def run(data: Path, url: str, file: Path, *, number: int = 0, fault: str = "") -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
    done = subprocess.run(
        [sys.executable, str(TESTS / "fault/import_driver.py"), str(data), url, str(file), str(number)],
        env=kept | ({"PRECEDENT_FAULT": fault} if fault else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode, done.stdout


class World:
    """A store with some sessions and rows of its own, and a file to import into copies of it."""

    def __init__(self, folder: Path, new_database: NewDatabase | None) -> None:
        self._folder, self._new_database = folder, new_database
        self._url, self._copies = new_database() if new_database else "", 0
        home = home_of(folder)
        files = fill(home, sessions=4)
        app = App(load(data_dir=folder / "data", database_url=self._url, extraction_processes=1))
        app.collect([home])
        app.run_processor("usage")
        fill(home, sessions=2, first=4)
        app.collect([home])
        app.close()
        names = [f"ada/{path.name}" for path in files] + [f"bob/{number}.jsonl" for number in range(300)]
        new = [("usage", name, "ada", AT, 1, "h") for name in names] + [("other", names[0], "ada", AT, 2, "i")]
        self.file = make(folder / "x.duckdb", new=new, old=[(name, "ada", AT, 3, "j") for name in names])
        reference = self.copy()
        status, out = run(*reference, self.file)
        assert status == 0
        self.statements = int(out)
        self.expected = self.state(*reference)
        assert len(self.expected["session_processor_state"]) >= 611

    def copy(self) -> tuple[Path, str]:
        self._copies += 1
        data = self._folder / f"data-{self._copies}"
        shutil.copytree(self._folder / "data", data)
        return data, self._new_database(like=self._url) if self._new_database else ""

    def state(self, data: Path, url: str) -> dict[str, list[str]]:
        store = Store(url) if url else Store.in_folder(data)
        try:
            return ledger(store, tables=TABLES)
        finally:
            store.close()

    def comes_back(self, place: tuple[Path, str]) -> None:
        assert run(*place, self.file)[0] == 0
        assert self.state(*place) == self.expected


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    new = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return World(tmp_path_factory.mktemp("import"), new)


@pytest.mark.parametrize("point", MINE)
def test_an_import_killed_at_a_named_place_is_whole_after_a_second_one(point: str, world: World) -> None:
    place = world.copy()
    assert run(*place, world.file, fault=point)[0] == -signal.SIGKILL
    world.comes_back(place)


def test_an_import_killed_at_any_statement_is_whole_after_a_second_one(world: World) -> None:
    assert world.statements >= 5
    for number in range(1, world.statements + 1):
        place = world.copy()
        assert run(*place, world.file, number=number)[0] == -signal.SIGKILL, number
        world.comes_back(place)
