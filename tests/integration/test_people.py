"""Whose a transcript is: fixed when it is collected, and merged by an admin when a folder's name was only a guess."""

from pathlib import Path

import pytest

from builders import claude_path, claude_session, home_of, put, session_id
from precedent.app import App
from precedent.archive import people
from precedent.errors import BadInput, NotFound
from precedent.usage.report import Report


def requests_by_person(app: App) -> dict[str, int]:
    with app.store.read() as tx:
        return {each.group[0]: each.requests for each in Report(tx).by(["person"])}


def tools_by_person(app: App) -> dict[str, int]:
    with app.store.read() as tx:
        return {each.group[0]: each.events for each in Report(tx).events(["prompt"], ["person"])}


def test_a_provisional_person_is_merged_with_all_figures_and_all_that_comes_later(app: App, tmp_path: Path) -> None:
    ada, laptop = home_of(tmp_path), home_of(tmp_path, user="ada-laptop")
    for number, home in ((1, ada), (2, laptop)):
        put(claude_path(home.path, session_id(number)), claude_session(session_id(number), 3, prefix=f"p{number}"))
    app.collect([ada, laptop])
    app.run_processor("usage")
    apart = requests_by_person(app)
    assert set(apart) == {"ada", "ada-laptop"}
    together = sum(apart.values())
    app.merge_people("ada-laptop", into="ada")
    assert requests_by_person(app) == {"ada": together}
    assert set(tools_by_person(app)) == {"ada"}
    put(claude_path(laptop.path, session_id(3)), claude_session(session_id(3), 2, prefix="p3"))
    stats = app.collect([laptop])
    assert (stats.files_copied, stats.files_skipped) == (1, 1)
    app.run_processor("usage")
    assert set(requests_by_person(app)) == {"ada"}
    assert requests_by_person(app)["ada"] > together
    with app.store.read() as tx:
        assert [(each.key, each.provisional, each.transcripts) for each in people.listed(tx)] == [("ada", False, 3)]


def test_a_deleted_session_stays_deleted_after_a_merge(app: App, tmp_path: Path) -> None:
    ada, laptop = home_of(tmp_path), home_of(tmp_path, user="ada-laptop")
    put(claude_path(ada.path, session_id(1)), claude_session(session_id(1), 1, prefix="p1"))
    put(claude_path(laptop.path, session_id(2)), claude_session(session_id(2), 1, prefix="p2"))
    app.collect([ada, laptop])
    app.erase_session(session_id(2), by="test")
    app.merge_people("ada-laptop", into="ada")
    assert app.collect([laptop]).files_deleted == 1


def test_nobody_is_merged_with_themselves_or_with_somebody_unknown(app: App, tmp_path: Path) -> None:
    ada = home_of(tmp_path)
    put(claude_path(ada.path, session_id(1)), claude_session(session_id(1), 1))
    app.collect([ada])
    with pytest.raises(BadInput, match="the same person"):
        app.merge_people("ada", into="ada")
    with pytest.raises(NotFound, match="no person 'bob'"):
        app.merge_people("bob", into="ada")
