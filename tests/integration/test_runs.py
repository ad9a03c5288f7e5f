"""The ledger of runs on both databases: one run for each due instant, none lost, none doubled, each outcome audited."""

import dataclasses
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from builders import ManualTime
from conftest import MakeApp
from precedent.app import App
from precedent.clock import SECOND
from precedent.errors import Busy, Fenced
from precedent.jobs.execution import execute
from precedent.jobs.records import COLLECTOR, Job, Overlap
from precedent.jobs.runs import KEPT_DAYS, LEASE_S, MAX_ATTEMPTS, Claimed, Ending, Watch
from precedent.security import audit
from precedent.store.schema import audit as audit_table
from precedent.store.schema import run as run_table
from precedent.store.schema import state as state_table

RACERS = 8
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR


@pytest.fixture
def job(app: App) -> Job:
    return app.jobs[COLLECTOR]


def audited(app: App) -> list[tuple[str, str]]:
    """Return action and result of every act, and see that nobody touched the log."""
    with app.store.read() as tx:
        verdict = audit.verify(tx)
        rows = tx.execute(sa.select(audit_table.c.action, audit_table.c.result).order_by(audit_table.c.id)).all()
    assert (verdict.fault, verdict.rows) == ("", len(rows))
    return [(row.action, row.result) for row in rows]


def race(act: Callable[[int], Any]) -> list[Any]:
    """Do something in several threads at once; a refusal is a result."""
    ready = threading.Barrier(RACERS)

    def one(number: int) -> Any:
        ready.wait()
        try:
            return act(number)
        except Busy as busy:
            return busy

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(one, range(RACERS)))


def finish(app: App, job: Job, claimed: Claimed, *, outcome: str = "done", counts: object = None) -> bool:
    ending = Ending(outcome, counts)
    return app.runs.close(
        claimed.id, fence=claimed.fence, record=job, ending=ending, by=claimed.requested_by, since=app.clock.now()
    )


def gone() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def hold_as(app: App, run_id: int, **holder: Any) -> None:
    """Make a run look as if another process had it."""
    with app.store.write() as tx:
        tx.execute(run_table.update().where(run_table.c.id == run_id).values(**holder))


def test_one_due_instant_is_one_run_whoever_asks_at_the_same_time(app: App, job: Job) -> None:
    for due_at in range(1, 6):
        answers = race(lambda _, due_at=due_at: app.runs.request(job, by="clock", due_at=due_at))  # type: ignore[misc]
        ids = {each.id for each in answers}
        assert len(ids) == 1 and sum(each.new for each in answers) == 1
        claimed = app.runs.claim([job.name])
        assert claimed is not None and claimed.id in ids
        assert finish(app, job, claimed)
    assert [each.due_at for each in app.runs.latest()] == [5, 4, 3, 2, 1]


def test_one_run_of_a_job_is_open_whoever_asks_at_the_same_time(app: App, job: Job) -> None:
    answers = race(lambda number: app.runs.request(job, by=str(number)))
    refused = [each for each in answers if isinstance(each, Busy)]
    (taken,) = [each for each in answers if not isinstance(each, Busy)]
    assert len(refused) == RACERS - 1
    assert {each.holder for each in refused} == {taken.id}
    assert all("already running" in str(each) for each in refused)


def test_one_worker_gets_a_queued_run(app: App, job: Job) -> None:
    asked = app.runs.request(job, by="ada")
    answers = race(lambda _: app.runs.claim([job.name]))
    assert [each.id for each in answers if each is not None] == [asked.id]


def test_asking_while_runs_end_loses_and_doubles_none(app: App, job: Job) -> None:
    def turn(number: int) -> int:
        ended = 0
        for step in range(12):
            try:
                app.runs.request(job, by=str(number), due_at=step + 1 if number % 2 else None)
            except Busy:
                pass
            claimed = app.runs.claim([job.name])
            ended += claimed is not None and finish(app, job, claimed)
        return ended

    ended = sum(race(turn))
    found = app.runs.latest(limit=500)
    assert sum(each.outcome == "done" for each in found) == ended
    assert {each.state for each in found} <= {"done", "skipped", "queued"}
    due = [each.due_at for each in found if each.due_at is not None]
    assert sorted(due) == list(range(1, 13))
    assert len(audited(app)) == len([each for each in found if each.state != "queued"])


