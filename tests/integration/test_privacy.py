"""What persons decide about their transcripts: consent, erasing with a receipt, retention."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from builders import ManualTime, claude_path, claude_prompt, claude_session, fill, grow, home_of, put, session_id
from conftest import MakeApp
from precedent.app import App
from precedent.archive.consent import Consent
from precedent.archive.erasing import fingerprint, receipts
from precedent.archive.sources import Home
from precedent.errors import BadInput, ContractBroken, NotFound
from precedent.model import Purpose
from precedent.pipeline.contract import purpose_of
from precedent.security import audit
from precedent.store.schema import metadata, state, transcript, usage_request, user
from precedent.testing import ClaudeCode

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DAY_S = 86_400
MARKER = "zanzibar-marker"


def session_in(home: Home, name: str, folder: str, *, text: str = "hello") -> Path:
    """Write a session that works in a folder."""
    session = ClaudeCode(name, cwd=folder).prompt(text).reply("done").bash("make", output="ok")
    return put(claude_path(home.path, session.id), session.data)


def collect(app: App, *homes: Home) -> None:
    stats = app.collect(homes)
    assert stats.files_failed == stats.files_refused == 0, stats


def run_all(app: App) -> None:
    for name in ("usage", "secrets", "friction"):
        assert not app.run_processor(name).errors


def states(app: App, processor: str = "usage") -> dict[str, str]:
    with app.store.read() as tx:
        query = sa.select(state.c.session_file, state.c.status).where(state.c.processor_name == processor)
        return {file.rpartition("/")[2].removesuffix(".jsonl"): status for file, status in tx.execute(query)}


def requests(app: App) -> int:
    with app.store.read() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(usage_request)) or 0


def everything(app: App) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of usage without what counts up."""
    with app.store.read() as tx:
        return {
            name: sorted(map(tuple, tx.execute(sa.select(table))), key=repr)
            for name, table in metadata.tables.items()
            if name in ("usage_rollup", "usage_event_rollup")
        }


# Rules --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "folders", "allowed"),
    [
        ({}, ["/code"], True),
        ({"": False}, ["/code"], False),
        ({"": False, "/code": True}, ["/code/app"], True),
        ({"": False, "/code": True}, ["/coder"], False),
        ({"/code": False, "/code/app": True}, ["/code/app/x"], True),
        ({"/code": False, "/code/app": True}, ["/code/other"], False),
        ({"/code": False}, ["/code/app", "/else"], False),
        ({"/code": False}, [], True),
        ({"": False, "/code": True}, [], False),
        ({"/": False}, ["/anything"], False),
        ({"C:\\work": False}, ["c:/Work/app"], False),
    ],
)
def test_the_nearest_rule_counts_and_every_folder_of_a_session_must_be_allowed(
    rules: dict[str, bool], folders: Sequence[str], allowed: bool
) -> None:
    assert Consent(Purpose.SERVER, rules).allows(folders) is allowed


def test_text_is_sent_to_no_model_until_its_person_allows_it() -> None:
    assert not Consent(Purpose.MODEL, {}).allows(["/code"])
    assert Consent(Purpose.MODEL, {"/code": True}).allows(["/code/app"])
    assert not Consent(Purpose.MODEL, {"/code": True}).allows(["/code/app", "/else"])


def test_a_session_whose_folders_are_not_all_known_is_withheld_when_any_rule_denies() -> None:
    assert not Consent(Purpose.SERVER, {"/secret": False}).allows(["/code"], complete=False)


# Consent ------------------------------------------------------------------------------------------------------------


def test_a_denied_person_is_withheld_and_what_was_derived_goes_until_it_is_allowed_again(app: App, home: Home) -> None:
    fill(home, sessions=2)
    collect(app, home)
    run_all(app)
    before, count = everything(app), requests(app)
    changed = app.wishes.set("ada", Purpose.SERVER, allowed=False, by="ada")
    assert changed.withheld == 2 * len(app.processors.usable) and requests(app) == 0
    assert set(states(app).values()) == {"withheld"}
    assert everything(app) == {"usage_rollup": [], "usage_event_rollup": []}
    fill(home, sessions=3)
    collect(app, home)
    stats = app.run_processor("usage")
    assert (stats.processed, stats.withheld) == (0, 1) and requests(app) == 0
    [usage] = [each for each in app.processing.backlogs() if each.processor == "usage"]
    assert usage.withheld == 3
    changed = app.wishes.set("ada", Purpose.SERVER, allowed=True, by="ada")
    assert changed.pending >= 7
    run_all(app)
    assert requests(app) > count and before != everything(app)
    with app.store.read() as tx:
        assert audit.verify(tx).fault == ""
        acts = tx.execute(sa.text("SELECT principal, result FROM audit WHERE action = 'set_consent'")).all()
    assert [tuple(each) for each in acts] == [("ada", "ok"), ("ada", "ok")]


