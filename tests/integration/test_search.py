"""Search finds what a viewer may see, the best first, whatever the question looks like, on both databases."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import home_of, put
from conftest import MakeApp
from precedent.app import App
from precedent.archive import people
from precedent.archive.sources import Home
from precedent.knowledge import rows, versions
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Item, Status
from precedent.knowledge.search import EVERYTHING, FREQUENT, FoundTurn, search_items, search_turns, words_of
from precedent.knowledge.statuses import Action
from precedent.security import audit
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import COMMAND_LINE, Principal, Role
from precedent.testing import ClaudeCode
from web_client import client_of

PNPM = "We use pnpm in this repo, because npm breaks the lockfile."
BERTHS = "A berth is numbered from the lighthouse, starting at one."
TIDES = "Tide tables are read from the port office at four in the morning."


def find(app: App, content: str) -> Item:
    """Write an item as if it was found in a session."""
    with app.store.write() as tx:
        return versions.write(tx, Item(id=0, title=content[:60], content=content), Action.FIND, by="test", now=1)


def approve(app: App, item: Item) -> None:
    app.review.approve(item.id, by=BY_COMMAND_LINE, expected=item.content_hash)


def found(
    app: App, question: str, *, who: Principal = COMMAND_LINE, where: Filter = EVERYTHING, limit: int = 10
) -> list[str]:
    with app.store.read() as tx:
        items = search_items(tx, who, question, where=where, now=app.clock.now(), limit=limit)
    return [item.content for item in items]


def turns(app: App, question: str, *, persons: tuple[int, ...] | None = None, limit: int = 10) -> list[FoundTurn]:
    with app.store.read() as tx:
        return search_turns(tx, question, persons=persons, limit=limit)


def joins(app: App, key: str, role: Role) -> Principal:
    made = app.accounts.create(f"{key}@example.com", role=role, by=BY_COMMAND_LINE)
    return Principal(name=key, role=role, user_id=made.user_id)


@pytest.fixture
def harbour(app: App) -> App:
    for content in (PNPM, BERTHS, TIDES):
        find(app, content)
    return app


def test_words_are_found_in_any_order_and_form_the_best_first(harbour: App) -> None:
    assert found(harbour, "lockfile pnpm") == [PNPM]
    assert found(harbour, "numbering berths") == [BERTHS]
    assert found(harbour, "TABLES tide") == [TIDES]
    find(harbour, "The lighthouse is lit at four.")
    assert found(harbour, "which berth at the lighthouse")[:2] == [BERTHS, "The lighthouse is lit at four."]
    assert found(harbour, "submarine") == [] == found(harbour, "?! --")


def test_what_is_edited_or_erased_is_found_as_it_is_now(harbour: App) -> None:
    [item] = [each for each in _items(harbour) if each.content == PNPM]
    harbour.review.edit(
        item.id, Draft(title="Package manager", content="We use yarn in this repo."), by=BY_COMMAND_LINE
    )
    assert found(harbour, "yarn") == ["We use yarn in this repo."]
    assert found(harbour, "lockfile") == []


def test_nobody_finds_what_they_may_not_see_and_the_rest_keeps_its_order(app: App) -> None:
    ada, bob, rita = (
        joins(app, key, role) for key, role in (("ada", Role.MEMBER), ("bob", Role.MEMBER), ("rita", Role.REVIEWER))
    )
    own = app.proposing.propose(
        Draft(title="Mine", content="My berth note is for me alone."), by=By(ada), personal=True
    )
    approved = find(app, "Berth lists are sorted by length.")
    find(app, "Berth fees wait for review.")
    approve(app, approved)
    app.review.approve(own.id, by=By(ada), expected=own.content_hash)
    assert sorted(found(app, "berth", who=ada)) == [
        "Berth lists are sorted by length.",
        "My berth note is for me alone.",
    ]
    assert found(app, "berth", who=bob) == ["Berth lists are sorted by length."]
    assert sorted(found(app, "berth", who=rita)) == ["Berth fees wait for review.", "Berth lists are sorted by length."]
    assert found(app, "berth", who=Principal(name="clock", role=Role.SCHEDULER)) == []
    assert found(app, "berth", where=Filter(statuses=(Status.APPROVED,)), who=rita) == found(app, "berth", who=bob)


def test_many_hidden_matches_hide_none_that_is_seen(app: App) -> None:
    bob = joins(app, "bob", Role.MEMBER)
    for number in range(FREQUENT + 200):
        find(app, f"berth berth berth {number}")
    seen = find(app, "Of all the long sentences in the harbour this is the only one in which a berth occurs.")
    approve(app, seen)
    assert found(app, "berth", who=bob, limit=3) == [seen.content]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_no_question_is_an_error(harbour: App) -> None:
    @given(question=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SIGNS), max_size=12).map(" ".join)))
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask(question: str) -> None:
        assert set(found(harbour, question)) <= {PNPM, BERTHS, TIDES}
        assert turns(harbour, question) == []

    ask()
    assert found(harbour, f"{'x' * 500} pnpm") == []


SIGNS = [
    *"\"'*^(){}:-+&|!\\%;_\0", "AND", "OR", "NOT", "NEAR(", "NEAR/2", "title:", "<->", "--", "pnpm", "berth", "\u017f",
    "\u0301", "日本", "🚢", "a" * 300,
]  # fmt: skip


def test_words_of_every_sentence_count_only_when_there_are_no_others() -> None:
    assert words_of("How do we number the berths?") == ["number", "berths"]
    assert words_of("what is it") == ["what", "is", "it"]
    assert words_of("pnpm PNPM, pnpm!") == ["pnpm"]


# Turns ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def talked(make_app: MakeApp, tmp_path: Path) -> App:
    app = make_app()
    for name, words in (("ada", "Please sort the berths by length."), ("bob", "Paint the lighthouse berths red.")):
        home = home_of(tmp_path, name)
        session = ClaudeCode(f"of {name}").prompt(words).reply("The tide is out.").prompt("then do it tomorrow")
        put(home.path / ".claude/projects" / session.path, session.data)
        app.collect([Home(home.path, name)])
    app.run_processor("verification")
    return app


def test_what_people_typed_is_found_with_its_place_and_what_the_agent_said_counts_too(talked: App) -> None:
    one, other = turns(talked, "sort berths")
    assert other.person == "bob", "it holds one of the words"
    assert (one.person, one.text, one.before) == ("ada", "Please sort the berths by length.", "")
    assert one.line == 1 and one.session_file == f"ada/{one.session}.jsonl"
    assert [each.text for each in turns(talked, "tide")] == ["then do it tomorrow"] * 2


def test_others_turns_are_found_by_nobody_who_may_not_read_their_sessions(talked: App) -> None:
    with talked.store.write() as tx:
        ada = people.ensure(tx, "ada", now=1)
    assert {each.person for each in turns(talked, "berths")} == {"ada", "bob"}
    assert {each.person for each in turns(talked, "berths", persons=(ada,))} == {"ada"}
    assert turns(talked, "berths", persons=()) == []


def test_turns_go_with_their_transcript(talked: App) -> None:
    talked.erase_person("bob", by="test")
    assert {each.person for each in turns(talked, "berths")} == {"ada"}
    assert turns(talked, "lighthouse") == []


def _items(app: App) -> list[Item]:
    with app.store.read() as tx:
        return rows.items(tx)


def test_over_http_each_finds_their_own_turns_and_a_look_at_everybodys_is_audited(talked: App) -> None:
    with talked.store.write() as tx:
        ada = people.ensure(tx, "ada", now=1)
    root = joins(talked, "root", Role.ADMIN)
    seen = {}
    for who in (Principal(name="ada", role=Role.MEMBER, user_id=ada), root, Principal(name="v", role=Role.VIEWER)):
        with client_of(talked, who) as client:
            answer = client.get("/api/knowledge/turns", q="berths")
            seen[who.name] = answer.status_code, {row["person"] for row in answer.json().get("rows", ())}
    assert seen == {"ada": (200, {"ada"}), "root": (200, {"ada", "bob"}), "v": (403, set())}
    with talked.store.read() as tx:
        assert [row.principal for row in audit.find(tx, audit.Filter(action="search_turns"), limit=9).rows] == ["root"]
