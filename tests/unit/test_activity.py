"""Active time depends on the set of times only."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from precedent.usage.activity import MAX_GAP, Span, active, add_time, add_times, length, union

MINUTE = 60_000_000


def spans_of(times: list[int]) -> list[Span]:
    spans: list[Span] = []
    for at in times:
        add_time(spans, at)
    return spans


def plainly(times: list[int]) -> int:
    ordered = sorted(set(times))
    return sum(min(after - before, MAX_GAP) for before, after in itertools.pairwise(ordered))


@given(st.lists(st.integers(0, 100 * MINUTE), max_size=60))
def test_a_gap_counts_up_to_five_minutes_whatever_the_order_of_events(times: list[int]) -> None:
    assert length(active(spans_of(times), [])) == plainly(times)


@given(st.lists(st.integers(0, 100 * MINUTE), max_size=40))
def test_the_order_of_events_does_not_matter(times: list[int]) -> None:
    assert spans_of(times) == spans_of(sorted(times)) == spans_of(sorted(times, reverse=True))


@given(st.lists(st.lists(st.integers(0, 100 * MINUTE), max_size=20), max_size=5))
def test_many_events_at_a_time_give_what_each_by_itself_gives(batches: list[list[int]]) -> None:
    spans: list[Span] = []
    for times in batches:
        add_times(spans, times)
    assert spans == spans_of(list(itertools.chain(*batches)))


def test_a_gap_of_exactly_five_minutes_counts_whole() -> None:
    assert length(active(spans_of([0, MAX_GAP]), [])) == MAX_GAP
    assert length(active(spans_of([0, MAX_GAP + 1]), [])) == MAX_GAP


def test_a_recorded_turn_counts_whole_and_only_once() -> None:
    spans = spans_of([0, 20 * MINUTE])
    assert length(active(spans, [(0, 20 * MINUTE)])) == 20 * MINUTE
    assert length(active(spans, [(10 * MINUTE, 20 * MINUTE)])) == 15 * MINUTE


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=20))
def test_a_union_covers_the_same_instants_without_overlap(pairs: list[tuple[int, int]]) -> None:
    spans = [(start, start + size) for start, size in pairs]
    merged = union(spans)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(merged))
    covered = {each for start, end in spans for each in range(start, end)}
    assert covered == {each for start, end in merged for each in range(start, end)}