def test_a_session_that_enters_a_denied_project_is_withheld_as_a_whole(app: App, home: Home) -> None:
    session_in(home, "open", "/code/open")
    path = session_in(home, "enters", "/code/open")
    collect(app, home)
    run_all(app)
    app.wishes.set("ada", Purpose.SERVER, project="/code/secret", allowed=False, by="ada")
    assert set(states(app).values()) == {"done"}
    more = ClaudeCode(path.stem, cwd="/code/secret").prompt("now here").reply("yes")
    grow(path, more.data)
    put(claude_path(home.path, path.stem, agent="a1"), claude_session(path.stem, 2, agent="a1"))
    collect(app, home)
    assert app.run_processor("usage").withheld == 2
    found = states(app)
    assert [status for name, status in sorted(found.items()) if path.stem in name] == ["withheld", "withheld"]
    assert sorted(found.values()) == ["done", "withheld", "withheld"]
    app.wishes.set("ada", Purpose.SERVER, project="/code/secret", allowed=None, by="ada")
    run_all(app)
    assert set(states(app).values()) == {"done"}


def test_others_keep_what_a_denying_person_shows_too(app: App, tmp_path: Path) -> None:
    ada, bob = home_of(tmp_path), home_of(tmp_path, "bob")
    for home in (ada, bob):
        put(claude_path(home.path, session_id("same")), claude_session(session_id("same"), 3))
    collect(app, ada, bob)
    run_all(app)
    count = requests(app)
    app.wishes.set("ada", Purpose.SERVER, allowed=False, by="ada")
    assert requests(app) == count


class ModelProcessor:
    """Sends text to a model, so it says."""

    name, version, cadence_s, purpose = "model", 1, 60, "model"


def test_a_processor_with_a_purpose_that_there_is_not_breaks_the_contract() -> None:
    found: Any = ModelProcessor()
    assert purpose_of(found) is Purpose.MODEL
    found.purpose = "fun"
    with pytest.raises(ContractBroken, match="server, model"):
        purpose_of(found)


def test_a_wish_names_an_absolute_folder_of_a_known_person(app: App, home: Home) -> None:
    collect(app, home)
    with pytest.raises(BadInput):
        app.wishes.set("ada", Purpose.SERVER, project="code", allowed=False, by="ada")
    with pytest.raises(NotFound):
        app.wishes.set("nobody", Purpose.SERVER, allowed=False, by="ada")
    assert [(each.purpose, each.allowed) for each in app.wishes.of("ada")] == [("server", True), ("model", False)]


def test_what_was_denied_stays_denied_when_persons_are_merged(app: App, tmp_path: Path) -> None:
    ada, ida = home_of(tmp_path), home_of(tmp_path, "ida")
    fill(ada)
    fill(ida)
    collect(app, ada, ida)
    run_all(app)
    app.wishes.set("ida", Purpose.SERVER, allowed=False, by="ida")
    app.merge_people("ida", into="ada")
    assert set(states(app).values()) == {"withheld"} and requests(app) == 0


# Erasing ------------------------------------------------------------------------------------------------------------


def holding(app: App, word: str) -> Iterator[str]:
    """Yield every place that holds a word: cells of tables, and files byte by byte."""
    with app.store.read() as tx:
        for name, table in metadata.tables.items():
            for row in tx.execute(sa.select(table)):
                if any(
                    word in str(cell) or word.encode() in bytes(cell if isinstance(cell, bytes) else b"")
                    for cell in row
                ):
                    yield f"table {name}"
    for path in app.settings.data_dir.rglob("*"):
        if word in path.name or (path.is_file() and word.encode() in path.read_bytes()):
            yield f"file {path.name}"


def marked_home(tmp_path: Path) -> Home:
    """A person whose name, folders, texts and titles all hold the marker."""
    home = home_of(tmp_path, f"{MARKER}-person")
    session = ClaudeCode("marked", cwd=f"/code/{MARKER}").title(f"About {MARKER}").prompt(f"say {MARKER}").reply(MARKER)
    session = session.bash(f"echo {MARKER}", output="no").interrupt()
    put(claude_path(home.path, session.id), session.data)
    return home


