"""A death while people's notes are read costs one more reading and nothing else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builders import home_of, put
from precedent.app import App
from precedent.archive.sources import Home
from precedent.faults import POINTS
from precedent.knowledge import rows
from precedent.settings import load

MINE = tuple(point for point in POINTS if point.startswith("memory."))
NOTE = b"- Berths are numbered from 1.\n- Tides are stored in metres.\n"
CHANGED = b"- Berths are numbered from 1.\n- Tides are stored in feet.\n"


def read_notes(data: Path, homes: list[Home], *, point: str) -> int:
    command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(data), "memory", "run"]
    for home in homes:
        command += ["--home", str(home.path)]
    done = subprocess.run(
        command, env=os.environ | {"PRECEDENT_FAULT": point}, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def known(data: Path) -> list[tuple[str, str, list[str]]]:
    app = App(load(data_dir=data))
    try:
        with app.store.read() as tx:
            found = rows.items(tx)
            said = rows.evidence(tx, [item.id for item in found])
        return sorted(
            (item.content, item.status.value, sorted(each.person for each in said if each.item_id == item.id))
            for item in found
        )
    finally:
        app.close()


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("point", MINE)
def test_notes_are_read_once_whatever_dies(tmp_path: Path, point: str, after: int) -> None:
    homes = [home_of(tmp_path), home_of(tmp_path, "bob")]
    for data in (NOTE, CHANGED):
        for home in homes:
            put(home.path / "AGENTS.md", data)
        assert read_notes(tmp_path / "killed", homes, point=f"{point}:{after}") == -signal.SIGKILL
        assert read_notes(tmp_path / "killed", homes, point="") == 0
        assert read_notes(tmp_path / "whole", homes, point="") == 0
        assert known(tmp_path / "killed") == known(tmp_path / "whole") != []
