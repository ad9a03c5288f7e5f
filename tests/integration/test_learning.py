"""Something is said, approved, delivered, and said again or not: what came of it, the whole way, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import START_US, ManualTime, put
from conftest import MakeApp
from learning_team import PLAIN, WORDS, Harbour
from precedent.clock import DAY
from precedent.knowledge import learning, rows
from precedent.knowledge.drafts import Draft
from precedent.knowledge.model import Kind
from precedent.knowledge.pairs import Resolution
from precedent.knowledge.verdicts import Verdict
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import COMMAND_LINE, Principal, Role
from precedent.store.schema import knowledge_reading, team, team_member

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def harbour(make_app: MakeApp, manual_time: ManualTime, tmp_path: Path) -> Harbour:
    return Harbour(make_app(), manual_time, tmp_path)


def test_said_approved_delivered_and_said_again(harbour: Harbour) -> None:
    for day in range(10):
        harbour.works(harbour.ada, day, *[WORDS] * (2 if day in {0, 2, 4, 6, 8} else 0))
        harbour.works(harbour.bob, day + 0.5)
    harbour.reads(10)
    [item] = harbour.items()
    assert harbour.effect(item.id).effect.verdict is Verdict.UNDELIVERED
    harbour.approve(item.id)
    assert harbour.app.bundle(harbour.ada).items[0].id == item.id
    assert harbour.sides(item.id) == (4, 19, 0, 0), "own repeats within one session count once"
    for day in range(11, 17):
        harbour.works(harbour.ada, day)
        harbour.works(harbour.bob, day + 0.5)
    harbour.reads(17)
    assert harbour.sides(item.id) == (4, 25, 0, 6), "Bob's agents were given nothing"
    assert harbour.effect(item.id).effect.verdict is Verdict.TOO_EARLY
    harbour.app.bundle(harbour.bob)
    for day in range(17, 43):
        harbour.works(harbour.ada, day + 0.25)
        harbour.works(harbour.bob, day + 0.5, *[WORDS] * (day == 20))
        if day % 7 == 0:
            harbour.time.now = START_US + day * DAY
            harbour.app.bundle(harbour.ada)
            harbour.app.bundle(harbour.bob)
    harbour.reads(43)
    found = harbour.effect(item.id).effect
    assert harbour.sides(item.id) == (4, 25, 1, 58) and found.verdict is Verdict.LESS and found.expected == 9
    assert [each.id for each in harbour.items()] == [item.id], "who says the same again says the same item"
    assert sum(each.said for each in found.timeline) == 6 and sum(each.sessions for each in found.timeline) == 84
    with harbour.app.store.read() as tx:
        listed = learning.learned(tx, COMMAND_LINE, now=harbour.time.now)
        assert [each.effect for each in listed] == [found]
        summary = learning.summed(listed)
    assert summary.fewer == 8 and summary.counts[Verdict.LESS] == 1


@sqlite_only
def test_a_session_that_goes_on_under_another_name_and_a_confirmation_say_nothing_again(harbour: Harbour) -> None:
    first = harbour.works(harbour.ada, 0, WORDS)
    copy = first.fork("goes on").prompt(PLAIN).reply()
    put(harbour.homes["ada"].path / ".claude/projects" / copy.path, copy.data)
    harbour.works(harbour.ada, 1)
    harbour.reads(2)
    [item] = harbour.items()
    assert harbour.sides(item.id) == (0, 1, 0, 0)
    harbour.says(harbour.ada, 1, item.content, kind=Kind.CONFIRMATION)
    assert harbour.sides(item.id) == (0, 1, 0, 0)
    harbour.says(harbour.ada, 1.5, item.content)
    assert harbour.sides(item.id) == (1, 1, 0, 0)


def test_what_is_said_again_counts_for_the_item_that_took_the_place(harbour: Harbour) -> None:
    for day in range(6):
        harbour.works(harbour.ada, day)
    harbour.reads(6)
    one = harbour.says(harbour.ada, 0, "We use pnpm for packages.")
    two = harbour.says(harbour.ada, 1, "We use pnpm for the packages here.")
    harbour.approve(one.id)
    harbour.app.bundle(harbour.ada)
    assert harbour.effect(one.id).effect.undecided == 0, "it was said before"
    [pair] = harbour.app.pairs.of(COMMAND_LINE, one.id)
    made = harbour.app.pairs.decide(pair.id, Resolution.MERGE, by=BY_COMMAND_LINE, wording=Draft(content="Use pnpm."))
    assert made is not None
    harbour.approve(made.id)
    assert harbour.sides(made.id) == (1, 5, 0, 0), "it was delivered when the first of them was"
    for day, said in ((2, one.content), (3, two.content)):
        harbour.says(harbour.ada, day, said)
    assert harbour.sides(made.id) == (3, 5, 0, 0)
    with harbour.app.store.read() as tx:
        assert len(rows.evidence(tx, [made.id])) == 4, "and confidence and freshness know of it"
    third = harbour.says(harbour.ada, 4, "We use pnpm for packages everywhere.")
    doubt = next(each for each in harbour.app.pairs.of(COMMAND_LINE, third.id))
    harbour.app.pairs.decide(doubt.id, Resolution.KEPT_A, by=BY_COMMAND_LINE)
    harbour.says(harbour.ada, 5, third.content)
    assert harbour.sides(made.id) == (5, 5, 0, 0)


@sqlite_only
def test_an_edited_item_is_known_by_the_words_it_was_found_in_unless_its_meaning_was_turned(harbour: Harbour) -> None:
    harbour.works(harbour.ada, 0)
    harbour.reads(1)
    said = "We use pnpm for packages."
    item = harbour.says(harbour.ada, 0, said)
    harbour.app.review.edit(item.id, Draft(content="We use pnpm for the packages of each harbour."), by=BY_COMMAND_LINE)
    assert harbour.says(harbour.ada, 0.5, said).id == item.id
    limit = harbour.says(harbour.ada, 0.6, "The limit is 60 requests.")
    harbour.app.review.edit(limit.id, Draft(content="The limit is 100 requests."), by=BY_COMMAND_LINE)
    assert harbour.says(harbour.ada, 0.7, "The limit is 60 requests.").id != limit.id


@sqlite_only
def test_what_superseded_its_opposite_gets_nothing_of_it_and_what_is_reopened_stands_for_itself(
    harbour: Harbour,
) -> None:
    harbour.works(harbour.ada, 0)
    harbour.reads(1)
    old, new = (harbour.says(harbour.ada, 0.1 * n, f"The limit is {n}0 requests.") for n in (3, 5))
    [pair] = harbour.app.pairs.of(COMMAND_LINE, old.id)
    harbour.app.pairs.decide(pair.id, Resolution.KEPT_B, by=BY_COMMAND_LINE)
    harbour.says(harbour.ada, 0.8, old.content)
    with harbour.app.store.read() as tx:
        assert [len(rows.evidence(tx, [each.id])) for each in (old, new)] == [2, 1]
    assert harbour.app.review.reopen(old.id, by=BY_COMMAND_LINE).superseded_by is None


@sqlite_only
def test_what_was_rejected_as_a_duplicate_counts_and_what_is_undecided_counts_against(harbour: Harbour) -> None:
    for day in range(40):
        harbour.works(harbour.ada, day)
    harbour.reads(4)
    item = harbour.says(harbour.ada, 0, "We use pnpm for packages.")
    for day in (1, 2, 3):
        harbour.says(harbour.ada, day, item.content)
    harbour.approve(item.id)
    for day in range(4, 40):
        harbour.time.now = START_US + day * DAY - 1
        harbour.app.bundle(harbour.ada)
    found = harbour.effect(item.id).effect
    assert (found.verdict, harbour.sides(item.id)) == (Verdict.LESS, (3, 3, 0, 36))
    others = [harbour.says(harbour.ada, day, f"We use pnpm for packages {day} times.") for day in (5, 6)]
    harbour.app.review.edit(others[0].id, Draft(content="We use pnpm for packages, please."), by=BY_COMMAND_LINE)
    harbour.app.review.edit(others[1].id, Draft(content="We use pnpm for our packages."), by=BY_COMMAND_LINE)
    assert harbour.effect(item.id).effect.undecided == 2
    harbour.app.review.reject(others[0].id, by=BY_COMMAND_LINE, reason="duplicate")
    harbour.app.review.reject(others[1].id, by=BY_COMMAND_LINE, reason="no")
    assert harbour.effect(item.id).effect.undecided == 1 and harbour.sides(item.id)[2] == 1


@sqlite_only
def test_only_the_people_of_its_audience_count(harbour: Harbour) -> None:
    for day in range(4):
        harbour.works(harbour.ada, day)
        harbour.works(harbour.bob, day + 0.5)
    harbour.reads(4)
    item = harbour.says(harbour.ada, 0, "We use pnpm for packages.")
    harbour.says(harbour.bob, 2, item.content)
    assert harbour.sides(item.id) == (1, 7, 0, 0)
    with harbour.app.store.write() as tx:
        number = tx.execute(team.insert().values(name="quay", created_at=1).returning(team.c.id)).scalar_one()
        tx.execute(team_member.insert().values(team_id=number, user_id=harbour.ada.user_id))
    harbour.app.review.edit(item.id, Draft(teams=(number,)), by=BY_COMMAND_LINE)
    assert harbour.sides(item.id) == (0, 3, 0, 0)
    mine = harbour.app.proposing.propose(Draft(title="Mine", content="My own."), by=By(harbour.bob), personal=True)
    with harbour.app.store.read() as tx:
        own = learning.effect_of(tx, harbour.bob, mine.id, now=START_US).effect
    assert own.before.again == 0, "a proposal is said in no session"


def test_people_without_accounts_are_given_it_as_well_and_it_is_noted_once_a_day(harbour: Harbour) -> None:
    harbour.works(harbour.ada, 0, WORDS)
    harbour.works(harbour.ada, 2)
    harbour.reads(1)
    [item] = harbour.items()
    harbour.approve(item.id)
    nobody = Principal(name="local", role=Role.ADMIN)
    for _ in range(2):
        assert len(harbour.app.bundle(nobody).items) == 1
    assert harbour.sides(item.id) == (0, 0, 0, 1)
    assert harbour.effect(item.id).effect.delivered_at == START_US + DAY


def test_sessions_of_two_people_who_are_one_and_of_erased_ones(harbour: Harbour) -> None:
    harbour.works(harbour.ada, 0, WORDS)
    harbour.works(harbour.bob, 1, WORDS)
    harbour.works(harbour.bob, 2)
    harbour.reads(3)
    [item] = harbour.items()
    assert harbour.sides(item.id) == (1, 2, 0, 0)
    harbour.app.merge_people("bob", into="ada")
    with harbour.app.store.read() as tx:
        whose = set(tx.scalars(sa.select(knowledge_reading.c.user_id)))
    assert whose == {harbour.ada.user_id} and harbour.sides(item.id) == (1, 2, 0, 0)
    harbour.app.erase_person("ada", by="root")
    with harbour.app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(knowledge_reading)) == 0
