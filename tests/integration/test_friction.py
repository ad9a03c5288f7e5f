"""Where work with agents went wrong: each moment once for the team, exact when a session comes in pieces."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import MakeApp
from kit_agents import READERS
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import cli
from precedent.processors.friction import PROCESSOR, rows
from precedent.processors.friction.rows import Filter, SessionFriction
from precedent.processors.friction.speech import objection
from precedent.testing import AGENTS, Call, ClaudeCode, Codex, Pipeline, Session, troubled
from precedent.transcripts.events import Outcome

CORPUS = os.environ.get("PRECEDENT_CORPUS", "")
OK, ERROR, REJECTED, INTERRUPTED = Outcome.OK, Outcome.ERROR, Outcome.REJECTED, Outcome.INTERRUPTED
Told = Counter[tuple[str, str, int]]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with Pipeline(PROCESSOR, readers=READERS) as found:
        yield found


def moments(session: Session, *, pipeline: Pipeline | None = None) -> Told:
    """What is found in one session: kind, name, times."""
    with pipeline or Pipeline(PROCESSOR, readers=READERS) as found:
        found.put(session)
        assert not found.run().errors
        return Counter((row["kind"], row["name"], row["times"]) for row in found.rows("friction_moment"))


def sessions(pipeline: Pipeline) -> list[SessionFriction]:
    assert not pipeline.run().errors
    with pipeline.store.read() as tx:
        return rows.by_session(tx, where=Filter(), limit=1000).rows


@pytest.mark.parametrize("agent", AGENTS)
def test_the_same_trouble_is_told_alike_by_every_agent(agent: str) -> None:
    session = AGENTS[agent](agent)
    shell = session.shell
    rejection = {("tool_error", "edit", 1): 1} if agent == "pi" else {("rejection", "edit", 1): 1}  # Pi knows none
    assert moments(troubled(session)) == {
        ("tool_error", shell, 1): 3, ("loop", shell, 3): 1, ("dead_end", shell, 3): 1,
        ("correction", "no", 1): 1, ("interruption", "", 1): 1, **rejection,
    }  # fmt: skip


# Tools --------------------------------------------------------------------------------------------------------------


def test_each_failing_call_counts_once_however_often_its_outcome_is_told() -> None:
    session = Codex().prompt("go").bash("a", outcome=ERROR).bash("b", outcome=ERROR).bash("c")
    assert moments(session) == {("tool_error", "exec_command", 1): 2}


def test_a_resumed_session_that_repeats_its_lines_repeats_no_moment() -> None:
    session = ClaudeCode().prompt("go").bash("a", outcome=ERROR).interrupt().prompt("no, the other").reply()
    session.lines += session.lines
    assert moments(session) == {
        ("tool_error", "Bash", 1): 1, ("interruption", "", 1): 1, ("correction", "no", 1): 1,
    }  # fmt: skip


def test_equal_calls_are_a_loop_from_the_third_in_a_row_and_the_row_is_one_moment() -> None:
    session = ClaudeCode().prompt("go").bash("ls").bash("ls")
    assert moments(session) == {}
    assert moments(session.bash("ls")) == {("loop", "Bash", 3): 1}
    assert moments(session.bash("ls").bash("ls").bash("pwd")) == {("loop", "Bash", 5): 1}


def test_other_arguments_another_call_or_a_persons_word_break_the_row() -> None:
    session = ClaudeCode().prompt("go").bash("ls").bash("ls").bash("ls -l").bash("ls").bash("ls")
    assert moments(session.prompt("again").bash("ls").bash("ls")) == {}


def test_waiting_for_a_process_is_no_loop() -> None:
    session = ClaudeCode().prompt("go")
    for _ in range(5):
        session.call("BashOutput", {"bash_id": "b1"}, output="")
    assert moments(session) == {}


def test_the_same_call_that_fails_again_and_again_is_a_dead_end_whatever_stands_between() -> None:
    session = ClaudeCode().prompt("go")
    for number in range(3):
        session.bash("make test", outcome=ERROR).call("Edit", {"n": number})
    assert moments(session) == {("tool_error", "Bash", 1): 3, ("dead_end", "Bash", 3): 1}
    told = ClaudeCode().prompt("go")
    for _ in range(3):
        told.bash("make test", outcome=ERROR).prompt("try again")
    assert moments(told) == {("tool_error", "Bash", 1): 3}


def test_a_loop_that_goes_on_later_is_the_same_loop(pipeline: Pipeline) -> None:
    session = ClaudeCode().prompt("go").bash("ls").bash("ls").bash("ls")
    file = pipeline.put(session)
    (before,) = [each.loops for each in sessions(pipeline)]
    pipeline.put(session.bash("ls").bash("ls"))
    (after,) = [each.loops for each in sessions(pipeline)]
    assert before == after == 1
    (row,) = pipeline.rows("friction_moment")
    assert (row["times"], row["line"]) == (5, 2)
    assert pipeline.state(file).items_extracted == 1


# People -------------------------------------------------------------------------------------------------------------


def test_stopping_the_agent_counts_once_and_belongs_to_the_rejection_it_comes_with() -> None:
    session = ClaudeCode().prompt("go").reply("", calls=(Call("Bash", {}, "", INTERRUPTED),)).interrupt().interrupt()
    assert moments(session) == {("interruption", "", 1): 1}
    assert moments(ClaudeCode().prompt("go").reject("Bash")) == {("rejection", "Bash", 1): 1}
    assert moments(session.prompt("well").reply().interrupt()) == {("interruption", "", 1): 2}


def test_a_rejection_with_words_is_a_correction_and_an_answer_is_none() -> None:
    session = ClaudeCode().prompt("go").reject("Edit", said="write it to pier.py").ask("Which?", "no, the long one")
    assert moments(session) == {("rejection", "Edit", 1): 1, ("correction", "rejected", 1): 1}


def test_a_reworded_prompt_after_an_interruption_is_a_correction() -> None:
    def told(second: str) -> Told:
        return moments(ClaudeCode().prompt("sort the berths by length").reply("I").interrupt().prompt(second).reply())

    assert told("sort the berths by their length")["correction", "reworded", 1] == 1
    for other in ("sort the berths by length", "go on", "what is a jetty?"):
        assert {kind for kind, _, _ in told(other)} == {"interruption"}


def test_words_count_once_where_they_were_typed_into_the_queue_and_taken_up() -> None:
    queued = ClaudeCode().prompt("go").reply().queue("no, use pier.py")
    assert moments(queued) == {("correction", "no", 1): 1}
    assert moments(ClaudeCode().prompt("go").reply().queue("no, use pier.py", taken=False)) == {
        ("correction", "no", 1): 1
    }


def test_only_a_persons_words_after_the_agents_are_corrections() -> None:
    assert moments(ClaudeCode().prompt("no, this is wrong")) == {}
    session = ClaudeCode().prompt("go").reply("no, that is wrong").meta("no, that is wrong").compact("No, wrong.")
    assert moments(session.bash("x", output="no, this is wrong")) == {}
    child = ClaudeCode().prompt("go").spawn("no, that is wrong").reply().prompt("wrong, look again").reply()
    assert moments(child) == {}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("no, the berths stand in pier.py", "no"), ("No wait, not that", "no"), ("nope", "no"), ("stop", "no"),
        ("don't touch the tests", "no"), ("- no: sort it", "no"), ("don\u2019t do that", "no"), ("revert that", "no"),
        ("the count is not correct, it is 4", "wrong"), ("Those tests are wrong then", "wrong"),
        ("that's still wrong", "wrong"), ("I meant the long one", "meant"), ("you forgot the tests", "meant"),
        ("I'm talking about the quay", "meant"),
        ("no problem", ""), ("no worries, go on", ""), ("notice the quay", ""), ("is that wrong?", ""),
        ("stop the server", ""), ("wait for the build", ""), ("thank you", ""), ("now sort", ""), ("", ""),
        ("do it.\nthis is wrong", ""), ("nothing is left", ""), ("note: sort it", ""), ("north quay", ""),
    ],
)  # fmt: skip
def test_the_rules_for_objections(text: str, rule: str) -> None:
    assert objection(text) == rule


# The team -----------------------------------------------------------------------------------------------------------


def test_copied_history_counts_once_and_passes_on_when_the_first_is_deleted(pipeline: Pipeline) -> None:
    first = ClaudeCode("original").prompt("go").bash("a", outcome=ERROR).reject("Edit", said="no")
    copy = first.fork("resumed").wait(60).prompt("go").bash("b", outcome=ERROR)
    early = pipeline.put(first)
    pipeline.put(copy)
    assert {each.session: (each.tool_errors, each.rejections) for each in sessions(pipeline)} == {
        first.id: (1, 1), copy.id: (1, 0),
    }  # fmt: skip
    pipeline.delete(early)
    assert [(each.session, each.tool_errors, each.rejections) for each in sessions(pipeline)] == [(copy.id, 2, 1)]


def test_a_sub_agents_trouble_is_its_sessions(pipeline: Pipeline) -> None:
    session = ClaudeCode().prompt("go")
    child = session.spawn().bash("a", outcome=ERROR)
    pipeline.put(session.bash("b", outcome=ERROR))
    pipeline.put(child)
    (found,) = sessions(pipeline)
    assert (found.session, found.tool_errors, found.failing_tools) == (session.id, 2, ["Bash"])


def test_a_moments_line_leads_to_it_and_no_text_is_kept(pipeline: Pipeline) -> None:
    session = ClaudeCode().prompt("go").bash("a", output="quay 7 sank", outcome=ERROR).prompt("no, quay 8")
    file = pipeline.put(session)
    pipeline.run()
    with pipeline.store.read() as tx:
        found = rows.moments(tx, session.id)
        assert rows.moments(tx, file) == found
    assert [(each.kind, each.line) for each in found] == [("tool_error", 3), ("correction", 4)]
    assert "quay" not in str(pipeline.results()) + str(pipeline.state(file).cursor)


def test_a_session_with_very_many_calls_keeps_a_small_cursor(pipeline: Pipeline) -> None:
    session = Codex().prompt("go")
    for number in range(1500):
        session.bash(f"step {number}", outcome=ERROR)
    file = pipeline.put(session)
    (found,) = sessions(pipeline)
    assert found.tool_errors == 1500
    assert len(pipeline.state(file).cursor or b"") < 200_000


@pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no folder of real transcripts")
def test_real_turns_that_the_rules_call_corrections_were_judged_so(pipeline: Pipeline) -> None:
    judged = [json.loads(line) for line in (Path(CORPUS) / "labels.jsonl").read_text("utf-8").splitlines()]
    names = {each["file"]: f"labelled-{number}" for number, each in enumerate(judged)}
    files = {
        name: pipeline.put((Path(CORPUS) / file).read_bytes(), name=name, agent=file.partition("/")[0])
        for file, name in names.items()
    }
    assert not pipeline.run().errors
    found = set()
    for file, name in names.items():
        with pipeline.store.read() as tx:
            shown = rows.moments(tx, files[name])
        found |= {(file, each.line) for each in shown if each.kind == "correction"}
    fired = [each["detection_type"] for each in judged if (each["file"], each["line"]) in found]
    assert len(judged) == 51 and Counter(fired) == {"correction": 9, "none": 1}  # as docs/reference/friction.md says


@pytest.fixture
def told(make_app: MakeApp, home: Home) -> App:
    """The program on either database, with one session collected and processed."""
    app = make_app()
    session = troubled(ClaudeCode("one"))
    path = home.path / ".claude" / "projects" / session.path
    path.parent.mkdir(parents=True)
    path.write_bytes(session.data)
    app.collect([home])
    assert app.run_processor("friction").processed == 1
    return app


def test_the_commands_show_sessions_tools_and_moments(told: App) -> None:
    def ask(*args: str, code: int = 0) -> list[dict[str, object]]:
        options = ["--data-dir", str(told.settings.data_dir)]
        environment = {"PRECEDENT_DATABASE_URL": told.settings.database_url}
        done = CliRunner().invoke(cli, [*options, "friction", *args, "--json"], env=environment)
        assert done.exit_code == code, done.output
        found: list[dict[str, object]] = json.loads(done.stdout) if done.stdout else []
        return found

    (session,) = ask("list")
    counts = [session[name] for name in ("tool_errors", "loops", "dead_ends", "interruptions", "rejections")]
    assert (counts, session["corrections"], session["failing_tools"]) == ([3, 1, 1, 1, 1], 1, ["Bash"])
    assert session["last_at"] == "2026-01-05T09:00:17Z"
    assert ask("list", "--person", "grace") == ask("list", "--session", "none") == []
    assert [(each["tool"], each["tool_errors"], each["rejections"]) for each in ask("tools")] == [
        ("Bash", 3, 0), ("edit", 0, 1),
    ]  # fmt: skip
    assert len(ask("show", str(session["session"]))) == 8
    assert ask("show", "nothing", code=1) == []
