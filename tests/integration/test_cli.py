"""The command line as people and scripts use it."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from precedent import samples

TOTALS = [
    "requests", "input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "cache_read_tokens", "web_searches", "tool_calls", "cost_usd_micros", "unpriced_models", "partial_requests",
    "defects",
]  # fmt: skip


class Said(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Said]


def runner(folder: Path) -> Run:
    def run(*words: str, **environment: str) -> Said:
        command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(folder / "data"), *words]
        home = folder / "nobody"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "HOME": str(home), **environment}, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def precedent(tmp_path: Path) -> Run:
    return runner(tmp_path)


@pytest.fixture(scope="module")
def counted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counted")
    run = runner(folder)
    for home in samples.homes():
        assert run("collect", "--home", str(home)).code == 0
    assert run("run", "usage").code == 0
    return folder / "data"


@pytest.fixture
def counted(precedent: Run, counted_once: Path, tmp_path: Path) -> Run:
    """The command on a data folder with the samples collected and counted."""
    shutil.copytree(counted_once, tmp_path / "data")
    return precedent


def test_totals_are_one_object_with_exactly_the_promised_names(counted: Run) -> None:
    assert list(counted("usage", "totals", "--json").json()) == TOTALS


def test_daily_rows_have_a_date_and_add_up_to_the_totals(counted: Run) -> None:
    totals = counted("usage", "totals", "--json").json()
    days = counted("usage", "daily", "--json").json()
    assert list(days[0]) == ["date", *TOTALS]
    assert [day["date"] for day in days] == sorted(day["date"] for day in days)
    for name in TOTALS:
        if name != "unpriced_models":
            assert sum(day[name] for day in days) == totals[name]


@pytest.mark.parametrize("dimension", ["person", "agent", "model", "project", "session", "date"])
def test_every_dimension_adds_up_to_the_same_totals(counted: Run, dimension: str) -> None:
    totals = counted("usage", "totals", "--json").json()
    rows = counted("usage", "by", dimension, "--json").json()
    for name in ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cost_usd_micros", "tool_calls"):
        assert sum(row[name] or 0 for row in rows) == totals[name]


def test_csv_has_the_same_figures_as_json(counted: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(counted("usage", "by", "person,model", "--csv").out)))
    for row, same in zip(rows, counted("usage", "by", "person,model", "--json").json(), strict=True):
        assert (row["person"], row["model"], int(row["requests"])) == (same["person"], same["model"], same["requests"])


def test_a_filter_shows_its_share_only(counted: Run) -> None:
    everything = counted("usage", "totals", "--json").json()["requests"]
    ada = counted("usage", "totals", "--person", "ada", "--json").json()["requests"]
    grace = counted("usage", "totals", "--person", "grace", "--json").json()["requests"]
    assert 0 < ada < everything
    assert ada + grace == everything
    first, *_, last = counted("usage", "daily", "--json").json()
    one_day = counted("usage", "totals", "--since", last["date"], "--until", last["date"], "--json").json()
    assert one_day["requests"] == last["requests"]
    assert counted("usage", "totals", "--until", first["date"], "--json").json()["requests"] == first["requests"]


def test_data_goes_to_standard_output_and_remarks_to_standard_error(counted: Run) -> None:
    said = counted("usage", "daily")
    assert "requests" in said.out
    assert "list price" in said.err
    assert "list price" not in said.out
    assert "\x1b" not in said.out + said.err


def test_every_request_can_be_traced_to_its_line(counted: Run, tmp_path: Path) -> None:
    traced = counted("usage", "requests", "--json").json()
    assert len(traced) == counted("usage", "totals", "--json").json()["requests"]
    for each in traced:
        data = (tmp_path / "data" / "sessions" / each["session_file"]).read_bytes()
        assert data[: each["byte_offset"]].count(b"\n") == each["line"] - 1
        line = json.loads(data[each["byte_offset"] :].split(b"\n")[0])
        assert "usage" in json.dumps(line)


def test_sessions_account_for_every_line(counted: Run) -> None:
    for session in counted("sessions", "list", "--json").json():
        for each in counted("sessions", "show", session["session"], "--json").json():
            kinds = ("event_lines", "ignored_lines", "blank_lines", "unknown_lines", "broken_lines")
            assert each["lines"] == sum(each[kind] for kind in kinds)
            assert each["defects"] == []


def test_a_deleted_session_is_gone_and_stays_gone(counted: Run) -> None:
    session = counted("sessions", "list", "--json").json()[0]["session"]
    before = counted("usage", "totals", "--json").json()["requests"]
    assert counted("sessions", "delete", session, "--yes").code == 0
    after = counted("usage", "totals", "--json").json()["requests"]
    assert after < before
    for home in samples.homes():
        counted("collect", "--home", str(home))
    counted("run", "usage")
    assert counted("usage", "totals", "--json").json()["requests"] == after
    assert counted("sessions", "show", session).code == 2


def test_a_first_look_without_transcripts_shows_samples_and_says_so(precedent: Run, tmp_path: Path) -> None:
    said = precedent("first-look")
    assert said.code == 0
    assert "sample transcripts" in said.err
    assert "claude-opus" in said.out
    assert "gpt-5" in said.out
    assert not list((tmp_path / "data" / "sessions").glob("[!.]*/*"))


def test_a_first_look_with_transcripts_shows_yours(precedent: Run) -> None:
    said = precedent("first-look", HOME=str(samples.homes()[0]))
    assert said.code == 0
    assert "sample transcripts" not in said.err
    assert "claude-opus" in said.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "nothing"), 2, "no processor 'nothing' is installed; there are: friction, secrets, usage"),
        (("collect", "--home", "/nonexistent"), 2, "/nonexistent is no folder"),
        (("collect", "--home", "/tmp", "--all-users"), 2, "not both"),
        (("usage", "daily", "--zone", "Mars/Olympus"), 2, "no time zone 'Mars/Olympus'"),
        (("usage", "daily", "--since", "yesterday"), 2, "'yesterday' is no date"),
        (("usage", "daily", "--since", "2026-02-02", "--until", "2026-02-01"), 2, "is after"),
        (("usage", "daily", "--json", "--csv"), 2, "not both"),
        (("usage", "by", "colour"), 2, "dimensions are"),
        (("usage", "tools", "--kind", "hammer"), 2, "kinds are"),
        (("secrets", "by", "rule,colour"), 2, "no dimension 'colour'; there are: rule, person"),
        (("friction", "show", "nothing"), 2, "no session 'nothing'"),
        (("sessions", "show", "nothing"), 2, "no session 'nothing'"),
        (("dead", "retry"), 2, "name session files, or give --all"),
        (("dead", "drop", "nobody/nothing.jsonl"), 2, "not in the dead letter"),
        (("prices", "update", "/nonexistent"), 2, "no price table"),
        (("pause", "nothing"), 2, "no processor 'nothing'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(precedent: Run, words: tuple[str, ...], code: int, message: str) -> None:
    said = precedent(*words)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PRECEDENT_DATABASE_URL", "nonsense", "is no database URL"),
        ("PRECEDENT_DATABASE_URL", "mysql://u:geheim@h/x", "names mysql"),
        ("PRECEDENT_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/x", "cannot be opened"),
        ("SCHEDULER_USAGE_PROCESSOR_INTERVAL", "0", "SCHEDULER_USAGE_PROCESSOR_INTERVAL"),
        ("SCHEDULER_USAGE_PROCESSOR_INTERVAL", "often", "SCHEDULER_USAGE_PROCESSOR_INTERVAL"),
        ("PRECEDENT_PRIVATE_FOLDERS", "/a", "private_folders"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_shown(
    precedent: Run, variable: str, value: str, message: str
) -> None:
    said = precedent("status", **{variable: value})
    assert said.code == 2
    assert message in said.err
    assert "geheim" not in said.err
    assert "Traceback" not in said.err


def test_settings_say_where_they_come_from(precedent: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precedent.toml").write_text("run_time_s = 12.5\nextraction_time_s = 7.0\n")
    rows = precedent("config", "show", "--origin", "--json", PRECEDENT_EXTRACTION_TIME_S="8").json()
    found = {row["name"]: (row["value"], row["origin"]) for row in rows}
    assert found["data_dir"] == (str(tmp_path / "data"), "command line")
    assert found["extraction_time_s"] == (8.0, "environment")
    assert found["run_time_s"] == (12.5, str(tmp_path / "data" / "precedent.toml"))
    assert found["run_transcripts"] == (100_000, "default")


def test_an_unknown_setting_in_the_file_is_refused(precedent: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precedent.toml").write_text("colour = 1\n")
    said = precedent("status")
    assert said.code == 2
    assert "unknown settings: colour" in said.err


def test_doctor_finds_nothing_wrong_with_a_new_installation(precedent: Run) -> None:
    checks = precedent("doctor", "--json").json()
    assert {check["result"] for check in checks} == {"ok"}
    assert {"data folder", "database", "processor usage", "prices"} <= {check["name"] for check in checks}


def test_plugins_names_what_is_installed_and_where_it_comes_from(precedent: Run) -> None:
    found = {(row["group"], row["name"]) for row in precedent("plugins", "--json").json()}
    assert {
        ("precedent.readers", "claude-code"), ("precedent.readers", "codex"), ("precedent.processors", "usage"),
    } <= found  # fmt: skip


def test_a_paused_processor_says_so_and_runs_again_when_resumed(counted: Run) -> None:
    counted("pause", "usage", "--reason", "moving house")
    said = counted("run", "usage")
    assert said.code == 1
    assert "moving house" in said.err
    counted("resume", "usage")
    assert counted("run", "usage").code == 0


def test_prices_can_be_replaced_and_everything_is_priced_anew(counted: Run, tmp_path: Path) -> None:
    before = counted("usage", "totals", "--json").json()
    shipped = Path(samples.__file__).parents[1] / "usage" / "prices" / "table.json"
    dearer = tmp_path / "dearer.json"
    text = shipped.read_text("utf-8").replace('"web_search":0.01', '"web_search":1.01')
    version = json.loads(text)["version"]
    dearer.write_text(text.replace(version, "dearer.1"), "utf-8")
    assert counted("prices", "update", str(dearer)).code == 0
    after = counted("usage", "totals", "--json").json()
    assert before["web_searches"] > 0
    assert after["cost_usd_micros"] - before["cost_usd_micros"] == before["web_searches"] * 1_000_000
    assert {each["price_version"] for each in counted("usage", "requests", "--json").json()} == {"dearer.1"}
    assert counted("prices", "reset").code == 0
    assert counted("usage", "totals", "--json").json() == before


def test_terminal_control_in_a_transcript_never_reaches_the_terminal(precedent: Run, tmp_path: Path) -> None:
    folder = tmp_path / "evil" / ".claude" / "projects" / "x"
    folder.mkdir(parents=True)
    lines = [
        {"type": "custom-title", "customTitle": "\u001b]0;owned\u0007\u202etitle", "sessionId": "s"},
        {
            "type": "assistant", "uuid": "u", "sessionId": "s", "cwd": "/\u001b[2J",
            "timestamp": "2026-01-05T09:00:00Z",
            "message": {"id": "m", "model": "evil\u001b[31m", "content": [], "usage": {"output_tokens": 1}},
        },
    ]  # fmt: skip
    (folder / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    precedent("collect", "--home", str(tmp_path / "evil"))
    precedent("run", "usage")
    for words in (("usage", "by", "model,project"), ("sessions", "list"), ("usage", "requests")):
        said = precedent(*words)
        assert said.code == 0
        assert not {"\u001b", "\u0007", "\u202e"} & set(said.out + said.err)


def test_nothing_written_is_readable_by_others(counted: Run, tmp_path: Path) -> None:
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
