"""The usage ledger is the same whatever the order of arrival and however often it is derived again."""

from collections.abc import Sequence

import pytest

from builders import ManualTime, claude_path, claude_session, fill, grow, put, session_id
from conftest import MakeApp
from ledgers import USAGE, Ledger, ledger
from precedent.app import App
from precedent.archive.sources import Home
from precedent.pipeline import state
from precedent.processors.usage import PROCESSOR, UsageProcessor


class Newer(UsageProcessor):
    """The usage processor of a later version of the program."""

    version = PROCESSOR.version + 1


def resumed(home: Home) -> tuple[str, str]:
    """Write a session and a later one that begins with a copy of it; return their ids."""
    first, copy = session_id("first"), session_id("copy")
    put(claude_path(home.path, first), claude_session(first, 3, prefix="same") + b"not json\n")
    put(claude_path(home.path, copy), claude_session(copy, 5, prefix="same"))
    return first, copy


def derived_again(app: App, home: Home, manual_time: ManualTime) -> tuple[Ledger, Ledger]:
    resumed(home)
    fill(home, sessions=3)
    app.collect([home])
    app.run_processor("usage")
    before = ledger(app.store, tables=USAGE)
    newer = Newer()
    with app.store.write() as tx:
        state.register(tx, newer, now=manual_time.now)
    stats = app.runner.run(newer, "precedent.processors.usage:PROCESSOR")
    assert stats.reprocessed == 5
    return before, ledger(app.store, tables=USAGE)


def test_deriving_again_for_a_new_version_changes_no_figure(app: App, home: Home, manual_time: ManualTime) -> None:
    before, after = derived_again(app, home, manual_time)
    assert after == before


def in_order(app: App, home: Home, names: Sequence[str]) -> Ledger:
    """Let the sessions of a home arrive one after the other."""
    resumed(home)
    kept = {name: claude_path(home.path, name).read_bytes() for name in names}
    for name in names:
        claude_path(home.path, name).unlink()
    for name in names:
        put(claude_path(home.path, name), kept[name])
        app.collect([home])
        app.run_processor("usage")
    return ledger(app.store, tables=USAGE)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_that_arrives_before_its_original_gives_the_same(make_app: MakeApp, home: Home) -> None:
    first, copy = session_id("first"), session_id("copy")
    plain = in_order(make_app(), home, (first, copy))
    other = make_app(data_dir=home.path.parent / "other", database_url="")
    assert in_order(other, home, (copy, first)) == plain


def test_a_session_that_goes_on_in_another_folder_counts_the_same_in_pieces(make_app: MakeApp, home: Home) -> None:
    path = claude_path(home.path, session_id(1))
    there = claude_session(session_id(1), 2, first=2, cwd="/code/elsewhere")
    found = []
    for pieces in ([claude_session(session_id(1), 2), there], [claude_session(session_id(1), 2) + there]):
        app = make_app()
        path.unlink(missing_ok=True)
        for piece in pieces:
            grow(put(path, b"") if not path.exists() else path, piece)
            app.collect([home])
            assert app.run_processor("usage").errors == 0
        found.append(ledger(app.store, tables=USAGE))
    assert found[0] == found[1]
