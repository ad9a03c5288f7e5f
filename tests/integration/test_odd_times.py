"""One odd clock in one transcript must not cost anybody a report."""

import json
import os

import pytest
import sqlalchemy as sa

from builders import claude_path, claude_session, put, session_id
from precedent.app import App
from precedent.archive.sources import Home
from precedent.store.schema import usage_defect, usage_transcript
from precedent.usage.periods import Period
from precedent.usage.report import Report

ODD = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-05T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2100-01-01T00:00:00Z",
    "9999-12-31T20:00:00Z",
    "9999-12-31T23:59:59-14:00",
]


def with_times(data: bytes, time: str) -> bytes:
    """Give every line but the first an odd time."""
    first, *others = data.splitlines(keepends=True)
    return first + b"".join(json.dumps(json.loads(line) | {"timestamp": time}).encode() + b"\n" for line in others)


@pytest.mark.parametrize("time", ODD)
def test_an_impossible_time_is_told_and_the_line_has_the_time_before_it(app: App, home: Home, time: str) -> None:
    plain = claude_session(session_id(1), 2)
    put(claude_path(home.path, session_id(1)), with_times(plain, time))
    app.collect([home])
    assert app.run_processor("usage").errors == 0
    with app.store.read() as tx:
        report = Report(tx)
        days = {period: report.by(["date"], period=period) for period in Period}
        told = set(tx.scalars(sa.select(usage_defect.c.reason)))
        start, end = tx.execute(sa.select(usage_transcript.c.first_at, usage_transcript.c.last_at)).one()
    assert [len(each) for each in days.values()] == [1] * len(days)
    assert days[Period.DAY][0].requests == 4
    assert told == {"impossible time at timestamp"}
    assert start == end


def test_a_source_with_an_impossible_time_was_seen_now(app: App, home: Home) -> None:
    path = put(claude_path(home.path, session_id(1)), claude_session(session_id(1), 1))
    os.utime(path, (-(10**10), -(10**10)))
    app.collect([home])
    assert app.run_processor("usage").errors == 0
    with app.store.read() as tx:
        assert len(Report(tx).by(["date"])) == 1