def test_a_refused_due_instant_is_a_row_with_its_reason_and_audited(app: App, job: Job) -> None:
    held = app.runs.open(job, by="ada")
    with pytest.raises(Busy):
        app.runs.request(job, by="clock", due_at=7)
    app.runs.pause(job, reason="the disk is full", by="ada")
    assert finish(app, job, held)
    app.runs.request(job, by="clock", due_at=8)
    app.runs.missed(job, [9, 8, 10], by="clock", reason="nothing ran")
    skipped = {each.due_at: (each.outcome, each.error) for each in app.runs.latest() if each.due_at}
    assert skipped == {
        7: ("skipped", f"{job.name} is already running as run {held.id}"),
        8: ("skipped", "paused: the disk is full"),
        9: ("missed", "nothing ran"),
        10: ("missed", "nothing ran"),
    }
    assert audited(app) == [
        (job.action, "skipped"), ("pause_job", "ok"), (job.action, "done"), (job.action, "skipped"),
        (job.action, "missed"), (job.action, "missed"),
    ]  # fmt: skip


@pytest.mark.parametrize("jump", [HOUR, -HOUR, YEAR, -YEAR])
def test_a_clock_that_is_set_during_a_run_neither_loses_nor_doubles_it(
    app: App, job: Job, manual_time: ManualTime, jump: int
) -> None:
    app.runs.request(job, by="clock", due_at=manual_time.now)
    claimed = app.runs.claim([job.name])
    assert claimed is not None
    seconds = 0.0
    watch = Watch(lambda: seconds)
    assert app.runs.revive(app.jobs, watch=watch) == 0
    manual_time.now += jump
    for _ in range(10):
        seconds += LEASE_S / 2
        assert app.runs.revive(app.jobs, watch=watch) == 0
        assert app.runs.beat(claimed.id, fence=claimed.fence)
        manual_time.advance(1)
    with pytest.raises(Busy):
        app.runs.request(job, by="clock", due_at=manual_time.now)
    assert finish(app, job, claimed)
    assert app.runs.request(job, by="clock", due_at=manual_time.now + 1).new
    assert sorted(each.state for each in app.runs.latest()) == ["done", "queued", "skipped"]


def test_a_run_without_heartbeat_goes_on_elsewhere_and_a_late_writer_is_refused(app: App, job: Job) -> None:
    app.runs.request(job, by="ada")
    first = app.runs.claim([job.name])
    assert first is not None
    seconds = 0.0
    watch = Watch(lambda: seconds)
    app.runs.revive(app.jobs, watch=watch)
    seconds = LEASE_S - 1
    assert app.runs.revive(app.jobs, watch=watch) == 0
    seconds = LEASE_S + 1
    assert app.runs.revive(app.jobs, watch=watch) == 1
    second = app.runs.claim([job.name])
    assert second is not None and second.id == first.id and second.attempt == 2
    assert not app.runs.beat(first.id, fence=first.fence)
    assert not finish(app, job, first, outcome="failed")
    assert not app.runs.put_back(first.id, fence=first.fence)
    assert finish(app, job, second)
    assert [(each.outcome, each.attempt) for each in app.runs.latest()] == [("done", 2)]
    assert audited(app) == [(job.action, "done")]


def test_a_worker_that_wakes_up_late_is_told_that_its_run_is_not_its_own(app: App, job: Job) -> None:
    claimed = app.runs.open(job, by="ada")

    def work(*_: object) -> Ending:
        hold_as(app, claimed.id, host="elsewhere", heartbeat_at=0)
        app.runs.open(job, by="bob")
        return Ending("done")

    with pytest.raises(Fenced):
        execute(app.runs, job, claimed, work, stopping=lambda: False, clock=app.clock)
    assert app.runs.get(claimed.id).state == "running"


