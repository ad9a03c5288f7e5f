"""What a job is to do now follows from what was settled last."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.clock import SECOND
from precedent.jobs.records import CatchUp
from precedent.scheduler.planning import MOST_MISSED, Plan, Rule, plan
from precedent.schedules import Schedule, parse

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOW = int(datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC).timestamp()) * SECOND
HOURLY = parse("0 * * * *", name="job")
NOON = NOW - 30 * SECOND


def planned(
    rule: CatchUp, *, last: int | None, now: int = NOW, schedule: Schedule = HOURLY, window_s: int = 7 * 86_400
) -> Plan:
    return plan(schedule, Rule(rule, window_s, 3), last_due_at=last, now=now)


def test_nothing_is_due_before_its_instant() -> None:
    for rule in CatchUp:
        assert planned(rule, last=NOON) == Plan()
        assert planned(rule, last=NOON, now=NOON + HOUR - 1) == Plan()
        assert planned(rule, last=NOON, now=NOON + HOUR).start == (NOON + HOUR,)


def test_the_latest_of_what_was_missed_is_made_up_and_the_others_are_noted() -> None:
    found = planned(CatchUp.LATEST, last=NOON - 5 * HOUR)
    assert found.start == (NOON,)
    assert found.missed == tuple(NOON - hours * HOUR for hours in (4, 3, 2, 1))
    assert "not started in time" in found.reason


def test_all_are_made_up_up_to_the_cap_oldest_first() -> None:
    found = planned(CatchUp.ALL, last=NOON - 5 * HOUR)
    assert found.start == (NOON - 2 * HOUR, NOON - HOUR, NOON)
    assert found.missed == (NOON - 4 * HOUR, NOON - 3 * HOUR)


def test_without_catch_up_only_what_is_on_time_starts() -> None:
    assert planned(CatchUp.NONE, last=NOON - 2 * HOUR).start == (NOON,)
    late = planned(CatchUp.NONE, last=NOON - 2 * HOUR, now=NOON + 5 * MINUTE)
    assert late.start == ()
    assert late.missed == (NOON - HOUR, NOON)


def test_what_is_older_than_the_window_is_noted_and_not_made_up() -> None:
    daily = parse("daily 03:00", name="job")
    found = planned(CatchUp.LATEST, last=NOW - 3 * DAY, schedule=daily, window_s=3600)
    assert found.start == ()
    assert len(found.missed) == 3
    assert "too long ago" in found.reason


def test_a_slot_missed_over_midnight_is_made_up_once() -> None:
    daily = parse("daily 23:50", name="job")
    last = int(datetime(2026, 11, 24, 23, 50, tzinfo=UTC).timestamp()) * SECOND
    now = last + DAY + 20 * MINUTE
    found = planned(CatchUp.LATEST, last=last, now=now, schedule=daily)
    assert found == Plan(start=(last + DAY,))
    assert planned(CatchUp.LATEST, last=found.newest, now=now, schedule=daily) == Plan()


def test_a_last_run_in_the_future_counts_as_now() -> None:
    for ahead in (HOUR, 400 * DAY):
        assert planned(CatchUp.LATEST, last=NOW + ahead) == Plan()
        assert planned(CatchUp.LATEST, last=NOW + ahead, now=NOW + HOUR).start in {(), (NOON + HOUR,)}
    # A clock that was set back a little starts nothing twice.
    assert planned(CatchUp.LATEST, last=NOON, now=NOON - 2 * SECOND) == Plan()


def test_an_interval_that_never_ran_starts_at_once_and_a_time_of_day_waits_for_its_time() -> None:
    every = parse("every 10m", name="job")
    found = planned(CatchUp.LATEST, last=None, schedule=every)
    assert len(found.start) == 1
    assert NOW - 10 * MINUTE < found.start[0] <= NOW
    assert found.missed == ()
    # The instant before is noted, so that a start that comes too late for the first time is a late one.
    assert planned(CatchUp.LATEST, last=None) == Plan(missed=(NOON,), reason="before the first start")


def test_a_long_downtime_lists_no_more_than_a_page() -> None:
    minutely = parse("every 1m", name="job")
    found = planned(CatchUp.LATEST, last=NOW - 400 * DAY, schedule=minutely)
    assert len(found.start) == 1
    assert len(found.missed) == MOST_MISSED
    assert "earlier ones are not listed" in found.reason


@settings(deadline=None)
@given(
    st.sampled_from(list(CatchUp)),
    st.sampled_from(["every 7m", "0 * * * *", "*/10 * * * *", "daily 01:30 America/New_York"]),
    st.integers(0, 3 * 86_400),
    st.lists(st.integers(1, 86_400), min_size=1, max_size=12),
)
def test_every_due_instant_is_started_or_noted_exactly_once_whenever_we_look(
    rule: CatchUp, text: str, ago: int, steps: list[int]
) -> None:
    schedule = parse(text, name="job")
    now = NOW - ago * SECOND
    last = first = schedule.after(now - DAY)
    seen: list[int] = []
    for step in steps:
        now += step * SECOND
        found = plan(schedule, Rule(rule, 30 * 86_400, 10**6), last_due_at=last, now=now)
        if found == Plan():
            continue
        assert found.missed == tuple(sorted(found.missed))
        seen += [*found.missed, *found.start]
        last = found.newest
    assert seen == sorted(set(seen))
    expected, instant = [], schedule.after(first)
    while instant <= now:
        expected.append(instant)
        instant = schedule.after(instant)
    missing = set(expected) - set(seen)
    assert set(seen) <= set(expected)
    assert len(missing) == max(0, len(expected) - len(seen))
    assert not missing or len(expected) > MOST_MISSED


@pytest.mark.parametrize("other", ["every 15m", "every 3h"])
def test_a_changed_interval_brings_no_two_instants_closer_than_it(other: str) -> None:
    settled = parse(other, name="job").after(NOW - DAY)
    schedule = parse("every 2h", name="job")
    assert schedule.following(settled) - settled >= 2 * HOUR
