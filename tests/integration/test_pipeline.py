"""What the pipeline promises whoever writes a processor: real children, real databases, time that stands still."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import plugin_processors
from builders import ManualTime, claude_path, claude_prompt, claude_reply, grow, home_of, put, session_id
from conftest import TESTS
from plugin_processors import BULKY, CALLS, GO, HUGE, NEWER, OBEDIENT, SECOND, WAITING, WHOLE, Obedient
from precedent import plugins
from precedent.app import App
from precedent.archive.sources import Home
from precedent.children import PASSED_ENVIRONMENT
from precedent.pipeline import backlog, state
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import REPROCESSED_PER_RUN, Budget, Runner
from precedent.pipeline.stats import RunStats
from precedent.store.schema import state as state_table
from precedent.store.schema import usage_event, usage_request, usage_rollup

LIMITS = Limits(time_s=60, memory_bytes=1 << 30, processes=1)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For promises that no database has a part in."""


class Pipeline:
    """A home whose sessions tell the processors of `plugin_processors` what to do, and runs of these."""

    def __init__(self, app: App, home: Home, manual_time: ManualTime, shared: Path) -> None:
        self.app, self.home, self.time, self.shared = app, home, manual_time, shared
        self.runner = self.new_runner()
        with app.store.write() as tx:
            tx.exec_driver_sql("CREATE TABLE plugin_item (version BIGINT, transcript_id BIGINT, file TEXT, item TEXT)")

    def new_runner(self, limits: Limits = LIMITS) -> Runner:
        readers = {plugin.name: plugin.path for plugin in plugins.installed(plugins.READERS)}
        return Runner(self.app.store, self.app.archive, readers=readers, limits=limits, clock=self.time.clock)

    def says(self, name: str, *prompts: str, home: Home | None = None) -> str:
        """Add prompts to a session and return its session file."""
        home, session = home or self.home, session_id(name)
        path = claude_path(home.path, session)
        for prompt in prompts:
            at = path.stat().st_size if path.exists() else 0
            data = claude_prompt(prompt, session=session, at=at)
            grow(path, data) if at else put(path, data)
        return f"{home.user}/{session}.jsonl"

    def collect(self, *homes: Home) -> None:
        stats = self.app.collect(homes or [self.home])
        assert stats.files_failed == stats.files_refused == 0, stats

    def register(self, processor: Obedient) -> str:
        """Register a processor and return its path."""
        with self.app.store.write() as tx:
            state.register(tx, processor, now=self.time.now)
        names = [name for name, value in vars(plugin_processors).items() if value is processor]
        return f"plugin_processors:{names[0]}"

    def run(
        self, processor: Obedient = OBEDIENT, *, budget: Budget = Budget(), limits: Limits | None = None
    ) -> RunStats:
        path = self.register(processor)
        runner = self.new_runner(limits) if limits else self.runner
        return runner.run(processor, path, budget=budget)

    def items(self, **where: object) -> list[str]:
        """What is stored, in alphabetical order; twice if it was stored twice."""
        return [str(row["item"]) for row in self.rows("plugin_item", **where)]

    def rows(self, table: str, **where: object) -> list[dict[str, Any]]:
        with self.app.store.read() as tx:
            rows = tx.execute(sa.text(f"SELECT * FROM {table}")).mappings().all()
        kept = [dict(row) for row in rows if all(row[name] == value for name, value in where.items())]
        return sorted(kept, key=lambda row: str(row.get("item", row.get("session_file"))))

    def state_of(self, file: str, name: str = "obedient") -> dict[str, Any]:
        [row] = self.rows("session_processor_state", processor_name=name, session_file=file)
        return row

    def calls(self) -> list[tuple[str, str, int]]:
        """Every call of `extract`: processor, session file, where it began to read."""
        path = self.shared / CALLS
        lines = path.read_text().splitlines() if path.exists() else []
        return [(name, file, int(offset)) for name, file, offset in (line.split() for line in lines)]


