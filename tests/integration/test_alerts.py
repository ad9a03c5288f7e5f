"""Alerts: told once when they begin, once when they end, by one worker, and never at the cost of anybody."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from builders import ManualTime
from conftest import MakeApp
from observed import Receiver, until
from precedent.app import App
from precedent.clock import SECOND
from precedent.store import Store
from precedent.telemetry import alerts
from precedent.telemetry.alerts import Alerts, Raised, Thresholds, holding
from precedent.telemetry.figures import Figures
from precedent.telemetry.posting import post

HOOK = "https://hooks.example.com/secret"
DISK = Raised("disk", "Disk: the data folder has only 5 MB free.")


class Team:
    """Those who are told; they take what comes unless `refusing`."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.refusing: set[str] = set()
        self.calls: list[str] = []

    def post(self, url: str, message: Mapping[str, object]) -> str:
        self.calls.append(url)
        if url in self.refusing:
            return "status 500"
        self.got.append(dict(message))
        return ""

    def states(self) -> list[str]:
        return [f"{each['alert']} {each['state']}" for each in self.got]


class Watch:
    """Alerts of a database, with what holds in a list."""

    def __init__(self, app: App, time_: ManualTime, *, hooks: tuple[str, ...] = (HOOK,)) -> None:
        self.holds: list[Raised] = []
        self.team, self.time = Team(), time_
        self.alerts = Alerts(app.store, look=lambda: self.holds, webhooks=hooks, post=self.team.post, clock=time_.clock)

    def minute(self, *holds: Raised) -> None:
        self.holds = list(holds)
        self.time.advance(60)
        assert self.alerts.look() is not None


@pytest.fixture
def watch(app: App, manual_time: ManualTime) -> Watch:
    return Watch(app, manual_time)


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(watch: Watch) -> None:
    watch.minute()
    for _ in range(5):
        watch.minute(DISK)
    for _ in range(5):
        watch.minute()
    assert watch.team.states() == ["disk raised", "disk resolved"]
    began, ended = watch.team.got
    assert began["text"] == "Precedent: Disk: the data folder has only 5 MB free."
    assert ended["text"].startswith("Precedent: resolved: Disk")
    assert began["raised_at"] == ended["raised_at"]
    assert began["resolved_at"] is None and ended["resolved_at"] is not None
    watch.minute(DISK)
    assert watch.team.states()[2:] == ["disk raised"]


def test_what_is_not_taken_is_told_again_later_and_later(watch: Watch) -> None:
    watch.team.refusing = {HOOK}
    for _ in range(60):
        watch.minute(DISK)
    assert 5 <= len(watch.team.calls) <= 8
    watch.team.refusing = set()
    for _ in range(60):
        watch.minute(DISK)
    assert watch.team.states() == ["disk raised"]


def test_each_address_is_told_once_although_another_refuses(app: App, manual_time: ManualTime) -> None:
    watch = Watch(app, manual_time, hooks=("https://a.example", "https://b.example"))
    watch.team.refusing = {"https://b.example"}
    for _ in range(10):
        watch.minute(DISK)
    assert watch.team.calls.count("https://a.example") == 1
    watch.team.refusing = set()
    for _ in range(60):
        watch.minute(DISK)
    assert watch.team.states() == ["disk raised"] * 2


def test_an_alert_that_ended_before_anybody_heard_is_not_told(watch: Watch) -> None:
    watch.team.refusing = {HOOK}
    watch.minute(DISK)
    watch.minute()
    watch.team.refusing = set()
    watch.minute()
    assert watch.team.got == []


def test_one_that_comes_back_before_its_end_was_told_is_not_told_again(watch: Watch) -> None:
    watch.minute(DISK)
    watch.team.refusing = {HOOK}
    watch.minute()
    watch.minute(DISK)
    watch.team.refusing = set()
    for _ in range(5):
        watch.minute(DISK)
    assert watch.team.states() == ["disk raised"]


def test_more_dead_letters_are_told_fewer_are_not(watch: Watch) -> None:
    for number in (1, 1, 4, 4, 2, 4):
        watch.minute(Raised("dead:usage", f"{number} given up on", number))
    assert [each["message"] for each in watch.team.got] == ["1 given up on", "4 given up on", "4 given up on"]


