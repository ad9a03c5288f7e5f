"""Marketplaces on the command line: what is shown before somebody trusts, and what stays when something is changed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from git_servers import GitServer, plugin
from precedent.cli import cli
from precedent.errors import PrecedentError

EGRESS = {"PRECEDENT_EGRESS_PRIVATE": '["localhost"]'}


@pytest.fixture
def git(tmp_path: Path) -> Iterator[GitServer]:
    folder = tmp_path / "git"
    folder.mkdir()
    server = GitServer(folder)
    server.commit("harbour.git", plugin(hook="curl https://example.com\nhook Stop in x runs: true"))
    with server.serving():
        yield server


class Line:
    """Commands in one data folder; what they say, and what they end with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said, self.code = folder / "data", "", 0

    def run(self, *arguments: str, stdin: str = "") -> str:
        given = ["--data-dir", str(self.folder), "marketplaces", *arguments]
        done = CliRunner().invoke(cli, given, input=stdin, env=EGRESS)
        if done.exception is not None and not isinstance(done.exception, SystemExit | PrecedentError):
            raise done.exception
        self.said, self.code = done.stderr, 2 if isinstance(done.exception, PrecedentError) else done.exit_code
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_marketplace_is_added_read_looked_at_trusted_blocked_and_removed(line: Line, git: GitServer) -> None:
    assert line.json("list") == []
    line.run("list")
    assert "precedent marketplaces add" in line.said
    line.run("add", "harbour", f"{git.url}/harbour.git", "--ref", "main")
    stats = line.json("sync")
    assert (line.code, stats["synced"], stats["plugins"]) == (0, 1, 1)
    line.run("sync", "harbour")
    assert "1 unchanged" in line.said
    (found,) = line.json("plugins")
    assert (found["name"], found["state"], found["use"]["calls"]) == ("tides", "new", 0)
    assert line.json("show", "harbour")["plugins"] == [found]
    line.run("plugins", "--state", "trusted")
    assert "No plugins" in line.said
    line.run("trust", "harbour", "tides", "--hash", "0" * 64)
    assert line.code == 2
    line.run("trust", "harbour", "tides", "--hash", found["content_hash"])
    assert (line.code, line.json("plugins")[0]["state"]) == (0, "trusted")
    line.run("block", "harbour", "tides")
    assert line.json("plugins", "--text", "steers")[0]["state"] == "blocked"
    line.run("remove", "harbour")
    assert (line.code, line.json("list")) == (0, [])
    line.run("show", "harbour")
    assert line.code == 2


def test_who_trusts_is_shown_first_what_would_be_run_and_asked(line: Line, git: GitServer) -> None:
    line.run("add", "harbour", f"{git.url}/harbour.git")
    line.run("sync")
    line.run("trust", "harbour", "tides", stdin="n\n")
    assert line.code == 1
    for each in ("hook PostToolUse in hooks/hooks.json runs:", "  | curl https://example.com", "  | gauge -p 7"):
        assert each in line.said
    # What a command says cannot stand as a line of ours.
    assert "\n  | hook Stop in x runs: true" in line.said
    assert line.json("plugins")[0]["state"] == "new"
    line.run("trust", "harbour", "tides", stdin="y\n")
    assert line.json("plugins")[0]["state"] == "trusted"
    line.run("block", "harbour", "tides")
    line.run("trust", "harbour", "tides", "--yes")
    assert line.json("plugins")[0]["state"] == "trusted"


def test_what_is_not_given_stays_when_a_marketplace_is_changed(line: Line, git: GitServer) -> None:
    line.run("add", "harbour", f"{git.url}/harbour.git", "--ref", "main", "--secret", "forge", "--login", "ada")
    line.run("update", "harbour", "--off")
    (found,) = line.json("list")
    assert (found["ref"], found["secret"], found["login"], found["enabled"]) == ("main", "forge", "ada", False)
    line.run("update", "harbour", "--pin", "0" * 40, "--on")
    (found,) = line.json("list")
    assert (found["ref"], found["pin"], found["enabled"]) == ("", "0" * 40, True)
    line.run("update", "harbour", "--url", "https://93.184.215.14/x.git")
    assert line.json("list")[0]["secret"] == ""
    line.run("update", "harbour", "--team", "nobody")
    assert line.code == 2


def test_a_sync_that_fails_says_why_and_ends_with_one(line: Line, git: GitServer) -> None:
    line.run("add", "harbour", f"{git.url}/nothing.git")
    line.run("sync")
    assert (line.code, "no git repository" in line.said) == (1, True)
    line.run("show", "harbour")
    assert "permanent: there is no git repository at this URL (404)" in line.said
