"""What an item changed: how often the same had to be said again before its people's agents were given it, and since.

Pure arithmetic over what `learning` reads. The clock starts with the session in which it was first said: what counts is
that somebody had to say it *again*. Before and since are told apart for each person and session: a session counts as
one since when it began after that person's agents were given the item. So agents that never got it count as before,
whatever others got.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from precedent.clock import DAY, SECOND

from .bundle import ANYBODY, STALE_AFTER_S
from .verdicts import Side, Verdict, judged, telling_after

LAPSE_US = STALE_AFTER_S * SECOND + DAY
"""How long after the last delivery that is noted agents still have an item; deliveries are noted once a day."""

SPANS = 40
"""Parts of a timeline at most, each a day or longer."""


class Saying(NamedTuple):
    """Somebody said it in a session.

    Attributes:
        user_id: who.
        started_at: when the session began, UTC microseconds.
        at: when they said it; that of the session where nobody knows.
    """

    user_id: int
    started_at: int
    at: int


class Given(NamedTuple):
    """When a person's agents were given it, first and last, UTC microseconds."""

    first_at: int
    last_at: int


class Sessions(NamedTuple):
    """When sessions of an item's people began.

    Attributes:
        of: by person, in order.
        every: all of them, in order.
    """

    of: Mapping[int, Sequence[int]]
    every: Sequence[int]


class Story(NamedTuple):
    """What is known of an item.

    Attributes:
        opened_at: instant from which on it counts: when the session began in which it was first said, or when it was
            written down, if that was before.
        sayings: by people of its audience, each turn once, by the beginning of the session; one that opened included.
        doubtful: sayings of statements that may be the same, about which nobody has decided.
        given: by person; of `ANYBODY` for everybody.
    """

    opened_at: int
    sayings: Sequence[Saying]
    doubtful: Sequence[Saying]
    given: Mapping[int, Given]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a timeline.

    Attributes:
        at: its beginning, UTC microseconds.
        sessions: that began in it.
        said: how often it was said in it, the first time included.
    """

    at: int
    sessions: int
    said: int


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What an item changed.

    Attributes:
        text: all of it in a sentence, for people.
        expected: how often it would have been said since at the rate of before, rounded; null where no change is told.
        telling_after: sessions since, after which silence would tell a change; null once it was said since, or
            without anything to compare with.
        undecided: how often statements were said since that may be the same and that nobody has decided about. They
            count against it, and never for it.
        opened_at: the beginning of the comparison, UTC microseconds.
        delivered_at: when the first agent was given it; null before.
        timeline: equal parts of the time from then on.
    """

    verdict: Verdict
    text: str
    before: Side
    after: Side
    expected: int | None
    telling_after: int | None
    undecided: int
    opened_at: int
    delivered_at: int | None
    timeline: tuple[Span, ...]


def effect(story: Story, sessions: Sessions, *, now: int) -> Effect:
    """Return what an item changed until now."""
    sides = _sides(story, sessions)
    undecided = sum(_is_since(each, story.given) is True for each in story.doubtful)
    delivered_at = min((each.first_at for each in story.given.values()), default=None)
    verdict = Verdict.UNDELIVERED if delivered_at is None else judged(*sides, undecided=undecided)
    before, after = sides
    told = verdict in {Verdict.LESS, Verdict.MORE, Verdict.SAME}
    silent = after.again == 0 and before.again and before.sessions and verdict is Verdict.TOO_EARLY
    found = Effect(
        verdict=verdict,
        text="",
        before=before,
        after=after,
        expected=round(after.sessions * before.again / before.sessions) if told and before.sessions else None,
        telling_after=telling_after(before) if silent else None,
        undecided=undecided,
        opened_at=story.opened_at,
        delivered_at=delivered_at,
        timeline=_timeline(story, sessions, now=now),
    )
    return msgspec.structs.replace(found, text=_text(found))


def rank(found: Effect) -> tuple[int, int, int]:
    """Return by what effects are ordered: those that are told first, the greatest before the others."""
    fewer = (found.expected or 0) - found.after.again
    return list(Verdict).index(found.verdict), -fewer, -(found.before.again + found.after.again)


def _sides(story: Story, sessions: Sessions) -> tuple[Side, Side]:
    before = after = 0
    for user_id, starts in sessions.of.items():
        opened = bisect_right(starts, story.opened_at)
        if (given := _given(user_id, story.given)) is None:
            before += len(starts) - opened
            continue
        first = max(opened, bisect_left(starts, given.first_at))
        before += first - opened
        after += max(0, bisect_right(starts, given.last_at + LAPSE_US) - first)
    opens = bool(story.sayings) and story.sayings[0].started_at <= story.opened_at
    since = [_is_since(each, story.given) for each in story.sayings[opens:]]
    return Side(again=since.count(False), sessions=before), Side(again=since.count(True), sessions=after)


def _given(user_id: int, given: Mapping[int, Given]) -> Given | None:
    own, anybodys = given.get(user_id), given.get(ANYBODY)
    if own is None or anybodys is None:
        return own or anybodys
    return Given(min(own.first_at, anybodys.first_at), max(own.last_at, anybodys.last_at))


def _is_since(saying: Saying, given: Mapping[int, Given]) -> bool | None:
    """Tell whether its session counts as one since the person's agents were given it; None once that has lapsed."""
    found = _given(saying.user_id, given)
    if found is None or saying.started_at < found.first_at:
        return False
    return True if saying.started_at <= found.last_at + LAPSE_US else None


def _timeline(story: Story, sessions: Sessions, *, now: int) -> tuple[Span, ...]:
    start, length = story.opened_at, max(DAY, (now - story.opened_at) // SPANS + 1)
    said = Counter((max(each.at, start) - start) // length for each in story.sayings)
    starts = range(start, max(now, start) + 1 + length, length)
    edges = [bisect_left(sessions.every, at) for at in starts]
    return tuple(
        Span(at=at, sessions=edges[place + 1] - edges[place], said=said[place]) for place, at in enumerate(starts[:-1])
    )


def _text(found: Effect) -> str:
    """Return an effect as sentences; of every verdict with the numbers that it rests on."""
    before, after = found.before, found.after
    earlier = f"{_again(before.again)} in {_sessions(before.sessions)}"
    if found.verdict is Verdict.UNDELIVERED:
        return f"No agent was given it yet. Since it was first said, it was {earlier}."
    since = f"{_times(after.again)} in {_sessions(after.sessions)} since" if after.sessions else "no session since"
    whole = f"{earlier} before agents were given it, {since}"
    whole = f"{found.verdict.words.capitalize()}: {whole}."
    if found.verdict is Verdict.LESS:
        return f"{whole} At the rate of before it would have been {_times(found.expected or 0)}."
    if found.verdict is Verdict.MORE:
        return f"{whole} Perhaps it is unclear, or does not reach agents where it is needed."
    if found.verdict is Verdict.SAME:
        return whole
    if found.undecided:
        more = f" Statements that may be the same were said {_times(found.undecided)} since; nobody decided about them."
    elif found.telling_after is not None:
        more = f" Silence in {_sessions(found.telling_after)} would tell a change."
    else:
        more = "" if before.again else " There is nothing to compare with."
    return f"{whole}{more}"


def _again(number: int) -> str:
    return f"said again {_times(number)}" if number else "not said again"


def _times(number: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number:,} sessions"
