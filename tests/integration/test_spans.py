"""Sums of longer spans are those of their quarter hours, whatever was added, taken away, moved or pruned."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from precedent.clock import SECOND
from precedent.store import Store, bulk
from precedent.store.migrate import upgrade
from precedent.store.schema import usage_event_rollup, usage_name, usage_rollup, user
from precedent.usage.observation import EventSeen, RequestSeen
from precedent.usage.periods import Period, zone
from precedent.usage.report import Filter, Report
from precedent.usage.retention import prune
from precedent.usage.rollups import BUCKET, SPANS, Owner, Rollups, move, stretches

BEGIN = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * SECOND
DAY = 86_400 * SECOND
AGENT, PROJECTS, MODELS, TOOL = 1, (2, 3), (4, 5), 6


def _request(at: int, rng: random.Random) -> RequestSeen:
    return RequestSeen(
        key=1, transcript_id=1, at=at, line=1, byte_offset=0, project_id=rng.choice(PROJECTS),
        model_id=rng.choice(MODELS), modifiers_id=1, input_tokens=rng.randrange(9), output_tokens=rng.randrange(1, 99),
        cache_write_5m_tokens=0, cache_write_1h_tokens=0, cache_read_tokens=3, web_searches=0, result_searches=0,
        content_chars=0, recorded_cost_usd_micros=None, flags=0, generation=1,
    )  # fmt: skip


def _event(at: int, rng: random.Random) -> EventSeen:
    given: dict[str, Any] = dict.fromkeys(EventSeen.__struct_fields__, 0)
    return EventSeen(**given | {"at": at, "project_id": 2, "model_id": 4, "name_id": TOOL, "outcome": rng.randrange(5)})


@pytest.fixture
def store(database_url: str) -> Any:
    store = Store(database_url)
    upgrade(store)
    with store.write() as tx:
        bulk.insert(tx, user, ["id", "key", "created_at"], [(number, f"person {number}", 1) for number in (1, 2, 3)])
        names = [
            ("agent", "one"),
            ("project", "/a"),
            ("project", "/b"),
            ("model", "m"),
            ("model", "n"),
            ("tool", "Bash"),
        ]
        bulk.insert(tx, usage_name, ["id", "kind", "name"], [(at, *each) for at, each in enumerate(names, 1)])
    yield store
    store.close()


def fill(store: Store, rng: random.Random, *, requests: int = 600) -> list[tuple[int, int, RequestSeen]]:
    """Add requests of 100 days, some of which are taken away again; return the rest, with time and person."""
    left, sums = [], Rollups()
    for _ in range(requests):
        at = BEGIN + rng.randrange(100 * DAY)
        owner, row = Owner(rng.choice((1, 2)), AGENT, ""), _request(at, rng)
        sums.request(row, 7, owner, sign=1)
        sums.event(_event(at, rng), owner, sign=1)
        left.append((at, owner.user_id, row))
    with store.write() as tx:
        sums.apply(tx)
    rng.shuffle(left)
    gone, left = left[: requests // 4], left[requests // 4 :]
    sums = Rollups()
    for _, person, row in gone:
        sums.request(row, 7, Owner(person, AGENT, ""), sign=-1)
    with store.write() as tx:
        sums.apply(tx)
    return left


def check(store: Store) -> None:
    """Compare every span with the quarter hours."""
    with store.read() as tx:
        for table in (usage_rollup, usage_event_rollup):
            keys = [column.name for column in table.primary_key][2:]
            found: dict[int, dict[tuple[int, ...], list[int]]] = defaultdict(dict)
            expected: dict[int, dict[tuple[int, ...], list[int]]] = defaultdict(dict)
            for row in tx.execute(sa.select(table)):
                span, bucket, *rest = row
                found[span][(bucket, *rest[: len(keys)])] = rest[len(keys) :]
                if span == 1:
                    for each in SPANS:
                        key = (bucket // each * each, *rest[: len(keys)])
                        sums = expected[each].setdefault(key, [0] * len(rest[len(keys) :]))
                        expected[each][key] = [a + b for a, b in zip(sums, rest[len(keys) :], strict=True)]
            assert found == expected and set(found) == set(SPANS)


def test_every_span_holds_what_was_added_and_not_taken_away(store: Store) -> None:
    rng = random.Random(5)
    left = fill(store, rng)
    check(store)
    with store.read() as tx:
        assert Report(tx).totals().requests == len(left)
    with store.write() as tx:
        move(tx, 1, into=3)
    check(store)
    for days in (0, 3, 33, 64, 70):
        before = BEGIN + days * DAY + 5 * SECOND
        prune(store, before=before)
        check(store)
        with store.read() as tx:
            assert Report(tx).totals().requests == sum(at >= before - before % DAY for at, *_ in left)


@pytest.mark.parametrize("place", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def test_any_stretch_of_time_is_the_sum_of_its_quarter_hours(store: Store, place: str) -> None:
    rng = random.Random(8)
    left, where = fill(store, rng), zone(place)
    for period in (None, *Period):
        for _ in range(4):
            start, end = sorted(BEGIN // BUCKET * BUCKET + rng.randrange(-9, 9_700) * BUCKET for _ in range(2))
            about = rng.choice([Filter(), Filter(start=start, end=end), Filter(start=start), Filter(end=end)])
            inside = [
                each for each in left
                if (about.start is None or each[0] >= about.start) and (about.end is None or each[0] < about.end)
            ]  # fmt: skip
            expected: dict[tuple[str, ...], int] = defaultdict(int)
            for at, person, row in inside:
                when = datetime.fromtimestamp(at // SECOND, UTC).astimezone(where).date()
                if period is Period.WEEK:
                    when -= timedelta(days=when.weekday())
                elif period is Period.MONTH:
                    when = when.replace(day=1)
                expected[(*([when.isoformat()] if period else []), f"person {person}")] += row.output_tokens
            with store.read() as tx:
                dimensions = (*(["date"] if period else []), "person")
                found = Report(tx, where=about, place=where).by(dimensions, period=period or Period.DAY)
            assert {each.group: each.output_tokens for each in found if each.requests} == dict(expected)


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_stretches_are_a_range_in_the_longest_parts_that_fit(start: int, size: int) -> None:
    found = stretches(start, start + size)
    at = start
    for span, begin, end in found:
        assert begin == at < end and begin % span == 0 == end % span
        assert not any(-(-begin // longer) * longer + longer <= end for longer in SPANS if longer > span)
        at = end
    assert at == start + size and len(found) <= 2 * len(SPANS) - 1
