"""Who sees which knowledge on which surface: the whole matrix, so that no surface has rules of its own."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from builders import ManualTime
from conftest import MakeApp
from precedent.api.mcp import Services
from precedent.app import App
from precedent.clock import SECOND
from precedent.embedding.finding import INSTALLED
from precedent.errors import NotFound
from precedent.http.access import routes_of
from precedent.knowledge import intake, rows
from precedent.knowledge.drafts import Draft
from precedent.knowledge.intake import Source
from precedent.knowledge.model import Finding, Item, Kind, Place
from precedent.knowledge.review import expire
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import Principal, Role
from precedent.server import create
from precedent.store.schema import team, team_member
from web_client import Client, client_of

ROLES = ("nobody", "viewer", "ada", "bob", "member of the team", "reviewer", "admin", "scheduler")
"""Ada's words are in every item but Bob's personal one."""

KINDS = (
    "pending", "approved", "for a team", "personal of ada", "personal of bob", "rejected", "revoked", "expired",
    "not yet valid", "edited since",
)  # fmt: skip
EVERYBODY = frozenset({"viewer", "ada", "bob", "member of the team", "reviewer", "admin"})
REVIEWERS = frozenset({"reviewer", "admin"})
SEES = {
    "approved": EVERYBODY,
    "for a team": REVIEWERS | {"member of the team"},
    "personal of ada": frozenset({"ada"}),
    "personal of bob": frozenset({"bob"}),
}
"""Who sees an item in lists and by its number; reviewers see everything else as well, nobody else does."""

REACHES = SEES | {"for a team": frozenset({"member of the team"})}
"""Whose agents an item reaches: there reviewers are people like others."""


def sees(kind: str, role: str) -> bool:
    return role in SEES.get(kind, REVIEWERS)


def reaches(kind: str, role: str) -> bool:
    return role in REACHES.get(kind, frozenset())


class World:
    """One item of each kind, and one person of each role."""

    def __init__(self, app: App, time: ManualTime) -> None:
        self.app, self._time = app, time
        self.people = {
            "viewer": self._joins("vera", Role.VIEWER), "ada": self._joins("ada", Role.MEMBER),
            "bob": self._joins("bob", Role.MEMBER), "member of the team": self._joins("theo", Role.MEMBER),
            "reviewer": self._joins("rita", Role.REVIEWER), "admin": self._joins("root", Role.ADMIN),
            "scheduler": Principal(name="clock", role=Role.SCHEDULER),
        }  # fmt: skip
        with app.store.write() as tx:
            number = tx.execute(team.insert().values(name="quay", created_at=1).returning(team.c.id)).scalar_one()
            tx.execute(team_member.insert().values(team_id=number, user_id=self.people["member of the team"].user_id))
        self.items = {kind: self._made(kind, int(number)) for kind in KINDS}
        time.advance(100)
        assert expire(app.store, now=app.clock.now()) == 1

    def _joins(self, key: str, role: Role) -> Principal:
        found = self.app.accounts.create(f"{key}@example.com", role=role, by=BY_COMMAND_LINE)
        return Principal(name=key, role=role, user_id=found.user_id)

    def _made(self, kind: str, team_id: int) -> int:
        review, now = self.app.review, self.app.clock.now()
        words = words_of(kind)
        if kind.startswith("personal"):
            by = By(self.people[kind.rpartition(" ")[2]])
            item = self.app.proposing.propose(Draft(title=words, content=words), by=by, personal=True)
            review.approve(item.id, by=by)
            return item.id
        item = self._found(words)
        by = BY_COMMAND_LINE
        match kind:
            case "for a team":
                review.edit(item.id, Draft(teams=(team_id,)), by=by)
            case "expired":
                review.edit(item.id, Draft(valid_until=now + SECOND), by=by)
            case "not yet valid":
                review.edit(item.id, Draft(valid_from=now + 10**6 * SECOND), by=by)
            case "rejected":
                review.reject(item.id, by=by)
        if kind not in {"pending", "rejected"}:
            review.approve(item.id, by=by)
        if kind == "revoked":
            review.revoke(item.id, by=by)
        if kind == "edited since":
            review.edit(item.id, Draft(category="changed"), by=by)
        return item.id

    def _found(self, words: str) -> Item:
        ada = self.people["ada"].user_id
        assert ada is not None
        place = Place(line=1, byte_offset=0, turn="t", start=0, end=len(words), said_at=self.app.clock.now())
        said = Finding(
            kind=Kind.DEFINITION, title=words, content=words, quote=quote_of(words), place=place, detector="rules/2"
        )
        with self.app.store.write() as tx:
            intake.take(tx, [said], Source(ada, f"session of {words}"), now=self.app.clock.now())
            return next(item for item in _all(tx) if item.content == words)

    @contextmanager
    def client(self, role: str) -> Iterator[Client]:
        with client_of(self.app, self.people.get(role)) as found:
            yield found


def _all(tx: Any) -> list[Item]:
    return rows.items(tx)


def words_of(kind: str) -> str:
    return f"Words of the item that is {kind}."


def quote_of(words: str) -> str:
    return f"Quote: {words}"


@pytest.fixture
def world(make_app: MakeApp, manual_time: ManualTime) -> World:
    return World(make_app(), manual_time)


def seen_in(text: str) -> set[str]:
    return {kind for kind in KINDS if words_of(kind) in text}


def _get(path: str, **params: Callable[[World], object]) -> Callable[[Client, World], str]:
    return lambda client, world: client.get(path, **{name: each(world) for name, each in params.items()}).text


LISTS: dict[str, tuple[Callable[[Client, World], str], Callable[[str, str], bool]]] = {
    "GET /api/knowledge": (_get("/api/knowledge", limit=lambda _: 100), sees),
    "GET /api/knowledge/search": (
        _get("/api/knowledge/search", q=lambda _: "words of the item", limit=lambda _: 100),
        sees,
    ),
    "GET /api/knowledge/bundle": (_get("/api/knowledge/bundle"), reaches),
    # Of what was given out, everybody may know what was for everybody.
    "GET /api/knowledge/at": (
        _get("/api/knowledge/at", at=lambda world: world.app.clock.now()),
        lambda kind, role: kind in SEES and sees(kind, role),
    ),
    "GET /api/knowledge/effects": (
        _get("/api/knowledge/effects"),
        lambda kind, role: kind in {*SEES, "not yet valid"} and sees(kind, role),
    ),
}
SINGLE = (
    "GET /api/knowledge/{number}", "GET /api/knowledge/{number}/history", "GET /api/knowledge/{number}/effect",
)  # fmt: skip
NO_WORDS = {
    "GET /api/knowledge/pairs": "for reviewers alone, of items that they see; checked below",
    "GET /api/knowledge/count": "figures, checked below",
    "GET /api/knowledge/domains": "names of fields",
    "GET /api/knowledge/turns": "no items, but what people typed; see test_search.py",
}
ACTS = (
    "PATCH /api/knowledge/{number}", "POST /api/knowledge/{number}/approve", "POST /api/knowledge/{number}/reject",
    "POST /api/knowledge/{number}/reopen", "POST /api/knowledge/{number}/mandate",
    "POST /api/knowledge/{number}/unmandate", "POST /api/knowledge/{number}/revoke", "PUT /api/knowledge/{number}/vote",
)  # fmt: skip
WITHOUT_ITEMS = {
    "POST /api/knowledge": "makes an item of the caller's own words",
    "POST /api/knowledge/batch": "answers with ids and statuses; judges through the same review",
    "POST /api/knowledge/withdraw": "answers with ids; for reviewers alone",
    "POST /api/knowledge/pairs/{number}/decide": "for reviewers alone, of items that they see",
    "PUT /api/knowledge/domains/{name}": "names of fields",
    "DELETE /api/knowledge/domains/{name}": "names of fields",
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_of_knowledge_is_in_the_matrix(make_app: MakeApp) -> None:
    routes = {f"{each.method} {each.path}" for each in routes_of(create(make_app()))}
    there = {each for each in routes if each.partition(" ")[2].startswith("/api/knowledge")}
    assert there == {*LISTS, *SINGLE, *NO_WORDS, *ACTS, *WITHOUT_ITEMS}


def test_every_list_shows_to_each_exactly_what_they_may_see(world: World) -> None:
    for role in ROLES:
        with world.client(role) as client:
            for name, (look, may) in LISTS.items():
                assert seen_in(look(client, world)) == {kind for kind in KINDS if may(kind, role)}, (name, role)


def test_the_tools_of_agents_and_the_files_they_read_show_what_is_approved_and_nothing_else(world: World) -> None:
    with world.app.store.read() as tx:
        approved = {kind for kind, number in world.items.items() if rows.item(tx, number).status == "approved"}
    for role, who in world.people.items():
        tools = Services(world.app, By(who))
        found = tools.search("words of the item", limit=100)
        assert {kind for each in found for kind in seen_in(each.content)} == {
            kind for kind in KINDS if kind in approved and sees(kind, role)
        }, role
        for kind, number in world.items.items():
            try:
                told = seen_in(tools.get(number).item.content)
            except NotFound:
                told = set()
            assert told == ({kind} if sees(kind, role) else set()), (role, kind)
        if role == "scheduler":
            continue  # its route gives it no bundle, see above
        # Files hold the text of the bundle and nothing else, see test_pull.py.
        assert seen_in(world.app.bundle(who).text) == {kind for kind in KINDS if reaches(kind, role)}, role


def test_search_by_meaning_finds_for_each_what_they_may_see(make_app: MakeApp, manual_time: ManualTime) -> None:
    world = World(make_app(embeddings_model=INSTALLED), manual_time)
    assert world.app.embed().items == len(KINDS)
    for role in ROLES:
        with world.client(role) as client:
            answer = client.get("/api/knowledge/search", q="phrases about articles", limit=100)
            assert seen_in(answer.text) == {kind for kind in KINDS if sees(kind, role)}, role
        if who := world.people.get(role):
            found = Services(world.app, By(who)).search("phrases about articles", limit=100)
            seen = {kind for each in found for kind in seen_in(each.content)}
            assert {kind for kind in SEES if sees(kind, role)} <= seen <= {kind for kind in KINDS if sees(kind, role)}


def test_an_item_that_somebody_may_not_see_is_not_there_for_them(world: World) -> None:
    for role in ROLES:
        with world.client(role) as client:
            for name in SINGLE:
                for kind, number in world.items.items():
                    answer = client.get(name.partition(" ")[2].format(number=number))
                    allowed = role not in {"nobody", "scheduler"}
                    wanted = 200 if sees(kind, role) else 404 if allowed else (401 if role == "nobody" else 403)
                    assert answer.status_code == wanted, (name, role, kind)
                    assert bool(seen_in(answer.text)) == (wanted == 200)
                    absent = client.get(name.partition(" ")[2].format(number=999)).text
                    if wanted == 404:
                        assert _said(answer.text) == _said(absent).replace("999", str(number))


def _said(text: str) -> str:
    return str(json.loads(text)["error"]["message"])


def test_the_words_of_others_are_for_reviewers(world: World) -> None:
    for role in EVERYBODY:
        with world.client(role) as client:
            text = client.get(f"/api/knowledge/{world.items['approved']}").text
        assert (quote_of(words_of("approved")) in text) == (role in REVIEWERS or role == "ada"), role
        assert ("session of" in text) == (role in REVIEWERS or role == "ada")


def test_counts_tell_no_more_than_lists(world: World) -> None:
    for role in EVERYBODY:
        with world.client(role) as client:
            counts = client.read("/api/knowledge/count")["counts"]
        assert sum(counts.values()) == sum(sees(kind, role) for kind in KINDS), role


def test_effects_are_sums_that_tell_neither_who_said_something_nor_where(world: World) -> None:
    world.app.bundle(world.people["bob"])
    approved = {*SEES, "not yet valid"}
    for role in EVERYBODY:
        with world.client(role) as client:
            one = client.get(f"/api/knowledge/{world.items['approved']}/effect")
            every = client.get("/api/knowledge/effects")
            page = client.request("GET", "/learned", headers={"accept": "text/html"})
        for answer in (one, every, page):
            assert answer.status_code == 200
            assert not [word for word in ("Quote:", "session of", "ada@") if word in answer.text], role
        assert seen_in(page.text) == {kind for kind in KINDS if kind in approved and sees(kind, role)}, role
        counts = every.json()["summary"]["counts"]
        assert sum(counts.values()) == sum(kind in approved and sees(kind, role) for kind in KINDS), role


def test_pairs_show_reviewers_the_teams_items_and_nobody_anything_personal(world: World) -> None:
    for role in ROLES:
        with world.client(role) as client:
            answer = client.get("/api/knowledge/pairs")
        assert (answer.status_code == 200) == (role in REVIEWERS), role
        assert not {kind for kind in seen_in(answer.text) if not sees(kind, role)}
        assert bool(seen_in(answer.text)) == (role in REVIEWERS)


def test_nobody_can_choose_items_by_words_or_people_that_they_may_not_see(world: World) -> None:
    for role in EVERYBODY:
        with world.client(role) as client:
            for kind in KINDS:
                found = client.read("/api/knowledge", text=words_of(kind))["rows"]
                assert bool(found) == sees(kind, role), (role, kind)
            by_person = client.read("/api/knowledge", person="ada")["rows"]
            assert bool(by_person) == (role in REVIEWERS or role == "ada"), role


def test_an_act_on_an_item_that_somebody_may_not_see_finds_nothing_and_changes_nothing(world: World) -> None:
    for role in ROLES:
        if role in REVIEWERS:
            continue
        with world.client(role) as client:
            for name in ACTS:
                method, path = name.split(" ")
                for kind, number in world.items.items():
                    if sees(kind, role):
                        continue
                    given = {"value": 1} if name.endswith("vote") else {}
                    answer = client.request(method, path.format(number=number), json=given)
                    assert answer.status_code in {401, 403, 404}, (role, name, kind)
                    assert not seen_in(answer.text)
    with world.client("admin") as client:
        found = {row["id"]: row["status"] for row in client.read("/api/knowledge", limit=100)["rows"]}
    assert found[world.items["approved"]] == "approved" and found[world.items["pending"]] == "pending"
