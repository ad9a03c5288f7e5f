"""`precedent audit`, as an operator uses it."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from duckdb_files import make
from precedent.app import App
from precedent.cli import cli
from precedent.security.audit import Act, record
from precedent.settings import load


class Operator:
    """Calls the command on a data folder with some acts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = App(load(data_dir=folder))
        for number in range(5):
            with self.app.store.write() as tx:
                act = Act(f"ada{number % 2}", "pause_job", "=job:x", "ok", details={"n": number})
                record(tx, act, now=1_700_000_000_000_000 + number * 86_400_000_000)

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--data-dir", str(self.folder), "audit", *arguments], catch_exceptions=True)

    def do(self, statement: str) -> None:
        with self.app.store.write() as tx:
            tx.execute(sa.text(statement))


@pytest.fixture
def operator(tmp_path: Path) -> Any:
    found = Operator(tmp_path / "data")
    yield found
    found.app.close()


def test_acts_are_listed_newest_first_and_filtered(operator: Operator) -> None:
    found = json.loads(operator.call("list", "--json").stdout)
    assert [each["id"] for each in found] == [5, 4, 3, 2, 1]
    assert found[0]["at"] == "2023-11-18T22:13:20Z"
    assert found[0]["details"] == {"n": 4}
    one = json.loads(operator.call("list", "--json", "--principal", "ada1", "--since", "2023-11-16").stdout)
    assert [each["id"] for each in one] == [4]
    assert [each["id"] for each in json.loads(operator.call("list", "--json", "--until", "2023-11-15").stdout)] == [
        2,
        1,
    ]
    assert "pause_job" in operator.call("list").stdout


def test_a_whole_log_is_verified_and_its_end_can_be_noted(operator: Operator) -> None:
    found = operator.call("verify")
    assert found.exit_code == 0
    noted = found.stdout.strip()
    assert noted.startswith("5:")
    assert operator.call("verify", "--expect", noted).exit_code == 0
    operator.do("DELETE FROM audit WHERE id = 5")
    operator.do("UPDATE audit_head SET rows = 4, hash = (SELECT hash FROM audit WHERE id = 4)")
    assert operator.call("verify").exit_code == 0  # who did this knew how; only what was noted shows it
    broken = operator.call("verify", "--expect", noted, "--json")
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["row"] == 5


def test_a_broken_log_is_told_with_its_row(operator: Operator) -> None:
    operator.do("UPDATE audit SET principal = 'eve' WHERE id = 3")
    found = operator.call("verify", "--json")
    assert found.exit_code == 1
    verdict = json.loads(found.stdout)
    assert (verdict["ok"], verdict["rows"], verdict["row"]) == (False, 2, 3)


@pytest.mark.parametrize("text", ["", "5", "x:" + "0" * 64, "5:abc", "-5:" + "0" * 64])
def test_what_was_noted_must_be_what_was_printed(operator: Operator, text: str) -> None:
    assert operator.call("verify", "--expect", text).exit_code != 0


def test_an_export_holds_what_it_takes_to_compute_the_hashes_and_is_an_act_itself(operator: Operator) -> None:
    rows = [json.loads(line) for line in operator.call("export").stdout.splitlines()]
    before = "0" * 64
    for row in rows:
        *values, digest = row.values()
        content = json.dumps([before, *values], separators=(",", ":"), ensure_ascii=False).encode()
        assert hashlib.sha256(content).hexdigest() == digest
        before = digest
    last = json.loads(operator.call("list", "--json", "--limit", "1").stdout)[0]
    assert (last["action"], last["details"]) == ("export_audit", {"rows": 5})


def test_an_export_for_spreadsheets_holds_no_formulas(operator: Operator) -> None:
    rows = list(csv.DictReader(io.StringIO(operator.call("export", "--csv", "--principal", "ada1").stdout)))
    assert [row["id"] for row in rows] == ["2", "4"]
    assert rows[0]["resource"] == "'=job:x"


def test_what_an_operator_does_at_the_command_line_is_in_the_log(operator: Operator, tmp_path: Path) -> None:
    other = make(tmp_path / "other.duckdb", old=[("ada/s1.jsonl", "ada", None, 3, "abc")])
    calls = [["pause", "usage", "--reason", "no disk"], ["resume", "usage"], ["dead", "retry", "--all"]]
    calls += [["dead", "drop", "--all", "--processor", "usage"], ["prices", "reset"]]
    calls += [["import-state", "--dry-run", str(other)], ["import-state", str(other)]]
    for arguments in calls:
        assert CliRunner().invoke(cli, ["--data-dir", str(operator.folder), *arguments]).exit_code == 0
    found = json.loads(operator.call("list", "--json", "--principal", "command line").stdout)
    assert [(each["action"], each["resource"]) for each in reversed(found)] == [
        ("pause_processor", "processor:usage"),
        ("resume_processor", "processor:usage"),
        ("retry_dead_letters", "processor:*"),
        ("drop_dead_letters", "processor:usage"),
        ("reset_prices", "prices"),
        ("import_state", "processors"),
    ]
    assert found[0]["details"]["imported"] == found[0]["details"]["rows"] == 1
    assert not any(each in json.dumps(found[0]["details"]) for each in ("ada", "s1", "other"))
    assert found[-1]["details"] == {"reason": "no disk"}
