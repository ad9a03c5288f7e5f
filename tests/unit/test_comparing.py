"""Two statements: the same, alike, the opposite, or nothing to do with each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.knowledge.comparing import Relation, compare, words_hash
from precedent.knowledge.evaluation.examples import examples
from precedent.knowledge.evaluation.pairs import CONTRADICTION, Pair, evaluate

OPPOSITES = [each for each in examples("pairs.jsonl", Pair) if each.relation == CONTRADICTION]


def test_the_comparison_reaches_its_goals_on_our_pairs() -> None:
    report = evaluate()
    assert report.ok and report.figures["pairs"] >= 200, report.failures


@pytest.mark.parametrize("pair", OPPOSITES, ids=lambda pair: pair.first)
def test_the_opposite_is_never_the_same(pair: Pair) -> None:
    for first, second in ((pair.first, pair.second), (pair.second, pair.first)):
        assert compare(first, second).relation not in {Relation.SAME, Relation.DUPLICATE}
        assert words_hash(first) != words_hash(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("We use plan A here.", "We use the plan here."),
        ("The port is 8443.", "The port is 8443, 8444."),
        ("A owns B.", "B owns A."),
        ("Deploy with v1.2.", "Deploy with v1.3."),
    ],
)
def test_a_small_difference_is_one(first: str, second: str) -> None:
    assert compare(first, second).relation not in {Relation.SAME, Relation.DUPLICATE}


@given(st.text(max_size=80), st.text(max_size=80))
def test_comparing_is_the_same_from_both_sides(first: str, second: str) -> None:
    assert compare(first, second).relation == compare(second, first).relation
    assert compare(first, first).relation is Relation.SAME


def test_two_words_shared_with_a_long_story_make_no_pair() -> None:
    rule = "The harbour hook is specific to an agent."
    story = (
        "The agent writes a log line for every hook that runs, and resume, rewind and checkpoint data are fetched later"
        " by the quay service when somebody opens a session."
    )
    assert compare(rule, story).relation is compare(story, rule).relation is Relation.UNRELATED