def test_an_erased_person_is_nowhere_any_more_but_in_the_audit_log(app: App, tmp_path: Path) -> None:
    home, bob = marked_home(tmp_path), home_of(tmp_path, "bob")
    fill(bob)
    collect(app, bob)
    run_all(app)
    others = everything(app), requests(app)
    collect(app, home)
    run_all(app)
    app.wishes.set(home.user, Purpose.MODEL, project=f"/code/{MARKER}", allowed=True, by=home.user)
    now = app.clock.now()
    with app.store.write() as tx:
        number = tx.scalar(sa.select(user.c.id).where(user.c.key == home.user))
        values = {"u": number, "n": now}
        for statement in (
            "INSERT INTO account (user_id, role, created_at) VALUES (:u, 'member', :n)",
            "INSERT INTO token (user_id, name, hint, digest, scopes, created_at, created_by, expires_at) "
            f"VALUES (:u, '{MARKER}', 'p', 'd', 'read', :n, '{home.user}', :n)",
            "INSERT INTO web_session (digest, user_id, created_at, last_seen_at, expires_at) "
            "VALUES ('s', :u, :n, :n, :n)",
            "INSERT INTO upload_day (user_id, day) VALUES (:u, 1)",
            "INSERT INTO tombstone (user_id, native_id, deleted_at) VALUES (:u, 'gone', :n)",
        ):
            tx.execute(sa.text(statement), values)
    assert any(place.startswith("file") for place in holding(app, MARKER))
    proof = app.erase_person(home.user, by="root")
    assert proof.counts["transcript"] == proof.counts["archive files"] == 1 and proof.counts["account"] == 1
    assert proof.counts["usage_request"] >= 1 and proof.counts["session_processor_state"] >= 3
    places = {place for place in holding(app, MARKER) if place != "table audit"}
    if app.store.is_sqlite:
        with app.store.read() as tx:
            logged = tx.scalar(sa.text(f"SELECT count(*) FROM audit WHERE principal LIKE '%{MARKER}%'"))
        assert logged == 1
        places.discard("file precedent.db")  # the audit log names who did something
    assert places == set()
    with app.store.read() as tx:
        for table in metadata.tables.values():
            for column in table.c:
                about = column.name == "user_id" or any(key.column.table is user for key in column.foreign_keys)
                if about:
                    assert tx.scalar(sa.select(sa.func.count()).where(column == number)) == 0, table.name
                if column.name == "transcript_id":
                    known = sa.select(transcript.c.id)
                    assert tx.scalar(sa.select(sa.func.count()).where(column.not_in(known), column != 0)) == 0
        assert [each.subject for each in receipts(tx)] == [fingerprint(home.user)]
        assert audit.verify(tx).fault == ""
    assert (everything(app), requests(app)) == others
    assert app.collect([home]).users_erased == 1
    assert not any(place != "table audit" and "precedent.db" not in place for place in holding(app, MARKER))


@ON_SQLITE
def test_an_erased_session_leaves_no_byte_in_database_log_or_archive(app: App, tmp_path: Path) -> None:
    home = home_of(tmp_path)
    session = ClaudeCode("marked", cwd=f"/code/{MARKER}").title(f"About {MARKER}").prompt(MARKER).reply(MARKER)
    put(claude_path(home.path, session.id), session.bash(f"echo {MARKER}").data)
    fill(home, sessions=3)
    collect(app, home)
    run_all(app)
    assert list(holding(app, MARKER))
    proof = app.erase_session(session.id, by="ada")
    assert proof.kind == "session" and proof.subject == session.id
    assert list(holding(app, MARKER)) == []
    collect(app, home)
    run_all(app)
    assert list(holding(app, MARKER)) == [] and len(states(app)) == 3


def test_only_the_owner_may_erase_a_session_that_two_have(app: App, tmp_path: Path) -> None:
    ada, bob = home_of(tmp_path), home_of(tmp_path, "bob")
    for home in (ada, bob):
        put(claude_path(home.path, session_id("same")), claude_session(session_id("same"), 3))
    fill(bob)
    collect(app, ada, bob)
    run_all(app)
    with app.store.read() as tx:
        mine = tx.scalar(sa.select(user.c.id).where(user.c.key == "ada"))
    count = requests(app)
    with pytest.raises(NotFound):
        app.erase_session(session_id("bob 0"), by="ada", owner=mine)
    assert app.erase_session(session_id("same"), by="ada", owner=mine).counts["transcript"] == 1
    assert requests(app) == count  # Bob shows them too
    with app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(transcript)) == 2


# Retention ----------------------------------------------------------------------------------------------------------


def test_nothing_is_removed_unless_somebody_says_so(app: App, home: Home, manual_time: ManualTime) -> None:
    fill(home, sessions=2)
    collect(app, home)
    run_all(app)
    before = everything(app), requests(app)
    manual_time.advance(3000 * DAY_S)
    stats = app.keep_house()
    assert stats.transcripts_expired == stats.usage_rows_pruned == stats.findings_pruned == 0
    assert (everything(app), requests(app)) == before


def test_old_usage_goes_with_its_sums(make_app: MakeApp, home: Home, manual_time: ManualTime) -> None:
    app = make_app(keep_usage_days=30)
    fill(home, sessions=2)
    collect(app, home)
    run_all(app)
    assert app.keep_house().usage_rows_pruned == 0 and requests(app)
    manual_time.advance(32 * DAY_S)
    assert app.keep_house().usage_rows_pruned
    assert requests(app) == 0 and everything(app) == {"usage_rollup": [], "usage_event_rollup": []}


def test_the_text_of_an_old_transcript_goes_and_its_figures_stay(
    make_app: MakeApp, home: Home, manual_time: ManualTime
) -> None:
    app = make_app(keep_transcripts_days=30)
    path, *_ = fill(home, sessions=2)
    collect(app, home)
    run_all(app)
    before = requests(app)
    manual_time.advance(400 * DAY_S)
    assert app.keep_house().transcripts_expired == 2
    assert not list(app.settings.archive_dir.rglob("*.jsonl*"))
    assert requests(app) == before and app.run_processor("usage").processed == 0
    grow(path, claude_prompt("later", session=path.stem, at=9000))
    collect(app, home)
    run_all(app)
    assert requests(app) == before and states(app)[path.stem] == "done"
