"""Each agent's transcripts from a home, where the agent puts them, to figures; and what its way of writing asks for."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from builders import claude_path, claude_session, codex_path, codex_session, grow, put, session_id
from more_builders import (
    copilot_line,
    copilot_reply,
    copilot_shutdown,
    copilot_start,
    copilot_transcript,
    gemini_document,
    gemini_header,
    gemini_reply,
    gemini_transcript,
    gemini_user,
    lines,
    opencode_document,
    opencode_dump,
    pi_header,
    pi_reply,
    pi_transcript,
)
from opencode_stores import DATA, Database, put_files
from precedent.app import App
from precedent.archive.sources import Home
from precedent.doctor import examine
from precedent.store.schema import usage_request
from precedent.usage.report import Report

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GEMINI = ".gemini/tmp/harbour/chats"


def document(*messages: dict[str, Any], **more: Any) -> bytes:
    """A session of Gemini CLI in one object, as it is written: no newline at its end."""
    header = {name: value for name, value in gemini_header().items() if name != "kind"}
    return json.dumps(header | {"messages": list(messages)} | more, indent=2).encode()


def opencode_home(home: Path) -> None:
    database = Database(home)
    database.put(json.loads(opencode_document()))
    database.close()


HOMES: dict[str, Callable[[Path], object]] = {
    "claude-code": lambda home: put(claude_path(home, session_id(1)), claude_session(session_id(1), 5)),
    "codex": lambda home: put(codex_path(home, session_id(1)), codex_session(session_id(1), 5)),
    "copilot-cli": lambda home: put(
        home / ".copilot/session-state" / session_id(1) / "events.jsonl", copilot_transcript()
    ),
    "gemini-cli": lambda home: put(home / GEMINI / "session-2026-01-05T09-00-aa.jsonl", gemini_transcript()),
    "gemini-cli/json": lambda home: put(
        home / GEMINI / "session-2026-01-05T09-00-aa.json", gemini_document().rstrip(b"\n")
    ),
    "opencode": opencode_home,
    "opencode/files": lambda home: put_files(home, json.loads(opencode_document())),
    "opencode/export": lambda home: put(home / DATA / "exports/a.json", opencode_document().rstrip(b"\n")),
    "opencode/dump": lambda home: put(home / DATA / "exports/a.jsonl", opencode_dump()),
    "pi": lambda home: put(home / ".pi/agent/sessions/--code--/2026_a.jsonl", pi_transcript()),
}
"""Writes one transcript of an agent, in one of its layouts, where the agent puts it."""


def figures(app: App) -> list[tuple[Any, ...]]:
    """Requests and tokens by agent and model."""
    app.run_processor("usage")
    with app.store.read() as tx:
        rows = Report(tx).by(["agent", "model"])
    return [(*row.group, row.requests, row.input_tokens, row.output_tokens, row.cache_read_tokens) for row in rows]


def catalogued(app: App) -> dict[str, dict[str, Any]]:
    with app.store.read() as tx:
        return {row["session_file"]: dict(row) for row in tx.execute(sa.text("SELECT * FROM transcript")).mappings()}


def lines_of(app: App) -> tuple[int, ...]:
    """Lines of all transcripts and what became of them, and defects."""
    names = ("lines", "blank_lines", "event_lines", "ignored_lines", "unknown_lines", "broken_lines", "defects")
    with app.store.read() as tx:
        return tuple(
            tx.execute(sa.text(f"SELECT {', '.join(f'sum({name})' for name in names)} FROM usage_transcript")).one()
        )


def archived(app: App) -> bytes:
    [row] = catalogued(app).values()
    return app.archive.read(row["object_key"], start=0, end=row["length"] + 1)


@pytest.mark.parametrize("layout", HOMES)
def test_an_agents_transcript_goes_the_whole_way_and_only_once(app: App, home: Home, layout: str) -> None:
    HOMES[layout](home.path)
    agent = layout.partition("/")[0]
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_failed, stats.files_unknown, stats.files_refused) == (1, 0, 0, 0)
    [row] = catalogued(app).values()
    assert (row["agent"], row["generation"]) == (agent, 0)
    first = figures(app)
    assert {each[0] for each in first} == {agent}
    assert all(each[2] > 0 and each[3] > 0 and each[4] > 0 for each in first)
    total, blank, spoken, ignored, unknown, broken, defects = lines_of(app)
    data = archived(app)
    assert total == data.count(b"\n") + (not data.endswith(b"\n"))
    assert total == blank + spoken + ignored + unknown + broken
    assert (unknown, broken, defects) == (0, 0, 0)
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_skipped) == (0, 1)
    assert figures(app) == first


@SQLITE
def test_the_doctor_sees_the_readers_of_all_agents_and_where_their_transcripts_are(
    app: App, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lay_out in HOMES.values():
        lay_out(home.path)
    monkeypatch.setenv("HOME", str(home.path))
    checks = {check.name: check for check in examine(app)}
    for agent, place in (
        ("claude-code", "~/.claude/projects"), ("codex", "~/.codex/sessions"), ("gemini-cli", "~/.gemini/tmp"),
        ("copilot-cli", "~/.copilot/session-state"), ("opencode", "~/.local/share/opencode"),
        ("pi", "~/.pi/agent/sessions"),
    ):  # fmt: skip
        assert checks[f"reader plugin {agent}"].result == "ok"
        assert checks[f"transcripts of {agent}"].detail.split(", ")[-1] == place


def test_all_layouts_of_an_agent_give_the_same_figures(app: App, home: Home, tmp_path: Path) -> None:
    found: dict[str, list[Any]] = {}
    for layout in ("gemini-cli", "gemini-cli/json", "opencode", "opencode/files", "opencode/export"):
        person = Home(tmp_path / layout, layout.replace("/", "-"))
        person.path.mkdir(parents=True)
        HOMES[layout](person.path)
        app.collect([person])
        found[layout] = figures(app)
    assert found["gemini-cli"] == found["gemini-cli/json"]  # the same requests, whoever shows them
    assert found["opencode"] == found["opencode/files"] == found["opencode/export"]


@SQLITE
def test_every_agents_transcript_is_known_wherever_it_lies(app: App, home: Home) -> None:
    expected = {}
    for number, (layout, data) in enumerate(
        {
            "copilot-cli": copilot_transcript(), "gemini-cli": gemini_document().rstrip(b"\n"),
            "opencode": opencode_document(), "pi": pi_transcript(),
        }.items()
    ):  # fmt: skip
        put(claude_path(home.path, session_id(number)), data)
        expected[layout] = 1
    assert app.collect([home]).files_copied == 4
    assert {row["agent"]: 1 for row in catalogued(app).values()} == expected


# Sessions in one object -----------------------------------------------------------------------------------------------


@SQLITE
def test_an_object_without_a_last_newline_is_taken_when_it_is_whole_and_not_before(app: App, home: Home) -> None:
    path = home.path / GEMINI / "session-a.json"
    data = document(gemini_user("u1", 1, "use pnpm"), gemini_reply("g1", 2))
    assert data.endswith(b"}")
    for cut in (1, 40, data.index(b"messages"), len(data) - 1):
        put(path, data[:cut])
        assert app.collect([home]).files_copied == 0
        assert list(app.archive.root.rglob("*.jsonl")) == []
    put(path, data)
    assert app.collect([home]).files_copied == 1
    assert archived(app) == data


@SQLITE
def test_a_large_object_is_taken_whole_and_its_folders_are_seen_wherever_they_stand(app: App, home: Home) -> None:
    path = home.path / GEMINI / "session-a.json"
    long = gemini_user("u1", 1, "word " * 900_000)
    folders = [f"/code/{number:0400}" for number in range(12_000)]  # longer than the pieces that are read
    data = document(long, gemini_reply("g1", 2), directories=folders[:3])
    put(path, data)
    assert app.collect([home]).files_copied == 1
    assert archived(app) == data
    assert [row[2] for row in figures(app)] == [1]
    put(path, document(long, gemini_reply("g1", 2), gemini_reply("g2", 3), directories=folders))
    put(home.path / ".precedent" / "private", f"/code/{11_999:0400}\n".encode())
    assert (app.collect([home]).files_withdrawn, catalogued(app), figures(app)) == (1, {}, [])


@SQLITE
def test_an_object_that_is_written_anew_counts_what_is_new_and_loses_nothing(app: App, home: Home) -> None:
    path = home.path / GEMINI / "session-a.json"
    messages = [gemini_user("u1", 1, "use pnpm"), gemini_reply("g1", 2)]
    put(path, document(*messages))
    app.collect([home])
    [first] = figures(app)
    messages += [gemini_user("u2", 3, "and pytest"), gemini_reply("g2", 4)]
    whole = document(*messages)
    put(path, whole[:300])  # half written when the collector looks
    assert app.collect([home]).files_copied == 0
    assert figures(app) == [first]
    put(path, whole)
    assert app.collect([home]).files_copied == 1
    [second] = figures(app)
    assert second[2:] == tuple(2 * each for each in first[2:])
    [row] = catalogued(app).values()
    assert (row["generation"], archived(app)) == (1, whole)
    put(path, document(messages[0]))  # what is rewound had been billed
    assert app.collect([home]).files_copied == 1
    assert figures(app) == [second]
    with app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(usage_request)) == 2


@SQLITE
def test_a_torn_first_line_of_an_agent_that_writes_lines_only_still_waits(app: App, home: Home) -> None:
    path = home.path / ".pi/agent/sessions/a/b.jsonl"
    data = pi_transcript()
    first = data.index(b"\n") + 1
    put(path, data[: first + 20])
    app.collect([home])
    assert archived(app) == data[:first]
    put(path, data)
    app.collect([home])
    assert archived(app) == data
    assert catalogued(app)["ada/" + session_id(1) + ".jsonl"]["generation"] == 0


@SQLITE
def test_secrets_in_an_object_over_many_lines_are_scrubbed_and_it_stays_one_object(app: App, home: Home) -> None:
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    put(home.path / GEMINI / "session-a.json", document(gemini_user("u1", 1, f"use {token}"), gemini_reply("g1", 2)))
    assert app.collect([home]).redactions == 1
    assert token.encode() not in archived(app)
    assert len(json.loads(archived(app))["messages"]) == 2
    assert len(figures(app)) == 1


# Gemini CLI -----------------------------------------------------------------------------------------------------------


@SQLITE
def test_a_sub_agents_file_of_gemini_belongs_to_the_session_it_is_named_after(app: App, home: Home) -> None:
    parent = gemini_header()["sessionId"]
    put(home.path / GEMINI / "session-a.jsonl", gemini_transcript())
    child = lines(gemini_header(2, kind="subagent"), gemini_user("u9", 1, "look around"), gemini_reply("g9", 2))
    own = json.loads(child.splitlines()[0])["sessionId"]
    put(home.path / GEMINI / parent / f"{own}.jsonl", child)
    app.collect([home])
    rows = catalogued(app)
    row = rows[f"ada/{parent}.{own}.jsonl"]
    assert (row["native_id"], row["agent_id"], row["parent_id"]) == (parent, own, parent)
    before = figures(app)
    put(home.path / ".precedent" / "private", f"{parent}\n".encode())
    assert app.collect([home]).files_withdrawn == 2
    assert (figures(app), len(before)) == ([], 1)


@SQLITE
def test_a_folders_opt_out_reaches_gemini_by_the_file_that_names_the_folder(app: App, home: Home) -> None:
    for project, folder in (("harbour", "/code/harbour/web"), ("quay", "/code/quay"), ("mole", "")):
        chats = home.path / ".gemini/tmp" / project / "chats"
        number = len(project)
        put(chats / "session-a.jsonl", lines(gemini_header(number), gemini_user("u", 1, "hi"), gemini_reply("g", 2)))
        if folder:
            put(chats.parent / ".project_root", folder.encode() + b"\n")
    wishes = put(home.path / ".precedent" / "private", b"/code/harbour\n")
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_private) == (2, 1)
    shown = {row["folders"].partition("\n")[0].partition(":")[0] for row in catalogued(app).values()}
    assert shown == {"/code/quay", "sha256"}
    put(wishes, b"/code\n")
    assert app.collect([home]).files_withdrawn == 1
    assert [row["folders"][:7] for row in catalogued(app).values()] == ["sha256:"]


@SQLITE
def test_a_folders_opt_out_reaches_gemini_by_its_hash_if_it_names_that_folder(app: App, home: Home) -> None:
    def header(folder: str) -> dict[str, Any]:
        return gemini_header(folder, projectHash=hashlib.sha256(folder.encode()).hexdigest())

    for number, folder in enumerate(("/code/harbour", "/code/quay", "/code/quay/deep")):
        message = (header(folder), gemini_user("u", 1, "hi"), gemini_reply("g", 2))
        put(home.path / GEMINI / f"session-{number}.jsonl", lines(*message))
    whole = header("/code/mole") | {"messages": [gemini_user("u", 1, "hi"), gemini_reply("g", 2)]}
    put(home.path / GEMINI / "session-9.json", json.dumps(whole, indent=2).encode())
    wishes = put(home.path / ".precedent" / "private", b"/code/harbour\n/code/mole/\n")
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_private) == (2, 2)
    put(wishes, b"/code/quay\n")
    stats = app.collect([home])
    assert (stats.files_copied, stats.files_withdrawn) == (2, 1)


@SQLITE
def test_a_linked_file_that_names_a_folder_is_not_followed(app: App, home: Home, tmp_path: Path) -> None:
    other = put(tmp_path / "elsewhere", b"/etc\n")
    put(home.path / GEMINI / "session-a.jsonl", gemini_transcript())
    os.symlink(other, home.path / ".gemini/tmp/harbour/.project_root")
    app.collect([home])
    assert [row["folders"] for row in catalogued(app).values()] == ["sha256:" + "ab" * 32]


# Copilot CLI ----------------------------------------------------------------------------------------------------------


@SQLITE
def test_a_resumed_copilot_session_is_billed_run_by_run_however_often_it_is_looked_at(app: App, home: Home) -> None:
    path = home.path / ".copilot/session-state" / session_id(1) / "events.jsonl"
    put(path, lines(copilot_start(), copilot_reply(1, output=20), copilot_shutdown(2, gpt_5_mini=(100, 20, 30, 0))))
    app.collect([home])
    assert figures(app) == [("copilot-cli", "gpt-5-mini", 1, 70, 20, 30)]
    grow(path, lines(copilot_line("session.resume", 10, eventCount=3), copilot_reply(11, output=7)))
    app.collect([home])
    assert figures(app) == [("copilot-cli", "gpt-5-mini", 1, 70, 20, 30)]
    grow(path, lines(copilot_shutdown(12, gpt_5_mini=(50, 7, 10, 0))))
    app.collect([home])
    assert figures(app) == [("copilot-cli", "gpt-5-mini", 2, 110, 27, 40)]
    grow(path, lines(copilot_reply(21, output=3), copilot_shutdown(22, gpt_5_mini=(170, 30, 45, 0))))  # from the start
    app.collect([home])
    assert figures(app) == [("copilot-cli", "gpt-5-mini", 3, 125, 30, 45)]


# Pi -------------------------------------------------------------------------------------------------------------------


@SQLITE
def test_a_branch_of_a_pi_session_adds_only_its_own_requests(app: App, home: Home) -> None:
    folder = home.path / ".pi/agent/sessions/--code--"
    first = pi_transcript()
    put(folder / f"2026_{session_id(1)}.jsonl", first)
    app.collect([home])
    [before] = figures(app)
    origin = str(folder / f"2026_{session_id(1)}.jsonl")
    rest = first.split(b"\n", 1)[1]
    put(
        folder / f"2026_{session_id(2)}.jsonl",
        lines(pi_header(2, branchedFrom=origin)) + rest + lines(pi_reply("z", 50)),
    )
    app.collect([home])
    [after] = figures(app)
    assert (after[2], after[4]) == (before[2] + 1, before[4] + 20)
    assert catalogued(app)[f"ada/{session_id(2)}.jsonl"]["parent_id"] == session_id(1)


# What no database takes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["id", "parent", "folder", "file name"])
def test_what_a_database_does_not_take_harms_no_other_transcript(app: App, home: Home, odd: str) -> None:
    header = {
        "id": pi_header(7, id="a\0b"), "parent": pi_header(7, parentSession="x_a\0b.jsonl"),
        "folder": pi_header(7, cwd="/code/a\0b"), "file name": pi_header(7),
    }[odd]  # fmt: skip
    folder = home.path / ".pi/agent/sessions/--code--"
    put(folder / ("b\udcff.jsonl" if odd == "file name" else "b.jsonl"), lines(header, pi_reply("x", 1)))
    put(claude_path(home.path, "c\udcff"), claude_session(session_id(8)))
    put(folder / "z.jsonl", lines(pi_header(3), pi_reply("y", 2)))
    for copied in (3, 0):
        stats = app.collect([home])
        assert (stats.files_copied, stats.files_failed, stats.users_processed) == (copied, 0, 1)
    assert {row[0]: row[2] for row in figures(app)} == {"claude-code": 4, "pi": 2}