def test_the_run_of_a_process_that_is_gone_goes_on_at_once_and_is_lost_after_the_third(app: App, job: Job) -> None:
    app.runs.request(job, by="ada")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = app.runs.claim([job.name])
        assert claimed is not None and claimed.attempt == attempt
        hold_as(app, claimed.id, pid=gone())
        assert app.runs.revive(app.jobs, watch=Watch()) == 1
    assert app.runs.claim([job.name]) is None
    (found,) = app.runs.latest()
    assert (found.outcome, found.error) == ("lost", "every worker that took it died")
    assert audited(app) == [(job.action, "lost")]
    assert app.runs.jobs()[job.name].failures == 1
    assert app.runs.request(job, by="ada").new


def test_reviving_gives_back_what_the_dead_worker_had_claimed(app: App, job: Job) -> None:
    claimed = app.runs.open(job, by="ada")
    with app.store.write() as tx:
        tx.execute(state_table.insert().values(processor_name="p", session_file="s", transcript_id=1, username="ada",
                   status="pending", revision=1, claim=4, claim_run=claimed.id, pending_since=1))  # fmt: skip
    hold_as(app, claimed.id, pid=gone())
    app.runs.revive(app.jobs, watch=Watch())
    with app.store.read() as tx:
        assert tx.execute(sa.select(state_table.c.claim_run, state_table.c.claim)).all() == [(0, 4)]


def test_one_of_several_that_find_a_dead_worker_revives_its_run(app: App, job: Job) -> None:
    claimed = app.runs.open(job, by="ada")
    hold_as(app, claimed.id, pid=gone())
    assert sum(race(lambda _: app.runs.revive(app.jobs, watch=Watch()))) == 1
    again = app.runs.claim([job.name])
    assert again is not None and again.attempt == 2


def test_a_run_that_is_put_back_as_we_stop_is_no_attempt_and_keeps_its_counts(app: App, job: Job) -> None:
    app.runs.request(job, by="ada")
    for _ in range(MAX_ATTEMPTS + 2):
        claimed = app.runs.claim([job.name])
        assert claimed is not None and claimed.attempt == 1
        counts = {"processed": 2, "capped": 7, "errors_detail": [{"session": "s"}], "processor": "p"}
        execute(app.runs, job, claimed, lambda *_, counts=counts: Ending("stopped", counts), stopping=lambda: True,
                clock=app.clock)  # fmt: skip
    claimed = app.runs.claim([job.name])
    assert claimed is not None
    assert finish(app, job, claimed, counts={"processed": 1, "capped": 0, "errors_detail": [], "processor": "p"})
    assert app.runs.get(claimed.id).counts == (
        '{"processed":11,"capped":0,"errors_detail":[' + ",".join(['{"session":"s"}'] * 5) + '],"processor":"p"}'
    )


def test_a_run_that_the_database_left_alone_is_tried_again_and_then_fails(
    app: App, job: Job, manual_time: ManualTime
) -> None:
    def work(*_: object) -> Ending:
        raise sa.exc.OperationalError("SELECT 1", None, OSError("the server closed the connection"))

    app.runs.request(job, by="ada")
    for _ in range(MAX_ATTEMPTS):
        claimed = app.runs.claim([job.name])
        assert claimed is not None
        with pytest.raises(sa.exc.OperationalError):
            execute(app.runs, job, claimed, work, stopping=lambda: False, clock=app.clock)
        assert app.runs.claim([job.name]) is None
        manual_time.advance(60)
    (found,) = app.runs.latest()
    assert (found.outcome, found.error_class) == ("failed", "OperationalError")
    assert found.error == "OperationalError: the server closed the connection"
    assert audited(app) == [(job.action, "failed")]


def test_a_run_that_raises_is_written_down_and_frees_its_job(app: App, job: Job) -> None:
    def work(*_: object) -> Ending:
        raise ValueError("told to raise")

    with pytest.raises(ValueError, match="told to raise"):
        execute(app.runs, job, app.runs.open(job, by="ada"), work, stopping=lambda: False, clock=app.clock)
    found = app.runs.latest()[0]
    assert (found.outcome, found.error_class, found.error) == ("failed", "ValueError", "ValueError: told to raise")
    assert audited(app) == [(job.action, "failed")]
    app.runs.open(job, by="ada")


