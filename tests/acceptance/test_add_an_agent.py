"""The how-to that adds a seventh agent, done as it is written."""

import json
import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from precedent.transcripts import contract

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-agent.md"
FILE = re.compile(r"^`([\w.-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall(PAGE.read_text("utf-8")))
COMMANDS = re.compile(r"^## 3\..*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Person:
    """Somebody with the example's transcript in their home, on a machine where the package is installed.

    Args:
        python: of an environment that has what ours has, and the package.
        folder: an empty one.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._data, self.home = python, folder / "data", folder / "home"
        self.logs = self.home / ".tidepool" / "logs"
        self.logs.mkdir(parents=True)
        (self.logs / "t-81.jsonl").write_text(FILES["t-81.jsonl"], "utf-8")

    def precedent(self, *args: str) -> str:
        """Run the program."""
        return run(self._python, "-m", "precedent.cli", "--data-dir", str(self._data), *args, home=self.home)

    def ask(self, *args: str) -> Any:
        """Run the program and return its JSON."""
        return json.loads(self.precedent(*args, "--json"))

    def take(self) -> None:
        """Collect and count."""
        self.precedent("collect")
        self.precedent("run", "usage")


def run(python: Path, *args: str, home: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HOME": str(home)}
    done = subprocess.run([python, *args], cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment where the package of the page is installed as the page says."""
    folder = tmp_path_factory.mktemp("plugin")
    venv.create(folder / "venv", symlinks=True)
    packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    package = folder / "package"
    package.mkdir()
    for name in ("tidepool.py", "pyproject.toml"):
        (package / name).write_text(FILES[name], "utf-8")
    python = folder / "venv" / "bin" / "python"
    # The two options keep it from the network; what the package needs is there.
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(python, *pip, str(package), home=folder)
    return python


@pytest.fixture
def person(python: Path, tmp_path: Path) -> Person:
    return Person(python, tmp_path)


def test_the_how_to_adds_an_agent_from_its_files_to_its_figures(person: Person) -> None:
    [commands] = COMMANDS.findall(PAGE.read_text("utf-8"))
    shown = {line: person.precedent(*line.split()[1:]) for line in commands.splitlines()}
    assert "tidepool:READER" in shown["precedent plugins"]
    assert "~/.tidepool/logs" in shown["precedent doctor"]
    [row] = person.ask("usage", "by", "agent,model")
    names = ("agent", "model", "requests", "input_tokens", "output_tokens", "cache_read_tokens", "tool_calls")
    assert [row[name] for name in names] == ["tidepool", "claude-sonnet-4-5", 1, 50, 20, 40, 1]
    assert row["cost_usd_micros"] > 0


def test_the_how_tos_reader_accounts_for_every_line_and_takes_growth_and_damage(person: Person) -> None:
    path = person.logs / "t-82.jsonl"
    lines = FILES["t-81.jsonl"].replace("t-81", "t-82").splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + '{"kind": "tide"}\n[1]\n{"kind": "asked", "at": "noon", "text": "now"}\n')
    person.take()
    with path.open("a") as file:
        file.write("".join(lines[3:]) + lines[2].replace('"a1"', '"a2"') + lines[0][:30])
    person.take()
    [shown] = person.ask("sessions", "show", "t-82")
    names = ("lines", "event_lines", "ignored_lines", "unknown_lines", "broken_lines")
    assert [shown[name] for name in names] == [9, 6, 1, 1, 1]
    assert [reason.partition(": ")[2] for reason in shown["defects"]] == ["not an object", "wrong type at at"]
    [session] = [each for each in person.ask("sessions", "list") if each["session"] == "t-82"]
    assert session["requests"] == 2


def test_the_how_tos_reader_leaves_an_opted_out_folder_alone(person: Person) -> None:
    wishes = person.home / ".precedent" / "private"
    wishes.parent.mkdir()
    wishes.write_text("/code\n")
    person.precedent("collect")
    assert person.ask("usage", "by", "agent") == []
    wishes.unlink()
    person.take()
    assert person.ask("usage", "by", "agent") != []


@pytest.mark.parametrize("name", ["DocumentParser", "StoreReader", "FolderNaming"])
def test_the_how_to_points_at_contracts_that_there_are(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text("utf-8")
    assert hasattr(contract, name)
