"""Scripts in the service: versions, schedules, claims, output, what a script is given, its head."""

import hashlib
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from builders import ManualTime
from conftest import MakeApp
from deployed_scripts import deploy, folders, last, marked, printed, run, runs, shown
from places import Place, until
from precedent.app import App
from precedent.clock import SECOND
from precedent.errors import BadInput, Busy, Conflict, NotFound, TooLarge
from precedent.jobs.records import SCRIPTS
from precedent.schedules import Fault
from precedent.scripts import claims, isolation, listing
from precedent.scripts.header import header
from precedent.scripts.model import MAX_SOURCE_BYTES, Outcome, Script
from precedent.security.acting import BY_COMMAND_LINE
from precedent.store.schema import audit

ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def audited(app: App) -> list[tuple[str, str]]:
    with app.store.read() as tx:
        query = sa.select(audit.c.action, audit.c.details).where(audit.c.resource.like("script:%")).order_by(audit.c.id)
        return [(row.action, row.details) for row in tx.execute(query)]


# Deploying ------------------------------------------------------------------------------------------------------------


def test_each_text_is_a_version_with_its_sum_and_a_run_names_the_one_that_ran(app: App) -> None:
    found, text = run(app, "report", "print('one')")
    assert (found.state, found.version, found.exit_code, text) == ("done", 1, 0, "one\n")
    given = Script(name="report", source="print('two')", parameters={"a": 1})
    app.script_registry.change("report", given, by=BY_COMMAND_LINE)
    app.script_registry.change("report", given, by=BY_COMMAND_LINE)  # the same text is no version
    app.ask_for_script("report", by=BY_COMMAND_LINE)
    app.run_scripts()
    assert [each.version for each in runs(app, "report")] == [2, 1]
    assert last(app, "report").sha256 == hashlib.sha256(b"print('two')").hexdigest()
    with app.store.read() as tx:
        assert [each.number for each in listing.versions(tx, "report")] == [2, 1]
        assert listing.source(tx, "report", 1).source == "print('one')"
        with pytest.raises(NotFound):
            listing.source(tx, "report", 3)


def test_every_act_is_audited_with_the_sum_and_without_values(app: App) -> None:
    deploy(app, "report", "print(1)", secrets={"TOKEN": "vault-token"}, parameters={"level": "quiet-word"})
    app.script_registry.pause("report", "holiday", by=BY_COMMAND_LINE)
    app.script_registry.resume("report", by=BY_COMMAND_LINE)
    app.ask_for_script("report", by=BY_COMMAND_LINE)
    app.script_registry.remove("report", by=BY_COMMAND_LINE)
    found = audited(app)
    assert [action for action, _ in found] == [
        "script.deploy", "script.pause", "script.resume", "script.run", "script.remove",
    ]  # fmt: skip
    assert hashlib.sha256(b"print(1)").hexdigest() in found[0][1]
    assert "vault-token" in found[0][1]
    assert "quiet-word" not in found[0][1]
    with pytest.raises(NotFound):
        shown(app, "report")


@ONE
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"name": "Big"}, BadInput),
        ({"name": "../x"}, BadInput),
        ({"name": ""}, BadInput),
        ({"source": "  "}, BadInput),
        ({"source": "print(1)\0"}, BadInput),
        ({"source": "'\ud800'"}, BadInput),
        ({"source": "#" * (MAX_SOURCE_BYTES + 1)}, TooLarge),
        ({"schedule": "every now and then"}, BadInput),
        ({"timeout_s": 0}, BadInput),
        ({"timeout_s": 10**6}, BadInput),
        ({"parameters": {"1x": 1}}, BadInput),
        ({"parameters": {"a": 1, "A": 2}}, BadInput),
        ({"parameters": {"a": float("nan")}}, BadInput),
        ({"parameters": {"a": "x" * 9_000}}, BadInput),
        ({"parameters": {"a": "\ud800"}}, BadInput),
        ({"parameters": {f"a{each}": 1 for each in range(101)}}, BadInput),
        ({"secrets": {"PATH": "x"}}, BadInput),
        ({"secrets": {"LD_PRELOAD": "x"}}, BadInput),
        ({"secrets": {"token": "x"}}, BadInput),
        ({"secrets": {"TOKEN": "No Name"}}, BadInput),
        ({"source": "# /// script\n# dependencies = 7\n# ///\n"}, BadInput),
        ({"source": "# /// script\n# x = \n# ///\n"}, BadInput),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_kept(app: App, given: dict[str, Any], kind: type) -> None:
    with pytest.raises(kind):
        app.script_registry.deploy(Script(**({"name": "x", "source": "print(1)"} | given)), by=BY_COMMAND_LINE)
    with app.store.read() as tx:
        assert listing.scripts(tx, now=0) == []
    assert audited(app) == []


