"""Search by meaning finds what shares no word with a question, and nothing that its asker may not see."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import home_of, put
from conftest import MakeApp
from precedent.app import App
from precedent.embedding.finding import INSTALLED
from precedent.errors import Misconfigured
from precedent.jobs.records import EMBEDDINGS
from precedent.knowledge import meaning, rows, versions
from precedent.knowledge import vectors as embedding
from precedent.knowledge.drafts import Draft
from precedent.knowledge.meaning import Meaning
from precedent.knowledge.model import Item
from precedent.knowledge.search import search_items, search_turns
from precedent.knowledge.statuses import Action
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import COMMAND_LINE, Principal, Role
from precedent.store.schema import knowledge_item_vector, knowledge_turn_vector
from precedent.testing import ClaudeCode
from web_client import client_of

BUNDLER = "Vite builds the pages of our shop."
BERTHS = "A berth is numbered from the lighthouse, starting at one."
LETTERS = "Reminders are mailed on Fridays."
TURN = "Our letters to debtors go out each Friday."


@pytest.fixture
def shop(make_app: MakeApp) -> App:
    app = make_app(embeddings_model=INSTALLED)
    for content in (BUNDLER, BERTHS, LETTERS):
        find(app, content)
    return app


def find(app: App, content: str) -> Item:
    with app.store.write() as tx:
        return versions.write(tx, Item(id=0, title=content[:60], content=content), Action.FIND, by="test", now=1)


def found(
    app: App, question: str, *, who: Principal = COMMAND_LINE, meanings: Meaning | None = None, limit: int = 10
) -> list[str]:
    with app.store.read() as tx:
        now, by = app.clock.now(), meanings or app.meanings
        return [item.content for item in search_items(tx, who, question, now=now, limit=limit, meanings=by)]


def vectors(app: App, table: sa.Table = knowledge_item_vector) -> Sequence[int]:
    with app.store.read() as tx:
        return tx.scalars(sa.select(table.c.of_id).order_by(table.c.of_id)).all()


def test_other_words_find_what_was_embedded(shop: App) -> None:
    assert found(shop, "frontend bundler") == [], "no word of it is anywhere"
    assert shop.embed().items == 3
    assert found(shop, "frontend bundler")[0] == BUNDLER
    assert found(shop, "which day are overdue customers written to")[0] == LETTERS
    assert found(shop, "lighthouse")[0] == BERTHS, "words count as before"
    assert found(shop, " ") == []
    assert shop.embed().items == 0


def test_new_words_are_not_found_by_the_meaning_of_the_old_ones(shop: App) -> None:
    shop.embed()
    [item] = [each for each in _items(shop) if each.content == BUNDLER]
    shop.review.edit(item.id, Draft(title="Fees", content="Fees are due in May."), by=BY_COMMAND_LINE)
    assert "Fees are due in May." not in found(shop, "frontend bundler")
    assert shop.embed().items == 1
    assert found(shop, "payment deadline of charges")[0] == "Fees are due in May."


def test_nobody_finds_by_meaning_what_they_may_not_see(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "NEAR", 3)
    made = shop.accounts.create("bob@example.com", role=Role.MEMBER, by=BY_COMMAND_LINE)
    bob = Principal(name="bob", role=Role.MEMBER, user_id=made.user_id)
    for number in range(8):
        find(shop, f"Webpack bundles page {number} of the shop.")
    own = shop.proposing.propose(
        Draft(title="Mine", content="Rollup is what I bundle with."), by=By(bob), personal=True
    )
    seen = find(shop, "We pack scripts for browsers with Parcel.")
    shop.review.approve(seen.id, by=BY_COMMAND_LINE)
    shop.embed()
    assert set(found(shop, "frontend bundler", who=bob)) == {own.content, seen.content}, "though others are nearer"
    assert found(shop, "frontend bundler", who=Principal(name="clock", role=Role.SCHEDULER)) == []
    assert own.content not in found(shop, "frontend bundler")


def test_what_people_typed_is_found_by_meaning_and_its_vectors_go_with_it(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(embeddings_model=INSTALLED)
    home, session = home_of(tmp_path), ClaudeCode("letters").prompt(TURN).reply("I will.")
    put(home.path / ".claude/projects" / session.path, session.data)
    app.collect([home])
    app.run_processor("verification")
    assert app.embed().turns == 1
    with app.store.read() as tx:
        asked = "when do we write to people who owe money"
        [turn] = search_turns(tx, asked, persons=None, limit=5, meanings=app.meanings)
    assert turn.text == TURN
    app.erase_person("ada", by="test")
    assert vectors(app, knowledge_turn_vector) == []


def test_a_run_that_is_stopped_goes_on_the_next_time(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PIECE", 2)
    assert shop.encoder is not None
    stops = iter([False, True, True])
    assert embedding.embed(shop.store, shop.encoder, stopping=lambda: next(stops)).items == 2
    assert found(shop, "frontend bundler")[0] == BUNDLER
    assert shop.embed().items == 1 and len(vectors(shop)) == 3


def test_over_http_it_is_a_job_and_search_finds_by_it(shop: App, make_app: MakeApp) -> None:
    root = Principal(name="root", role=Role.ADMIN, user_id=None)
    with client_of(make_app(), root) as client:
        refused = client.request("POST", "/api/admin/run-embeddings")
        assert refused.status_code == 400 and "embeddings_model" in refused.text
    shop.embed()
    with client_of(shop, root) as client:
        assert (
            client.request("POST", "/api/admin/run-embeddings", headers={"Prefer": "respond-async"}).status_code == 202
        )
        found = client.get("/api/knowledge/search", q="frontend bundler").json()["rows"]
    assert found[0]["content"] == BUNDLER


def test_what_was_written_since_is_read_and_what_was_deleted_is_forgotten(
    shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "LEAST_ROWS", 4)
    shop.embed()
    assert shop.encoder is not None
    kept, asked = Meaning(shop.encoder), "quay shut when it is cold"
    for number in range(9):
        with shop.store.write() as tx:
            tx.execute(knowledge_item_vector.update().values(model="another"))
        assert found(shop, asked, meanings=kept) == [], "vectors of another model count for nothing"
        find(shop, f"Pier {number} is closed in winter.")
        assert shop.embed().items == 4 + number
        assert f"Pier {number} is closed in winter." in found(shop, asked, meanings=kept, limit=20)
        assert found(shop, "frontend bundler", meanings=kept)[0] == BUNDLER


def test_it_is_there_where_it_is_configured_only(make_app: MakeApp, tmp_path: Path) -> None:
    plain, by_meaning = make_app(), make_app(embeddings_model=INSTALLED)
    assert EMBEDDINGS not in plain.jobs and EMBEDDINGS in by_meaning.jobs and plain.meanings is None
    with pytest.raises(Misconfigured, match="set embeddings_model"):
        plain.embed()
    with pytest.raises(Misconfigured, match="holds no model"):
        _ = make_app(embeddings_model=str(tmp_path)).meanings


def _items(app: App) -> list[Item]:
    with app.store.read() as tx:
        return rows.items(tx)
