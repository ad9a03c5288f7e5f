"""Detection by a model in people's notes: each note by itself, as it is now, and only where its person allows it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from builders import home_of, put
from conftest import MakeApp
from model_server import Fault, ModelServer, Said, Script, in_turn, said, statement
from precedent.app import App
from precedent.knowledge import rows
from precedent.knowledge.model import Evidence, Item
from precedent.model import Purpose
from precedent.processors.verification.asking import prompt
from precedent.processors.verification.asking.windows import MAX_CHARS, TEXT_CHARS, note_windows
from precedent.security.acting import BY_COMMAND_LINE
from precedent.store.schema import knowledge_call

GAUGE = "Gauges -> radio, hourly."
"""What the rules find no statement in."""

FERRY = "Ferry timetable -> winter from October on."
Asks = Callable[..., tuple[App, ModelServer]]


def holding(words: str) -> Script:
    """Answer with a statement for the first turn that holds words, whatever else is asked."""

    def answer(text: str) -> Said:
        for part in text.split("[turn ")[1:]:
            number, _, told = part.partition(",")
            if words in told:
                return said(statement(int(number), words, f"In short: {words}", kind="definition"))
        return said()

    return answer


@pytest.fixture
def asks(make_app: MakeApp, tmp_path: Path) -> Iterator[Asks]:
    servers: list[ModelServer] = []

    def make(script: Script, note: str, *, allowed: bool = True, **settings: Any) -> tuple[App, ModelServer]:
        """Return a program that has read Ada's note by the rules, and the model it asks."""
        servers.append(ModelServer(script).__enter__())
        app = make_app(
            detection="llm",
            model_name="scripted",
            model_base_url=f"{servers[-1].url}/v1",
            model_api_key="key",
            **settings,
        )
        write(tmp_path, note)
        app.read_notes([home_of(tmp_path)])
        if allowed:
            app.wishes.set("ada", Purpose.MODEL, allowed=True, by="ada")
        return app, servers[-1]

    yield make
    for each in servers:
        each.__exit__(None, None, None)


def write(tmp_path: Path, note: str, *, user: str = "ada") -> None:
    put(home_of(tmp_path, user).path / ".claude/CLAUDE.md", note.encode())


def items(app: App) -> list[Item]:
    with app.store.read() as tx:
        return rows.items(tx)


def by_model(app: App) -> list[Evidence]:
    with app.store.read() as tx:
        found = rows.evidence(tx, [item.id for item in rows.items(tx)])
    return [each for each in found if each.detector.startswith("llm/")]


def calls(app: App) -> int:
    with app.store.read() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(knowledge_call)) or 0


def test_what_a_model_finds_in_a_note_stands_at_its_words_and_waits_for_review(asks: Asks) -> None:
    app, server = asks(
        holding(GAUGE), f"# Harbour\n\n- All dates are stored in UTC.\n\n{GAUGE}\n", knowledge_note_approval="unflagged"
    )
    assert [item.content for item in items(app)] == ["All dates are stored in UTC."]
    stats = app.ask_model()
    assert (stats.notes, stats.calls, stats.findings, stats.items_new) == (1, 1, 1, 1)
    [found] = by_model(app)
    assert (found.kind, found.quote, found.line, found.person) == ("note", GAUGE, 5, "ada")
    assert found.detector == f"llm/{prompt.VERSION}:openai:scripted"
    item = items(app)[-1]
    assert (item.content, item.status, item.origin) == (f"In short: {GAUGE}", "pending", "note")
    assert "notes that people keep" in str(server.bodies[0]["messages"][0])
    assert app.ask_model().calls == 0 == app.ask_model().calls_saved


def test_what_the_rules_found_is_no_second_item(asks: Asks) -> None:
    app, _ = asks(holding("All dates are stored in UTC."), "- All dates are stored in UTC.\n")
    stats = app.ask_model()
    assert (stats.findings, stats.items_new, len(items(app))) == (1, 0, 1)


def test_reading_again_by_the_rules_leaves_it_until_its_words_are_gone(asks: Asks, tmp_path: Path) -> None:
    app, server = asks(holding(GAUGE), f"{GAUGE}\n\nRuns on linux.\n")
    app.ask_model()
    [item] = items(app)
    app.review.approve(item.id, by=BY_COMMAND_LINE, expected=item.content_hash)
    write(tmp_path, f"{GAUGE}\n\n{FERRY}\n")
    app.read_notes([home_of(tmp_path)])
    assert len(by_model(app)) == 1, "its words still stand there"
    assert app.ask_model().notes == 1 and len(server.asked) == 2, "a changed text is checked again"
    write(tmp_path, f"{FERRY}\n")
    app.read_notes([home_of(tmp_path)])
    assert by_model(app) == []
    [back] = items(app)
    assert (back.id, back.status) == (item.id, "pending"), "it rested on this note alone"


