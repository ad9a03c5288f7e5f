"""Whatever an agent's store holds: rendering it raises nothing, gives lines, and always the same ones."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import home_of
from more_builders import opencode_session
from opencode_stores import DATA, Database, put_files
from precedent.app import App
from precedent.archive.sources import Home
from precedent.archive.stores import HomeStore, Stored, stored
from precedent.transcripts.opencode import READER
from precedent.transcripts.opencode.records import Stored as Row
from precedent.transcripts.opencode.records import header, messages
from precedent.transcripts.reading import read_bytes

FIELDS = (
    "role",
    "time",
    "created",
    "completed",
    "tokens",
    "error",
    "summary",
    "id",
    "sessionID",
    "type",
    "text",
    "cost",
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
    | st.sampled_from(["user", "assistant", "step-finish", "tool", "\ud800", "\u2028"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip
data = st.binary(max_size=60) | values.map(lambda value: json.dumps(value, indent=1).encode()) | st.just(b"[" * 5000)
rows = st.builds(Row, st.text(max_size=8).filter(lambda text: text.isprintable()), data)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=st.lists(st.tuples(rows, st.lists(rows, max_size=3)), max_size=4))
def test_rows_of_any_bytes_are_lines_that_the_parser_accounts_for(found: list[tuple[Row, list[Row]]]) -> None:
    def rendered() -> list[bytes]:
        return [record.line for record in messages("ses_1", ((each, iter(parts)) for each, parts in found))]

    lines = rendered()
    assert lines == rendered()
    assert len(lines) == len(found)
    assert not [line for line in lines if b"\n" in line]
    lines.insert(0, header({"id": "ses_1", "projectID": "p1"}))
    reading = read_bytes(b"\n".join([*lines, b""]), READER)
    for event in reading:
        assert isinstance(event.text, str)
    tally = reading.tally
    assert tally.lines == len(lines)
    assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken


ODD: tuple[Any, ...] = (None, "", 7, 1.5, b"\xff\x00", "a\x00b", "../../etc", "x" * 100_000, 2**63 - 1, -1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield home_of(tmp_path).path


def rendered(home: Path) -> list[str]:
    """Render all sessions of a home's stores; return their paths."""
    paths = []
    for found in stored(home, READER, known=lambda _: ""):
        if isinstance(found, Stored):
            with open(found.open(owner=0), "rb") as file:
                file.seek(0)
                assert file.read().count(b"\n") >= 1
        paths.append(found.path)
    return paths


@pytest.mark.parametrize("table", ["session", "message", "part"])
def test_values_of_any_type_in_any_column_harm_no_other_session(app: App, home: Path, table: str) -> None:
    database = Database(home)
    database.put(opencode_session())
    names = [row[1] for row in database.connection.execute(f"PRAGMA table_info({table})")]
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    for number, (target, value) in enumerate((name, value) for name in names for value in ODD):
        row = {name: f"{number}" for name in names} | {"session_id": "ses_a1", target: value}
        with suppress(sqlite3.IntegrityError):
            statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
            database.execute(statement, *(row[name] for name in names))
    assert f"{home / DATA}#ses_a1" in rendered(home)
    stats = app.collect([Home(home, "ada")])
    assert (stats.files_failed, stats.users_processed) == (0, 1)
    database.close()


def test_names_that_are_no_text_and_files_that_are_none_harm_no_other_session(home: Path) -> None:
    own = put_files(home, opencode_session())
    root = home / DATA / "storage"
    for place in (own.parent, root / "message" / "ses_a1"):
        place.mkdir(parents=True, exist_ok=True)
        for name in (b"\xff\xfe.json", b"a\nb.json", b".json", b"\xe2\x80\xae.json", b"folder.json"):
            target = bytes(place) + b"/" + name
            if name == b"folder.json":
                Path(target.decode()).mkdir()
            else:
                with open(target, "wb") as file:
                    file.write(b'{"role": "user"}')
    assert f"{home / DATA}#ses_a1" in rendered(home)


def test_a_store_that_is_no_folder_is_none(home: Path) -> None:
    place = home / DATA
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert rendered(home) == []
    with pytest.raises(NotADirectoryError):
        HomeStore(home, DATA)