def test_a_job_that_fails_again_rests_and_the_skipped_instants_say_so(
    app: App, job: Job, manual_time: ManualTime
) -> None:
    for _ in range(2):
        assert finish(app, job, app.runs.open(job, by="ada"), outcome="failed")
    assert app.runs.jobs()[job.name].failures == 2
    asked = app.runs.request(job, by="clock", due_at=manual_time.now)
    assert app.runs.get(asked.id).error == "rests after 2 failures"
    manual_time.advance(6 * 3600)
    due = app.runs.request(job, by="clock", due_at=manual_time.now)
    assert app.runs.get(due.id).state == "queued"
    claimed = app.runs.claim([job.name])
    assert claimed is not None and finish(app, job, claimed)
    assert app.runs.jobs()[job.name].failures == 0


def test_history_is_kept_for_ninety_days(app: App, job: Job, manual_time: ManualTime) -> None:
    assert finish(app, job, app.runs.open(job, by="ada"))
    manual_time.advance(KEPT_DAYS * 86_400 - 1)
    assert app.runs.prune() == 0
    manual_time.advance(2)
    assert app.runs.prune() == 1
    assert app.runs.latest() == []


def test_what_a_process_of_our_number_held_before_us_goes_on(app: App, job: Job, make_app: MakeApp) -> None:
    claimed = app.runs.open(job, by="ada")
    assert make_app().runs.disown(app.jobs) == 1
    assert not app.runs.beat(claimed.id, fence=claimed.fence)


def test_a_job_that_queues_one_does_its_runs_one_after_the_other(app: App, job: Job) -> None:
    job = dataclasses.replace(job, overlap=Overlap.QUEUE_ONE)
    answers = race(lambda number: app.runs.request(job, by="clock", due_at=number + 1))
    queued = sorted(each.id for each in answers if not isinstance(each, Busy))
    assert len(queued) == 2
    for number in queued:
        claimed = app.runs.claim([job.name])
        assert claimed is not None and claimed.id == number
        assert app.runs.claim([job.name]) is None
        assert finish(app, job, claimed)
        later = app.runs.request(job, by="clock", due_at=100 + number)
        assert later.new and later.id > queued[-1]
    assert sorted(each.state for each in app.runs.latest()) == ["done"] * 2 + ["queued"] * 2 + ["skipped"] * (
        RACERS - 2
    )


def test_a_job_that_allows_it_runs_beside_itself(app: App, job: Job) -> None:
    job = dataclasses.replace(job, overlap=Overlap.ALLOW)
    asked = {app.runs.request(job, by="ada").id for _ in range(3)}
    claimed = [app.runs.claim([job.name]) for _ in range(3)]
    assert {each.id for each in claimed if each is not None} == asked


def test_a_job_pauses_itself_after_as_many_failures_as_its_record_says(app: App, job: Job) -> None:
    job = dataclasses.replace(job, pause_after=2)
    for _ in range(2):
        assert finish(app, job, app.runs.open(job, by="ada"), outcome="failed")
    assert app.runs.jobs()[job.name].paused_reason == "failed 2 times in a row"
    assert audited(app)[-1:] == [(job.action, "failed")] and ("pause_job", "ok") in audited(app)


def test_the_run_that_was_begun_last_is_told_past_those_that_were_skipped(app: App, job: Job) -> None:
    assert app.runs.last_begun([job.name]) == {}
    app.runs.request(job, by="clock", due_at=1)
    claimed = app.runs.claim([job.name])
    assert claimed is not None
    with pytest.raises(Busy):
        app.runs.request(job, by="clock", due_at=2)
    assert app.runs.latest(job.name)[0].outcome == "skipped"
    begun = app.runs.last_begun([job.name]).get(job.name)
    assert begun is not None and begun.id == claimed.id