@ONE
def test_a_bad_schedule_is_told_with_its_column(app: App) -> None:
    with pytest.raises(Fault, match="column"):
        deploy(app, "report", "print(1)", schedule="daily 25:00")


@ONE
def test_a_name_is_taken_once_and_stays(app: App) -> None:
    deploy(app, "report", "print(1)")
    with pytest.raises(Conflict):
        deploy(app, "report", "print(1)")
    with pytest.raises(BadInput):
        app.script_registry.change("report", Script(name="other", source="1"), by=BY_COMMAND_LINE)
    for act in (
        lambda: app.script_registry.change("other", Script(name="other", source="1"), by=BY_COMMAND_LINE),
        lambda: app.script_registry.pause("other", "x", by=BY_COMMAND_LINE),
        lambda: app.script_registry.resume("other", by=BY_COMMAND_LINE),
        lambda: app.script_registry.remove("other", by=BY_COMMAND_LINE),
        lambda: app.ask_for_script("other", by=BY_COMMAND_LINE),
    ):
        with pytest.raises(NotFound):
            act()


# Schedules and claims -------------------------------------------------------------------------------------------------


def test_a_script_runs_once_for_each_due_instant_and_not_at_once(app: App, manual_time: ManualTime) -> None:
    deploy(app, "hourly", "print(1)", schedule="every 1h")
    deploy(app, "by-hand", "print(1)")
    next_at = shown(app, "hourly").next
    assert len(next_at) == 5
    assert app.run_scripts().scripts_due == 0
    manual_time.advance((next_at[0] - app.clock.now()) / SECOND)
    assert app.run_scripts().scripts_due == 1
    assert app.run_scripts().scripts_due == 0
    assert last(app, "hourly").due_at == next_at[0]
    manual_time.advance(3 * 3600)  # of three that nobody saw the newest is made up
    assert app.run_scripts().done == 1
    assert [each.due_at for each in runs(app, "hourly")] == [next_at[3], next_at[0]]
    assert runs(app, "by-hand") == []


