"""What reading people's notes for their agents promises them and those who review what stands in them."""

from pathlib import Path
from typing import Any

import msgspec

from builders import ManualTime, put
from precedent.app import App
from precedent.archive.sources import Home
from precedent.knowledge import listing as items_listing
from precedent.knowledge import rows
from precedent.knowledge.model import Evidence, Item, Status, plain
from precedent.knowledge.notes import listing
from precedent.knowledge.notes.model import MemoryStats
from precedent.security.principals import COMMAND_LINE

GITHUB_TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
PNPM = "Use `pnpm`, not npm; npm breaks the lockfile."
TIDES = "A tide table means the JSON that the port office sends at 04:00."
BERTHS = "Berths are numbered from the lighthouse, starting at 1."


def note(*statements: str) -> bytes:
    return ("# Harbour\n\n## Conventions\n\n" + "".join(f"- {each}\n" for each in statements)).encode()


def claude_md(home: Home) -> Path:
    return home.path / ".claude" / "CLAUDE.md"


def items(app: App) -> list[Item]:
    with app.store.read() as tx:
        return rows.items(tx)


def contents(app: App) -> list[str]:
    return [item.content for item in items(app)]


def evidence(app: App) -> list[Evidence]:
    with app.store.read() as tx:
        return rows.evidence(tx, [item.id for item in rows.items(tx)])


def notes(app: App, *, removed: bool = False) -> list[listing.NoteRow]:
    with app.store.read() as tx:
        return listing.paged(tx, COMMAND_LINE, removed=removed).rows


def counts(stats: MemoryStats) -> dict[str, Any]:
    """What is not nought."""
    return {name: value for name, value in msgspec.to_builtins(stats).items() if value}


# From a file to the queue ---------------------------------------------------------------------------------------------


def test_a_statement_of_a_note_waits_for_review_with_its_quote_and_line(app: App, home: Home) -> None:
    put(claude_md(home), note(PNPM, "Always ask before you commit."))
    stats = app.read_notes([home])
    assert counts(stats) == {"users_processed": 1, "notes_new": 1, "items_new": 1}
    (item,), (said,) = items(app), evidence(app)
    assert (item.status, item.content, item.origin) == (Status.PENDING, PNPM, "note")
    assert (said.kind, said.person, said.line, said.turn) == ("note", home.user, 5, "~/.claude/CLAUDE.md")
    with app.store.read() as tx:
        shown = listing.shown(tx, COMMAND_LINE, notes(app)[0].id)
        assert items_listing.shown(tx, COMMAND_LINE, item.id, now=app.clock.now()).confidence.value == 500
    assert plain(shown.text[said.start : said.end]) == said.quote == PNPM


def test_an_unchanged_note_is_skipped(app: App, home: Home, manual_time: ManualTime) -> None:
    put(claude_md(home), note(PNPM))
    app.read_notes([home])
    before = items(app)
    manual_time.advance(60)
    assert counts(app.read_notes([home])) == {"users_processed": 1, "notes_skipped": 1}
    assert items(app) == before and len(evidence(app)) == 1
