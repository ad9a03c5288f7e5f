"""SQLite and PostgreSQL give the same figures, to the byte."""

import json
import shutil
from pathlib import Path

import pytest

from builders import (
    ManualTime,
    claude_path,
    claude_session,
    claude_turn,
    codex_meta,
    codex_path,
    codex_session,
    grow,
    home_of,
    put,
    session_id,
    set_mtime,
)
from conftest import NewDatabase
from ledgers import USAGE, ledger
from precedent import samples
from precedent.app import App
from precedent.archive.sources import Home
from precedent.settings import load

TABLES = (*USAGE, "transcript", "session_processor_state")


def first(folder: Path) -> list[Home]:
    """The sample homes, and one of our own with what the samples lack."""
    homes = []
    for sample in samples.homes():
        shutil.copytree(sample, folder / "homes" / sample.name)
        homes.append(home_of(folder, sample.name))
    home = home_of(folder, "zoe")
    one, copy = session_id("one"), session_id("copy")
    put(claude_path(home.path, one), claude_session(one, 5, prefix="same") + b"no json\n{}\n")
    put(claude_path(home.path, one, agent="a1"), claude_session(one, 2, agent="a1"))
    put(claude_path(home.path, copy), claude_session(copy, 7, prefix="same"))
    put(codex_path(home.path, one), codex_session(one, 3))
    put(codex_path(home.path, copy), codex_meta(copy, forked_from=one) + codex_session(one, 4))
    put(
        claude_path(home.path, "odd \u2028 name"),
        claude_session(session_id("odd"), 1, cwd="/code/caf\u00e9 \u202e\U0001f40d"),
    )
    for number, path in enumerate(sorted(folder.rglob("*.jsonl"))):
        set_mtime(path, number)
    return [*homes, home]


def second(home: Home) -> None:
    """Growth, replacement and privacy."""
    one, copy = session_id("one"), session_id("copy")
    grow(claude_path(home.path, one), claude_turn(one, 20, prefix="same"))
    put(claude_path(home.path, copy), claude_session(copy, 1, first=5, prefix="same"))
    put(home.path / ".precedent/private", session_id("odd").encode() + b"\n/code/nowhere\n")
    for number, path in enumerate(sorted(home.path.rglob("*.jsonl"))):
        set_mtime(path, 1000 + number)


def figures(folder: Path, url: str, homes: list[Home]) -> dict[str, list[str]]:
    """What one store makes of the homes at two moments, a deletion between them."""
    time = ManualTime()
    app = App(load(data_dir=folder, database_url=url, extraction_processes=1), clock=time.clock)
    try:
        stats = [app.collect(homes), app.run_processor("usage")]
        found = {f"first {name}": rows for name, rows in ledger(app.store, tables=TABLES).items()}
        time.advance(3600)
        app.erase_session(session_id("one"), by="test")
        second(homes[-1])
        stats += [app.collect(homes), app.run_processor("usage")]
        found |= {f"second {name}": rows for name, rows in ledger(app.store, tables=TABLES).items()}
        return found | {"stats": [str(each) for each in stats]}
    finally:
        app.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_url: NewDatabase) -> dict[str, dict[str, list[str]]]:
    found = {}
    folder = tmp_path_factory.mktemp("dialects")
    for kind, url in (("sqlite", ""), ("postgresql", postgres_url())):
        homes = first(folder)
        found[kind] = figures(folder / kind, url, homes)
        shutil.rmtree(folder / "homes")
    return found


@pytest.mark.parametrize("table", [f"{when} {name}" for when in ("first", "second") for name in TABLES] + ["stats"])
def test_both_databases_give_the_same(table: str, both: dict[str, dict[str, list[str]]]) -> None:
    sqlite, postgresql = both["sqlite"][table], both["postgresql"][table]
    if "transcript" in table:  # a copied home has other inodes
        sqlite, postgresql = _without_inodes(sqlite), _without_inodes(postgresql)
    assert json.dumps(sqlite).encode() == json.dumps(postgresql).encode()


def _without_inodes(rows: list[str]) -> list[str]:
    return [json.dumps({**json.loads(row), "source_fingerprint": ""}, sort_keys=True) for row in rows]


def test_the_figures_are_of_something(both: dict[str, dict[str, list[str]]]) -> None:
    for name in ("usage_request", "usage_copy", "usage_event", "usage_defect", "usage_rollup"):
        assert both["sqlite"][f"first {name}"], name