def test_a_due_instant_is_claimed_once_whoever_races_for_it(
    app: App, make_app: MakeApp, manual_time: ManualTime
) -> None:
    for number in range(5):
        deploy(app, f"s{number}", "print(1)", schedule="every 1h")
    manual_time.advance(3600)
    counts: list[int] = []
    barrier = threading.Barrier(4)

    def race(own: App) -> None:
        barrier.wait()
        counts.append(claims.take_due(own.store, now=own.clock.now()))

    threads = [threading.Thread(target=race, args=[make_app()]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 5
    taken = [claims.take(app.store, run_id=None, now=0) for _ in range(6)]
    assert sorted(each.name for each in taken if each) == [f"s{number}" for number in range(5)]


def test_what_is_due_while_it_runs_or_was_paused_is_a_skipped_run_with_its_reason(
    app: App, manual_time: ManualTime
) -> None:
    deploy(app, "hourly", "print(1)", schedule="every 1h")
    number = app.ask_for_script("hourly", by=BY_COMMAND_LINE)
    with pytest.raises(Busy) as busy:
        app.ask_for_script("hourly", by=BY_COMMAND_LINE)
    assert busy.value.holder == number
    manual_time.advance(3600)
    assert claims.take_due(app.store, now=app.clock.now()) == 0
    assert (last(app, "hourly").state, last(app, "hourly").reason) == ("skipped", f"run {number} was still under way")
    app.run_scripts()
    app.script_registry.pause("hourly", "holiday", by=BY_COMMAND_LINE)
    manual_time.advance(7200)
    assert app.run_scripts().scripts_due == 0
    app.script_registry.resume("hourly", by=BY_COMMAND_LINE)
    assert app.run_scripts().scripts_due == 0
    assert (last(app, "hourly").state, last(app, "hourly").reason) == ("skipped", "it was paused: holiday")
    assert len(runs(app, "hourly")) == 3


def test_one_crash_stops_no_other_and_the_run_is_partial(app: App) -> None:
    deploy(app, "bad", "import os; os.abort()")
    deploy(app, "worse", "raise SystemExit(3)")
    deploy(app, "broken", "not python at all")
    deploy(app, "good", "print('fine')")
    for name in ("bad", "worse", "broken", "good"):
        app.ask_for_script(name, by=BY_COMMAND_LINE)
    stats = app.run_scripts()
    assert (stats.done, stats.failed) == (1, 3)
    states = {name: last(app, name) for name in ("bad", "worse", "broken", "good")}
    assert {name: (each.state, each.exit_code) for name, each in states.items()} == {
        "bad": ("killed", 134), "worse": ("failed", 3), "broken": ("failed", 1), "good": ("done", 0),
    }  # fmt: skip
    assert states["bad"].reason == "ended by SIGABRT"
    assert "partial" in {each.outcome for each in app.runs.latest(SCRIPTS)}
    assert folders(app) == []


def test_what_an_earlier_worker_left_is_lost_and_the_script_runs_again(app: App) -> None:
    deploy(app, "report", "print(1)")
    app.ask_for_script("report", by=BY_COMMAND_LINE)
    assert claims.take(app.store, run_id=None, now=app.clock.now()) is not None
    left = app.settings.scripts_dir / "script-left"
    (left / "deep").mkdir(parents=True)
    assert app.run_scripts().lost == 1
    found = last(app, "report")
    assert (found.state, found.reason) == ("lost", "the worker that ran it is gone")
    assert folders(app) == []
    app.ask_for_script("report", by=BY_COMMAND_LINE)
    assert app.run_scripts().done == 1


def test_only_the_newest_runs_keep_their_output_and_old_runs_go(
    app: App, manual_time: ManualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "KEPT_OUTPUTS", 2)
    deploy(app, "report", "print('x')")
    for _ in range(4):
        app.ask_for_script("report", by=BY_COMMAND_LINE)
        app.run_scripts()
    assert [printed(app, each.id).head for each in runs(app, "report")] == ["x\n", "x\n", "", ""]
    manual_time.advance(claims.KEPT_DAYS * 86_400 + 60)
    app.run_scripts()
    assert runs(app, "report") == []


# What a script is given -----------------------------------------------------------------------------------------------


@ONE
def test_a_script_sees_its_parameters_and_secrets_and_nothing_else(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_SECRET_VAULT_TOKEN", "correct horse battery")
    monkeypatch.setenv("PRECEDENT_SECRET_OTHER", "of somebody else")
    source = """
        import json, os, sys
        print(sorted(os.environ), file=sys.stderr)
        print(os.environ["PARAM_WHO"], os.environ["PARAM_SIZE"], os.environ["PARAM_LOUD"], os.environ["PARAM_RATE"])
        print(json.load(open("parameters.json")) == {"who": "ada", "size": 3, "loud": True, "rate": 0.5})
        print(os.environ["TOKEN"] == "correct horse " + "battery", os.environ["TOKEN"])
        print(os.getcwd() == os.environ["HOME"] == os.environ["TMPDIR"], sorted(os.listdir(".")))
        print(sys.stdin.read() == "", sorted(os.listdir("/proc/self/fd"))[:3])
        try:
            import precedent
        except ImportError:
            print("alone")
    """
    found, text = run(
        app, "report", source, parameters={"who": "ada", "size": 3, "loud": True, "rate": 0.5},
        secrets={"TOKEN": "vault-token"},
    )  # fmt: skip
    assert found.state == "done", text
    names = ["HOME", "LANG", "PARAM_LOUD", "PARAM_RATE", "PARAM_SIZE", "PARAM_WHO", "PATH", "TMPDIR", "TOKEN"]
    lines = text.splitlines()
    assert set(eval(lines[0])) - {"LC_CTYPE", "LD_LIBRARY_PATH"} == set(names)
    assert lines[1:] == [
        "ada 3 true 0.5", "True", "True ***", "True ['parameters.json', 'script.py']", "True ['0', '1', '2']", "alone",
    ]  # fmt: skip


@ONE
def test_a_secret_that_is_not_set_fails_the_run_and_names_what_to_set(app: App) -> None:
    found, _ = run(app, "report", "print(1)", secrets={"TOKEN": "nowhere"})
    assert found.state == "failed"
    assert "PRECEDENT_SECRET_NOWHERE" in found.reason


@ONE
def test_output_keeps_its_beginning_and_its_end_and_tells_what_was_dropped(app: App) -> None:
    source = """
        import sys
        print("first")
        for number in range(60_000):
            print("line", number)
        sys.stdout.flush()
        sys.stdout.buffer.write(b"\\xff\\x00last\\n")
    """
    found, text = run(app, "report", source)
    output = printed(app, found.id)
    assert output.head.startswith("first\nline 0\n")
    assert output.tail.endswith("\ufffd\ufffdlast\n")
    assert (len(output.head), output.dropped_bytes) == (64 << 10, found.output_bytes - (256 << 10))
    assert len(text) < 257 << 10


def test_output_can_be_read_while_the_script_runs(app: App, tmp_path: Path) -> None:
    deploy(app, "slow", "import time\nprint('begun', flush=True)\ntime.sleep(60)", timeout_s=60)
    number = app.ask_for_script("slow", by=BY_COMMAND_LINE)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: app.script_running.run(stopping=stop.is_set))
    thread.start()
    until(lambda: printed(app, number).head == "begun\n", what="what it printed is there")
    assert printed(app, number).state == "running"
    stop.set()
    thread.join()
    assert (last(app, "slow").state, last(app, "slow").reason) == ("lost", "the server stopped while it ran")
    assert folders(app) == []


def test_a_removed_script_is_ended(app: App) -> None:
    deploy(app, "slow", "import time\nprint('begun', flush=True)\ntime.sleep(60)", timeout_s=60)
    number = app.ask_for_script("slow", by=BY_COMMAND_LINE)
    thread = threading.Thread(target=app.script_running.run)
    thread.start()
    until(lambda: printed(app, number).head == "begun\n", what="it runs")
    app.script_registry.remove("slow", by=BY_COMMAND_LINE)
    thread.join(30)
    assert not thread.is_alive()
    assert folders(app) == []


# Heads ----------------------------------------------------------------------------------------------------------------


def headed(*lines: str) -> str:
    return "\n".join(["# /// script", *[f"# {each}" for each in lines], "# ///", "print('ran')"])


@pytest.mark.parametrize(
    ("wanted", "version", "suits"),
    [
        (">=3.11", (3, 11, 7), True),
        (">=3.12", (3, 11, 7), False),
        (">3.11", (3, 11, 0), False),
        ("<4,>=3.8", (3, 11, 7), True),
        ("==3.11.*", (3, 11, 7), True),
        ("==3.11", (3, 11, 7), False),
        ("~=3.11", (3, 14, 0), True),
        ("~=3.11.2", (3, 12, 0), False),
        ("!=3.11.7", (3, 11, 7), False),
        ("<=3.11", (3, 11, 0), True),
        ("", (3, 11, 7), True),
    ],
)
def test_the_python_that_a_head_asks_for_is_understood(wanted: str, version: tuple[int, ...], suits: bool) -> None:
    assert header(headed(f'requires-python = "{wanted}"')).suits(version) is suits


@ONE
def test_a_head_that_our_python_suits_runs_with_it(app: App) -> None:
    found, text = run(app, "report", headed('requires-python = ">=3.8"', "dependencies = []"))
    assert (found.state, text) == ("done", "ran\n")


@ONE
def test_dependencies_without_uv_fail_the_run_with_what_to_do(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found, text = run(app, "report", headed('dependencies = ["rich"]'), network=True)
    assert (found.state, text) == ("failed", "")
    assert "rich" in found.reason
    assert "install uv" in found.reason


@ONE
def test_an_uv_that_scripts_may_not_go_to_is_told(app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not isolation.possible().files:
        pytest.skip("a script sees the temporary folder of everybody here")
    tools = Path(tempfile.mkdtemp(dir="/tmp"))  # a script has a folder of its own there
    tools.chmod(0o755)
    try:
        (tools / "uv").write_text("#!/bin/sh\n")
        (tools / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        found, text = run(app, "report", headed('dependencies = ["rich"]'), network=True)
    finally:
        shutil.rmtree(tools)
    assert (found.state, text) == ("failed", "")
    assert str(tools / "uv") in found.reason and "/usr/local/bin" in found.reason


@ONE
def test_dependencies_are_had_through_uv_and_need_the_network(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tools = Path("/var/tmp") / f"precedent-{tmp_path.name}-{os.getpid()}"
    tools.mkdir()
    try:
        (tools / "uv").write_text('#!/bin/sh\necho "uv $*"\n')
        (tools / "uv").chmod(0o755)
        tools.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        found, _ = run(app, "closed", headed('dependencies = ["rich"]'))
        assert found.state == "failed"
        assert "network" in found.reason
        found, text = run(app, "open", headed('dependencies = ["rich"]'), network=True)
        assert found.state == "done", (found, text)
        assert text.startswith("uv run --quiet --no-project --python ")
        assert text.rstrip().endswith("script.py")
    finally:
        (tools / "uv").unlink()
        tools.rmdir()


# A worker that is killed ----------------------------------------------------------------------------------------------


def test_a_killed_worker_ends_its_script_and_the_next_one_runs_it_again(place: Place) -> None:
    app, mark = place.app, f"mark{os.getpid()}"
    deploy(app, "slow", f"""
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{mark}"], start_new_session=True)
        print("begun", flush=True)
        time.sleep(600)
    """, timeout_s=600)  # fmt: skip
    process = place.start()
    number = app.ask_for_script("slow", by=BY_COMMAND_LINE)
    until(lambda: printed(app, number).head == "begun\n" and bool(marked(mark)), what="it runs")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not marked(mark), what="the script ends with the worker", limit_s=10)
    given = Script(name="slow", source="print('quick')")
    app.script_registry.change("slow", given, by=BY_COMMAND_LINE)
    place.start()
    until(lambda: last(app, "slow").state == "lost", what="the run is lost")
    until(lambda: not folders(app), what="its folder is gone")
    again = app.ask_for_script("slow", by=BY_COMMAND_LINE)
    until(lambda: last(app, "slow").state == Outcome.DONE, what="it runs again")
    assert (last(app, "slow").id, printed(app, again).head) == (again, "quick\n")


def test_a_stopped_worker_ends_its_script_in_time(place: Place) -> None:
    app, mark = place.app, f"stop{os.getpid()}"
    deploy(app, "slow", f"import sys, time\nprint('begun {mark}', flush=True)\ntime.sleep(600)", timeout_s=600)
    process = place.start()
    number = app.ask_for_script("slow", by=BY_COMMAND_LINE)
    until(lambda: printed(app, number).head.startswith("begun"), what="it runs")
    process.terminate()
    assert process.wait(10) == 0
    assert last(app, "slow").state == "lost"
