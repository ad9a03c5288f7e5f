"""Schedules: their grammar, the column of a fault, and due instants on both sides of changed clocks."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.clock import SECOND
from precedent.jobs.records import every
from precedent.schedules import Fault, latest, parse, upcoming

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


def at(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * SECOND


def times(text: str, *, after: str, count: int, name: str = "job") -> list[str]:
    found = upcoming(parse(text, name=name), after=at(after), count=count)
    return [datetime.fromtimestamp(each // SECOND, UTC).strftime("%Y-%m-%d %H:%M") for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily 07:00,13:00", ["2026-11-25 13:00", "2026-11-26 07:00", "2026-11-26 13:00"]),
        ("daily 13:00,07:00,7:00", ["2026-11-25 13:00", "2026-11-26 07:00", "2026-11-26 13:00"]),
        ("daily 07:00 Europe/Berlin", ["2026-11-26 06:00", "2026-11-27 06:00", "2026-11-28 06:00"]),
        ("daily 00:00 UTC", ["2026-11-26 00:00", "2026-11-27 00:00", "2026-11-28 00:00"]),
        ("weekly mon 09:00", ["2026-11-30 09:00", "2026-12-07 09:00", "2026-12-14 09:00"]),
        ("Weekly THU,mon 9:00,17:30", ["2026-11-26 09:00", "2026-11-26 17:30", "2026-11-30 09:00"]),
        ("@hourly", ["2026-11-25 13:00", "2026-11-25 14:00", "2026-11-25 15:00"]),
        ("@daily America/New_York", ["2026-11-26 05:00", "2026-11-27 05:00", "2026-11-28 05:00"]),
        ("@midnight", ["2026-11-26 00:00", "2026-11-27 00:00", "2026-11-28 00:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00", "2026-12-13 00:00"]),
        ("@monthly", ["2026-12-01 00:00", "2027-01-01 00:00", "2027-02-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
        ("*/15 * * * *", ["2026-11-25 12:15", "2026-11-25 12:30", "2026-11-25 12:45"]),
        ("5/20 * * * *", ["2026-11-25 12:05", "2026-11-25 12:25", "2026-11-25 12:45"]),
        ("0 9-17/4 * * *", ["2026-11-25 13:00", "2026-11-25 17:00", "2026-11-26 09:00"]),
        ("30 7 * * mon-fri", ["2026-11-26 07:30", "2026-11-27 07:30", "2026-11-30 07:30"]),
        ("0 0 * * 7", ["2026-11-29 00:00", "2026-12-06 00:00", "2026-12-13 00:00"]),
        ("0 0 * * sat-sun", ["2026-11-28 00:00", "2026-11-29 00:00", "2026-12-05 00:00"]),
        ("0 0 1 JAN,jul *", ["2027-01-01 00:00", "2027-07-01 00:00", "2028-01-01 00:00"]),
        ("0 0 29 feb *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
    ],
)
def test_a_schedule_is_due_when_it_says(text: str, expected: Sequence[str]) -> None:
    assert times(text, after="2026-11-25 12:00", count=3) == expected


def test_a_day_matches_by_day_of_month_or_day_of_week() -> None:
    expected = ["2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00"]
    assert times("0 0 13 * fri", after="2026-11-25 12:00", count=4) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "nothing"),
        ("   ", 1, "nothing"),
        ("often", 1, "begins no schedule"),
        ("@often", 1, "@hourly"),
        ("every", 6, "missing"),
        ("every m", 7, "no interval"),
        ("every -5m", 7, "no interval"),
        ("every 5", 8, "ends with m"),
        ("every 5s", 8, "ends with m"),
        ("every 1.5h", 8, "ends with m"),
        ("every 0m", 7, "from 1 minute"),
        ("every 99999999999999999999m", 7, "366 days"),
        ("every 5m UTC", 10, "no zone"),
        ("every \u0661\u0665m", 7, "none of the characters"),
        ("daily ७:00", 7, "none of the characters"),
        ("daily", 6, "missing"),
        ("daily 25:00", 7, "no hour"),
        ("daily 07:00,7:60", 15, "no minute"),
        ("daily 07:00,", 13, "no time"),
        ("daily 07:00, 13:00", 14, "without spaces"),
        ("daily 0700", 7, "no time"),
        ("daily 07:00 Europe/Berln", 13, "is it Europe/Berlin"),
        ("daily 07:00 ../../etc/passwd", 13, "no time zone"),
        ("daily 07:00 Europe", 13, "no time zone"),
        ("daily 07:00 Europe/Berlin now", 27, "too much"),
        ("weekly", 7, "missing"),
        ("weekly mo 09:00", 8, "none of sun"),
        ("weekly mon,,tue 09:00", 12, "none of sun"),
        ("weekly mon", 11, "missing"),
        ("60 * * * *", 1, "no minute"),
        ("0 24 * * *", 3, "no hour"),
        ("0 0 0 * *", 5, "no day of month"),
        ("0 0 L * *", 5, "no day of month"),
        ("0 0 1 13 *", 7, "no month"),
        ("0 0 * * 8", 9, "no day of week"),
        ("0 0 * * mon#2", 9, "no day of week"),
        ("1,,2 * * * *", 3, "no minute"),
        ("1-x * * * *", 3, "no minute"),
        ("1-2-3 * * * *", 4, "second -"),
        ("5-1 * * * *", 3, "ends before it begins"),
        ("*/0 * * * *", 3, "no step"),
        ("*/5/5 * * * *", 4, "second step"),
        ("~/5 * * * *", 2, "step after ~"),
        ("* * * *", 8, "day of week is missing"),
        ("* * * * * *", 11, "no time zone"),
        ("0 0 30 2 *", 5, "no month that is chosen"),
        ("0 0 31 apr,jun *", 5, "no month that is chosen"),
        ("every 15m\n", 10, "none of the characters"),
        ("x" * 201, 201, "longer"),
    ],
)
def test_bad_grammar_is_refused_with_the_column_of_the_fault(text: str, column: int, message: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(text, name="job")
    assert caught.value.column == column
    assert message in caught.value.message
    assert f"column {column}" in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text(alphabet="0123456789*/,-~@: dailyewkmonUTC", max_size=40))
def test_any_text_is_a_schedule_or_a_fault_with_a_column_in_it(text: str) -> None:
    try:
        found = upcoming(parse(text, name="job"), after=at("2026-11-25 12:00"))
    except Fault as fault:
        assert 1 <= fault.column <= len(text) + 1
    else:
        assert len(found) == 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "every 2m"), (45, "every 1m"), (60, "every 1m"), (1, "every 1m"), (61, "every 2m"), (900, "every 15m"),
     (3600, "every 1h"), (5400, "every 90m"), (7200, "every 2h"), (7201, "every 121m"), (86_400, "every 24h"),
     (366 * 86_400, "every 8784h")],
)  # fmt: skip
def test_an_interval_is_rounded_up_to_minutes(seconds: int, text: str) -> None:
    assert every(seconds) == text
    first, second = upcoming(parse(text, name="job"), after=at("2026-11-25 12:00"), count=2)
    assert 0 <= (second - first) // SECOND - seconds < 60


@settings(deadline=None)
@given(st.integers(1, 366 * 86_400), st.text(max_size=10), st.integers(0, 2**52))
def test_an_interval_is_never_shorter_than_asked_for(seconds: int, name: str, instant: int) -> None:
    schedule = parse(every(seconds), name=name)
    found = upcoming(schedule, after=instant, count=3)
    assert found[0] > instant
    assert schedule.after(found[0] - 1) == found[0]
    assert found[2] - found[1] == found[1] - found[0] >= seconds * SECOND
    assert schedule.following(instant) - instant >= seconds * SECOND


def test_every_counts_elapsed_time_when_clocks_are_changed() -> None:
    for change in ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01"):
        found = upcoming(parse("every 2h", name="job"), after=at(change), count=14)
        assert {b - a for a, b in pairwise(found)} == {2 * HOUR}


def test_jobs_of_one_interval_are_spread_over_it_and_always_the_same() -> None:
    start = at("2026-11-25 12:00")
    found = {parse("every 1h", name=f"job-{number}").after(start) - start for number in range(200)}
    assert len(found) > 190
    assert max(found) - min(found) > 50 * MINUTE
    assert parse("every 1h", name="job-7").after(start) == parse("every 60m", name="job-7").after(start)


@pytest.mark.parametrize(
    ("text", "period"),
    [("~ * * * *", HOUR), ("~ ~ * * *", DAY), ("daily ~", DAY), ("weekly ~ ~", 7 * DAY), ("0~30 3 * * *", DAY)],
)
def test_a_tilde_is_the_same_for_a_name_and_different_for_names(text: str, period: int) -> None:
    start = at("2026-11-25 12:00")
    schedules = [parse(text, name=f"job-{number}") for number in range(50)]
    first = [each.after(start) for each in schedules]
    assert len(set(first)) > 15
    assert all(each.after(due) - due == period for each, due in zip(schedules, first, strict=True))
    assert first == [parse(text, name=f"job-{number}").after(start) for number in range(50)]


def test_a_tilde_in_days_is_a_day_that_every_month_has() -> None:
    for number in range(60):
        found = times("0 0 ~ * *", after="2026-01-01 00:00", count=12, name=f"job-{number}")
        assert len({each[:7] for each in found}) == 12


ZONES = {
    # Zone, the day on which an hour is skipped, the day on which one is shown twice.
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),  # half an hour
    "America/Santiago": (date(2026, 9, 6), date(2026, 4, 4)),  # at midnight
}
WALL_TIMES = [f"{hour:02}:{minute:02}" for hour in (0, 1, 2, 3, 23) for minute in (0, 30)]


@pytest.mark.parametrize("change", [0, 1], ids=["skipped", "twice"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("wall", WALL_TIMES)
def test_a_daily_time_comes_once_on_each_day_of_the_wall(zone: str, change: int, wall: str) -> None:
    place, day = ZoneInfo(zone), ZONES[zone][change]
    start = datetime.combine(day - timedelta(days=3), datetime.min.time(), place) - timedelta(minutes=1)
    for text in (f"daily {wall}", f"{int(wall[3:])} {int(wall[:2])} * * *"):
        schedule = parse(f"{text} {zone}", name="job")
        found = upcoming(schedule, after=int(start.timestamp()) * SECOND, count=7)
        shown = [datetime.fromtimestamp(each // SECOND, UTC).astimezone(place) for each in found]
        assert [each.date() for each in shown] == [day + timedelta(days=number) for number in range(-3, 4)]
        assert all(each.strftime("%H:%M") == wall for each in shown if each.date() != day)
        # Asked from any instant between, the answer is the same: restarts add nothing.
        for before, due in pairwise(found):
            assert {schedule.after(instant) for instant in range(before, due, 45 * MINUTE)} == {due}


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # An hour that is shown twice counts the first time; a time that is skipped is due after the change.
        ("30 1 * * * America/New_York", "2026-11-01 04:00", ["2026-11-01 05:30", "2026-11-02 06:30"]),
        ("30 1 * * * America/New_York", "2026-11-01 05:45", ["2026-11-02 06:30", "2026-11-03 06:30"]),
        ("30 1 * * * America/New_York", "2026-11-01 06:10", ["2026-11-02 06:30", "2026-11-03 06:30"]),
        ("daily 02:30 America/New_York", "2026-03-08 00:00", ["2026-03-08 07:00", "2026-03-09 06:30"]),
        # A schedule of every hour follows elapsed time, as cron does.
        ("0 * * * * America/New_York", "2026-11-01 04:30", ["2026-11-01 05:00", "2026-11-01 06:00"]),
    ],
)
def test_a_changed_clock_adds_no_run_and_loses_none(text: str, after: str, expected: list[str]) -> None:
    assert times(text, after=after, count=2) == expected


@settings(deadline=None)
@given(
    st.sampled_from(["*", "*/7", "0", "59", "3-40/6", "~"]),
    st.sampled_from(["*", "*/5", "0", "1,2", "3", "22-23", "~"]),
    st.sampled_from(["*", "1", "13", "31", "*/2", "~"]),
    st.sampled_from(["*", "1-3", "nov", "~"]),
    st.sampled_from(["*", "fri", "1-5", "7", "~"]),
    st.sampled_from(["", *ZONES, "Asia/Kolkata"]),
    st.integers(at("2025-01-01"), at("2027-12-31")),
)
def test_due_instants_rise_on_whole_minutes_and_do_not_depend_on_where_we_ask(
    minute: str, hour: str, day: str, month: str, week: str, zone: str, instant: int
) -> None:
    try:
        schedule = parse(f"{minute} {hour} {day} {month} {week} {zone}".strip(), name="job")
    except Fault as fault:
        assert "no month that is chosen" in fault.message
        return
    found = upcoming(schedule, after=instant, count=4)
    assert all(each % MINUTE == 0 for each in found)
    assert instant < found[0] < found[1] < found[2] < found[3]
    assert schedule.after(found[0] - 1) == found[0]
    assert schedule.after((found[0] + found[1]) // 2) == found[1]


def test_the_latest_due_instant_follows_from_the_last_one_and_never_from_now() -> None:
    schedule, hour = parse("0 * * * *", name="x"), 3600 * SECOND
    assert latest(schedule, last=10 * hour, now=11 * hour - 1) is None
    assert latest(schedule, last=10 * hour, now=11 * hour) == 11 * hour
    assert latest(schedule, last=10 * hour, now=15 * hour + 7) == 15 * hour
    assert latest(schedule, last=99 * hour, now=15 * hour + 7) is None  # a last one in the future counts as now
    assert latest(schedule, last=None, now=15 * hour + 7) == 15 * hour
    monthly = parse("@monthly", name="x")
    assert latest(monthly, last=None, now=20 * 24 * hour) == 20 * 24 * hour
