"""Where redaction left its marks: by rule, person and place, each once for the team, and never the secret."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from builders import ManualTime
from conftest import MakeApp
from kit_agents import READERS
from precedent.app import App
from precedent.archive.sources import Home
from precedent.cli import cli
from precedent.processors.secrets import PROCESSOR, rows
from precedent.processors.secrets.rows import Filter, MarkedPlace, MarkTotals
from precedent.testing import AGENTS, ClaudeCode, Codex, Pipeline, Session

TOKEN = "ghp_" + "9aB8cD7eF6gH5iJ4kL3mN2oP1qR0sT9uV8wX"
KEY = "AKIA" + "Z7QJ4MXW2KDN5RTB"


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with Pipeline(PROCESSOR, readers=READERS) as found:
        yield found


def places(pipeline: Pipeline, where: Filter | None = None) -> list[MarkedPlace]:
    assert not pipeline.run().errors
    with pipeline.store.read() as tx:
        return rows.marked(tx, where=where or Filter(), limit=1000).rows


def by(pipeline: Pipeline, *dimensions: str) -> dict[tuple[str, ...], tuple[int, int, int]]:
    with pipeline.store.read() as tx:
        found: list[MarkTotals] = rows.totals(tx, dimensions, where=Filter())
    return {each.group: (each.marks, each.places, each.sessions) for each in found}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_scrubbed_secret_is_found_where_it_stood_whoever_the_agent_is(pipeline: Pipeline, agent: str) -> None:
    session: Session = AGENTS[agent](agent)
    session.prompt(f"log in with {TOKEN}").bash(f"gh auth {TOKEN}", output=f"token {TOKEN}, again {TOKEN}")
    file = pipeline.put(session.reply("Done, without repeating it."))
    found = places(pipeline)
    assert {(each.speaker, each.tool, each.marks) for each in found} == {
        ("human", "", 1), ("agent", session.shell, 1), ("tool", session.shell, 2),
    }  # fmt: skip
    lines = pipeline.archived(file).split(b"\n")
    for each in found:
        assert (each.rule, each.person, each.agent, each.session_file) == ("github-token", "ada", agent, file)
        # A document's event stands at its message, whose text is below.
        below = b"\n".join(lines[each.line - 1 :]) if not session.grows else lines[each.line - 1]
        assert b"[REDACTED:github-token]" in below
    assert TOKEN not in str(pipeline.results())


def test_rules_persons_and_places_are_counted(pipeline: Pipeline) -> None:
    for person in ("ada", "grace"):
        session = ClaudeCode(person, cwd=f"/code/{person}").prompt(f"use {TOKEN} and {KEY}").bash("env", output=KEY)
        pipeline.put(session, person=person)
    pipeline.put(Codex("other", cwd="/code/ada").prompt(f"use {TOKEN}"))
    places(pipeline)
    assert by(pipeline, "rule") == {("github-token",): (3, 3, 3), ("aws-access-key-id",): (4, 4, 2)}
    assert by(pipeline, "person", "agent") == {
        ("ada", "claude-code"): (3, 3, 1), ("grace", "claude-code"): (3, 3, 1), ("ada", "codex"): (1, 1, 1),
    }  # fmt: skip
    assert by(pipeline, "project") == {("/code/ada",): (4, 4, 2), ("/code/grace",): (3, 3, 1)}
    assert by(pipeline, "speaker", "tool") == {("human", ""): (5, 5, 3), ("tool", "Bash"): (2, 2, 2)}
    assert {each.person for each in places(pipeline, Filter(persons=("grace",)))} == {"grace"}
    assert {each.rule for each in places(pipeline, Filter(rules=("github-token",)))} == {"github-token"}


def test_a_copied_history_is_counted_once_and_passes_on_when_the_first_is_deleted(pipeline: Pipeline) -> None:
    first = ClaudeCode("original").prompt(f"use {TOKEN}").bash("env", output=TOKEN)
    copy = first.fork("resumed").wait(60).prompt("go on")
    early, late = pipeline.put(first), pipeline.put(copy)
    assert {each.session_file for each in places(pipeline)} == {early}
    pipeline.delete(early)
    assert {each.session_file for each in places(pipeline)} == {late}
    pipeline.delete(late)
    assert pipeline.results() == {}


def test_words_about_redaction_count_only_where_ingest_may_have_written_them(pipeline: Pipeline) -> None:
    pipeline.put(ClaudeCode("talk").prompt("does [REDACTED:github-token] work? and [REDACTED:jwt]?"))
    assert places(pipeline) == []
    pipeline.put(ClaudeCode("other").prompt(f"use {TOKEN}, not [REDACTED] or [REDACTED:our-own-word]"))
    assert [each.rule for each in places(pipeline)] == ["github-token"]


@pytest.fixture
def told(make_app: MakeApp, home: Home, manual_time: ManualTime) -> App:
    """The program on either database, with one session collected and processed."""
    app = make_app()
    session = ClaudeCode("one").prompt(f"use {TOKEN}").bash("env", output=f"{TOKEN} {KEY}")
    path = home.path / ".claude" / "projects" / session.path
    path.parent.mkdir(parents=True)
    path.write_bytes(session.data)
    app.collect([home])
    stats = app.run_processor("secrets")
    assert (stats.processed, stats.items_extracted) == (1, 3)
    return app


def test_the_commands_show_places_and_sums_and_filter_them(told: App) -> None:
    def ask(*args: str) -> list[dict[str, object]]:
        options = ["--data-dir", str(told.settings.data_dir)]
        environment = {"PRECEDENT_DATABASE_URL": told.settings.database_url}
        done = CliRunner().invoke(cli, [*options, "secrets", *args, "--json"], env=environment)
        assert done.exit_code == 0, done.output
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    everything = ask("list")
    assert [(each["line"], each["rule"], each["speaker"], each["marks"]) for each in everything] == [
        (3, "aws-access-key-id", "tool", 1), (3, "github-token", "tool", 1), (1, "github-token", "human", 1),
    ]  # fmt: skip
    assert everything[0]["at"] == "2026-01-05T09:00:03Z"
    assert len(ask("list", "--limit", "2")) == 2
    assert ask("list", "--person", "grace") == ask("list", "--rule", "jwt") == []
    (row,) = ask("by", "rule,person", "--rule", "github-token")
    assert row == {
        "rule": "github-token", "person": "ada", "marks": 2, "places": 2, "sessions": 1,
        "last_at": "2026-01-05T09:00:03Z",
    }  # fmt: skip