def test_of_many_workers_one_tells(database_url: str, app: App, manual_time: ManualTime) -> None:
    team, stores = Team(), [Store(database_url) for _ in range(4)]
    workers = [
        Alerts(store, look=lambda: [DISK], webhooks=(HOOK,), post=team.post, clock=manual_time.clock)
        for store in stores
    ]
    for _ in range(3):
        manual_time.advance(60)
        with ThreadPoolExecutor(4) as pool:
            looked = list(pool.map(lambda each: each.look(), workers))
        assert len([each for each in looked if each is not None]) == 1
    for store in stores:
        store.close()
    assert team.states() == ["disk raised"]


def test_a_clock_that_was_set_back_does_not_end_the_watch(watch: Watch, manual_time: ManualTime) -> None:
    watch.minute()
    manual_time.advance(-86_400)
    watch.minute(DISK)
    assert watch.team.states() == ["disk raised"]


# What holds -------------------------------------------------------------------------------------------------------


def figures(app: App) -> Figures:
    app.processing.register_all()
    return app.health.figures()


def names(app: App, found: Figures) -> set[str]:
    limits = Thresholds(failures=3, backlog_s=3600)
    return {each.name for each in holding(found, records=app.jobs.values(), disk=app.health.disk(), thresholds=limits)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_threshold_raises_its_alert(app: App) -> None:
    found = figures(app)
    assert names(app, found) == set()
    usage = found.processors["usage"]
    late = usage._replace(due=5, oldest_at=found.at - 3601 * SECOND)
    assert names(app, found._replace(processors={"usage": late})) == {"backlog:usage"}
    assert names(app, found._replace(processors={"usage": usage._replace(dead=1)})) == {"dead:usage"}
    assert names(app, found._replace(processors={"usage": usage._replace(paused_reason="x")})) == {"paused:usage"}
    silent = found.at - 3600 * SECOND
    assert names(app, found._replace(scheduler_at=silent)) == {"scheduler"}
    assert names(app, found._replace(audit_fits=False)) == {"audit-log"}


def test_a_job_that_fails_three_times_in_a_row_raises_an_alert(app: App, manual_time: ManualTime) -> None:
    with app.store.write() as tx:
        tx.execute(sa.text("INSERT INTO job (name, failures) VALUES ('session-collector', 3)"))
    assert names(app, figures(app)) == {"failing:session-collector"}


# Real calls -------------------------------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_a_message_is_posted_as_json_and_refusals_are_told_without_the_address(receiver: Receiver) -> None:
    assert post(f"{receiver.url}/hook", {"text": "hello"}) == ""
    assert receiver.json() == [{"text": "hello"}]
    receiver.status = 500
    assert post(f"{receiver.url}/hook", {"text": "hello"}) == "status 500"
    for url in ("http://127.0.0.1:1/secret", "no-url-at-all", "http://[::bad/secret", "ftp://x/secret"):
        fault = post(url, {})
        assert fault and "secret" not in fault


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status = 302
    assert post(receiver.url, {}) == "status 302"
    assert len(receiver.got) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_tells_by_itself_and_ends_at_once_although_the_address_hangs(
    make_app: MakeApp, receiver: Receiver
) -> None:
    receiver.hang.set()
    app = make_app(clock=App.__dataclass_fields__["clock"].default, alert_webhooks=(receiver.url,), low_disk_mb=2**40)
    with app.watching(period_s=0.05):
        until(lambda: bool(receiver.got), what="the alert is posted")
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    assert receiver.json()[0]["alert"] == "disk"
    with app.store.read() as tx:
        assert alerts.count(tx) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_watch_goes_on_when_the_database_was_away(make_app: MakeApp, receiver: Receiver) -> None:
    app = make_app(clock=App.__dataclass_fields__["clock"].default, alert_webhooks=(receiver.url,), low_disk_mb=2**40)
    with app.store.write() as tx:
        tx.execute(sa.text("ALTER TABLE alert RENAME TO alert_away"))
    with app.watching(period_s=0.02):
        time.sleep(0.1)
        with app.store.write() as tx:
            tx.execute(sa.text("ALTER TABLE alert_away RENAME TO alert"))
        until(lambda: bool(receiver.got), what="the alert is posted")
