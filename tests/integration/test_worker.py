"""Workers as real processes on both databases: woken at once, stopped in time, replaced when killed, sharing runs."""

import contextlib
import getpass
import json
import os
import resource
import signal
import sqlite3
import time

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from places import LIMIT_S, OBEDIENT, Place, until
from plugin_processors import GO, WAITING
from precedent.clock import SECOND
from precedent.jobs.helping import FAN_OUT
from precedent.jobs.records import COLLECTOR
from precedent.store.schema import run as run_table
from precedent.store.schema import worker as worker_table

BACK_S = STOP_S = 20.0
"""Far less than a lease, and room for a machine that does other things; `make bench` holds the real figures."""
LATENCY_US = 500_000
"""Half of what a run that is found by looking waits on average; `benchmarks.lateness` holds the real figure."""
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_a_run_asked_for_by_hand_starts_at_once_although_workers_look_seldom(place: Place) -> None:
    place.start()
    record, delays = place.app.jobs[COLLECTOR], []
    for _ in range(9):
        found = place.done(place.ask(record))
        assert found.started_at is not None and found.outcome == "done"
        delays.append(found.started_at - found.requested_at)
    # A run that is found by looking waits a second on average; on a busy machine some that are woken are late too.
    assert sorted(delays)[len(delays) // 3] <= LATENCY_US, delays


def test_a_worker_stands_back_behind_the_api(place: Place) -> None:
    assert os.getpriority(os.PRIO_PROCESS, place.start().pid) >= 10


def test_an_idle_worker_ends_within_a_second(place: Place) -> None:
    process = place.start()
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(LIMIT_S) == 0
    assert time.monotonic() - begun < 2.4  # less than the time that work under way would be given
    assert place.known() == set()
    assert [json.loads(line)["event"] for line in place.said().splitlines()] == ["worker starts"]


def test_a_stopped_worker_ends_in_time_and_its_run_goes_on_after_the_restart(place: Place) -> None:
    place.write(*["extract: nap 0.2"] * 24, *[f"item {number}" for number in range(6)])
    first = place.start()
    number = place.ask()
    until(lambda: bool((place.shared / "extract-calls").exists()), what="the extraction began")
    first.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert first.wait(LIMIT_S) == 0
    assert time.monotonic() - begun < STOP_S
    assert place.run(number).state == "queued"
    place.start()
    found = place.done(number)
    assert (found.outcome, found.attempt) == ("done", 1)
    assert place.counts(number)["processed"] == 30
    assert place.items() == [f"item {number}" for number in range(6)]
    assert "Traceback" not in place.said()


def test_work_that_does_not_end_in_time_goes_back_to_the_queue(place: Place) -> None:
    place.write("extract: wait", "item")
    first = place.start()
    number = place.ask()
    until((place.shared / WAITING).exists, what="the extraction waits")
    children = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert first.wait(LIMIT_S) == 0
    assert time.monotonic() - begun < STOP_S
    assert place.run(number).state == "queued"
    assert not psutil.wait_procs(children, timeout=BACK_S)[1]
    place.start()
    assert place.done(number).outcome == "done"
    assert place.items() == ["item"]


def test_a_killed_workers_run_goes_on_in_another_within_five_seconds(place: Place) -> None:
    place.write("extract: wait", "item")
    first = place.start()
    number = place.ask()
    until((place.shared / WAITING).exists, what="the extraction waits")
    second = place.start()
    first.kill()
    first.wait()
    begun = time.monotonic()
    until(lambda: place.run(number).attempt == 2, what="the other took it over")
    assert time.monotonic() - begun < BACK_S
    assert place.run(number).pid == second.pid
    assert place.done(number).outcome == "done"
    assert place.items() == ["item"]


def test_a_worker_that_was_stopped_for_long_and_wakes_up_writes_nothing(place: Place) -> None:
    place.write("extract: wait", "item")
    first = place.start()
    number = place.ask()
    until((place.shared / WAITING).exists, what="the extraction waits")
    first.send_signal(signal.SIGSTOP)
    with place.app.store.write() as tx:  # as long as a lease lasts, in which nobody sees a heartbeat
        tx.execute(run_table.update().where(run_table.c.id == number).values(host="elsewhere"))
        tx.execute(
            run_table.update().where(run_table.c.id == number).values(started_at=None, fence=run_table.c.fence + 1)
        )
    second = place.start()
    found = place.done(number)
    assert (found.pid, found.outcome) == (second.pid, "done")
    first.send_signal(signal.SIGCONT)
    (place.shared / GO).touch()
    until(lambda: "declared lost" in place.said(), what="the first is told")
    assert place.run(number) == found
    assert place.items() == ["item"]


@only_postgresql
def test_an_idle_worker_helps_with_a_large_run_and_everything_is_counted_once(place: Place) -> None:
    many = FAN_OUT + 400
    place.write(*[f"item {number}" for number in range(many)])
    for _ in range(2):
        place.start()
    number = place.ask()
    helped = False

    def ended() -> bool:
        nonlocal helped
        with place.app.store.read() as tx:
            helped |= tx.execute(sa.select(worker_table.c.id).where(worker_table.c.helps == number)).first() is not None
        return place.run(number).finished_at is not None

    until(ended, what="the run ended", limit_s=110)
    assert helped
    assert place.run(number).outcome == "done"
    assert place.counts(number)["processed"] == many
    assert len(place.items()) == len(set(place.items())) == many


@only_postgresql
def test_a_worker_survives_that_every_connection_is_cut(place: Place, database_url: str) -> None:
    place.write("extract: wait", "item")
    process = place.start()

    def cut() -> None:
        ours = "datname = current_database() AND pid <> pg_backend_pid()"
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(query)

    number = place.ask()
    until((place.shared / WAITING).exists, what="the extraction waits")
    cut()
    (place.shared / GO).touch()
    assert place.done(number).outcome == "done"
    assert place.items() == ["item"]
    cut()
    found = place.done(place.ask(place.app.jobs[COLLECTOR]))
    assert found.outcome == "done" and found.started_at is not None
    assert found.started_at - found.requested_at < BACK_S * SECOND
    assert process.poll() is None


@only_sqlite
def test_a_worker_survives_a_full_disk_and_goes_on_by_itself(place: Place) -> None:
    process = place.start()
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
    number = place.ask(place.app.jobs[COLLECTOR])
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        assert place.run(number).state == "queued"
        assert process.poll() is None
        time.sleep(0.1)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert place.done(number, limit_s=BACK_S * 2).outcome == "done"


@only_sqlite
def test_a_worker_waits_for_a_locked_database(place: Place) -> None:
    place.start()
    number = place.ask(place.app.jobs[COLLECTOR])
    with contextlib.closing(sqlite3.connect(place.app.settings.data_dir / "precedent.db")) as other:
        place.done(number)
        number = place.ask(place.app.jobs[COLLECTOR])
        other.execute("BEGIN IMMEDIATE")
        time.sleep(1.0)  # nothing can be seen from outside while nobody can write
        other.rollback()
    assert place.done(number).outcome == "done"


def test_a_collection_that_copies_nothing_lets_processors_begin_that_have_something_to_do(place: Place) -> None:
    place.write("item", owner=getpass.getuser())
    place.start()
    assert place.counts(place.done(place.ask(place.app.jobs[COLLECTOR])).id)["files_copied"] == 0
    until(lambda: place.items() == ["item"], what="the processor was asked to run")


def test_a_collection_while_a_processor_runs_lets_it_run_again(place: Place) -> None:
    place.write("extract: wait", "item")
    place.start()
    number = place.ask()
    until((place.shared / WAITING).exists, what="the extraction waits")
    place.done(place.ask(place.app.jobs[COLLECTOR]))
    runs = place.app.runs.latest(OBEDIENT.name)
    assert [(each.state, each.requested_by) for each in runs] == [("queued", COLLECTOR), ("running", "ada")]
    (place.shared / GO).touch()
    assert place.done(number).outcome == "done"
    assert place.done(runs[0].id).outcome == "done"
