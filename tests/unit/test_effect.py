"""What an item changed, from when it was said, delivered, and could have been said: pure arithmetic."""

from collections.abc import Mapping, Sequence

import pytest

from precedent.clock import DAY
from precedent.knowledge.bundle import ANYBODY
from precedent.knowledge.effect import (
    LAPSE_US,
    SPANS,
    Effect,
    Given,
    Saying,
    Sessions,
    Story,
    effect,
    rank,
)
from precedent.knowledge.verdicts import Side, Verdict, judged

ADA, BOB = 1, 2


def told(
    sessions: Mapping[int, Sequence[int]],
    said: Sequence[tuple[int, int]],
    *,
    given: Mapping[int, Given] | None = None,
    doubtful: Sequence[tuple[int, int]] = (),
    opened: int | None = None,
    now: int = 400,
) -> Effect:
    """Return the effect of an item; times are days."""
    days = {user_id: [day * DAY for day in starts] for user_id, starts in sessions.items()}
    sayings, doubts = ([Saying(user_id, day * DAY, day * DAY) for user_id, day in each] for each in (said, doubtful))
    given = {who: Given(each.first_at * DAY, each.last_at * DAY) for who, each in (given or {}).items()}
    story = Story(said[0][1] * DAY if opened is None else opened * DAY, sayings, doubts, given)
    every = sorted(start for starts in days.values() for start in starts)
    return effect(story, Sessions(days, every), now=now * DAY)


def sides(found: Effect) -> tuple[tuple[int, int], tuple[int, int]]:
    return (found.before.again, found.before.sessions), (found.after.again, found.after.sessions)


def test_only_what_is_said_again_counts_from_the_session_on_in_which_it_was_first_said() -> None:
    found = told({ADA: range(100)}, [(ADA, 20), (ADA, 30), (ADA, 39)])
    assert sides(found) == ((2, 79), (0, 0)), "the first session opens the count and is on no side"
    assert found.verdict is Verdict.UNDELIVERED
    assert found.text == "No agent was given it yet. Since it was first said, it was said again twice in 79 sessions."


def test_what_was_written_down_first_had_to_be_said_again_each_time() -> None:
    found = told({ADA: range(100)}, [(ADA, 20)], opened=9)
    assert sides(found) == ((1, 90), (0, 0))


def test_before_and_since_are_told_apart_for_each_person() -> None:
    sessions, given = {ADA: range(1, 100), BOB: range(1, 100)}, {ADA: Given(40, 400)}
    found = told(sessions, [(ADA, 1), (ADA, 39), (ADA, 40), (BOB, 90)], given=given)
    assert sides(found) == ((2, 38 + 98), (1, 60)), "Bob's agents never got it"
    both = told(sessions, [(ADA, 1), (ADA, 39), (ADA, 40), (BOB, 90)], given=given | {ANYBODY: Given(60, 400)})
    assert sides(both) == ((1, 38 + 58), (2, 60 + 40)), "what anybody is given, everybody is"
    assert both.delivered_at == 40 * DAY


def test_sessions_after_it_lapsed_are_on_no_side() -> None:
    last = 50
    lapsed = last + LAPSE_US // DAY
    found = told({ADA: range(100)}, [(ADA, 0), (ADA, 55), (ADA, 99)], given={ADA: Given(40, last)})
    assert sides(found) == ((0, 39), (1, lapsed - 39))


def test_a_clear_change_is_told_with_what_was_to_be_expected() -> None:
    found = told({ADA: range(161)}, [(ADA, day) for day in (0, 9, 19, 29, 39, 100)], given={ADA: Given(41, 400)})
    assert sides(found) == ((4, 40), (1, 120)) and found.verdict is Verdict.LESS and found.expected == 12
    assert found.text == (
        "Said less often: said again 4 times in 40 sessions before agents were given it, once in 120 sessions since. "
        "At the rate of before it would have been 12 times."
    )


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((4, 40), (0, 12), Verdict.TOO_EARLY),
        ((4, 40), (0, 44), Verdict.TOO_EARLY),
        ((4, 40), (0, 45), Verdict.LESS),
        ((1, 10), (0, 189), Verdict.TOO_EARLY),
        ((1, 10), (0, 191), Verdict.LESS),
        ((0, 500), (0, 5_000), Verdict.TOO_EARLY),
        ((9, 100), (8, 100), Verdict.SAME),
        ((1, 100), (9, 100), Verdict.MORE),
        ((0, 0), (9, 100), Verdict.TOO_EARLY),
        ((9, 100), (0, 0), Verdict.TOO_EARLY),
        ((3_000, 60_000), (1_000, 40_000), Verdict.LESS),
    ],
)
def test_only_what_chance_hardly_does_is_told(
    before: tuple[int, int], after: tuple[int, int], verdict: Verdict
) -> None:
    first, second = (Side(again=again, sessions=sessions) for again, sessions in (before, after))
    assert judged(first, second) is verdict


def test_how_long_silence_must_last_is_told_exactly() -> None:
    found = told({ADA: range(50)}, [(ADA, day) for day in (0, 9, 19, 29, 39)], given={ADA: Given(41, 400)})
    assert found.verdict is Verdict.TOO_EARLY and found.telling_after == 45 and found.expected is None
    assert found.text == (
        "Too early to tell: said again 4 times in 40 sessions before agents were given it, not once in 9 sessions "
        "since. Silence in 45 sessions would tell a change."
    )
    nothing = told({ADA: range(50)}, [(ADA, 0)], given={ADA: Given(50, 400)})
    assert nothing.text == (
        "Too early to tell: not said again in 49 sessions before agents were given it, no session since. "
        "There is nothing to compare with."
    )


def test_what_nobody_decided_about_counts_against_an_item_and_never_for_it() -> None:
    said, given = [(ADA, day) for day in (0, 9, 19, 29, 39)], {ADA: Given(41, 400)}
    assert told({ADA: range(100)}, said, given=given).verdict is Verdict.LESS
    doubted = told({ADA: range(100)}, said, given=given, doubtful=[(ADA, 3), (ADA, 50), (ADA, 60)])
    assert (doubted.verdict, doubted.undecided) == (Verdict.TOO_EARLY, 2) and doubted.after.again == 0
    assert doubted.text.endswith("Statements that may be the same were said twice since; nobody decided about them.")
    bad = [(ADA, 0), *[(ADA, day) for day in range(50, 60)]]
    assert told({ADA: range(100)}, bad, given=given, doubtful=[(ADA, 50)]).verdict is Verdict.MORE


def test_a_timeline_has_everything_once_and_few_parts() -> None:
    for days in (0, 1, 3, 39, 40, 41, 1_000):
        sessions = range(0, days + 1)
        found = told({ADA: sessions}, [(ADA, 0), (ADA, days)][: days + 1], now=days)
        assert len(found.timeline) <= SPANS
        assert sum(each.said for each in found.timeline) == min(2, days + 1)
        assert sum(each.sessions for each in found.timeline) == days + 1
        assert all(b.at - a.at >= DAY for a, b in zip(found.timeline, found.timeline[1:], strict=False))


def test_the_clearest_effect_comes_first() -> None:
    given = {ADA: Given(41, 400)}
    much = told({ADA: range(400)}, [(ADA, day) for day in (0, 9, 19, 29, 39)], given=given)
    less = told({ADA: range(100)}, [(ADA, day) for day in (0, 9, 19, 29, 39)], given=given)
    early = told({ADA: range(45)}, [(ADA, 0)], given=given)
    never = told({ADA: range(45)}, [(ADA, 0)])
    assert sorted([never, early, less, much], key=rank) == [much, less, early, never]
