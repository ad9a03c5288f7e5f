"""Days in people's time zones, as ranges of quarter hours."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from precedent.errors import BadInput
from precedent.usage.periods import Period, day, first_instant, ranges, zone
from precedent.usage.rollups import BUCKET


def bucket(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000 // BUCKET


@pytest.mark.parametrize(
    "name", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Eucla", "Pacific/Chatham", "Asia/Kolkata"]
)
def test_every_zone_is_whole_quarter_hours_away(name: str) -> None:
    for month in range(1, 13):
        assert first_instant(date(2026, month, 1), ZoneInfo(name)) % BUCKET == 0


@pytest.mark.parametrize(
    ("name", "when", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_with_a_time_change_has_its_true_length(name: str, when: date, hours: float) -> None:
    noon = bucket(datetime(when.year, when.month, when.day, 12, tzinfo=ZoneInfo(name)))
    (found,) = ranges(Period.DAY, first=noon, last=noon, place=ZoneInfo(name))
    assert found.label == when.isoformat()
    assert (found.end - found.start) * 0.25 == hours


@pytest.mark.parametrize(
    ("period", "labels"),
    [
        (Period.DAY, ["2025-12-31", "2026-01-01"]),
        (Period.WEEK, ["2025-12-29"]),
        (Period.MONTH, ["2025-12-01", "2026-01-01"]),
    ],
)
def test_periods_cover_everything_and_join(period: Period, labels: list[str]) -> None:
    first, last = bucket(datetime(2025, 12, 31, tzinfo=UTC)), bucket(datetime(2026, 1, 1, 23, 45, tzinfo=UTC))
    found = ranges(period, first=first, last=last, place=UTC)
    assert [each.label for each in found] == labels
    assert found[0].start <= first
    assert found[-1].end > last
    assert all(before.end == after.start for before, after in itertools.pairwise(found))


def test_every_month_of_two_years_is_one_range() -> None:
    first, last = bucket(datetime(2026, 1, 1, tzinfo=UTC)), bucket(datetime(2027, 12, 31, tzinfo=UTC))
    found = ranges(Period.MONTH, first=first, last=last, place=ZoneInfo("Europe/Berlin"))
    labels = [each.label for each in found]
    assert labels == [f"{2026 + month // 12}-{month % 12 + 1:02}-01" for month in range(24)]
    assert timedelta(microseconds=(found[1].end - found[1].start) * BUCKET) == timedelta(days=28)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="no time zone"):
        zone(name)


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "", "2026-11-23T10:00"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no date"):
        day(text)
