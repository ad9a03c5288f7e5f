"""Knowledge on the command line: from a transcript to an approved item, and a queue judged by keys."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from builders import home_of, put
from precedent.cli import cli
from precedent.testing import ClaudeCode

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose queue holds two items."""
    home = home_of(tmp_path)
    session = (
        ClaudeCode("told")
        .prompt("In our data an active captain means one with a call in the last 28 days.")
        .reply("I ran npm install.")
        .prompt("no, we use pnpm in this repo, not npm")
    )
    path = home.path / ".claude" / "projects" / "harbour" / session.path.name
    path.parent.mkdir(parents=True)
    path.write_bytes(session.data)
    monkeypatch.setenv("PRECEDENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", database_url)
    assert run("collect", "--home", str(home.path)).exit_code == 0
    assert run("run", "verification").exit_code == 0
    return tmp_path / "data"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def read(*words: str) -> Any:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_an_item_goes_from_a_transcript_through_every_decision(folder: Path) -> None:
    second, first = read("knowledge", "list", "--status", "pending")
    assert first["title"].startswith("In our data") and "pnpm" in second["title"]
    shown = read("knowledge", "show", str(second["id"]))
    assert shown["evidence"][0]["quote"] == "no, we use pnpm in this repo, not npm"
    assert shown["evidence"][0]["person"] == "ada"
    refused = run("knowledge", "approve", str(second["id"]), "--hash", "another")
    assert refused.exit_code != 0 and "changed meanwhile" in str(refused.exception)
    for words in (
        ("approve", "--hash", second["content_hash"]),
        ("mandate",),
        ("unmandate",),
        ("revoke", "--reason", "we moved"),
        ("reopen",),
        ("edit", "--content", "We use pnpm 11."),
        ("reject",),
    ):
        done = run("knowledge", words[0], str(second["id"]), *words[1:])
        assert done.exit_code == 0, done.stderr
    acts = [each["action"] for each in read("knowledge", "history", str(second["id"]))]
    assert acts == ["find", "approve", "mandate", "unmandate", "revoke", "reopen", "edit", "reject"]
    assert "We use pnpm 11." in run("knowledge", "show", str(second["id"])).stderr
    assert read("knowledge", "revoke-from", "--person", "ada", "--dry-run") == [first["id"]]
    assert read("knowledge", "at", "2020-01-01") == []


def test_domains_sort_items(folder: Path) -> None:
    [item, _] = read("knowledge", "list")
    assert run("knowledge", "edit", str(item["id"]), "--domain", "build").exit_code != 0
    assert run("knowledge", "domains", "add", "build", "--description", "How we build.").exit_code == 0
    assert run("knowledge", "edit", str(item["id"]), "--domain", "build").exit_code == 0
    assert [each["id"] for each in read("knowledge", "list", "--domain", "build")] == [item["id"]]
    assert run("knowledge", "domains", "remove", "build").exit_code != 0
    assert [each["name"] for each in read("knowledge", "domains", "list")] == ["build"]


def typed(keys: bytes) -> str:
    """Type at the queue and return what stood on the screen."""
    main, end = pty.openpty()
    command = [sys.executable, "-W", "error", "-m", "precedent.cli", "review"]
    said = b""
    with subprocess.Popen(command, stdin=end, stderr=end, env={**os.environ, "NO_COLOR": "1"}) as process:
        os.close(end)
        os.write(main, keys)
        while True:
            try:
                more = os.read(main, 4096)
            except OSError:  # nobody holds the other end any more
                break
            if not more:
                break
            said += more
        assert process.wait(30) == 0
    os.close(main)
    return said.decode()


def test_the_queue_is_judged_by_single_keys(folder: Path) -> None:
    text = typed(b"axurm")
    assert "2 judged, 0 wait." in text and "waits again" in text and "No such key" in text
    statuses = sorted((each["status"], each["mandatory"]) for each in read("knowledge", "list"))
    assert statuses == [("approved", True), ("rejected", False)]


def contradict(folder: Path) -> None:
    """Let the same person say the opposite in another session."""
    session = ClaudeCode("opposite").prompt("go").reply("I ran npm install.")
    session.prompt("no, we use npm in this repo, not pnpm")
    home = home_of(folder)
    put(home.path / ".claude/projects" / session.path, session.data)
    assert run("collect", "--home", str(home.path)).exit_code == run("run", "verification").exit_code == 0


@pytest.mark.parametrize(
    ("key", "left"),
    [("t", ["approved", "rejected"]), ("b", ["approved", "pending"])],
)
def test_what_may_contradict_stands_beside_it_and_is_decided_there(key: str, left: list[str], folder: Path) -> None:
    contradict(folder)
    [pair] = [each for each in read("knowledge", "pairs", "list") if each["relation"] == "contradiction"]
    first, second = pair["first"]["id"], pair["second"]["id"]
    others = [each["id"] for each in read("knowledge", "list") if each["id"] not in {first, second}]
    for number in others:
        assert run("knowledge", "reject", str(number)).exit_code == 0
    text = typed(f"{key}aq".encode())
    assert f"MAY CONTRADICT #{second}" in text and pair["second"]["content"] in text
    assert sorted(each["status"] for each in read("knowledge", "list") if each["id"] in {first, second}) == left


def test_a_pair_is_decided_by_its_number(folder: Path) -> None:
    contradict(folder)
    [pair] = [each for each in read("knowledge", "pairs", "list") if each["relation"] == "contradiction"]
    assert run("knowledge", "pairs", "decide", str(pair["id"]), "kept_b").exit_code == 0
    assert read("knowledge", "pairs", "list") == []
    again = run("knowledge", "pairs", "decide", str(pair["id"]), "kept_a")
    assert again.exit_code != 0 and "is decided" in str(again.exception)


def test_review_without_a_terminal_says_what_to_do(folder: Path) -> None:
    done = run("review")
    assert done.exit_code != 0 and "needs a terminal" in str(done.exception)
