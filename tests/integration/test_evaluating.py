"""`precedent eval` measures on labels, says what went wrong and fails when a goal is missed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from precedent.cli import cli
from precedent.errors import BadInput, NotFound
from precedent.processors.verification.evaluation import evaluate
from precedent.testing import ClaudeCode, write_labelled

SESSION = (
    ClaudeCode("judged")
    .prompt("no, we use pnpm in this repo, not npm")
    .reply("The berths table has one row per berth.")
    .prompt("no, it has one row per berth and day, we use it for the tides")
    .reply("Should I push?")
    .prompt("yes please")
    .prompt("we never deploy on fridays")
)


def labelled(folder: Path, *kinds: str) -> Path:
    """Write the session and labels of its turns in order."""
    (folder / "session.jsonl").write_bytes(SESSION.data)
    lines = [number for number, line in enumerate(SESSION.lines, 1) if json.loads(line).get("type") == "user"]
    path = folder / "labels.jsonl"
    rows = [
        {"agent": "claude-code", "file": "session.jsonl", "line": line, "detection_type": kind}
        for line, kind in zip(lines, kinds, strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_precision_and_recall_are_those_of_the_labelled_turns(tmp_path: Path) -> None:
    report = evaluate(labelled(tmp_path, "unprompted_definition", "correction", "none", "none"))
    assert (report.figures["turns"], report.figures["precision"], report.figures["recall"]) == (4, 0.6667, 1.0)
    assert report.figures["quotes that were said"] == 1.0
    assert report.figures["precision of definitions"] == 0.5 and report.figures["recall of definitions"] == 1.0
    assert not report.ok and [each.split(": ")[1] for each in report.failures] == ["none, found definition"]


def test_our_own_stories_are_judged_in_the_shapes_of_all_agents(tmp_path: Path) -> None:
    report = evaluate(write_labelled(tmp_path))
    assert report.failures == [] and report.figures["turns"] > 200
    assert {report.figures[name] for name in ("precision", "recall", "recall of confirmations")} == {1.0}


def test_the_command_fails_when_a_goal_is_missed_and_says_where(tmp_path: Path) -> None:
    good = labelled(tmp_path, "unprompted_definition", "correction", "none", "unprompted_definition")
    done = CliRunner().invoke(cli, ["eval", "detection", "--labels", str(good), "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)[0]["ok"] is True
    missed = labelled(tmp_path, "none", "none", "correction", "none")
    done = CliRunner().invoke(cli, ["eval", "detection", "--labels", str(missed)])
    assert done.exit_code == 1
    assert "correction, found none" in done.stderr and "precision" in done.stdout


def test_labels_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--labels"):
        evaluate(None)
    with pytest.raises(BadInput, match="holds no labels"):
        evaluate(tmp_path)
    path = labelled(tmp_path, "none", "none", "none", "none")
    (tmp_path / "session.jsonl").unlink()
    with pytest.raises(NotFound, match=r"session\.jsonl"):
        evaluate(path)