@pytest.mark.parametrize("how", ["removed", "denied", "denied everything", "erased"])
def test_nothing_is_left_of_a_note_that_is_gone_or_denied(asks: Asks, tmp_path: Path, how: str) -> None:
    app, _ = asks(holding(GAUGE), f"{GAUGE}\n")
    app.ask_model()
    assert (len(by_model(app)), calls(app)) == (1, 1)
    match how:
        case "removed":
            (home_of(tmp_path).path / ".claude/CLAUDE.md").unlink()
            app.read_notes([home_of(tmp_path)])
        case "denied":
            assert app.wishes.set("ada", Purpose.MODEL, allowed=False, by="ada").withheld == 1
        case "denied everything":
            app.wishes.set("ada", Purpose.SERVER, allowed=False, by="ada")
            app.read_notes([home_of(tmp_path)])
        case _:
            app.erase_person("ada", by="root")
    assert (by_model(app), items(app), calls(app)) == ([], [], 0)


def test_a_note_that_was_asked_about_in_part_leaves_nothing_when_it_is_denied(asks: Asks) -> None:
    answers = [holding(GAUGE)]
    app, _ = asks(
        lambda text: answers.pop(0)(text) if answers else Fault(status=500),
        "\n\n".join([GAUGE, *(f"Pier {number} -> {'x ' * 400}" for number in range(20))]),
    )
    assert app.ask_model().reason and len(by_model(app)) == 1
    assert app.wishes.set("ada", Purpose.MODEL, allowed=False, by="ada").withheld == 1
    assert (by_model(app), items(app), calls(app)) == ([], [], 0)


def test_what_is_denied_while_the_model_thinks_is_not_stored(asks: Asks) -> None:
    denies: list[Callable[[], object]] = []

    def answer(text: str) -> Said | Fault:
        denies[0]()
        return holding(GAUGE)(text)

    app, server = asks(answer, f"{GAUGE}\n")
    denies.append(lambda: app.wishes.set("ada", Purpose.MODEL, allowed=False, by="ada"))
    app.ask_model()
    assert len(server.asked) == 1 and (by_model(app), items(app)) == ([], [])


def test_nobody_is_asked_about_without_their_leave_and_no_two_stand_in_one_question(asks: Asks, tmp_path: Path) -> None:
    app, server = asks(in_turn(said()), f"{GAUGE}\n", allowed=False)
    write(tmp_path, f"{FERRY}\n", user="bob")
    app.read_notes([home_of(tmp_path, "bob")])
    stats = app.ask_model()
    assert (stats.notes, stats.notes_withheld, server.asked) == (0, 2, [])
    for name in ("ada", "bob"):
        app.wishes.set(name, Purpose.MODEL, allowed=True, by=name)
    assert app.ask_model().notes == 2
    assert [(GAUGE in text, FERRY in text) for text in server.asked] == [(True, False), (False, True)]


def test_a_long_note_takes_as_many_questions_as_it_needs(asks: Asks) -> None:
    long = "\n\n".join(f"Pier {number} -> {'x ' * 400}end {number}." for number in range(40))
    app, server = asks(holding("end 39."), long)
    stats = app.ask_model()
    assert stats.notes == 1 and stats.calls == len(server.asked) > 2 and stats.items_new == 1
    [found] = by_model(app)
    assert found.line == 79


def test_paragraphs_are_cut_without_losing_a_character() -> None:
    text = "# A\n\n- one\n- two\n\n \nlast " + "y" * (2 * TEXT_CHARS)
    parts = [turn for window in note_windows(text) for turn in window.turns]
    assert (
        "".join(part.text for part in parts) == "".join(text.split("\n\n \n")[0].split("\n\n")) + text.split("\n \n")[1]
    )
    for part in parts:
        assert text[part.byte_offset :].startswith(part.text) and len(part.text) <= TEXT_CHARS
        assert part.line == text.count("\n", 0, part.byte_offset) + 1
    assert list(note_windows(" \n\n")) == []
    assert all(sum(len(turn.text) for turn in window.turns) <= MAX_CHARS for window in note_windows("z\n\n" * 9000))


def test_a_quote_that_is_not_in_the_note_is_dropped(asks: Asks) -> None:
    app, _ = asks(in_turn(said(statement(1, "What nobody ever wrote.", "Nobody wrote this."))), f"{GAUGE}\n")
    stats = app.ask_model()
    assert (stats.findings, stats.dropped, items(app)) == (0, 1, [])