@pytest.fixture
def pipeline(
    app: App, home: Home, manual_time: ManualTime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Pipeline:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    return Pipeline(app, home, manual_time, shared)


# What is due --------------------------------------------------------------------------------------------------------


def test_an_unseen_transcript_is_processed_and_its_state_row_has_the_columns_operators_know(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "first", "second")
    pipeline.collect()
    stats = pipeline.run()
    assert stats == RunStats(processor="obedient", scanned=1, processed=1, items_extracted=2)
    assert pipeline.items() == ["first", "second"]
    row = pipeline.state_of(file)
    assert (row["processor_name"], row["session_file"], row["username"]) == ("obedient", file, "ada")
    assert (row["processed_at"], row["items_extracted"], row["status"]) == (pipeline.time.now, 2, "done")
    with pipeline.app.store.read() as tx:
        assert row["file_hash"] == tx.scalar(sa.text("SELECT content_hash FROM transcript")) != ""
        keys = sa.inspect(tx).get_pk_constraint("session_processor_state")["constrained_columns"]
    assert keys == ["processor_name", "session_file"]


def test_a_run_without_changes_scans_nothing_and_calls_nobody(pipeline: Pipeline) -> None:
    pipeline.says("one", "first")
    pipeline.collect()
    pipeline.run()
    pipeline.collect()
    pipeline.time.advance(10 * 86_400)
    assert pipeline.run() == RunStats(processor="obedient")
    assert len(pipeline.calls()) == 1


def test_no_transcripts_give_clean_zero_stats(pipeline: Pipeline) -> None:
    assert pipeline.run() == RunStats(processor="obedient")
    put(pipeline.home.path / ".claude/projects/stray.txt", b"not a transcript")
    put(pipeline.home.path / ".claude/projects/p/notes.jsonl", b"no json at all\n")
    pipeline.collect()
    assert pipeline.run() == RunStats(processor="obedient")


def test_content_that_changed_back_is_skipped_without_a_call(pipeline: Pipeline) -> None:
    path = pipeline.home.path / ".claude/projects/p" / f"{session_id('one')}.jsonl"
    before = claude_prompt("first", session=session_id("one"))
    put(path, before)
    pipeline.collect()
    pipeline.run()
    put(path, claude_prompt("other", session=session_id("one")))
    pipeline.collect()
    put(path, before)
    pipeline.collect()
    assert pipeline.run() == RunStats(processor="obedient", scanned=1, skipped=1)
    assert len(pipeline.calls()) == 1
    assert pipeline.run() == RunStats(processor="obedient")


def test_an_appended_transcript_is_processed_again_and_only_its_new_bytes_are_read(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "first")
    pipeline.collect()
    pipeline.run()
    length = (pipeline.app.archive.root / file).stat().st_size
    pipeline.says("one", "second")
    pipeline.collect()
    assert pipeline.run() == RunStats(processor="obedient", scanned=1, processed=1, items_extracted=1)
    assert pipeline.calls() == [("obedient", file, 0), ("obedient", file, length)]
    assert pipeline.items() == ["first", "second"]


def test_a_transcript_that_grows_while_it_is_extracted_is_processed_again_for_the_rest(pipeline: Pipeline) -> None:
    pipeline.says("one", "first", "extract: wait")
    pipeline.collect()
    found: list[RunStats] = []
    run = threading.Thread(target=lambda: found.append(pipeline.run()))
    run.start()
    wait_for(pipeline.shared / WAITING)
    pipeline.says("one", "second")
    pipeline.collect()
    (pipeline.shared / GO).touch()
    run.join()
    assert sorted(pipeline.items()) == ["first", "second"]
    assert found[0].processed == 2
    assert pipeline.run() == RunStats(processor="obedient")


def test_a_replaced_transcript_is_read_from_its_start(pipeline: Pipeline) -> None:
    pipeline.says("one", "first, longer than what comes")
    pipeline.collect()
    pipeline.run()
    put(claude_path(pipeline.home.path, session_id("one")), claude_prompt("anew", session=session_id("one")))
    pipeline.collect()
    assert pipeline.run().processed == 1
    assert [offset for _, _, offset in pipeline.calls()] == [0, 0]
    assert "anew" in pipeline.items()


def test_what_one_processor_did_another_still_has_to_do(pipeline: Pipeline) -> None:
    pipeline.says("one", "first")
    pipeline.collect()
    assert pipeline.run(OBEDIENT).processed == 1
    assert pipeline.run(SECOND).processed == 1
    assert pipeline.items() == ["first", "first"]
    pipeline.says("one", "next")
    pipeline.collect()
    assert pipeline.run(SECOND).processed == 1
    assert pipeline.run(OBEDIENT).processed == 1


def test_no_items_is_done_all_the_same(pipeline: Pipeline) -> None:
    session = session_id("one")
    put(claude_path(pipeline.home.path, session), claude_reply("msg_1", session=session))
    pipeline.collect()
    assert pipeline.run() == RunStats(processor="obedient", scanned=1, processed=1)
    assert pipeline.run() == RunStats(processor="obedient")


def test_a_processor_without_a_cursor_gets_the_whole_transcript_again_and_replaces_its_results(
    pipeline: Pipeline,
) -> None:
    pipeline.says("one", "first")
    pipeline.collect()
    pipeline.run(WHOLE)
    pipeline.says("one", "second")
    pipeline.collect()
    pipeline.run(WHOLE)
    assert pipeline.items() == ["first", "second"]


# Failures -----------------------------------------------------------------------------------------------------------


def test_one_of_three_that_raises_costs_the_others_nothing_and_is_retried(pipeline: Pipeline) -> None:
    pipeline.says("one", "first")
    file = pipeline.says("two", "extract: raise-once", "second")
    pipeline.says("three", "third")
    pipeline.collect()
    stats = pipeline.run()
    assert (stats.scanned, stats.processed, stats.errors, stats.dead) == (3, 2, 1, 0)
    assert stats.errors_detail == [{"session": file, "error": "ValueError: told to raise once"}]
    assert pipeline.items() == ["first", "third"]
    pipeline.time.advance(61)
    assert pipeline.run() == RunStats(processor="obedient", scanned=1, processed=1, items_extracted=1)
    assert pipeline.items() == ["first", "second", "third"]
    row = pipeline.state_of(file)
    assert (row["status"], row["attempts"], row["last_error"], row["error_class"]) == ("done", 0, "", "")


@pytest.mark.parametrize(("chance", "delays"), [(0.0, [30, 60, 120, 240]), (0.5, [45, 90, 180, 360])])
def test_failures_back_off_with_jitter(pipeline: Pipeline, chance: float, delays: Sequence[int]) -> None:
    pipeline.time.chance = chance
    pipeline.says("one", "extract: raise")
    pipeline.collect()
    assert pipeline.run().errors == 1
    for delay in delays:
        pipeline.time.advance(delay - 1)
        assert pipeline.run().scanned == 0
        pipeline.time.advance(1)
        assert pipeline.run().errors == 1
    assert pipeline.rows("session_processor_state", status="dead", processor_name="obedient")


@pytest.mark.parametrize(
    ("told", "attempts", "kind"),
    [
        ("extract: terminal", 1, "terminal"),
        ("extract: reject", 1, "rejected"),
        ("extract: wrong-type", 1, "contract"),
        ("store: none", 1, "contract"),
        ("store: text", 1, "contract"),
        ("store: negative", 1, "contract"),
        ("extract: raise", 5, "unclassified"),
        ("extract: deep", 5, "unclassified"),
        ("store: raise", 5, "unclassified"),
        ("extract: transient", 20, "transient"),
        ("extract: retry 1", 20, "transient"),
    ],
)
def test_a_failure_goes_to_the_dead_letter_after_the_attempts_of_its_class(
    pipeline: Pipeline, told: str, attempts: int, kind: str
) -> None:
    file = pipeline.says("one", told)
    pipeline.collect()
    for attempt in range(1, attempts + 1):
        stats = pipeline.run()
        assert (stats.errors, stats.dead, stats.processed) == (1, attempt == attempts, 0)
        pipeline.time.advance(6 * 3600)
    row = pipeline.state_of(file)
    assert (row["status"], row["attempts"], row["error_class"]) == ("dead", attempts, kind)
    assert row["last_error"]
    pipeline.time.advance(365 * 86_400)
    assert pipeline.run() == RunStats(processor="obedient")
    assert pipeline.items() == []


def test_a_retry_waits_as_long_as_the_processor_asked(pipeline: Pipeline) -> None:
    pipeline.says("one", "extract: retry 5000")
    pipeline.collect()
    assert pipeline.run().errors == 1
    pipeline.time.advance(4999)
    assert pipeline.run().scanned == 0
    pipeline.time.advance(1)
    assert pipeline.run().scanned == 1


def test_later_counts_as_no_attempt(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "extract: later 300", "first")
    pipeline.collect()
    for _ in range(25):
        assert pipeline.run() == RunStats(processor="obedient", scanned=1, later=1)
        assert pipeline.run() == RunStats(processor="obedient")
        pipeline.time.advance(300)
    assert pipeline.state_of(file)["attempts"] == 0
    (pipeline.shared / "ended").touch()
    assert pipeline.run().processed == 1


def test_a_configuration_fault_pauses_the_processor_and_says_so(pipeline: Pipeline) -> None:
    pipeline.says("one", "extract: misconfigured", "first")
    pipeline.collect()
    stats = pipeline.run()
    assert (stats.processed, stats.errors, stats.dead) == (0, 1, 0)
    assert stats.paused == "Misconfigured: no key is set"
    pipeline.time.advance(86_400)
    assert pipeline.run() == RunStats(processor="obedient", paused="Misconfigured: no key is set")
    assert len(pipeline.calls()) == 1
    assert pipeline.run(SECOND).scanned == 1  # pausing one processor leaves the others alone
    (pipeline.shared / "configured").touch()
    with pipeline.app.store.write() as tx:
        state.pause(tx, "obedient", "")
    assert pipeline.run().processed == 1
    assert pipeline.items() == ["first"]


def test_a_dead_transcript_that_grows_stays_dead_and_one_that_is_replaced_gets_another_chance(
    pipeline: Pipeline,
) -> None:
    file = pipeline.says("one", "extract: terminal")
    pipeline.collect()
    assert pipeline.run().dead == 1
    pipeline.says("one", "more")
    pipeline.collect()
    assert pipeline.run().scanned == 0
    put(claude_path(pipeline.home.path, session_id("one")), claude_prompt("good now", session=session_id("one")))
    pipeline.collect()
    assert pipeline.run().processed == 1
    assert pipeline.state_of(file)["status"] == "done"


def test_what_was_replaced_and_died_again_stays_dead_when_it_grows(pipeline: Pipeline) -> None:
    pipeline.says("other", "good")
    file = pipeline.says("one", "first, longer than what comes", "second")
    pipeline.collect()
    pipeline.run()
    path = claude_path(pipeline.home.path, session_id("one"))
    put(path, claude_prompt("extract: terminal", session=session_id("one")))
    pipeline.collect()
    assert pipeline.run().dead == 1
    pipeline.says("one", "more")
    pipeline.collect()
    assert pipeline.run().scanned == 0
    assert pipeline.state_of(file)["status"] == "dead"
    assert pipeline.items() == ["first, longer than what comes", "good", "second"]


def test_a_dead_transcript_that_is_retried_begins_anew_on_its_new_content(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "first, longer than what comes", "second")
    pipeline.collect()
    pipeline.run()
    path = claude_path(pipeline.home.path, session_id("one"))
    put(path, claude_prompt("anew", session=session_id("one")) + claude_prompt("extract: terminal", session="x"))
    pipeline.collect()
    assert pipeline.run().dead == 1
    put(path, claude_prompt("better", session=session_id("one")))
    with pipeline.app.store.write() as tx:
        assert backlog.retry(tx, [file], processor="obedient", now=pipeline.time.now) == 1
    pipeline.collect()
    assert pipeline.run().processed == 1
    assert pipeline.calls()[-1][2] == 0
    assert "better" in pipeline.items()


def test_a_dead_transcript_that_was_dropped_is_left_alone(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "extract: terminal")
    pipeline.collect()
    pipeline.run()
    with pipeline.app.store.write() as tx:
        assert backlog.drop(tx, [file], processor="obedient") == 1
    pipeline.says("one", "more")
    pipeline.collect()
    assert pipeline.run() == RunStats(processor="obedient")


def test_a_failing_transcript_that_grows_keeps_its_attempts_and_its_delay(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "extract: raise")
    pipeline.collect()
    pipeline.run()
    due = pipeline.state_of(file)["next_attempt_at"]
    pipeline.says("one", "more")
    pipeline.collect()
    row = pipeline.state_of(file)
    assert (row["attempts"], row["next_attempt_at"]) == (1, due)
    assert pipeline.run().scanned == 0


def test_poison_never_starves_others(pipeline: Pipeline) -> None:
    for number in range(1050):
        pipeline.says(f"n{number}", "extract: raise" if number % 21 == 0 else "good")
    pipeline.collect()
    stats = pipeline.run()
    assert (stats.scanned, stats.processed, stats.errors, stats.dead) == (1050, 1000, 50, 0)
    assert len(pipeline.items()) == 1000
    for _ in range(4):
        pipeline.time.advance(6 * 3600)
        pipeline.says("n1", "good, later")
        pipeline.collect()
        stats = pipeline.run()
        assert (stats.scanned, stats.processed, stats.errors) == (51, 1, 50)
    assert stats.dead == 50
    assert len(pipeline.rows("session_processor_state", processor_name="obedient", status="dead")) == 50
    pipeline.time.advance(86_400)
    assert pipeline.run().scanned == 0


def test_a_run_takes_what_never_failed_before_what_is_retried(pipeline: Pipeline) -> None:
    for number in range(3):
        pipeline.says(f"poison {number}", "extract: raise")
    pipeline.collect()
    pipeline.run()
    pipeline.time.advance(3600)
    for number in range(3):
        pipeline.says(f"good {number}", "good")
    pipeline.collect()
    stats = pipeline.run(budget=Budget(transcripts=3))
    assert (stats.processed, stats.errors, stats.capped) == (3, 0, 3)


@pytest.mark.parametrize("told", ["store: raise", "store: broken-sql", "store: none"])
def test_a_store_that_fails_for_one_of_a_batch_fails_that_one_only(pipeline: Pipeline, told: str) -> None:
    for number in range(5):
        pipeline.says(f"good {number}", f"good {number}")
    file = pipeline.says("bad", told)
    pipeline.collect()
    stats = pipeline.run()
    assert (stats.processed, stats.errors, stats.items_extracted) == (5, 1, 5)
    assert [each["session"] for each in stats.errors_detail] == [file]
    assert pipeline.items() == [f"good {number}" for number in range(5)]


# Budgets ------------------------------------------------------------------------------------------------------------


def test_a_budget_of_transcripts_leaves_the_rest_capped_and_skips_cost_nothing(pipeline: Pipeline) -> None:
    again = [pipeline.says(f"again {number}", "same") for number in range(4)]
    pipeline.collect()
    pipeline.run()
    kept = {file: (pipeline.home.path / ".claude/projects/-code-harbour" / Path(file).name) for file in again}
    before = {file: path.read_bytes() for file, path in kept.items()}
    for path in kept.values():
        put(path, claude_prompt("else", session=path.stem))
    pipeline.collect()
    for file, path in kept.items():
        put(path, before[file])
    for number in range(5):
        pipeline.says(f"new {number}", "new")
    pipeline.collect()
    stats = pipeline.run(budget=Budget(transcripts=2))
    assert (stats.processed, stats.skipped, stats.capped) == (2, 4, 3)
    stats = pipeline.run(budget=Budget(transcripts=2))
    assert (stats.processed, stats.skipped, stats.capped) == (2, 0, 1)
    stats = pipeline.run(budget=Budget(transcripts=2))
    assert (stats.processed, stats.capped) == (1, 0)


def test_one_owner_with_one_file_is_served_beside_one_with_five_hundred(pipeline: Pipeline, tmp_path: Path) -> None:
    few = home_of(tmp_path, "zoe")
    for number in range(500):
        pipeline.says(f"many {number}", "many")
    pipeline.collect(pipeline.home)
    pipeline.time.advance(60)
    pipeline.says("single", "from zoe", home=few)
    pipeline.collect(pipeline.home, few)
    stats = pipeline.run(budget=Budget(transcripts=10))
    assert (stats.processed, stats.capped) == (10, 491)
    assert "from zoe" in pipeline.items()


@ON_SQLITE
def test_a_budget_of_time_ends_a_run_and_what_it_did_not_come_to_is_never_buried(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_OPEN_CLAIMS", 3)
    for number in range(60):
        pipeline.says(f"n{number}", "extract: nap 0.05", f"item {number:02}")
    pipeline.collect()
    runs = 0
    while (stats := pipeline.run(budget=Budget(seconds=0.3))).scanned:
        runs += 1
        assert (stats.errors, stats.dead) == (0, 0)
        assert stats.processed + stats.capped == stats.scanned
    assert runs > 4
    assert pipeline.items() == [f"item {number:02}" for number in range(60)]


# Versions and removal -----------------------------------------------------------------------------------------------


def test_a_new_version_reprocesses_gradually_with_the_old_results_in_place(pipeline: Pipeline) -> None:
    for number in range(5):
        pipeline.says(f"n{number}", f"item {number}")
    pipeline.collect()
    pipeline.run(OBEDIENT)
    for done, left in ((2, 3), (2, 1), (1, 0)):
        stats = pipeline.run(NEWER, budget=Budget(transcripts=2))
        assert stats.reprocessed == stats.processed == done
        assert pipeline.items() == [f"item {number}" for number in range(5)]
        assert len(pipeline.items(version=1)) == left
    assert pipeline.run(NEWER) == RunStats(processor="obedient")


def test_a_new_version_never_delays_new_transcripts(pipeline: Pipeline) -> None:
    for number in range(5):
        pipeline.says(f"n{number}", f"old {number}")
    pipeline.collect()
    pipeline.run(OBEDIENT)
    pipeline.says("new", "new")
    pipeline.collect()
    stats = pipeline.run(NEWER, budget=Budget(transcripts=1))
    assert (stats.processed, stats.reprocessed) == (1, 0)
    assert pipeline.items(version=2) == ["new"]
    assert REPROCESSED_PER_RUN <= 1000


def test_a_failed_reprocessing_keeps_the_old_results(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "first", "extract: raise-once")
    (pipeline.shared / session_id("one")).touch()
    pipeline.collect()
    pipeline.run(OBEDIENT)
    (pipeline.shared / session_id("one")).unlink()
    stats = pipeline.run(NEWER)
    assert (stats.processed, stats.errors) == (0, 1)
    assert pipeline.items(version=1) == ["first"]
    pipeline.time.advance(3600)
    pipeline.run(NEWER)
    assert pipeline.items(version=2) == ["first"]
    assert pipeline.items() == ["first"]
    assert pipeline.state_of(file)["processor_version"] == 2


def test_a_deleted_session_takes_its_derived_rows_with_it(pipeline: Pipeline) -> None:
    pipeline.says("stays", "first")
    session = session_id("stays")
    grow(claude_path(pipeline.home.path, session), claude_reply("msg_stays", session=session))
    pipeline.collect()
    pipeline.app.run_processor("usage")
    tables = (usage_request, usage_event, usage_rollup, state_table)
    with pipeline.app.store.read() as tx:
        before = {table.name: sorted(map(str, tx.execute(sa.select(table)))) for table in tables}
    gone, file = session_id("goes"), pipeline.says("goes", "second")
    grow(claude_path(pipeline.home.path, gone), claude_reply("msg_goes", session=gone))
    pipeline.collect()
    pipeline.app.run_processor("usage")
    assert pipeline.app.erase_session(gone, by="test").counts["transcript"] == 1
    with pipeline.app.store.read() as tx:
        assert {table.name: sorted(map(str, tx.execute(sa.select(table)))) for table in tables} == before
    assert not (pipeline.app.archive.root / file).exists()


# Containment --------------------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("told", "kind", "says"),
    [
        ("hang", "unclassified", "time limit"),
        ("memory", "memory", "MemoryError"),
        ("os-exit", "unclassified", "exited, status 3"),
        ("system-exit", "unclassified", "exited, status 0"),
        ("interrupt", "unclassified", "exited"),
        ("kill", "unclassified", "exited, status -9"),
    ],
)
def test_a_transcript_that_ends_its_child_is_blamed_alone(pipeline: Pipeline, told: str, kind: str, says: str) -> None:
    for number in range(20):
        pipeline.says(f"before {number}", f"item {number:02}")
    file = pipeline.says("bad", f"extract: {told}")
    for number in range(20, 40):
        pipeline.says(f"after {number}", f"item {number:02}")
    pipeline.collect()
    limits = Limits(time_s=1.5 if told == "hang" else 60, memory_bytes=256 << 20, processes=1)
    stats = pipeline.run(limits=limits)
    assert (stats.processed, stats.errors) == (40, 1)
    assert pipeline.items() == [f"item {number:02}" for number in range(40)]
    row = pipeline.state_of(file)
    assert (row["status"], row["attempts"], row["error_class"]) == ("pending", 1, kind)
    assert says in row["last_error"]


@ON_SQLITE
def test_children_that_die_again_and_again_end_in_the_dead_letter(pipeline: Pipeline) -> None:
    file = pipeline.says("bad", "extract: kill")
    pipeline.says("good", "first")
    pipeline.collect()
    for _ in range(5):
        pipeline.run()
        pipeline.time.advance(6 * 3600)
    assert (pipeline.state_of(file)["status"], pipeline.items()) == ("dead", ["first"])


@ON_SQLITE
def test_what_kills_every_worker_ends_in_the_dead_letter(pipeline: Pipeline) -> None:
    file = pipeline.says("bad", "first")
    pipeline.collect()
    path = pipeline.register(OBEDIENT)
    for _ in range(state.MAX_OPEN_CLAIMS):
        with pipeline.app.store.write() as tx:  # all that is left of a worker that was killed while it had the work
            assert state.take(tx, "obedient", now=pipeline.time.now, limit=9, run_id=0)
    stats = pipeline.runner.run(OBEDIENT, path)
    assert (stats.dead, stats.processed) == (1, 0)
    row = pipeline.state_of(file)
    assert (row["status"], row["last_error"]) == ("dead", "every worker that took it died")


@ON_SQLITE
def test_printing_garbage_hurts_nobody(pipeline: Pipeline) -> None:
    for number in range(12):
        pipeline.says(f"n{number}", "extract: print", f"item {number:02}")
    pipeline.collect()
    assert pipeline.run().processed == 12
    assert pipeline.items() == [f"item {number:02}" for number in range(12)]


@ON_SQLITE
def test_a_huge_payload_arrives_whole(pipeline: Pipeline) -> None:
    pipeline.says("big", "extract: huge")
    pipeline.says("small", "first")
    pipeline.collect()
    assert pipeline.run().processed == 2
    assert sorted(len(item) for item in pipeline.items()) == [5, HUGE]


@ON_SQLITE
def test_large_tasks_and_large_answers_at_once_never_block_each_other(pipeline: Pipeline) -> None:
    for number in range(12):
        pipeline.says(f"n{number}", f"item {number:02}")
    pipeline.collect()
    assert pipeline.run(BULKY).processed == 12
    for number in range(12):
        pipeline.says(f"n{number}", f"more {number:02}")
    pipeline.collect()
    assert pipeline.run(BULKY).processed == 12  # every task brings a cursor, every answer a payload of 300 kB
    assert len(pipeline.items()) == 24


@ON_SQLITE
def test_several_children_share_the_work_and_store_it_once(pipeline: Pipeline) -> None:
    for number in range(200):
        pipeline.says(f"n{number}", f"item {number:03}", *(["extract: kill"] if number in {50, 150} else []))
    pipeline.collect()
    stats = pipeline.run(limits=LIMITS._replace(processes=3))
    assert (stats.processed, stats.errors) == (198, 2)
    assert pipeline.items() == [f"item {number:03}" for number in range(200) if number not in {50, 150}]


def test_a_child_has_no_database_and_sees_none_of_our_secrets(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", "postgresql://somebody:secret@nowhere/none")
    monkeypatch.setenv("SCHEDULER_API_TOKEN", "a token of thirty-two characters")
    pipeline.says("one", "extract: look")
    pipeline.collect()
    assert pipeline.run().processed == 1
    seen = json.loads(pipeline.items()[0])
    assert set(seen["environment"]) <= {*PASSED_ENVIRONMENT, "LC_CTYPE"}
    assert not [link for link in seen["descriptors"] if link.startswith("socket:") or "precedent.db" in link]
    assert not {"sqlalchemy", "psycopg", "sqlite3"} & set(seen["modules"])


@ON_SQLITE
def test_a_processor_that_cannot_be_loaded_in_the_child_is_paused_and_costs_no_transcript_an_attempt(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [pipeline.says(f"n{number}", "first") for number in range(3)]
    pipeline.collect()
    monkeypatch.delenv("PYTHONPATH")
    stats = pipeline.run()
    assert (stats.processed, stats.dead) == (0, 0)
    assert "plugin_processors" in stats.paused
    assert [pipeline.state_of(file)["attempts"] for file in files] == [0, 0, 0]


# Fencing ------------------------------------------------------------------------------------------------------------


def wait_for(path: Path, *, timeout_s: float = 30) -> None:
    ends = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < ends, f"{path} never came"
        time.sleep(0.005)


def test_a_late_worker_is_refused_and_nothing_is_stored_twice(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "extract: wait", "first")
    pipeline.collect()
    late: list[RunStats] = []
    path = pipeline.register(OBEDIENT)
    worker = threading.Thread(target=lambda: late.append(pipeline.new_runner().run(OBEDIENT, path)))
    worker.start()
    wait_for(pipeline.shared / WAITING)
    assert pipeline.run().processed == 1  # takes the claim over
    (pipeline.shared / GO).touch()
    worker.join()
    assert [(stats.processed, stats.errors) for stats in late] == [(0, 0)]
    assert pipeline.items() == ["first"]
    assert pipeline.state_of(file)["status"] == "done"
    assert pipeline.run() == RunStats(processor="obedient")


def test_a_late_worker_that_fails_changes_nothing(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "extract: wait", "extract: raise-once", "first")
    pipeline.collect()
    path = pipeline.register(OBEDIENT)
    worker = threading.Thread(target=lambda: pipeline.new_runner().run(OBEDIENT, path))
    worker.start()
    wait_for(pipeline.shared / WAITING)
    (pipeline.shared / session_id("one")).touch()
    assert pipeline.run().processed == 1
    (pipeline.shared / session_id("one")).unlink()
    (pipeline.shared / GO).touch()
    worker.join()
    row = pipeline.state_of(file)
    assert (row["status"], row["attempts"], pipeline.items()) == ("done", 0, ["first"])


def test_a_run_that_was_declared_lost_stops_between_chunks(pipeline: Pipeline) -> None:
    pipeline.says("one", "first")
    pipeline.collect()
    stats = pipeline.runner.run(OBEDIENT, pipeline.register(OBEDIENT), still_ours=lambda: False)
    assert (stats.processed, stats.capped, pipeline.items()) == (0, 1, [])


def test_results_and_state_are_one_transaction(pipeline: Pipeline) -> None:
    file = pipeline.says("one", "first", "store: raise")
    pipeline.collect()
    assert pipeline.run().errors == 1
    assert pipeline.items() == []  # "first" was inserted before the failure
    assert pipeline.state_of(file)["status"] == "pending"
