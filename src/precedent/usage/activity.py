"""Active time: how long somebody or something was at work, from the times of events.

A gap between two events counts up to `MAX_GAP`; a turn whose duration is recorded counts whole. All times are
microseconds. The result depends on the set of times only, never on their order.
"""

from bisect import bisect_right
from collections.abc import Iterable

MAX_GAP = 300_000_000
Span = tuple[int, int]
"""Start and end, start <= end."""


def add_time(spans: list[Span], at: int) -> None:
    """Add an event to spans within which no gap is longer than `MAX_GAP`; they stay in order."""
    if spans and spans[-1][0] <= at <= spans[-1][1] + MAX_GAP:
        start, end = spans[-1]
        if at > end:
            spans[-1] = (start, at)
        return
    place = bisect_right(spans, (at, at))
    before = spans[place - 1] if place and at - spans[place - 1][1] <= MAX_GAP else None
    after = spans[place] if place < len(spans) and spans[place][0] - at <= MAX_GAP else None
    start = before[0] if before else at
    end = max(before[1] if before else at, after[1] if after else at, at)
    first = place - (before is not None)
    spans[first : place + (after is not None)] = [(start, end)]


def add_times(spans: list[Span], times: Iterable[int]) -> None:
    """Add many events, as `add_time` does with each; most belong to the newest span."""
    start, end = spans.pop() if spans else (0, -1 << 62)
    for at in times:
        if start <= at <= end:
            continue
        if end < at <= end + MAX_GAP:
            end = at
            continue
        if end >= start:
            spans.append((start, end))
        add_time(spans, at)
        start, end = spans.pop()
    if end >= start:
        spans.append((start, end))


def active(spans: Iterable[Span], turns: Iterable[Span]) -> list[Span]:
    """Return the disjoint intervals that count as active, in order.

    Args:
        spans: as `add_time` keeps them.
        turns: start and end of turns whose duration is recorded.
    """
    stretched = list(spans)
    # A longer gap counts up to the limit; after the last event nothing is known to go on.
    stretched = [(start, end + MAX_GAP) for start, end in stretched[:-1]] + stretched[-1:]
    return union([*stretched, *turns])


def union(spans: Iterable[Span]) -> list[Span]:
    """Return disjoint intervals that cover the same time, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def length(spans: Iterable[Span]) -> int:
    """Return the total of disjoint intervals."""
    return sum(end - start for start, end in spans)
